"""Figures of single regions: sequence, labels, scores on both strands, and calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, decode
from dnabirnn.drawing import BASE_COLOURS, DARK, draw_letters, empty, letter_shape, styled
from dnabirnn.labels import runs
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.report.curves import class_colours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation import SiteEffects
    from dnabirnn.motif_classes import Output

__all__ = ["LETTERS_UP_TO_BP", "Span", "View", "region_figure"]

LETTERS_UP_TO_BP = 180
"""Longest region drawn with letters, which would be too small to read in longer ones."""
_COLUMNS = 900
"""Maximum number of plotted columns. Longer regions are drawn as means of stretches of bases."""
_ROOM = 0.06
"""Share of the width of the figure that the text of a score needs."""
_SCORED_CALLS = 12
"""Scores are written only in lanes with at most this many calls."""
_ARROWS = 60
"""Intervals are drawn as arrows only in lanes with at most this many."""

_WIDTH, _RIGHT = 9.8, 0.35
# Left margin for the names of lanes, which include the class if several classes are shown.
_LEFT_OF_ONE, _LEFT_OF_SEVERAL = 0.8, 1.4
_LANE, _SCORES, _LETTERS, _GAP, _BELOW, _ABOVE = 0.2, 0.85, 0.2, 0.06, 0.5, 0.08
_IMPORTANCE = 0.85
_SHOWN_FROM = 0.5


class Span(NamedTuple):
    """An interval of an output. Calls have a `score`."""

    output: int
    start: int
    end: int
    score: int | None = None


@dataclass(frozen=True, eq=False)
class View:
    """Data of a region to draw.

    Attributes
    ----------
    chrom : str
    start, end : int
        0-based, half-open.
    class_name : str
        Class of the site for which the region was chosen; drawn first.
    outputs : tuple of Output
    codes : ndarray, (m,) uint8
    probabilities : ndarray, (m, O) float32, or None
        None if the region was not scored.
    truth, calls : tuple of Span
        Intervals, which may extend beyond the region.
    counted : ndarray, (m,) bool
        False for bases left out of the metrics.
    thresholds : mapping of str to float
        For each class, the smallest probability at which a base is called; empty if unknown.
    effects : SiteEffects, optional
        Effects of the substitutions of the drawn bases on the site.
    """

    chrom: str
    start: int
    end: int
    class_name: str
    outputs: tuple[Output, ...]
    codes: Codes
    probabilities: NDArray[np.float32] | None
    truth: tuple[Span, ...]
    calls: tuple[Span, ...]
    counted: NDArray[np.bool_]
    thresholds: Mapping[str, float]
    effects: SiteEffects | None = None

    @property
    def shown(self) -> list[str]:
        """Classes to draw here, with the class of the site first."""
        found = {self.outputs[span.output].class_name for span in (*self.truth, *self.calls)}
        if self.probabilities is not None and len(self.codes):
            highest = self.probabilities.max(axis=0)
            found |= {
                output.class_name
                for output, p in zip(self.outputs, highest, strict=True)
                if p >= _SHOWN_FROM
            }
        others = [output.class_name for output in self.outputs if output.class_name in found]
        return list(dict.fromkeys([self.class_name, *others]))

    @property
    def stretch_bp(self) -> int:
        """Number of bases whose mean is drawn as one column."""
        return max(1, -(-len(self.codes) // _COLUMNS))

    @property
    def lettered(self) -> bool:
        """Whether the bases are drawn as letters."""
        return len(self.codes) <= LETTERS_UP_TO_BP


def region_figure(view: View, title: str = "") -> Figure:
    """Draw a region: the + strand above, and the - strand below as its mirror image.

    Parameters
    ----------
    view : View
    title : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        From the middle outwards: the sequence, its importance for the site on the side of the
        site's strand, the scores of each strand, its calls, its labels.
    """
    shown = view.shown
    strands = [
        strand
        for strand in ("+", "-")
        if any(o.strand in _strands(strand) and o.class_name in shown for o in view.outputs)
    ]
    heights = _heights(view, len(shown), strands)
    above = _ABOVE + (0.24 if title else 0)
    left = _LEFT_OF_ONE if len(shown) == 1 else _LEFT_OF_SEVERAL
    width = _WIDTH - left - _RIGHT
    height = _BELOW + above + sum(heights.values()) + _GAP * (len(heights) - 1)
    figure = empty((_WIDTH, height))
    panels: dict[str, Axes] = {}
    top = height - above
    for name, tall in heights.items():
        box = (left / _WIDTH, (top - tall) / height, width / _WIDTH)
        with styled():
            panels[name] = figure.add_axes((*box, tall / height))
        top -= tall + _GAP
    colours = class_colours(output.class_name for output in view.outputs)
    for name, axes in panels.items():
        axes.set_xlim(view.start, view.end)
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=DARK, labelsize=8, length=0, labelbottom=False)
        if name == "letters":
            _letters(axes, view, width)
        elif name == "importance":
            assert view.effects is not None
            _importance(axes, view, view.effects.importance)
        elif name.startswith("lanes"):
            _lanes(axes, view, name[-1], shown, colours)
        else:
            _scores(axes, view, name[-1], shown, colours)
    _position_axis(list(panels.values())[-1], view)
    if title:
        figure.text(left / _WIDTH, 1 - 0.06 / height, title, va="top", fontsize=10, color=DARK)
    return figure


def _strands(strand: str) -> str:
    """Return the strands of outputs drawn on one side; outputs without strand are drawn with +."""
    return "+." if strand == "+" else "-"


def _heights(view: View, classes: int, strands: Sequence[str]) -> dict[str, float]:
    """Return the panels from top to bottom, with their heights in inches."""
    heights = {}
    if "+" in strands:
        heights["lanes +"] = 2 * classes * _LANE
        if view.probabilities is not None:
            heights["scores +"] = _SCORES
    if view.lettered:
        heights["letters"] = _LETTERS
        if view.effects is not None:
            heights["importance"] = _IMPORTANCE
            if view.outputs[view.effects.output].strand in _strands("+"):  # above the sequence
                heights["letters"] = heights.pop("letters")
    if "-" in strands:
        if view.probabilities is not None:
            heights["scores -"] = _SCORES
        heights["lanes -"] = 2 * classes * _LANE
    return heights


def _lanes(
    axes: Axes, view: View, strand: str, shown: Sequence[str], colours: Mapping[str, str]
) -> None:
    """Draw labels and calls of each class, with the calls nearer to the scores."""
    labels = []
    lane = 0
    for name in shown:
        for kind, spans in (("labels", view.truth), ("calls", view.calls)):
            own = [
                span
                for span in spans
                if view.outputs[span.output].class_name == name
                and view.outputs[span.output].strand in _strands(strand)
            ]
            colour = DARK if kind == "labels" else colours[name]
            _boxes(axes, view, own, lane, colour)
            labels.append(f"{name} {kind}" if len(shown) > 1 else kind)
            lane += 1
    outwards = (lane - 0.5, -0.5)
    axes.set_ylim(outwards if strand == "+" else outwards[::-1])
    axes.set_yticks(range(lane), [_shortened(label) for label in labels])
    for edge in range(lane):
        axes.axhline(edge, color="#E6E6E6", linewidth=0.6, zorder=0)


def _shortened(label: str, length: int = 17) -> str:
    return label if len(label) <= length else f"{label[: length - 1]}…"


def _boxes(axes: Axes, view: View, spans: Sequence[Span], lane: int, colour: str) -> None:
    """Draw intervals as boxes that point in the direction of their strand."""
    from matplotlib.collections import PolyCollection

    tip = (view.end - view.start) * 0.009 if len(spans) <= _ARROWS else 0.0
    corners = []
    for span in spans:
        strand = view.outputs[span.output].strand
        low, high, head = lane - 0.34, lane + 0.34, min(tip, 0.45 * (span.end - span.start))
        left = span.start + (head if strand == "-" else 0)
        right = span.end - (head if strand == "+" else 0)
        corners.append(
            (
                *((left, low), (right, low), (span.end, lane)),
                *((right, high), (left, high), (span.start, lane)),
            )
        )
    axes.add_collection(
        PolyCollection(corners, facecolors=colour, edgecolors="none"), autolim=False
    )
    if len(spans) <= _SCORED_CALLS:
        for span in spans:
            if span.score is not None:
                _write_score(axes, view, span, spans, lane, colour)


def _write_score(
    axes: Axes, view: View, span: Span, spans: Sequence[Span], lane: int, colour: str
) -> None:
    """Write the score of a call into its box, or beside it, or not at all if there is no room."""
    start, end = max(span.start, view.start), min(span.end, view.end)
    room = _ROOM * (view.end - view.start)
    place, shift, align, ink = float(end), 3, "left", DARK
    if start >= end or span.score is None:
        return
    if end - start > room:
        place, shift, align, ink = (start + end) / 2, 0, "center", _ink_on(colour)
    elif end + room > view.end or any(end <= o.start < end + room for o in spans):
        place, shift, align = float(start), -3, "right"
        if start - room < view.start or any(start - room < o.end <= start for o in spans):
            return
    axes.annotate(
        f"{span.score / MAX_SCORE:.2f}",
        (place, lane),
        xytext=(shift, 0),
        textcoords="offset points",
        ha=align,
        va="center_baseline",
        fontsize=7,
        color=ink,
    )


def _ink_on(colour: str) -> str:
    """Return black or white, whichever is easier to read on a colour."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "#FFFFFF"


