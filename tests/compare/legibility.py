"""Where the text of a figure lies on the page."""

from itertools import combinations

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from freqbias.compare.style import STYLE


def texts(figure):
    """All drawn text with its box on the page. The labels of ticks outside the limits are not drawn."""
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    of_ticks = {text for axis in axes for text in axis.findobj(Text)} - {
        text for axis in axes for text in (axis.label, axis.offsetText)
    }
    shown = [text for text in figure.findobj(Text) if text not in of_ticks]
    for axis in axes:
        low, high = sorted(axis.get_view_interval())
        for ticks, places in (
            (axis.get_major_ticks(), axis.get_majorticklocs()),
            (axis.get_minor_ticks(), axis.get_minorticklocs()),
        ):
            drawn = [tick for tick, place in zip(ticks, places, strict=True) if low <= place <= high]
            shown += [label for tick in drawn for label in (tick.label1, tick.label2)]
    renderer = figure.canvas.get_renderer()
    shown = [text for text in shown if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent(renderer)) for text in shown]


def assert_apart(figure):
    """No text overlaps another, and all text is on the page. Return the text with its boxes."""
    with matplotlib.style.context(STYLE):
        FigureCanvasAgg(figure).figure.draw_without_rendering()
    found, page = texts(figure), figure.bbox
    for text, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1, text
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (one, two)
    return found
