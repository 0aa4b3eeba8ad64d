"""Figures of an assembly: marks where the calls are, bars as long as the summary says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from dnabirnn.report.ideogram import (
    MAX_CONTIGS,
    Assembly,
    bars_figure,
    ideogram_figure,
    shown_contigs,
)
from dnabirnn.report.summary import summarize_calls
from dnabirnn.tracks.schema import ROW_SCHEMA

COLOURS = {"A": "#0072B2", "B": "#D55E00"}


def assembly(*rows: tuple[str, int, int, str, str], **sizes: int) -> Assembly:
    full = [(chrom, start, end, name, 900, strand) for chrom, start, end, name, strand in rows]
    return Assembly(pl.DataFrame(full, schema=ROW_SCHEMA, orient="row"), sizes or None)


def marks(figure: Figure) -> list[tuple[float, float, float, float]]:
    """Left, right, top and bottom of every mark, sorted."""
    found = []
    for collection in figure.axes[0].collections:
        assert isinstance(collection, PolyCollection)
        for path in collection.get_paths():
            (left, top), (right, bottom) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            found.append((left, right, top, bottom))
    return sorted(found)


def test_marks_lie_where_the_calls_are() -> None:
    own = assembly(
        ("x", 0, 300_000, "A", "+"), ("x", 1_200_000, 1_500_000, "A", "-"),
        ("y", 600_000, 750_000, "B", "."), x=1_500_000, y=750_000,
    )  # fmt: skip
    figure = ideogram_figure(own, ["x", "y"], COLOURS)
    assert figure.axes[0].get_xlabel() == "Position on the contig (Mb)"
    found = marks(figure)
    assert np.allclose(
        found,
        [(0, 0.3, -0.31, 0), (0.6, 0.75, 1 - 0.31, 1 + 0.31), (1.2, 1.5, 0, 0.31)],
    )


@pytest.mark.parametrize("start", [0, 1, 59_999])
def test_a_short_call_can_be_seen(start: int) -> None:
    own = assembly(("x", start, start + 1, "A", "+"), x=60_000)
    ((left, right, _, _),) = marks(ideogram_figure(own, ["x"], COLOURS))
    assert left <= start / 1000 < right <= 60
    assert right - left == pytest.approx(60 / 1500)


def test_calls_at_one_place_are_one_mark() -> None:
    rows = [("x", start, start + 5, "A", "+") for start in range(0, 60_000, 10)]
    assert len(marks(ideogram_figure(assembly(*rows, x=60_000), ["x"], COLOURS))) == 1
    apart = [("x", start, start + 5, "A", "+") for start in range(0, 60_000, 6_000)]
    assert len(marks(ideogram_figure(assembly(*apart, x=60_000), ["x"], COLOURS))) == 10


def test_without_lengths_a_contig_ends_at_its_last_call() -> None:
    own = assembly(("x", 100, 900, "A", "+"))
    assert own.length_bp("x") == 900
    assert ideogram_figure(own, ["x"], COLOURS).axes[0].get_xlim() == (0, 900)


@pytest.mark.parametrize(
    ("sizes", "label", "widths"),
    [
        ({"x": 1000, "y": 200}, "Bases in calls (% of the contig)", [10, 0, 20, 50]),
        ({}, "Bases in calls (kb)", [0.1, 0, 0.2, 0.1]),
    ],
)
def test_bars(sizes: dict[str, int], label: str, widths: list[float]) -> None:
    own = assembly(
        ("x", 0, 100, "A", "+"), ("x", 0, 200, "B", "."), ("y", 0, 100, "B", "."), **sizes
    )
    known = {"s": own.sizes} if own.sizes else {}
    summary = summarize_calls({"s": own.calls}, known, ["contig", "class"])
    figure = bars_figure(summary, ["x", "y"], COLOURS)
    axes = figure.axes[0]
    assert axes.get_xlabel() == label
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(widths)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["x", "y"]


def test_the_contigs_with_the_most_bases_are_drawn() -> None:
    names = [f"c{i}" for i in range(MAX_CONTIGS + 5)]
    summary = pl.DataFrame({"contig": names, "bases": range(len(names))})
    assert shown_contigs(summary) == names[5:]
