"""Open this result in ParaView, with one view per field, and set colours, axes and times.

    paraview --script=open_in_paraview.py           open the result in the window
    pvpython open_in_paraview.py picture.png        save a picture of all views at the last time, without a window

freqbias wrote this script. The script reads .pvd files from the same folder. You may change the script.
"""

import sys
from pathlib import Path
from typing import Any

from paraview import simple as pv

SETTINGS: dict[str, Any] = {}

# pvpython sets __file__ to the path of the script, but the ParaView window does not. Then try the folder to which
# freqbias wrote the script, and the current folder.
FOLDERS = [Path(globals().get("__file__") or "").resolve().parent, Path(SETTINGS["made_in"]), Path.cwd()]
HERE = next(folder for folder in FOLDERS if (folder / next(iter(SETTINGS["sources"].values()))).is_file())
DIMENSION = len(SETTINGS["limits"])
COLOURS = (["0.34", "0.71", "0.91"], ["0", "0", "0"])  # Okabe and Ito 2008
LINE_STYLES = ("1", "2")  # solid, dashed
PICTURE_SIZE = [1800, 1000]  # pixels


def arrange(rows):
    """Make a layout with one cell per panel. Yield each panel, the layout and the index of the panel's cell."""
    layout = pv.CreateLayout(SETTINGS["name"])
    for row, row_cell in zip(rows, split_cell(layout.SplitVertical, 0, len(rows)), strict=True):
        for panel, cell in zip(row, split_cell(layout.SplitHorizontal, row_cell, len(row)), strict=True):
            yield panel, layout, cell


def split_cell(split, cell, count):
    """Split a cell of ParaView's window layout into `count` equal cells, and yield their indices.

    When ParaView splits a cell and numbers the first half i, the second half is i + 1.
    """
    for remaining in range(count, 1, -1):
        first = split(cell, 1 / remaining)
        yield first
        cell = first + 1
    yield cell


def draw_curves(panel, source, layout, cell):
    view = pv.CreateView("XYChartView")
    pv.AssignViewToLayout(view, layout, cell)
    shown = pv.Show(pv.PlotData(Input=source), view, "XYChartRepresentation")
    fields = panel["fields"]
    shown.UseIndexForXAxis = 0
    shown.XArrayName = "Points_X"
    shown.SeriesVisibility = list(fields)
    shown.SeriesLabel = [text for pair in fields.items() for text in pair]
    shown.SeriesColor = [word for name, colour in zip(fields, COLOURS, strict=False) for word in (name, *colour)]
    shown.SeriesLineThickness = [word for name, width in zip(fields, "42", strict=False) for word in (name, width)]
    shown.SeriesLineStyle = [word for name, style in zip(fields, LINE_STYLES, strict=False) for word in (name, style)]
    view.ChartTitle = panel["title"]
    view.BottomAxisTitle = f"xi ({SETTINGS['unit']})"
    view.BottomAxisUseCustomRange, view.LeftAxisUseCustomRange = 1, 1
    view.BottomAxisRangeMinimum, view.BottomAxisRangeMaximum = -SETTINGS["limits"][0], SETTINGS["limits"][0]
    view.LeftAxisLogScale = int(panel["log"])
    low, high = panel["range"]
    legend_space = 3 if panel["log"] else 1.2  # factor on the largest value
    view.LeftAxisRangeMinimum, view.LeftAxisRangeMaximum = low, high * legend_space
    view.ShowLegend = int(len(fields) > 1)
    view.ChartTitleFontSize, view.BottomAxisTitleFontSize, view.LegendFontSize = 14, 12, 12
    view.BottomAxisLabelFontSize, view.LeftAxisLabelFontSize = 11, 11
    return view


def draw_map(panel, source, layout, cell):
    (name,) = panel["fields"]
    view = pv.CreateView("RenderView")
    pv.AssignViewToLayout(view, layout, cell)
    view.UseColorPaletteForBackground, view.Background = 0, [1, 1, 1]
    view.OrientationAxesVisibility = 0
    lut = pv.GetColorTransferFunction(name)
    for part in visible_parts(source):
        shown = pv.Show(part, view)
        pv.ColorBy(shown, ("POINTS", name))
        shown.Ambient, shown.Diffuse, shown.Specular = (
            1.0,
            0.0,
            0.0,
        )  # no lighting, because light would change the colours
    lut.AutomaticRescaleRangeMode = "Never"
    lut.ApplyPreset("Viridis (matplotlib)", True)
    lut.RescaleTransferFunction(*panel["range"])
    lut.NanColor = [0.8, 0.8, 0.8]  # where kappa is undefined
    if panel["log"]:
        lut.MapControlPointsToLogSpace()
        lut.UseLogScale = 1
    bar = pv.GetScalarBar(lut, view)
    bar.Visibility, bar.Title, bar.ComponentTitle = 1, "", ""
    bar.Orientation, bar.WindowLocation = "Vertical", "Any Location"
    bar.Position, bar.ScalarBarLength, bar.ScalarBarThickness = [0.8, 0.25], 0.5, 12
    bar.AddRangeLabels = 0  # no labels at the ends, because they would overlap the other labels
    bar.LabelColor, bar.LabelFontSize = [0, 0, 0], 12
    add_text(panel["title"], view, "Upper Center")
    set_axes_and_camera(view)
    return view


