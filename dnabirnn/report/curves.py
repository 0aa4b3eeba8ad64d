"""Figures of precision-recall and reliability curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.drawing import DARK, LIGHT, empty, styled
from dnabirnn.tracks import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dnabirnn.evaluation import Curve

__all__ = [
    "blank",
    "class_colours",
    "comparison_figure",
    "plain_log_axis",
    "precision_recall_figure",
    "reliability_figure",
    "tidy",
]

_PANEL_COLUMNS = 3
_LEGEND_ROWS = 22
_LARGE = 1000
# Width of a figure without its legend, in inches.
_LEGENDLESS_IN = 5.2


def precision_recall_figure(curves: Sequence[Curve], title: str = "") -> Figure:
    """Draw precision against recall, per base.

    Parameters
    ----------
    curves : sequence of Curve
        Curves of a class have one colour: solid if strand-blind, dashed if by strand.
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        Dotted lines show the precision of random calls, which is the share of positives.
    """
    figure, axes, colours = _square(curves, title, "Recall (share of positive bases found)")
    axes.set_ylabel("Precision (share of called bases that are positive)")
    for curve in curves:
        colour = colours[curve.class_name]
        _steps(axes, curve, colour, f"{_name(curve)}   AP {curve.ap:.4f}")
        if not curve.stranded:
            axes.axhline(curve.prevalence, color=colour, linewidth=0.9, linestyle=":", zorder=1)
    if curves:
        axes.plot([], [], color=DARK, linewidth=0.9, linestyle=":", label="random calls")
    _legend(figure, axes)
    return figure


def reliability_figure(curves: Sequence[Curve], title: str = "") -> Figure:
    """Draw the share of positives against the mean probability, in slices of bases.

    Parameters
    ----------
    curves : sequence of Curve
        Only the strand-blind ones are drawn.
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        The lower panel shows the number of bases in each slice.
    """
    blind = [curve for curve in curves if not curve.stranded]
    figure, axes, colours = _square(blind, title, "", rows=2)
    counts = figure.axes[1]
    axes.plot([0, 1], [0, 1], color=LIGHT, linewidth=1, zorder=1, label="perfectly calibrated")
    axes.set_ylabel("Observed share of positive bases")
    for curve in blind:
        slices, colour = curve.reliability, colours[curve.class_name]
        label = (
            f"{curve.class_name}   slope {_figure(curve.calibration_slope)}, "
            f"expected / observed {_figure(curve.expected_over_observed)}"
        )
        look: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.4,
            "markersize": 4.5,
            "clip_on": False,
        }
        axes.plot(slices.predicted, slices.observed, marker="o", label=label, **look)
        axes.vlines(slices.predicted, slices.low, slices.high, color=colour, linewidth=1)
        counts.plot(slices.predicted, slices.items, marker="o", **look)
    plain_log_axis(counts, "y", decades=True)
    counts.set_ylabel("Bases")
    counts.set_xlabel("Predicted probability (mean of a slice, 0.05 or more)")
    _legend(figure, axes)
    return figure


def comparison_figure(network: Sequence[Curve], baseline: Sequence[Curve] = ()) -> Figure:
    """Draw precision against recall of a network and a position weight matrix.

    Parameters
    ----------
    network, baseline : sequence of Curve
        Strand-blind curves are solid, curves by strand are dashed.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One panel per class. Dotted lines show the precision of random calls, which is the share of
        positives.
    """
    names = list(dict.fromkeys(curve.class_name for curve in (*network, *baseline)))
    columns = min(_PANEL_COLUMNS, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    size = (5.6, 4.6) if columns == 1 else (3.3 * columns, 3.1 * rows + 0.6)
    figure, grid = blank(size, rows, columns, sharex=True, sharey=True)
    for panel in grid.flat[len(names) :]:
        panel.set_visible(False)
    for axes, name in zip(grid.flat, names, strict=False):
        axes.set(xlim=(0, 1.005), ylim=(0, 1.01))
        axes.set_title(name, loc="left", fontsize=11, color=DARK)
        for kind, curves, colour in (
            ("network", network, COLOURS[0]),
            ("matrix", baseline, COLOURS[1]),
        ):
            for curve in (curve for curve in curves if curve.class_name == name):
                form = f"{kind}, by strand" if curve.stranded else kind
                _steps(axes, curve, colour, f"{form}: AP {curve.ap:.3f}")
                if not curve.stranded:
                    axes.axhline(curve.prevalence, color=DARK, linewidth=0.9, linestyle=":")
        axes.legend(loc="best", fontsize=8, framealpha=0.9, edgecolor="none")
    if not names:
        _legend(figure, grid[0, 0])
    figure.supxlabel("Recall (share of positive bases found)", fontsize=10, color=DARK)
    figure.supylabel("Precision (share of called bases that are positive)", fontsize=10, color=DARK)
    return figure


def _steps(axes: Axes, curve: Curve, colour: str, label: str) -> None:
    """Draw a curve: solid if strand-blind, dashed if by strand."""
    points = curve.precision_recall
    axes.step(
        [0.0, *points.recall],
        [points.precision[0], *points.precision],
        where="pre",
        color=colour,
        linewidth=1.4 if curve.stranded else 2.0,
        linestyle=(0, (4, 2)) if curve.stranded else "-",
        label=label,
    )


def class_colours(names: Iterable[str]) -> dict[str, str]:
    """Assign a colour to each class, by its position among the names.

    Parameters
    ----------
    names : iterable of str
        A class may occur more than once.
    """
    unique = list(dict.fromkeys(names))
    palette = list(COLOURS)
    if len(unique) > len(palette):
        import matplotlib
        from matplotlib.colors import to_hex

        shades = matplotlib.colormaps["viridis"].resampled(len(unique) + 1)
        palette = [to_hex(shades(i)) for i in range(len(unique))]
    return dict(zip(unique, palette, strict=False))


def blank(
    size: tuple[float, float], rows: int = 1, columns: int = 1, **grid: Any
) -> tuple[Figure, Any]:
    """Make a figure without data.

    Parameters
    ----------
    size : tuple of float
        Width and height in inches.
    rows, columns : int
    **grid
        Passed to `matplotlib.figure.Figure.subplots`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : ndarray, (rows, columns) of Axes
    """
    figure = empty(size, layout="constrained")
    with styled():
        axes = figure.subplots(rows, columns, squeeze=False, **grid)
    for panel in axes.flat:
        tidy(panel)
    return figure, axes


def plain_log_axis(axes: Axes, which: str, *, decades: bool = False) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks. The data must be drawn already.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    which : str
        "x" or "y".
    decades : bool
        Let the axis begin and end at powers of ten.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_data_interval() if decades else axis.get_view_interval()
    if not 0 < low <= high < np.inf:
        return
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    if decades:
        powers = np.unique([*powers, powers[0] + 1])
        low, high = 10.0 ** powers[0], 10.0 ** powers[-1]
        axes.set(**{f"{which}lim": (low, high)})
    ticks = 10.0**powers
    if np.sum((low <= ticks) & (ticks <= high)) < 3:
        ticks = (ticks[:, np.newaxis] * (1, 2, 5)).ravel()
    if np.sum((low <= ticks) & (ticks <= high)) < 3:
        ticks = np.asarray(MaxNLocator(4).tick_values(low, high))
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """Format a number without a power of ten.

    Examples
    --------
    >>> plain_number(10000.0), plain_number(0.00005), plain_number(2.5)
    ('10,000', '0.00005', '2.5')
    """
    if value >= 1000:
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=6, fractional=False, trim="-")


def tidy(axes: Axes) -> None:
    """Style axes: a light grid, and no frame at the top and on the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=DARK)


