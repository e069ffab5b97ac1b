"""Whether a plot can be read: drawn as a picture, all its words are inside, and those below it beside each other."""

from collections.abc import Iterator
from itertools import pairwise

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def assert_nothing_is_cut_off(figure: Figure, where: str) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = {text: text.get_window_extent(canvas.get_renderer()) for text in figure.findobj(Text) if text.get_text()}
    low, high = figure.bbox.min - 1, figure.bbox.max + 1
    # Ticks beyond the ends of an axis have labels too, which are not drawn.
    drawn = {text for text in boxes if text.get_visible()} - set(undrawn_labels(figure))
    outside = [text.get_text() for text in drawn if (boxes[text].min < low).any() or (boxes[text].max > high).any()]
    assert outside == [], where
    below = [boxes[text] for text in figure.axes[0].get_xticklabels() if text in drawn and not text.get_rotation()]
    assert [(one, next_one) for one, next_one in pairwise(below) if one.x1 > next_one.x0] == [], where


def undrawn_labels(figure: Figure) -> Iterator[Text]:
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)
