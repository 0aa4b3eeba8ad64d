"""Logos of motifs: letters as high as their information, or their importance."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.drawing import DARK, draw_letters, empty, save, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from dnabirnn.motifs import Motif

__all__ = ["LogoPanel", "importance_panel", "information_panel", "logo_figure", "logo_svg"]

_LEFT_IN, _RIGHT_IN, _PANEL_IN, _GAP_IN, _BELOW_IN, _ABOVE_IN = 0.75, 0.15, 0.95, 0.28, 0.3, 0.25
_COLUMN_IN, _NARROWEST_IN, _WIDEST_IN = 0.3, 2.4, 9.0


class LogoPanel(NamedTuple):
    """One logo.

    Attributes
    ----------
    heights : ndarray, (W, 4)
        Height of each letter.
    axis : str
        Label of the vertical axis.
    title : str
    offset : int
        Column of the figure that the first column of the logo stands at.
    top : float, optional
        Upper end of the vertical axis; by default that of the highest column.
    """

    heights: NDArray[np.float64]
    axis: str
    title: str = ""
    offset: int = 0
    top: float | None = None


def information_panel(motif: Motif, title: str = "", offset: int = 0) -> LogoPanel:
    """Return a logo of information: a column is as high as it has bits, 2 at most.

    Examples
    --------
    >>> from dnabirnn.motifs import Motif
    >>> panel = information_panel(Motif("m", "m", np.array([[3.0, 0, 3, 0]])))
    >>> panel.heights.tolist(), panel.top
    ([[0.5, 0.0, 0.5, 0.0]], 2.0)
    """
    return LogoPanel(motif.frequencies * motif.bits[:, None], "bits", title, offset, 2.0)


def importance_panel(
    importance: NDArray[np.float32], title: str = "", offset: int = 0
) -> LogoPanel:
    """Return a logo of importance, (W, 4): negative letters hang upside down."""
    return LogoPanel(importance.astype(np.float64), "importance\n(log-odds)", title, offset)


def logo_figure(panels: Sequence[LogoPanel]) -> Figure:
    """Draw logos above each other, with columns of the same offset in line.

    Parameters
    ----------
    panels : sequence of LogoPanel
        From top to bottom.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Columns are numbered from 1, from the first column of the first logo.
    """
    start = min(panel.offset for panel in panels)
    end = max(panel.offset + len(panel.heights) for panel in panels)
    inner = min(max(_COLUMN_IN * (end - start), _NARROWEST_IN), _WIDEST_IN)
    tops = [_ABOVE_IN if panel.title else 0.08 for panel in panels]
    width = _LEFT_IN + inner + _RIGHT_IN
    height = _BELOW_IN + len(panels) * _PANEL_IN + sum(tops) + _GAP_IN * (len(panels) - 1)
    figure = empty((width, height))
    upper = height
    for panel, above in zip(panels, tops, strict=True):
        upper -= above
        box = (_LEFT_IN / width, (upper - _PANEL_IN) / height, inner / width, _PANEL_IN / height)
        with styled():
            axes = figure.add_axes(box)
            _draw(axes, panel, start, end, panels[0].offset)
        upper -= _PANEL_IN + _GAP_IN
    return figure


def _draw(axes: Axes, panel: LogoPanel, start: int, end: int, first: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(start, end)
    draw_letters(axes, panel.heights, panel.offset)
    if panel.top is not None:
        axes.set_ylim(0, panel.top)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color="#999999")
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.tick_params(colors=DARK, labelsize=7, length=2)
    axes.tick_params(axis="x", length=0)
    axes.locator_params(axis="y", nbins=3)
    # Letters stand between two whole numbers; their number stands below their middle.
    steps = MaxNLocator(min(12, end - start), integer=True).tick_values(1, end - first)
    last = panel.offset + len(panel.heights)
    numbers = [int(n) for n in steps if n >= 1 and panel.offset < n + first <= last]
    axes.set_xticks([n + first - 0.5 for n in numbers])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: f"{place - first + 0.5:.0f}"))
    axes.set_ylabel(panel.axis, fontsize=7.5, color=DARK)
    if panel.title:
        axes.set_title(panel.title, loc="left", fontsize=8.5, color=DARK, pad=3)


def logo_svg(panels: Sequence[LogoPanel]) -> str:
    """Return logos as the text of an SVG file. The letters of bases are shapes, without a font."""
    file = io.BytesIO()
    save(logo_figure(panels), file, "svg")
    return file.getvalue().decode("utf-8")