def _square(
    curves: Sequence[Curve], title: str, x_label: str, rows: int = 1
) -> tuple[Figure, Axes, dict[str, str]]:
    """Make a figure whose first axes span 0 to 1; return it, these axes and a colour per class."""
    height, heights = (5.2, [1]) if rows == 1 else (6.8, [4, 1])
    figure, grid = blank((7.6, height), rows, sharex=True, height_ratios=heights)
    axes: Axes = grid[0, 0]
    colours = class_colours([curve.class_name for curve in curves])
    axes.set(xlim=(0, 1.005), ylim=(0, 1.01), xlabel=x_label)
    if title:
        axes.set_title(title, loc="left", fontsize=11, color=DARK)
    return figure, axes, colours


def _name(curve: Curve) -> str:
    return f"{curve.class_name}, by strand" if curve.stranded else curve.class_name


def _figure(value: float) -> str:
    """Format a figure with two decimals; in powers of ten if it is very large."""
    return f"{value:.2f}" if abs(value) < _LARGE else f"{value:.1e}"


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) < 2:
        axes.text(0.5, 0.5, "no class has labels here", ha="center", color=DARK)
        return
    legend = axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=9,
        ncols=1 + (len(handles) - 1) // _LEGEND_ROWS,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    # Many classes or long names make the figure wider. The plot keeps its size.
    with styled():
        legend_in = legend.get_window_extent().width / figure.dpi
    figure.set_figwidth(max(figure.get_figwidth(), _LEGENDLESS_IN + legend_in))
