"""Opens this result in ParaView: one view for each field, side by side, with colours, axes and times set.

    paraview --script=open_in_paraview.py           to look at it
    pvpython open_in_paraview.py picture.png        a picture of all views at the last time, without a window

Made by freqbias; it reads spectra.pvd and laws.pvd from its own folder. Change it as you like.
"""

import sys
from pathlib import Path
from typing import Any

from paraview import simple as pv

SETTINGS: dict[str, Any] = {}

# ParaView itself, other than pvpython, does not tell a script where it lies; then it is where it was made, or the
# current folder.
FOLDERS = [Path(globals().get("__file__") or "").resolve().parent, Path(SETTINGS["made_in"]), Path.cwd()]
HERE = next(folder for folder in FOLDERS if (folder / "spectra.pvd").is_file())
DIMENSION = len(SETTINGS["reach"])
COLOURS = (["0.34", "0.71", "0.91"], ["0", "0", "0"])  # Okabe and Ito 2008
STYLES = ("1", "2")  # solid, dashed
PICTURE = [1800, 1000]


def arrange(rows):
    """A layout with one cell for each panel, row by row; yields panel, layout and cell."""
    layout = pv.CreateLayout(SETTINGS["name"])
    for row, across in zip(rows, shares(layout.SplitVertical, 0, len(rows)), strict=True):
        for panel, cell in zip(row, shares(layout.SplitHorizontal, across, len(row)), strict=True):
            yield panel, layout, cell


def shares(split, cell, count):
    """A cell cut into this many equal ones."""
    for left in range(count, 1, -1):
        first, cell = divided(split, cell, 1 / left)
        yield first
    yield cell


def divided(split, cell, share):
    first = split(cell, share)
    return first, first + 1


def chart(panel, source, layout, cell):
    view = pv.CreateView("XYChartView")
    pv.AssignViewToLayout(view, layout, cell)
    shown = pv.Show(pv.PlotData(Input=source), view, "XYChartRepresentation")
    fields = panel["fields"]
    shown.UseIndexForXAxis = 0
    shown.XArrayName = "Points_X"
    shown.SeriesVisibility = list(fields)
    shown.SeriesLabel = [word for pair in fields.items() for word in pair]
    shown.SeriesColor = [word for name, colour in zip(fields, COLOURS, strict=False) for word in (name, *colour)]
    shown.SeriesLineThickness = [word for name, width in zip(fields, "42", strict=False) for word in (name, width)]
    shown.SeriesLineStyle = [word for name, style in zip(fields, STYLES, strict=False) for word in (name, style)]
    view.ChartTitle = panel["title"]
    view.BottomAxisTitle = f"xi ({SETTINGS['unit']})"
    view.BottomAxisUseCustomRange, view.LeftAxisUseCustomRange = 1, 1
    view.BottomAxisRangeMinimum, view.BottomAxisRangeMaximum = -SETTINGS["reach"][0], SETTINGS["reach"][0]
    view.LeftAxisLogScale = int(panel["log"])
    low, high = panel["range"]
    room = 3 if panel["log"] else 1.2  # for the legend
    view.LeftAxisRangeMinimum, view.LeftAxisRangeMaximum = low, high * room
    view.ShowLegend = int(len(fields) > 1)
    view.ChartTitleFontSize, view.BottomAxisTitleFontSize, view.LegendFontSize = 14, 12, 12
    view.BottomAxisLabelFontSize, view.LeftAxisLabelFontSize = 11, 11
    return view


def coloured(panel, source, layout, cell):
    (name,) = panel["fields"]
    view = pv.CreateView("RenderView")
    pv.AssignViewToLayout(view, layout, cell)
    view.UseColorPaletteForBackground, view.Background = 0, [1, 1, 1]
    view.OrientationAxesVisibility = 0
    lut = pv.GetColorTransferFunction(name)
    for piece in pieces(source):
        shown = pv.Show(piece, view)
        pv.ColorBy(shown, ("POINTS", name))
        shown.Ambient, shown.Diffuse, shown.Specular = 1.0, 0.0, 0.0  # the colours as they are, without light
    lut.AutomaticRescaleRangeMode = "Never"
    lut.ApplyPreset("Viridis (matplotlib)", True)
    lut.RescaleTransferFunction(*panel["range"])
    lut.NanColor = [0.8, 0.8, 0.8]  # kappa where there was too little to learn
    if panel["log"]:
        lut.MapControlPointsToLogSpace()
        lut.UseLogScale = 1
    bar = pv.GetScalarBar(lut, view)
    bar.Visibility, bar.Title, bar.ComponentTitle = 1, "", ""
    bar.Orientation, bar.WindowLocation = "Vertical", "Any Location"
    bar.Position, bar.ScalarBarLength, bar.ScalarBarThickness = [0.8, 0.25], 0.5, 12
    bar.AddRangeLabels = 0  # wide words, beside those of the scale
    bar.LabelColor, bar.LabelFontSize = [0, 0, 0], 12
    write(panel["title"], view, "Upper Center")
    axes(view)
    return view