def _scores(
    axes: Axes, view: View, strand: str, shown: Sequence[str], colours: Mapping[str, str]
) -> None:
    """Draw probabilities as areas, with 0 on the side of the sequence."""
    assert view.probabilities is not None
    edges, means = _stretches(view.probabilities, view.stretch_bp)
    for i, output in enumerate(view.outputs):
        if output.class_name not in shown or output.strand not in _strands(strand):
            continue
        look: dict[str, Any] = {"color": colours[output.class_name], "linewidth": 1.0}
        values, ends = _steps(means[:, i], edges + view.start)
        axes.stairs(values, ends, fill=True, color=colours[output.class_name], alpha=0.3)
        axes.stairs(values, ends, baseline=None, **look)
        # One threshold only: the lines of several classes would be hard to read.
        if output.class_name == view.class_name and output.class_name in view.thresholds:
            level = view.thresholds[output.class_name]
            axes.axhline(level, color=look["color"], linewidth=0.8, linestyle=(0, (4, 2)))
    for start, end in runs(~view.counted).tolist():
        axes.axvspan(
            view.start + start,
            view.start + end,
            facecolor="#F2F2F2",
            edgecolor="#C8C8C8",
            hatch="////",
            linewidth=0,
            zorder=0,
        )
    axes.set_ylim((0, 1.04) if strand == "+" else (1.04, 0))
    zero = [0] if strand == "+" or view.lettered else []  # avoid two adjacent zeros
    axes.set_yticks([*zero, 0.5, 1], [*("0" for _ in zero), "0.5", "1"])
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set(visible=True, color="#999999")
    axes.spines["bottom" if strand == "+" else "top"].set(visible=True, color="#999999")
    drawn = {o.strand for o in view.outputs if o.class_name in shown} & {*_strands(strand)}
    side = "" if drawn == {"."} else {"+": "+ strand", "-": "\N{MINUS SIGN} strand"}[strand]
    axes.set_ylabel(f"{side}\nprobability".strip(), fontsize=8, color=DARK)


