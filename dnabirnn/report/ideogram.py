"""Figures of an assembly: shares of its contigs in calls, and where the calls lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.drawing import DARK, LIGHT
from dnabirnn.report.curves import blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["MAX_CONTIGS", "Assembly", "bars_figure", "ideogram_figure", "shown_contigs"]

MAX_CONTIGS = 30
"""Maximum number of contigs in a figure."""
_COLUMNS = 1500
"""Number of places along the longest contig. Calls at one place are drawn as one mark."""
_LONGEST_NAME = 24
_WIDTH, _ROW = 7.6, 0.26


class Assembly(NamedTuple):
    """Calls of an assembly, and the lengths of its contigs.

    Attributes
    ----------
    calls : polars.DataFrame
        Table of `dnabirnn.tracks.ROW_SCHEMA`.
    sizes : mapping of str to int, optional
        Length of each contig, in bases.
    """

    calls: pl.DataFrame
    sizes: Mapping[str, int] | None = None

    def length_bp(self, contig: str) -> int:
        """Return the length of a contig: up to the last call if its length is not known."""
        if self.sizes is not None:
            return self.sizes[contig]
        reach = self.calls.filter(pl.col("chrom") == contig)["end"].max()
        assert isinstance(reach, int)  # only contigs with calls are drawn
        return reach


def shown_contigs(summary: pl.DataFrame) -> list[str]:
    """Return the contigs to draw: at most `MAX_CONTIGS`, those with the most bases in calls.

    Parameters
    ----------
    summary : polars.DataFrame
        Summary of one sample by contig, and others.

    Examples
    --------
    >>> shown_contigs(pl.DataFrame({"contig": ["b", "a", "b"], "bases": [1, 2, 3]}))
    ['b', 'a']
    """
    order = summary["contig"].unique(maintain_order=True)
    bases = summary.group_by("contig").agg(pl.col("bases").sum())
    most = bases.sort("bases", "contig", descending=[True, False]).head(MAX_CONTIGS)
    return [contig for contig in order if contig in set(most["contig"])]


def bars_figure(
    summary: pl.DataFrame, contigs: Sequence[str], colours: Mapping[str, str]
) -> Figure:
    """Draw bars of the bases in calls of each contig, by class.

    Parameters
    ----------
    summary : polars.DataFrame
        Summary of one sample by contig and class.
    contigs : sequence of str
        Contigs to draw, from top to bottom.
    colours : mapping of str to str
        Colour of each class.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Bars show per cent of the contig, or kilobases if shares are not known.
    """
    figure, axes = _rows(contigs)
    shares = bool(summary["share"].is_not_null().all())
    left = np.zeros(len(contigs))
    for name in summary["class"].unique().sort():
        own = dict(
            summary.filter(pl.col("class") == name)
            .select("contig", pl.col("share") * 100 if shares else pl.col("bases") / 1000)
            .iter_rows()
        )
        widths = np.array([own.get(contig, 0.0) for contig in contigs])
        axes.barh(range(len(contigs)), widths, 0.7, left, color=colours[name], label=name)
        left += widths
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("Bases in calls (% of the contig)" if shares else "Bases in calls (kb)")
    _classes(figure, axes)
    return figure


def ideogram_figure(
    assembly: Assembly, contigs: Sequence[str], colours: Mapping[str, str]
) -> Figure:
    """Draw where the calls of an assembly lie on its contigs.

    Parameters
    ----------
    assembly : Assembly
    contigs : sequence of str
        Contigs to draw, from top to bottom.
    colours : mapping of str to str
        Colour of each class.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Contigs are bars of their length. Calls on the + strand are in the upper half of a bar,
        those on the - strand in the lower half, those of classes without strands in both.
    """
    from matplotlib.collections import PolyCollection

    figure, axes = _rows(contigs)
    lengths = np.array([assembly.length_bp(contig) for contig in contigs])
    longest = int(lengths.max(initial=1))
    unit, scale = next((u, s) for u, s in _UNITS if longest >= s)
    boxes: dict[tuple[str, bool], list[NDArray[np.float64]]] = {}
    for row, contig in enumerate(contigs):
        own = assembly.calls.filter(pl.col("chrom") == contig)
        axes.barh(row, lengths[row] / scale, 0.62, color="#EDEDED", edgecolor=LIGHT, linewidth=0.5)
        for (name, strand), calls in own.partition_by("class", "strand", as_dict=True).items():
            low, high = {"+": (-0.31, 0.0), "-": (0.0, 0.31)}.get(str(strand), (-0.31, 0.31))
            for start, end in _marks(calls, longest).tolist():
                left, right = start / scale, min(end, lengths[row]) / scale
                low_y, high_y = row + low, row + high
                corners = [(left, low_y), (right, low_y), (right, high_y), (left, high_y)]
                boxes.setdefault((str(name), strand != "."), []).append(np.array(corners))
    for (name, stranded), own_boxes in sorted(boxes.items()):
        # Stranded classes above the others, which would hide them.
        look: dict[str, Any] = {"facecolors": colours[name], "edgecolors": "none"}
        axes.add_collection(PolyCollection(own_boxes, zorder=3 + stranded, **look))
    for name in sorted({name for name, _ in boxes}):
        axes.barh(0, 0, color=colours[name], label=name)
    axes.set_xlim(0, longest / scale)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"Position on the contig ({unit})")
    _classes(figure, axes)
    return figure


_UNITS = (("Mb", 1_000_000), ("kb", 1_000), ("bp", 1))


def _marks(calls: pl.DataFrame, longest: int) -> NDArray[np.int64]:
    """Return the places with calls as intervals (n, 2) in bases, at least one column wide."""
    width = max(1, longest // _COLUMNS)
    first = calls["start"].to_numpy() // width
    last = np.maximum(-(-calls["end"].to_numpy() // width), first + 1)
    order = np.argsort(first, kind="stable")
    first, last = first[order], np.maximum.accumulate(last[order])
    opens = np.append(True, first[1:] > last[:-1])
    return np.column_stack((first[opens], last[np.append(opens[1:], True)])) * width


def _rows(contigs: Sequence[str]) -> tuple[Figure, Axes]:
    """Make a figure with a row per contig."""
    figure, grid = blank((_WIDTH, 0.9 + _ROW * max(2, len(contigs))))
    axes: Axes = grid[0, 0]
    names = [
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in contigs
    ]
    axes.set_yticks(range(len(contigs)), names, fontsize=8)
    axes.set_ylim(len(contigs) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _classes(figure: Figure, axes: Axes) -> None:
    """Write the classes above the figure."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=min(6, len(handles)),
            frameon=False,
            fontsize=9,
            labelcolor=DARK,
        )
