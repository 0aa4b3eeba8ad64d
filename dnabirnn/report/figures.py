"""Figures of training, of call lengths and of boundary errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dnabirnn.drawing import DARK, LIGHT
from dnabirnn.report.curves import blank, class_colours, plain_log_axis
from dnabirnn.tracks import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["MAX_CLASSES", "boundary_figure", "length_figure", "training_figure"]

MAX_CLASSES = 12
"""Maximum number of classes with a panel in a figure of calls."""
_COLUMNS = 3
_LENGTH_BINS = 30
_HEADROOM = 1.4
"""Height of a panel relative to its tallest bar. Two legend lines need a quarter of the panel."""
_ERROR_BARS = 10
"""Bars on either side of error 0. The outermost ones include all larger errors."""


def training_figure(log: pl.DataFrame) -> Figure:
    """Draw loss, validation AP and learning rate against the bases read.

    Parameters
    ----------
    log : polars.DataFrame
        Log of `dnabirnn train`, with columns bases, loss, learning_rate and `ap_CLASS` for each
        class (null in rows without validation).

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    figure, grid = blank((7.6, 6.0), 3, sharex=True, height_ratios=[3, 3, 1.3])
    loss, quality, rate = grid[:, 0]
    seen = log["bases"].to_numpy() / 1e6
    loss.plot(seen, log["loss"], color=DARK, linewidth=1.3)
    plain_log_axis(loss, "y")
    loss.set_ylabel("Training loss\n(nats per base)")
    names = [name for name in log.columns if name.startswith("ap_")]
    colours = class_colours(names)
    for name in names:
        known = log.select("bases", ap=pl.col(name)).drop_nulls()
        quality.plot(
            known["bases"].to_numpy() / 1e6,
            known["ap"],
            color=colours[name],
            marker="o",
            markersize=4,
            linewidth=1.4,
            label=name.removeprefix("ap_"),
        )
    _mark_best(quality, log, names)
    quality.set_ylim(bottom=min(0.0, quality.get_ylim()[0]), top=1.01)
    quality.set_ylabel("Validation AP\n(per base, by strand)")
    if len(names) > 1:
        quality.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9, borderaxespad=0
        )
    rate.plot(seen, log["learning_rate"], color=DARK, linewidth=1.3)
    rate.set_ylabel("Learning\nrate")
    rate.set_ylim(bottom=0)
    rate.set_xlabel("Training sequence read (Mb)")
    rate.set_xlim(left=0)
    figure.align_ylabels()
    return figure


def _mark_best(axes: Axes, log: pl.DataFrame, names: Sequence[str]) -> None:
    """Mark the largest mean AP of the classes, whose weights are kept."""
    if not names:
        return
    mean = pl.mean_horizontal(*names)
    known = log.select("bases", mean=mean).drop_nulls()
    if known.is_empty():
        return
    best = known.row(int(known["mean"].arg_max() or 0), named=True)
    place = best["bases"] / 1e6
    axes.axvline(place, color=DARK, linewidth=0.9, linestyle=(0, (1, 2)))
    left = place > known["bases"].to_numpy()[-1] / 2e6
    axes.annotate(
        f"kept: {'mean ' if len(names) > 1 else ''}AP {best['mean']:.4f}",
        (place, 0.04),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=9,
        color=DARK,
    )


