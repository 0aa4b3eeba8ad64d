"""Figures of calls: ticks that can be read, and bars that nothing hides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnabirnn.report.curves import blank, plain_log_axis
from dnabirnn.report.figures import boundary_figure, length_figure
from dnabirnn.report.sites import SITES_SCHEMA


def make_sites(lengths: Sequence[int], classes: int) -> pl.DataFrame:
    """Calls that are their truth, of these lengths in each class."""
    site = {"chrom": "a", "start": 0, "strand": "+", "score": 900, "agreement": 1.0}
    rows = [
        site | {"end": length, "class": f"class {number}", "source": source}
        for number in range(classes)
        for length in lengths
        for source in ("truth", "call")
    ]
    return pl.DataFrame(rows, schema=SITES_SCHEMA)


def drawn(figure: Figure) -> list[Axes]:
    """Panels with something in them, laid out."""
    figure.canvas.draw()
    return [axes for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize(("low", "high"), [(32, 32), (32, 33), (30, 36), (100, 180), (10, 250)])
def test_ticks_of_lengths_are_whole_and_differ(low: int, high: int, classes: int) -> None:
    for axes in drawn(length_figure(make_sites([low, high], classes))):
        ends = axes.get_xlim()
        ticks = [t for t in axes.get_xticks() if ends[0] <= t <= ends[1]]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)
        texts = [label.get_text() for label in axes.get_xticklabels()]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("lengths", [[10, *[5_000] * 40], [32] * 5, [32], [9, *[40] * 70_000]])
def test_no_legend_hides_a_bar(lengths: list[int], classes: int) -> None:
    for axes in drawn(length_figure(make_sites(lengths, classes))):
        legend = axes.get_legend()
        assert legend is not None
        tallest = max(max(patch.get_data().values) for patch in axes.patches)
        top = axes.transData.transform((axes.get_xlim()[0], float(tallest)))[1]
        assert top < legend.get_window_extent().y0


@pytest.mark.parametrize(("classes", "ticks"), [(1, 5), (2, 3), (3, 3)])
def test_labels_of_errors_stand_apart(classes: int, ticks: int) -> None:
    errors = pl.DataFrame(
        [(f"class {i}", error, -error) for i in range(classes) for error in (0, 23_300)],
        schema={"class": pl.String, "five": pl.Int64, "three": pl.Int64},
        orient="row",
    )
    for axes in drawn(boundary_figure(errors)):
        labels = axes.get_xticklabels()
        assert len(labels) == ticks
        assert [labels[0].get_text()[0], labels[ticks // 2].get_text()] == ["≤", "0"]
        boxes = [label.get_window_extent() for label in labels]
        assert all(right.x0 - left.x1 > right.height for left, right in pairwise(boxes))


@pytest.mark.parametrize(
    ("low", "high"), [(715, 750), (0.05, 0.3), (1, 1_000_000), (0.0002, 0.0004), (7, 7)]
)
@pytest.mark.parametrize("decades", [True, False])
def test_logarithmic_axes_have_plain_numbers(low: float, high: float, decades: bool) -> None:
    figure, grid = blank((4, 3))
    axes = grid[0, 0]
    axes.plot([0, 1], [low, high])
    plain_log_axis(axes, "y", decades=decades)
    figure.canvas.draw()
    texts = [text.get_text() for text in axes.get_yticklabels() if text.get_text()]
    assert axes.get_yscale() == "log"
    assert len(set(texts)) == len(texts) >= 2
    for text, tick in zip(texts, axes.get_yticks(), strict=True):
        assert float(text.replace(",", "")) == pytest.approx(tick, rel=1e-3)
    if decades:
        assert all(text.replace(",", "").strip("0.") in ("1", "2", "5") for text in texts)
