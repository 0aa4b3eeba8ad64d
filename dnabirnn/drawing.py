"""Figures that always give the same bytes, and bases drawn as letters of any height."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path
    from numpy.typing import NDArray

__all__ = [
    "BASE_COLOURS",
    "DARK",
    "LIGHT",
    "draw_letters",
    "empty",
    "letter_shape",
    "save",
    "styled",
]

DARK, LIGHT = "#333333", "#B0B0B0"
BASE_COLOURS = {"A": "#009E73", "C": "#0072B2", "G": "#B87800", "T": "#D55E00", "N": "#888888"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dnabirnn",
    "path.simplify": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}
_DPI = 150
_LOWEST_LETTER = 0.01
"""Letters lower than this share of the highest one could not be seen, and are left out."""
_LETTER_WIDTH = 0.94


def empty(size: tuple[float, float], layout: Any = None) -> Figure:
    """Make a figure without axes; `size` is its width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=size, layout=layout)
        FigureCanvasAgg(figure)
    return figure


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style of the report, whatever the matplotlib settings of the user are."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def save(figure: Figure, target: str | PathLike[str] | IO[bytes], form: str) -> None:
    """Write a figure to a file. The same figure always gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    target : str, PathLike or binary file
    form : str
        "png" or "svg". Text in SVG stays text.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        # A "$" in the name of a class or contig is text. Only tick labels are mathematics.
        if "$" in text.get_text() and r"\mathdefault" not in text.get_text():
            text.set_parse_math(False)
    no_date = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with styled():
        figure.savefig(target, format=form, dpi=_DPI, metadata=no_date)


@cache
def letter_shape(letter: str) -> Path:
    """Return a bold letter as an outline, which needs no font in the browser."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    return TextPath(
        (0, 0), letter, size=10, prop=FontProperties(family="DejaVu Sans", weight="bold")
    )


def draw_letters(axes: Axes, heights: NDArray[np.floating[Any]], start: float = 0) -> None:
    """Draw bases as letters, one unit wide, and set the limits of the vertical axis.

    The letters of a column stand on each other, the highest on top. Those of negative height hang
    upside down below zero, the longest at the bottom.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    heights : ndarray, (W, 4)
        Height of A, C, G and T in each column. NaN and zero draw nothing.
    start : float
        Left end of the first column.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    drawn_heights: NDArray[np.float64] = np.nan_to_num(heights.astype(np.float64))
    bottoms = _bottoms(drawn_heights)
    top = float(np.maximum(drawn_heights, 0).sum(axis=1).max(initial=0))
    bottom = float(np.minimum(drawn_heights, 0).sum(axis=1).min(initial=0))
    seen = np.abs(drawn_heights) > _LOWEST_LETTER * max(top, -bottom)
    for base, letter in enumerate("ACGT"):
        places = np.flatnonzero(seen[:, base])
        if not places.size:
            continue
        shape = letter_shape(letter)
        box = shape.get_extents()
        # One unit wide and high, and then one base wide with a narrow gap.
        unit = Affine2D().translate(-box.x0, -box.y0)
        unit = unit.scale(_LETTER_WIDTH / box.width, 1 / box.height)
        gap = (1 - _LETTER_WIDTH) / 2
        drawn = [
            shape.transformed(
                unit
                + Affine2D()
                .scale(1, drawn_heights[place, base])
                .translate(start + place + gap, bottoms[place, base])
            )
            for place in places.tolist()
        ]
        axes.add_collection(
            PathCollection(
                [Path.make_compound_path(*drawn)],
                facecolors=BASE_COLOURS[letter],
                edgecolors="none",
            ),
            autolim=False,
        )
    room = 0.04 * (top - bottom) or 1.0
    axes.set_ylim(bottom - (room if bottom else 0), top + room)


def _bottoms(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each letter begins: on the lower ones of its column, on its side of zero.

    Examples
    --------
    >>> _bottoms(np.array([[1.0, 3, 0, 2], [-1, 1, -2, 0]])).tolist()
    [[0.0, 3.0, 0.0, 1.0], [0.0, 0.0, -1.0, 0.0]]
    """
    order = np.argsort(np.abs(heights), axis=1, kind="stable")
    sorted_heights = np.take_along_axis(heights, order, axis=1)
    below = np.zeros_like(heights)
    for side in (np.maximum, np.minimum):
        part = side(sorted_heights, 0)
        before = np.cumsum(part, axis=1) - part
        below = np.where(part != 0, before, below)
    found = np.empty_like(heights)
    np.put_along_axis(found, order, below, axis=1)
    return found
