"""Figures: precision against recall, and observed against predicted."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnabirnn.tally import Curve

__all__ = ["precision_recall_figure", "reliability_figure", "save"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind eyes tell apart, without its yellow. More classes
than that get shades from dark to light."""
_DARK, _LIGHT = "#333333", "#B0B0B0"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dnabirnn",
    "path.simplify": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}
_DPI = 150
_LEGEND_ROWS = 14


def precision_recall_figure(curves: Sequence[Curve], title: str = "") -> Figure:
    """Precision against recall, per base.

    Parameters
    ----------
    curves : sequence of Curve
        A class's curves in one colour: strand-blind solid, each strand as its own dashed.
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        Dotted lines are what calling at random gives: the share of positives.
    """
    figure, axes, colours = _square(curves, title, "Recall (share of positive bases found)")
    axes.set_ylabel("Precision (share of called bases that are positive)")
    for curve in curves:
        points = curve.precision_recall
        colour = colours[curve.class_name]
        axes.step(
            [0.0, *points.recall],
            [points.precision[0], *points.precision],
            where="pre",
            color=colour,
            linewidth=1.4 if curve.stranded else 2.0,
            linestyle=(0, (4, 2)) if curve.stranded else "-",
            label=f"{_name(curve)}   AP {curve.ap:.4f}",
        )
        if not curve.stranded:
            axes.axhline(curve.prevalence, color=colour, linewidth=0.9, linestyle=":", zorder=1)
    if curves:
        axes.plot([], [], color=_DARK, linewidth=0.9, linestyle=":", label="at random")
    _legend(axes)
    return figure


def reliability_figure(curves: Sequence[Curve], title: str = "") -> Figure:
    """Share of positives against the mean probability, per base, in slices of probability.

    Parameters
    ----------
    curves : sequence of Curve
        Only the strand-blind ones are drawn.
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        Beneath, the number of bases in each slice.
    """
    blind = [curve for curve in curves if not curve.stranded]
    figure, axes, colours = _square(blind, title, "", rows=2)
    counts = figure.axes[1]
    axes.plot([0, 1], [0, 1], color=_LIGHT, linewidth=1, zorder=1, label="perfectly calibrated")
    axes.set_ylabel("Observed share of positive bases")
    for curve in blind:
        slices, colour = curve.reliability, colours[curve.class_name]
        label = f"{curve.class_name}   ECE {curve.expected_calibration_error:.2g}"
        look: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.4,
            "markersize": 4.5,
            "clip_on": False,
        }
        axes.plot(slices.predicted, slices.observed, marker="o", label=label, **look)
        counts.plot(slices.predicted, slices.items, marker="o", **look)
    counts.set_yscale("log")
    counts.set_ylabel("Bases")
    counts.set_xlabel("Predicted probability (mean of a slice)")
    _legend(axes)
    return figure


def save(figure: Figure, target: str | os.PathLike[str] | IO[bytes], form: str) -> None:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    target : str, PathLike or binary file
    form : str
        "png" or "svg". Text in SVG stays text.
    """
    import matplotlib

    no_date = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with matplotlib.rc_context(_STYLE):
        figure.savefig(target, format=form, dpi=_DPI, metadata=no_date)


def _square(
    curves: Sequence[Curve], title: str, x_label: str, rows: int = 1
) -> tuple[Figure, Axes, dict[str, str]]:
    """Make a figure of which the first axes are a square from 0 to 1; a colour a class."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(curve.class_name for curve in curves))
    palette = list(_COLOURS)
    if len(names) > len(palette):
        shades = matplotlib.colormaps["viridis"].resampled(len(names) + 1)
        palette = [to_hex(shades(i)) for i in range(len(names))]
    colours = dict(zip(names, palette, strict=False))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 5.2 if rows == 1 else 6.8), layout="constrained")
        FigureCanvasAgg(figure)
        heights = [4, 1][:rows]
        grid = figure.subplots(rows, 1, sharex=True, height_ratios=heights, squeeze=False)
    axes: Axes = grid[0, 0]
    for panel in grid[:, 0]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#E6E6E6", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.tick_params(colors=_DARK)
    axes.set(xlim=(0, 1.005), ylim=(0, 1.01), xlabel=x_label)
    if title:
        axes.set_title(title, loc="left", fontsize=11, color=_DARK)
    return figure, axes, colours


def _name(curve: Curve) -> str:
    return f"{curve.class_name}, by strand" if curve.stranded else curve.class_name


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) < 2:
        axes.text(0.5, 0.5, "no class has truth here", ha="center", color=_DARK)
        return
    axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=9,
        ncols=1 + (len(handles) - 1) // _LEGEND_ROWS,
    )