def _stretches(
    probabilities: NDArray[np.float32], stretch_bp: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return edges (n + 1,) and means (n, O) of stretches of bases."""
    size = len(probabilities)
    starts = np.arange(0, size, stretch_bp)
    edges = np.append(starts, size)
    sums = np.add.reduceat(probabilities.astype(np.float64), starts, axis=0)
    return edges, sums / np.diff(edges)[:, None]


def _steps(
    values: NDArray[np.float64], edges: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Round values to thousandths and join equal neighbors, for a tenth of the SVG size."""
    values = np.round(values, 3)
    changes = np.flatnonzero(np.diff(values)) + 1
    return values[np.append(0, changes)], edges[np.concatenate([[0], changes, [values.size]])]


def _importance(axes: Axes, view: View, importance: NDArray[np.float32]) -> None:
    """Draw letters of the + strand as high as their importance; negative ones hang upside down."""
    known = view.codes < AMBIGUOUS
    heights = np.zeros((len(view.codes), 4))
    heights[known, view.codes[known]] = importance[known]
    draw_letters(axes, heights, view.start)
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.spines["left"].set(visible=True, color="#999999")
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylabel("importance\n(log-odds)", fontsize=8, color=DARK)


def _letters(axes: Axes, view: View, width: float) -> None:
    """Draw the + strand, one letter per base, as shapes that need no font in the browser."""
    from matplotlib.transforms import Affine2D

    letters = np.array(list(decode(view.codes)))
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.set_ylabel("")
    room_pt = width * 72 / max(1, len(letters))
    size = min(10.0, room_pt * 1.02)
    height = letter_shape("A").get_extents().height
    for letter, colour in BASE_COLOURS.items():
        places = np.flatnonzero(letters == letter)
        if not places.size:
            continue
        shape = letter_shape(letter)
        box = shape.get_extents()
        centred = Affine2D().translate(-(box.x0 + box.x1) / 2, -height / 2).scale(1 / 10)
        axes.plot(
            places + view.start + 0.5,
            np.zeros(places.size),
            linestyle="none",
            marker=shape.transformed(centred),
            markersize=size,
            color=colour,
            markeredgewidth=0,
        )


def _position_axis(axes: Axes, view: View) -> None:
    """Draw the axis of positions below the lowest panel."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.spines["bottom"].set(visible=True, color="#999999")
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: f"{place:,.0f}"))
    axes.tick_params(axis="x", length=3, labelbottom=True)
    axes.set_xlabel(f"Position on {view.chrom} (bp, 0-based)", fontsize=9, color=DARK)