def write(words, view, place):
    shown = pv.Show(pv.Text(registrationName=words, Text=words), view)
    shown.WindowLocation, shown.Color, shown.FontSize = place, [0, 0, 0], 14


PIECES: dict[Any, list[Any]] = {}


def pieces(source):
    """What is drawn of a source: the plane, or the three planes through the largest |v(0)|, where there is signal."""
    if source not in PIECES:
        PIECES[source] = [shown_part(piece) for piece in ([source] if DIMENSION == 2 else slices(source))]
    return PIECES[source]


def slices(source):
    for axis in range(3):
        piece = pv.Slice(registrationName=f"xi_{axis + 1} = {SETTINGS['peak'][axis]:.3g}", Input=source)
        piece.SliceType.Origin = SETTINGS["peak"]
        piece.SliceType.Normal = [float(axis == other) for other in range(3)]
        yield piece


def shown_part(piece):
    reach = [*SETTINGS["reach"], 1.0][:3]
    part = pv.Clip(Input=piece, ClipType="Box", Invert=1)
    part.ClipType.Position, part.ClipType.Length = [-r for r in reach], [2 * r for r in reach]
    pv.Hide3DWidgets(proxy=part.ClipType)
    return part


def axes(view):
    grid = view.AxesGrid
    grid.Visibility = 1
    for number, letter in enumerate("XYZ", start=1):
        setattr(grid, f"{letter}Title", f"xi_{number}")
        setattr(grid, f"{letter}TitleColor", [0, 0, 0])
        setattr(grid, f"{letter}LabelColor", [0, 0, 0])
        setattr(grid, f"{letter}TitleFontSize", 12)
    if DIMENSION == 2:
        grid.AxesToLabel = 3  # below and at the left
    grid.GridColor = [0.5, 0.5, 0.5]
    radius = max(SETTINGS["reach"])
    view.CameraParallelProjection = 1
    if DIMENSION == 2:
        view.InteractionMode = "2D"
        towards, right, up = [0.0, 0.0, 10.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    else:
        towards, right, up = [7.3, 5.5, 4.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]
    beside = [(0.12 if DIMENSION == 2 else 0.4) * radius * r for r in right]  # room for the colours
    view.CenterOfRotation = [0, 0, 0]
    view.CameraFocalPoint, view.CameraViewUp = beside, up
    view.CameraPosition = [b + radius * t for b, t in zip(beside, towards, strict=True)]
    view.CameraParallelScale = (1.8 if DIMENSION == 2 else 2.9) * radius  # all of it in the narrowest of the views


def main():
    pv._DisableFirstRenderCameraReset()
    sources = {
        name: pv.PVDReader(registrationName=name, FileName=str(HERE / f"{name}.pvd")) for name in ("spectra", "laws")
    }
    times = list(sources["spectra"].TimestepValues)
    draw = chart if DIMENSION == 1 else coloured
    views = []
    for panel, layout, cell in arrange(SETTINGS["rows"]):
        views.append(draw(panel, sources[panel["source"]], layout, cell))
        if DIMENSION > 1 and len(views) > 1:
            pv.AddCameraLink(views[0], views[-1], f"camera {len(views)}")
    if DIMENSION > 1:
        when = pv.AnnotateTimeFilter(registrationName="time", Input=sources["spectra"], Format="t = {time:g}")
        shown = pv.Show(when, views[0])
        shown.WindowLocation, shown.Color, shown.FontSize = "Lower Left Corner", [0, 0, 0], 14
        write(f"xi in {SETTINGS['unit']}", views[0], "Lower Right Corner")
    scene = pv.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    if len(sys.argv) > 1:
        scene.AnimationTime = times[-1]
        layout.SetSize(*PICTURE)
        pv.SaveScreenshot(sys.argv[1], layout, ImageResolution=PICTURE)
    else:
        scene.AnimationTime = times[0]
        pv.RenderAllViews()


main()
