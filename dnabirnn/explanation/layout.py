"""Which scoring windows keep which bases of a contig.

The score of a base comes from the window that keeps it, or from two windows around the middle of
the contig. A change of the contig moves the score only through these windows. So a contig is split
into segments, each kept by the same windows::

    left half     [ #######. ]
    left half           [ .######. ]
    right half                [ .######. ]
    right half                      [ .####### ]
    segments      |  A   |  B   |C |  D  |  E  |          C is kept by two windows

A circular contig is extended by flanks, as for scoring. A base that is also in a flank has two
copies there, one contig length apart, and a change applies to both.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.scoring import Window, windows_keeping
from dnabirnn.sequences import with_flanks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import ScoringWindow
    from dnabirnn.sequences import Contig

__all__ = ["Layout", "Segment", "windows_of"]


class Segment(NamedTuple):
    """Bases that the same windows keep; positions are those of the extended contig.

    Attributes
    ----------
    start, end : int
    windows : tuple of Window
        One window, or two whose probabilities are averaged.
    """

    start: int
    end: int
    windows: tuple[Window, ...]


class Layout:
    """A contig and its grid of windows.

    Parameters
    ----------
    contig : Contig
    circular : bool
    scoring : ScoringWindow

    Attributes
    ----------
    name : str
    circular : bool
    codes : ndarray, (L,) uint8
        The contig.
    extended : ndarray, (F + L + F,) uint8
        The contig with its flanks; F is 0 unless it is circular.
    flank_bp : int
        F.
    shifts : tuple of int
        Distances of the copies of a base in the extended contig.
    """

    def __init__(self, contig: Contig, circular: bool, scoring: ScoringWindow) -> None:
        self.name, self.codes, self._scoring = contig.name, contig.codes, scoring
        self.extended, self.flank_bp = contig.codes, 0
        self.shifts: tuple[int, ...] = (0,)
        self.circular = circular and len(contig.codes) > 0
        if self.circular and scoring.halo_bp:
            self.flank_bp = scoring.halo_bp
            self.extended = with_flanks(contig.codes, self.flank_bp)
            # Flanks may be longer than the contig, which is then repeated in them.
            most = -(-self.flank_bp // len(contig.codes))
            self.shifts = tuple(n * len(contig.codes) for n in range(-most, most + 1))

    @property
    def repeats(self) -> bool:
        """Whether the windows of one base can hold two copies of another."""
        return bool(self.flank_bp) and len(self.codes) < 2 * self._scoring.length_bp

    def reach_bp(self, reach_bp: int) -> int:
        """Return a reach that counts no base twice: less than half of a circular contig."""
        return min(reach_bp, (len(self.codes) - 1) // 2) if self.circular else reach_bp

    def codes_of(self, window: Window) -> Codes:
        """Return the bases of a window."""
        return self.extended[window.start : window.end]

    def segments(self, start: int, end: int) -> list[Segment]:
        """Return the segments of an interval of the extended contig, without the flanks."""
        start = max(start, self.flank_bp)
        end = min(end, self.flank_bp + len(self.codes))
        windows = list(windows_keeping(start, end, len(self.extended), self._scoring))
        cuts = {start, end} if start < end else set()
        for window in windows:
            cuts |= {cut for cut in (window.keep_start, window.keep_end) if start < cut < end}
        found, places = [], sorted(cuts)
        for first, last in pairwise(places):
            keeping = {
                window[:2]: window
                for window in windows
                if window.keep_start <= first and last <= window.keep_end
            }
            # Two windows of the same bases have the same scores.
            found.append(Segment(first, last, tuple(keeping.values())))
        return found

    def windows(self, start: int, end: int, reach_bp: int) -> list[Window]:
        """Return the windows through which changes in an interval of the contig can act."""
        found: dict[tuple[int, int], Window] = {}
        for shift in self.shifts:
            first = start + self.flank_bp + shift - reach_bp
            last = end + self.flank_bp + shift + reach_bp
            for segment in self.segments(first, last):
                found |= {window[:2]: window for window in segment.windows}
        return list(found.values())


def windows_of(sites: NDArray[np.int64], start: int, end: int, core_bp: int) -> int:
    """Return about how many scoring windows sites take within a part of a contig.

    Parameters
    ----------
    sites : ndarray, (n, 2) int64
    start, end : int
        The part.
    core_bp : int
        Length of the core of a window.

    Examples
    --------
    >>> import numpy as np
    >>> windows_of(np.array([[10, 20], [90, 350]]), 0, 300, 100)
    4
    """
    inside = sites.clip(start, end)
    return int((1 + (inside[:, 1] - inside[:, 0]) // core_bp).sum())
