"""Plots as their reader meets them: words, order, colours, and what stands where there is nothing to draw."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pipelines.adapters.plots import OKABE_ITO, Words, bars, heatmap, lines
from pipelines.errors import UsageError
from tests.pictures import assert_nothing_is_cut_off

WORDS = Words("Tickets by label", "tickets", "label", "See the longest bar.", "No tickets yet.")
COUNTS = pd.DataFrame({"gold": [1, 5], "quarantine": [1, 2]}, index=["refund", "login"])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("empty", ["title", "x", "y", "see", "nothing"])
def test_a_plot_without_all_its_words_is_refused(empty: str) -> None:
    with pytest.raises(UsageError, match=f"says nothing for: {empty}"):
        replace(WORDS, **{empty: " "})


def test_bars_stand_the_longest_first_with_their_totals_and_colours_everybody_tells_apart() -> None:
    figure = bars(COUNTS, WORDS)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["login", "refund"]
    assert axes.yaxis_inverted()
    assert texts(figure) == ["7", "2"]
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [OKABE_ITO[0]] * 2 + [OKABE_ITO[1]] * 2
    assert [bar.get_width() for bar in axes.patches] == [5, 1, 2, 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gold", "quarantine"]
    assert figure.get_supxlabel() == "See the longest bar."
    assert all(tick == round(tick) for tick in bars(COUNTS / COUNTS, WORDS).axes[0].get_xticks())


def test_bars_of_days_keep_their_order_and_of_many_days_some_are_named() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(60)]
    figure = bars(pd.DataFrame({"tickets": range(60)}, index=days), WORDS, upright=True)
    assert [bar.get_height() for bar in figure.axes[0].patches] == list(range(60))
    named = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert (named[0], len(named)) == ("2026-01-01", 20)
    assert_nothing_is_cut_off(figure, "days")


def test_more_parts_than_colours_are_told_apart_by_hatches() -> None:
    figure = bars(pd.DataFrame([range(1, 11)], columns=[f"part {number}" for number in range(10)]), WORDS)
    looks = [(to_hex(bar.get_facecolor()), bar.get_hatch()) for bar in figure.axes[0].patches]
    assert len(set(looks)) == 10


def test_lines_have_gaps_intervals_and_levels() -> None:
    values = pd.DataFrame({"a": [0.5, None, 0.7]}, index=["Monday", "Tuesday", "Wednesday"])
    figure = lines(values, WORDS, low=values - 0.1, high=values + 0.1, marks={"chance": 0.0})
    line, level = figure.axes[0].lines
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).tolist() == [False, True, False]
    assert (level.get_label(), list(level.get_ydata())) == ("chance", [0.0, 0.0])
    drawn = [segment[:, 1].tolist() for segment in figure.axes[0].collections[0].get_segments() if len(segment)]
    assert drawn == [pytest.approx([0.4, 0.6]), pytest.approx([0.6, 0.8])]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == list(values.index)


def test_things_without_an_order_are_points_that_no_line_joins() -> None:
    figure = lines(pd.DataFrame({"a": [1.0, 2.0]}, index=["memory", "slm"]), WORDS, joined=False)
    (points,) = figure.axes[0].lines
    assert (points.get_linestyle(), points.get_marker()) == ("None", "o")


def test_lines_over_numbers_stand_where_the_numbers_are() -> None:
    figure = lines(pd.DataFrame({"a": [1.0, 2.0]}, index=[0.8, 0.95]), WORDS)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0.8, 0.95]


def test_a_heatmap_writes_its_numbers_readably_and_leaves_unknown_cells_white() -> None:
    cells = pd.DataFrame([[0.0, 1.0], [None, 0.5]], index=["a", "b"], columns=["c", "d"])
    figure = heatmap(cells, WORDS, unit="share", form="{:.1f}")
    assert texts(figure) == ["0.0", "1.0", "0.5"]
    assert [text.get_color() for text in figure.axes[0].texts] == ["white", "black", "white"]
    assert figure.axes[1].get_ylabel() == "share"
    shades = figure.axes[0].images[0].get_cmap()
    assert to_hex(shades.get_bad()) == "#ffffff"


@pytest.mark.parametrize(
    "figure",
    [
        bars(pd.DataFrame(), WORDS),
        bars(pd.DataFrame({"tickets": [0.0, None]}), WORDS, upright=True),
        lines(pd.DataFrame({"a": [None, None]}), WORDS, marks={"chance": float("nan")}),
        heatmap(pd.DataFrame(), WORDS, unit="share"),
    ],
)
def test_where_there_is_nothing_to_draw_a_sentence_says_so(figure: Figure) -> None:
    assert texts(figure) == ["No tickets yet."]
    axes = figure.axes[0]
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == WORDS_OF_AXES
    assert not axes.get_xticks().size


WORDS_OF_AXES = ("Tickets by label", "tickets", "label")


def test_long_names_are_shortened_and_never_cut_off() -> None:
    rater = "slm=a-model-with-a-very-long-name-indeed@12/a-prompt-with-a-long-name@3"
    names = ["0123456789abcdef" * 4, rater, "a label that somebody made far too long for any picture"]
    figure = heatmap(pd.DataFrame(np.eye(3), index=names, columns=names), WORDS, unit="share")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown[0] == "person 01234567"
    assert all(len(line) <= 28 for name in shown for line in name.split("\n"))
    assert_nothing_is_cut_off(figure, "long names")


def test_a_confusion_has_the_same_names_in_the_same_order_on_both_sides() -> None:
    figure = heatmap(pd.DataFrame({"b": [4, 1], "a": [2, 3]}, index=["a", "c"]), WORDS, unit="texts", square=True)
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["a", "b", "c"]
    placed = {text.get_position(): text.get_text() for text in axes.texts}
    # Column, row.
    assert placed == {(0, 0): "2", (1, 0): "4", (0, 2): "3", (1, 2): "1"}


def test_a_heatmap_may_have_names_at_the_side_and_days_below() -> None:
    figure = heatmap(pd.DataFrame({date(2026, 1, 5): [1.0]}, index=["refund"]), WORDS, unit="share")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2026-01-05"]


def test_one_cell_far_above_all_others_does_not_hide_their_differences() -> None:
    cells = pd.DataFrame(np.arange(100.0).reshape(10, 10))
    assert heatmap(cells, WORDS, unit="n").axes[0].images[0].get_clim() == (0, 99)
    cells.iloc[0, 0] = 1_000
    low, high = heatmap(cells, WORDS, unit="n").axes[0].images[0].get_clim()
    assert (low, high < 110) == (0, True)


def test_a_long_label_at_the_side_is_wrapped() -> None:
    words = replace(WORDS, y="label by slm=intent-slm@1/intent-prompt@1 of a voter with a long name")
    for frame in (pd.DataFrame({"a": [1]}, index=["b"]), pd.DataFrame()):
        assert_nothing_is_cut_off(heatmap(frame, words, unit="texts"), "wrapped")