def add_text(text, view, place):
    shown = pv.Show(pv.Text(registrationName=text, Text=text), view)
    shown.WindowLocation, shown.Color, shown.FontSize = place, [0, 0, 0], 14


VISIBLE_PARTS: dict[Any, list[Any]] = {}  # by source, so that all views share the filters


def visible_parts(source):
    """Return the planes to draw, clipped to the axis limits: one in 2-D, three through the largest |v(0)| in 3-D."""
    if source not in VISIBLE_PARTS:
        planes = [source] if DIMENSION == 2 else slices(source)
        VISIBLE_PARTS[source] = [clip_to_limits(plane) for plane in planes]
    return VISIBLE_PARTS[source]


def slices(source):
    for axis in range(3):
        plane = pv.Slice(registrationName=f"xi_{axis + 1} = {SETTINGS['peak'][axis]:.3g}", Input=source)
        plane.SliceType.Origin = SETTINGS["peak"]
        plane.SliceType.Normal = [float(axis == other) for other in range(3)]
        yield plane


def clip_to_limits(plane):
    limits = [*SETTINGS["limits"], 1.0][:3]
    part = pv.Clip(Input=plane, ClipType="Box", Invert=1)
    part.ClipType.Position, part.ClipType.Length = [-limit for limit in limits], [2 * limit for limit in limits]
    pv.Hide3DWidgets(proxy=part.ClipType)
    return part


def set_axes_and_camera(view):
    grid = view.AxesGrid
    grid.Visibility = 1
    for number, letter in enumerate("XYZ", start=1):
        setattr(grid, f"{letter}Title", f"xi_{number}")
        setattr(grid, f"{letter}TitleColor", [0, 0, 0])
        setattr(grid, f"{letter}LabelColor", [0, 0, 0])
        setattr(grid, f"{letter}TitleFontSize", 12)
    if DIMENSION == 2:
        grid.AxesToLabel = 3  # the bottom and left axes
    grid.GridColor = [0.5, 0.5, 0.5]
    radius = max(SETTINGS["limits"])
    view.CameraParallelProjection = 1
    if DIMENSION == 2:
        view.InteractionMode = "2D"
        towards, right, up = [0.0, 0.0, 10.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    else:
        towards, right, up = [7.3, 5.5, 4.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]
    focus = [(0.12 if DIMENSION == 2 else 0.4) * radius * r for r in right]  # leaves space for the colour bar
    view.CenterOfRotation = [0, 0, 0]
    view.CameraFocalPoint, view.CameraViewUp = focus, up
    view.CameraPosition = [f + radius * t for f, t in zip(focus, towards, strict=True)]
    view.CameraParallelScale = (
        1.8 if DIMENSION == 2 else 2.9
    ) * radius  # so that the result fits into the narrowest view


def main():
    pv._DisableFirstRenderCameraReset()
    sources = {
        name: pv.PVDReader(registrationName=name, FileName=str(HERE / file))
        for name, file in SETTINGS["sources"].items()
    }
    first = next(iter(sources.values()))
    times = list(first.TimestepValues)
    draw = draw_curves if DIMENSION == 1 else draw_map
    views = []
    for panel, layout, cell in arrange(SETTINGS["rows"]):
        views.append(draw(panel, sources[panel["source"]], layout, cell))
        if DIMENSION > 1 and len(views) > 1:
            pv.AddCameraLink(views[0], views[-1], f"camera {len(views)}")
    if DIMENSION > 1:
        time = pv.AnnotateTimeFilter(registrationName="time", Input=first, Format="t = {time:g}")
        shown = pv.Show(time, views[0])
        shown.WindowLocation, shown.Color, shown.FontSize = "Lower Left Corner", [0, 0, 0], 14
        add_text(f"xi in {SETTINGS['unit']}", views[0], "Lower Right Corner")
    scene = pv.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    if len(sys.argv) > 1:
        scene.AnimationTime = times[-1]
        layout.SetSize(*PICTURE_SIZE)
        pv.SaveScreenshot(sys.argv[1], layout, ImageResolution=PICTURE_SIZE)
    else:
        scene.AnimationTime = times[0]
        pv.RenderAllViews()


main()
