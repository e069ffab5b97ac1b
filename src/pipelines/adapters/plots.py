"""Plots of notebooks. Each has a title, labelled axes with their units, and a sentence that says what to see in it.

Colours are those of Okabe and Ito, which people of any colour vision tell apart; shades are `cividis`, made for the
same end. Figures belong to nobody: no window, no state of matplotlib's, nothing to close.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain, cycle, repeat
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import MissingDependencyError, UsageError

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as absent:
    raise MissingDependencyError(
        "Plots need matplotlib, which is not installed. Type: pip install 'intent-lakehouse[notebooks]'"
    ) from absent

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
MARKERS = "os^Dvphx"
WIDTH, ROW, EMPTY_HEIGHT = 9.0, 0.32, 2.4
"""Inches: of a figure, of a row in it, and of a figure that only holds a sentence."""
CAPTION_CHARS, TICK_CHARS, TITLE_CHARS = 120, 28, 90
LEAST_CHARS, CHARS_PER_INCH = 14, 10
"""Of the label at the side, which may be as long as the axes are high."""
MOST_TICKS, MOST_NUMBERS = 24, 20
LEAST_ROWS, UNIT_CHARS, MOST_COMMON = 4, 26, 95
"""A heatmap of fewer rows would not hold the unit beside its shades."""
PSEUDONYM_CHARS, SHOWN_CHARS = 64, 8


@dataclass(frozen=True)
class Words:
    """What a plot says.

    Attributes:
        title: what is shown.
        x: what the axis along the bottom counts or lists, with its unit.
        y: the same of the axis at the side.
        see: a sentence: what to look for.
        nothing: a sentence in place of the plot where there are no rows: why, and what to do.
    """

    title: str
    x: str
    y: str
    see: str
    nothing: str

    def __post_init__(self) -> None:
        """Refuse a plot that leaves its reader alone."""
        empty = [field.name for field in fields(self) if not getattr(self, field.name).strip()]
        if empty:
            raise UsageError(f"The plot {self.title!r} says nothing for: {', '.join(empty)}. Every plot says all five.")


def bars(values: pd.DataFrame, words: Words, upright: bool = False, longest_first: bool = True) -> Figure:
    """Draw one bar a row, stacked from the columns, with its total at its end; what is missing is 0.

    Args:
        values: a category a row, a part a column.
        words: what the plot says.
        upright: bars that stand side by side in the order of the rows, for days and steps; else one below the other,
            for names.
        longest_first: of bars below each other; False: in the order of the rows.
    """
    parts = values.astype(float).fillna(0)
    if longest_first and not upright:
        parts = parts.loc[parts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    height = 4.2 if upright else 1.6 + ROW * len(parts)
    figure, axes = _sheet(words, height, is_empty=not parts.to_numpy().any())
    if not parts.to_numpy().any():
        return figure
    names, base = [_shortened(name) for name in parts.index], np.zeros(len(parts))
    places = np.arange(len(parts))
    for (name, part), (colour, hatch) in zip(parts.items(), _fills(), strict=False):
        lengths = part.to_numpy(dtype=float)
        drawn = axes.bar(places, lengths, bottom=base) if upright else axes.barh(places, lengths, left=base)
        drawn.set_label(str(name))
        for bar in drawn:
            bar.set(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0.6)
        base = base + lengths
    if len(parts) <= MOST_TICKS or not upright:
        axes.bar_label(drawn, labels=[_number(total) if total else "" for total in base], padding=3, fontsize=8)
    _name_categories(axes, names, upright)
    _scale(axes, base, upright)
    _legend(figure, axes, len(parts.columns) > 1)
    return figure


def lines(
    values: pd.DataFrame,
    words: Words,
    low: pd.DataFrame | None = None,
    high: pd.DataFrame | None = None,
    marks: Mapping[str, float] | None = None,
    joined: bool = True,
) -> Figure:
    """Draw one line a column over the index; where a value is missing, the line has a gap.

    Args:
        values: a point of the x axis a row, in its order.
        words: what the plot says.
        low: lower ends of the values' intervals, of the same shape; None: there are none.
        high: upper ends.
        marks: levels to hold the lines against, by what they are.
        joined: False: points alone, where the index names things that have no order.
    """
    numbers = values.astype(float)
    figure, axes = _sheet(words, 4.2, is_empty=bool(numbers.isna().to_numpy().all()))
    if numbers.isna().to_numpy().all():
        return figure
    numeric = pd.api.types.is_numeric_dtype(numbers.index)
    places = numbers.index.to_numpy(dtype=float) if numeric else np.arange(len(numbers), dtype=float)
    for (name, line), (colour, marker) in zip(numbers.items(), zip(cycle(OKABE_ITO), cycle(MARKERS)), strict=False):
        look = "solid" if joined else "none"
        axes.plot(places, line, linestyle=look, color=colour, marker=marker, markersize=5, label=_shortened(name))
        if low is not None and high is not None:
            axes.vlines(places, low[name].astype(float), high[name].astype(float), color=colour, alpha=0.5)
    for (name, level), style in zip((marks or {}).items(), cycle(("--", ":"))):
        axes.axhline(level, color="black", linewidth=1, linestyle=style, label=name)
    axes.grid(axis="y", alpha=0.3)
    if not numeric:
        _name_categories(axes, [_shortened(name) for name in numbers.index], upright=True)
    _legend(figure, axes, len(numbers.columns) + len(marks or {}) > 1)
    return figure


def heatmap(values: pd.DataFrame, words: Words, unit: str, form: str = "{:,.0f}", square: bool = False) -> Figure:
    """Draw a table as shades with its numbers; a cell without a value stays white.

    A few cells far above all others are as bright as the brightest of these: the others would be one dark field.

    Args:
        values: a row of the picture a row, a column a column.
        words: what the plot says.
        unit: of the cells.
        form: how a cell's number is written.
        square: the same names in the same order on both sides, so that what agrees is the diagonal.
    """
    names = sorted({*values.index, *values.columns}) if square else []
    cells = (values.reindex(index=names, columns=names) if square else values).astype(float)
    is_empty = bool(cells.isna().to_numpy().all())
    figure, axes = _sheet(words, 2.2 + ROW * 1.15 * max(len(cells), LEAST_ROWS), is_empty)
    if is_empty:
        return figure
    shades = mpl.colormaps["cividis"].with_extremes(bad="white")
    highest, common = float(np.nanmax(cells.to_numpy())) or 1.0, float(np.nanpercentile(cells.to_numpy(), MOST_COMMON))
    brightest = highest if common * 2 > highest or not common else common
    image = axes.imshow(np.ma.masked_invalid(cells.to_numpy()), cmap=shades, vmin=0, vmax=brightest, aspect="auto")
    extend: Literal["max", "neither"] = "max" if brightest < highest else "neither"
    figure.colorbar(image, ax=axes, extend=extend, label=textwrap.fill(unit, UNIT_CHARS))
    _name_categories(axes, [_shortened(name) for name in cells.columns], upright=True)
    axes.set_yticks(range(len(cells)), [_shortened(name) for name in cells.index])
    if max(cells.shape) <= MOST_NUMBERS:
        for (row, column), number in np.ndenumerate(cells.to_numpy()):
            if not np.isnan(number):
                colour = "black" if number > brightest * 0.55 else "white"
                axes.text(column, row, form.format(number), ha="center", va="center", color=colour, fontsize=8)
    return figure


def _sheet(words: Words, height: float, is_empty: bool) -> tuple[Figure, Axes]:
    """Lay out a figure with its words; where there is nothing to draw, with the sentence that says so."""
    height = EMPTY_HEIGHT if is_empty else height
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(textwrap.fill(words.title, TITLE_CHARS), loc="left", fontweight="bold")
    axes.set_xlabel(words.x)
    axes.set_ylabel(textwrap.fill(words.y, max(LEAST_CHARS, int((height - 2) * CHARS_PER_INCH))))
    axes.spines[["top", "right"]].set_visible(False)
    if is_empty:
        axes.set_xticks([])
        axes.set_yticks([])
        sentence = textwrap.fill(words.nothing, TITLE_CHARS)
        axes.text(0.5, 0.5, sentence, ha="center", va="center", transform=axes.transAxes)
    else:
        figure.supxlabel(textwrap.fill(words.see, CAPTION_CHARS), x=0.01, ha="left", fontsize=9)
    return figure, axes


def _fills() -> Iterator[tuple[str, str | None]]:
    """Give colours, then the same ones again, hatched."""
    return chain(zip(OKABE_ITO, repeat(None)), zip(cycle(OKABE_ITO), repeat("//")))


def _name_categories(axes: Axes, names: list[str], upright: bool) -> None:
    """Write the categories beside their bars; of many along the bottom, some."""
    if not upright:
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        return
    step = -(-len(names) // MOST_TICKS)
    slanted = len(names) > 6 or max(map(len, names)) > 10
    axes.set_xticks(range(0, len(names), step), names[::step])
    if slanted:
        for tick in axes.get_xticklabels():
            tick.set(rotation=35, ha="right", rotation_mode="anchor")


def _scale(axes: Axes, totals: npt.NDArray[np.float64], upright: bool) -> None:
    """Keep the numbers at the ends of bars inside; counts have whole ticks."""
    limits, axis = (axes.set_ylim, axes.yaxis) if upright else (axes.set_xlim, axes.xaxis)
    limits(0, float(totals.max()) * 1.1)
    if (totals == totals.round()).all():
        axis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
        axis.set_major_formatter("{x:,.0f}")


def _legend(figure: Figure, axes: Axes, is_needed: bool) -> None:
    if is_needed:
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=8)


def _shortened(name: object) -> str:
    """Write a category so that it fits: a pseudonym by its first characters, a version's parts below each other."""
    text = str(name)
    if len(text) == PSEUDONYM_CHARS and set(text) <= set("0123456789abcdef"):
        return f"person {text[:SHOWN_CHARS]}"
    parts = text.replace("/", "/\n").split("\n") if "@" in text else [text]
    return "\n".join(textwrap.shorten(part, TICK_CHARS, placeholder="…") for part in parts)


def _number(value: float) -> str:
    """Write a total: counts whole, shares with two decimals."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