def length_figure(sites: pl.DataFrame) -> Figure:
    """Draw histograms of the lengths of calls and of labelled sites, one panel per class.

    Parameters
    ----------
    sites : polars.DataFrame
        Of `dnabirnn.report.sites.SITES_SCHEMA`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    lengths = sites.select("class", "source", length=pl.col("end") - pl.col("start"))
    names, figure, grid = _panels(sites, shared=False)
    for axes, name in zip(grid, names, strict=False):
        own = lengths.filter(pl.col("class") == name)
        edges, logarithmic = _length_edges(own["length"].to_numpy())
        truth, calls = (
            np.histogram(own.filter(source=source)["length"].to_numpy(), edges)[0]
            for source in ("truth", "call")
        )
        axes.stairs(truth, edges, fill=True, color=LIGHT, label=f"labels ({truth.sum():,})")
        axes.stairs(calls, edges, color=COLOURS[0], linewidth=1.8, label=f"calls ({calls.sum():,})")
        if logarithmic:
            plain_log_axis(axes, "x")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_ylim(0, _HEADROOM * max(truth.max(), calls.max()))
        axes.legend(loc="upper right", fontsize=8, framealpha=0.9, edgecolor="none")
    figure.supxlabel("Length (bp)", fontsize=10, color=DARK)
    figure.supylabel("Intervals", fontsize=10, color=DARK)
    return figure


def _length_edges(lengths: NDArray[np.int64]) -> tuple[NDArray[np.float64], bool]:
    """Return edges of bins, and whether they are logarithmic: if lengths differ over 30-fold."""
    low, high = (int(lengths.min()), int(lengths.max())) if lengths.size else (1, 2)
    if high > 30 * low:
        edges = np.geomspace(low, high + 1, _LENGTH_BINS + 1)
        return np.unique(np.floor(edges)).astype(np.float64), True
    width = max(1, -(-(high + 1 - low) // _LENGTH_BINS))
    bins = -(-(high + 1 - low) // width)
    return low - 0.5 + width * np.arange(bins + 1, dtype=np.float64), False


def boundary_figure(errors: pl.DataFrame) -> Figure:
    """Draw the errors at both ends of matched calls, one panel per class.

    Parameters
    ----------
    errors : polars.DataFrame
        Result of `dnabirnn.report.sites.boundary_errors`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    names, figure, grid = _panels(errors, shared=True)
    for axes, name in zip(grid, names, strict=False):
        own = errors.filter(pl.col("class") == name)
        ends = own.select("five", "three").to_numpy()
        step = _error_step(ends)
        places = np.arange(-_ERROR_BARS, _ERROR_BARS + 1)
        for column, (label, offset) in enumerate((("5' end", -0.2), ("3' end", 0.2))):
            bars = np.clip(np.rint(ends[:, column] / step), places[0], places[-1])
            shares = 100 * np.array([np.mean(bars == place) for place in places])
            look: dict[str, Any] = {"hatch": "////", "edgecolor": "white"} if column else {}
            axes.bar(
                places + offset,
                shares,
                0.4,
                color=COLOURS[column],
                label=label,
                linewidth=0,
                **look,
            )
        # Five tick labels would touch in the narrow panels of several classes.
        ticks = places[:: _ERROR_BARS if len(names) > 1 else _ERROR_BARS // 2].tolist()
        axes.set_xticks(ticks, _error_texts(ticks, step))
        axes.legend(loc="upper right", fontsize=8, framealpha=0.9, edgecolor="none")
    figure.supxlabel(
        "Error (bp): the call is too short at this end (below 0) or too long (above 0)",
        fontsize=10,
        color=DARK,
    )
    figure.supylabel("Matched sites (%)", fontsize=10, color=DARK)
    return figure


def _error_texts(places: Sequence[int], step: int) -> list[str]:
    """Return the tick labels of the bars; the outermost bars include all larger errors.

    Examples
    --------
    >>> _error_texts([-10, 0, 10], 200) == ["≤ \N{MINUS SIGN}2,000", "0", "≥ +2,000"]
    True
    """
    texts = [f"{place * step:+,}".replace("-", "\N{MINUS SIGN}") for place in places]
    texts = ["0" if text == "+0" else text for text in texts]
    return [f"≤ {texts[0]}", *texts[1:-1], f"≥ {texts[-1]}"]


def _error_step(errors: NDArray[np.int64]) -> int:
    """Return the bases per bar: the smallest with which 95 % of the errors fall within the bars."""
    far = float(np.quantile(np.abs(errors), 0.95)) if errors.size else 0.0
    return max(1, int(np.ceil(far / _ERROR_BARS)))


def _panels(frame: pl.DataFrame, *, shared: bool) -> tuple[list[str], Figure, Sequence[Axes]]:
    """Make a panel for each of the most frequent classes, in alphabetical order."""
    counts = frame.group_by("class").len().sort("len", "class", descending=[True, False])
    names = sorted(counts["class"].head(MAX_CLASSES).to_list())
    columns = min(_COLUMNS, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    size = (6.6, 3.4) if columns == 1 else (3.3 * columns, 2.6 * rows + 0.5)
    figure, grid = blank(size, rows, columns, sharey=shared)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(grid.flat, names, strict=False):
        if len(names) > 1:
            axes.set_title(name, loc="left", fontsize=10, color=DARK)
    return names, figure, list(grid.flat)
