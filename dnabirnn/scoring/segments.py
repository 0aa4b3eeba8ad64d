r"""Segments of the scores of one output, from which calls are made: found, joined, and streamed.

**threshold.** Segments are the longest stretches of bases that score at or above the threshold.

**mss.** Segments are the maximal scoring segments of the base weights (W. L. Ruzzo and M. Tompa,
"A linear time algorithm for finding all maximal scoring subsequences", ISMB 1999, 234-241):

    weight = 2 (score - threshold) + 1

The weight is an integer, so sums are exact however the stream is cut. It is above 0 at or above
the threshold, below 0 under it, and never 0. A maximal scoring segment is a stretch in which every
proper prefix and every proper suffix has a sum above 0, and that no longer such stretch contains:

    weight      +3  +1  -2  +5  -9  +4
    segments   [--------------]    [--]

The dip of -2 is bridged, because the sums on both sides outweigh it. The dip of -9 is not.

**evidence.** The weight of a base is its evidence (`dnabirnn.network.evidence`) less that of a base
at the threshold, in millinats. Each base is in one of two states, inside or outside of a site. A
path scores the sum of the weights of its inside bases, less K for each segment: K is the
`least_evidence` of the rule. The path with the highest score is that of a hidden Markov model of
two states, in which K is the cost of entering and leaving a site. It can be found with little
memory. Let P(x) be the sum of all weights before base x. A segment [start, end) has

    P(end) - P(start) >= K, and P(x) - P(y) < K for all start <= x < y <= end

so the sum rises by K or more, and never falls by K in between. Its start has the lowest P in it and
its end the highest, and it is not part of a longer such segment. Two such segments that overlap or
touch can be joined to one, so this defines disjoint segments, and it is its own mirror image. From
left to right::

    P   |            /\  end
        |       /\__/  \           outside: remember the lowest P; enter when P has risen by K
        |  _   /         \         inside:  remember the highest P; leave when P has fallen by K
        |   \_/  start    \___

Islands of less than K of evidence are dropped, and dips of less than K are bridged. With K = 0
this is the method threshold.

**Streaming of mss.** Let S(x) be the sum of all weights before base x. A segment [start, end) has
left = S(start) and right = S(end), and its sum is right - left. The algorithm reads the segments of
bases at or above the threshold from left to right and keeps a list of candidates, the segments
found so far. Later bases can only extend a candidate, until S falls to the lowest left of all
candidates, or below it. From there on, a segment that begins with a candidate has a prefix with a
sum of 0 or less. So all candidates are final and can be written, and only a few of them are held at
a time. The result is exactly that of reading the whole contig at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dnabirnn.compiled import kernel
from dnabirnn.network import base_log_odds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnabirnn.network import CallRule, EvidenceScale
    from dnabirnn.tracks import Rows

__all__ = [
    "NO_SEGMENTS",
    "Decoded",
    "Join",
    "Maximal",
    "Segments",
    "Stage",
    "Sums",
    "above",
    "chain",
    "passed",
]


_Which: TypeAlias = "NDArray[np.bool_] | NDArray[np.intp] | slice"


class Segments(NamedTuple):
    """Ascending, disjoint intervals.

    All fields are (n,) int64. `before` and `after` are the sums of the contig's scores up to the
    start and up to the end of each interval. Absent bases score 0, so differences of these sums
    give the total score of any stretch. `gained_before` and `gained_after` are the same sums of
    what the scores gain over those of absent bases (`EvidenceScale.gains`). `piece` is the number
    of stretches of absent bases before the interval that are too long for a call to span.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    gained_before: NDArray[np.int64]
    gained_after: NDArray[np.int64]
    piece: NDArray[np.int64]

    def take(self, which: _Which) -> Segments:
        """Return some of the intervals."""
        return Segments(*(array[which] for array in self))

    def spans(self, first: _Which, last: _Which) -> Segments:
        """Return intervals from the start of one segment to the end of the same or a later one."""
        begun, ended = self.take(first), self.take(last)
        return begun._replace(end=ended.end, after=ended.after, gained_after=ended.gained_after)

    def means(self) -> NDArray[np.int64]:
        """Return the mean scores of the intervals, (n,) int64, rounded half up."""
        total, length = self.after - self.before, self.end - self.start
        return np.asarray((2 * total + length) // (2 * length))

    def evidence_sums(self, scale: EvidenceScale) -> NDArray[np.int64]:
        """Return the sums of the evidence of the bases of each interval, in millinats, (n,)."""
        gained = self.gained_after - self.gained_before
        return gained + scale.absent * (self.end - self.start)

    def evidence(self, scale: EvidenceScale) -> NDArray[np.int64]:
        """Return the evidence of the intervals, in millinats, (n,) int64."""
        return scale.pooling.evidence(self.evidence_sums(scale), self.means(), scale.prior)


NO_SEGMENTS = Segments(*(np.empty(0, dtype=np.int64) for _ in Segments._fields))


def chain(parts: Sequence[Segments]) -> Segments:
    """Concatenate intervals."""
    filled = [part for part in parts if part.start.size]
    if len(filled) < 2:
        return filled[0] if filled else NO_SEGMENTS
    return Segments(*map(np.concatenate, zip(*filled, strict=True)))


class Sums(NamedTuple):
    """Sums over the rows of a contig that have been read, for `above`.

    Attributes
    ----------
    total, gained : int
        Sums of scores and of gains.
    end : int
        End of the last row.
    piece : int
        Number of stretches of absent bases that are too long for a call to span.
    """

    total: int = 0
    gained: int = 0
    end: int = 0
    piece: int = 0


def above(
    rows: Rows, threshold: int, gap_bp: int, scale: EvidenceScale, sums: Sums
) -> tuple[Segments, Sums]:
    """Return the rows of one output that reach the threshold, and the sums after all its rows.

    Parameters
    ----------
    rows : Rows
        The next rows; scores are 1 or more, and there is at least one row.
    threshold, gap_bp : int
    scale : EvidenceScale
    sums : Sums
        Sums over the rows before.
    """
    length = rows.end - rows.start
    after = np.cumsum(rows.score.astype(np.int64) * length) + sums.total
    gained = np.cumsum(scale.gains()[rows.score] * length) + sums.gained
    absent = rows.start - np.append(sums.end, rows.end[:-1])
    pieces = sums.piece + np.cumsum(absent > gap_bp)
    segments = Segments(
        rows.start,
        rows.end,
        np.append(sums.total, after[:-1]),
        after,
        np.append(sums.gained, gained[:-1]),
        gained,
        pieces,
    )
    last = Sums(int(after[-1]), int(gained[-1]), int(rows.end[-1]), int(pieces[-1]))
    return segments.take(rows.score >= threshold), last


class Stage(Protocol):
    """Step from segments to segments that may hold some back until more input is added."""

    def push(self, segments: Segments) -> Segments:
        """Add the next segments, and return those that are final."""
        ...

    def finish(self) -> Segments:
        """Return the segments that were held back, and get ready for the next contig."""
        ...


def passed(segments: Segments, stages: Iterable[Stage], *, finish: bool) -> Segments:
    """Return what comes out of stages; with `finish`, also what they hold back."""
    for stage in stages:
        segments = stage.push(segments)
        if finish:
            segments = chain([segments, stage.finish()])
    return segments


class Join:
    """Join segments that lie at most `gap_bp` apart; the last one is held back."""

    def __init__(self, gap_bp: int) -> None:
        self._gap_bp = gap_bp
        self._held = NO_SEGMENTS

    def push(self, segments: Segments) -> Segments:
        """Add the next segments, and return those that are final."""
        if not segments.start.size:
            return NO_SEGMENTS
        held = chain([self._held, segments])
        apart = held.start[1:] - held.end[:-1] > self._gap_bp
        joined = held.spans(np.append(True, apart), np.append(apart, True))
        self._held = joined.take(slice(-1, None))
        return joined.take(slice(-1))

    def finish(self) -> Segments:
        """Return the segments that were held back, and get ready for the next contig."""
        held, self._held = self._held, NO_SEGMENTS
        return held


class Maximal:
    """Find maximal scoring segments, separately in each piece; see the module's docstring.

    The weight of a base is 2 (score - threshold) + 1. Maximal scoring segments are the longest
    segments in which every proper prefix and suffix has a sum above 0 (Ruzzo and Tompa 1999,
    proposition 1). This definition is its own mirror image, so both strands get the same calls.
    The input is the segments of bases at or above the threshold. They must not touch; the bases
    between them have negative weights.

    `left` and `right` of a candidate are the sums of all weights up to its start and its end.
    Candidates are held until the next piece begins, or until a sum falls to the lowest `left`
    among them or below it, because no later segment can then be joined to them. In background
    sequence this happens at nearly every segment. Most single segments are therefore found with
    array operations, and only the rest go through the loop in `_scan`.
    """

    def __init__(self, threshold: int) -> None:
        self._absent = 2 * threshold - 1
        self._candidates: list[_Candidate] = []
        self._links: list[int] = []

    def push(self, segments: Segments) -> Segments:
        """Add the next segments, and return those that are final."""
        if not segments.start.size:
            return NO_SEGMENTS
        left = 2 * segments.before - self._absent * segments.start
        right = 2 * segments.after - self._absent * segments.end
        # A reset makes all earlier candidates final. The lowest `left` of all pieces is never above
        # the lowest of the current candidates, so this test is safe; `_scan` finds other resets.
        lowest = np.minimum.accumulate(left)
        resets = np.ones(left.size, dtype=np.bool_)
        resets[1:] = (left[1:] <= lowest[:-1]) | (np.diff(segments.piece) > 0)
        if self._candidates:
            first = self._candidates[0]
            resets &= (left <= first.left) | (segments.piece > first.piece)
        alone = np.zeros(left.size, dtype=np.bool_)
        alone[:-1] = resets[:-1] & resets[1:]
        final = self._scan(np.stack([*segments, left, right])[:, ~alone], resets[~alone])
        found = chain([segments.take(alone), final])
        return found.take(np.argsort(found.start, kind="stable"))

    def _scan(self, columns: NDArray[np.int64], resets: NDArray[np.bool_]) -> Segments:
        """Add the segments one by one, and return the segments that have become final."""
        candidates, links = self._candidates, self._links
        final: list[_Candidate] = []
        for values, reset in zip(zip(*columns.tolist(), strict=True), resets.tolist(), strict=True):
            new = _Candidate(*values)
            if reset or (candidates and new.left <= candidates[0].left):
                final += candidates
                candidates.clear()
                links.clear()
            # `links[k]` is the index of the nearest candidate before k with a lower `left`, or -1.
            # If that candidate also has a lower `right`, all from there on become one segment.
            at = len(candidates) - 1
            while at >= 0 and candidates[at].left >= new.left:
                at = links[at]
            while at >= 0 and candidates[at].right < new.right:
                new = candidates[at]._replace(
                    end=new.end, after=new.after, gained_after=new.gained_after, right=new.right
                )
                del candidates[at:]
                at = links[at]
                del links[len(candidates) :]
            candidates.append(new)
            links.append(at)
        return _to_segments(final)

    def finish(self) -> Segments:
        """Return the segments that were held back, and get ready for the next contig."""
        held = _to_segments(self._candidates)
        self._candidates.clear()
        self._links.clear()
        return held


class _Candidate(NamedTuple):
    """Segment that may still be extended: the values of `Segments`, and the sums of weights."""

    start: int
    end: int
    before: int
    after: int
    gained_before: int
    gained_after: int
    piece: int
    left: int
    right: int


def _to_segments(candidates: Sequence[_Candidate]) -> Segments:
    table = np.array(candidates, dtype=np.int64).reshape(-1, len(_Candidate._fields))
    return Segments(*table[:, :-2].T)


class Decoded:
    """Find segments of maximum evidence, separately in each piece; see the module's docstring.

    The input is the segments of bases at or above the threshold. They must not touch. P has its
    local minima at their starts and its local maxima at their ends.

    Parameters
    ----------
    rule : CallRule
        Its least evidence is K.
    scale : EvidenceScale
    """

    def __init__(self, rule: CallRule, scale: EvidenceScale) -> None:
        at_threshold = int(base_log_odds()[rule.threshold]) - scale.prior
        # P changes by this per base, and by the gains of the scores. Absent bases always speak
        # against the class, so that no segment ends on one.
        self._step = min(scale.absent - at_threshold, -1)
        self._least = rule.segment_evidence()
        self._state = np.zeros(len(_STATE), dtype=np.int64)
        self._held = NO_SEGMENTS

    def push(self, segments: Segments) -> Segments:
        """Add the next segments, and return those that are final."""
        if not segments.start.size:
            return NO_SEGMENTS
        # The segments where the open one begins, and where its highest P is, are held back.
        table = chain([self._held, segments])
        known = self._held.start.size
        low = self._step * table.start + table.gained_before
        high = self._step * table.end + table.gained_after
        found = np.empty((2, table.start.size), dtype=np.int64)
        count = _decode(low, high, table.piece, known, self._least, self._state, found)
        state = dict(zip(_STATE, self._state.tolist(), strict=True))
        keep = np.unique([state["first"], max(state["best"], state["first"])])
        self._held = table.take(keep)
        self._state[:2] = [0, keep.size - 1]
        return table.spans(found[0, :count], found[1, :count])

    def finish(self) -> Segments:
        """Return the segments that were held back, and get ready for the next contig."""
        held, inside = self._held, bool(self._state[2])
        self._held = NO_SEGMENTS
        self._state[:] = 0
        last = held.start.size - 1
        return held.spans(np.array([0]), np.array([last])) if inside else NO_SEGMENTS


_STATE = ("first", "best", "inside")
"""Segment that has the lowest P of the open stretch, segment that has its highest P, and whether P
has risen by K in between."""


@kernel
def _decode(
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    piece: NDArray[np.int64],
    known: int,
    least: int,
    state: NDArray[np.int64],
    found: NDArray[np.int64],
) -> int:
    """Read segments from number `known` on, and return how many final segments were found.

    Parameters
    ----------
    low, high : ndarray, (n,) int64
        P at the start and at the end of each segment.
    piece : ndarray, (n,) int64
        Number of the piece of each segment.
    known : int
        Number of segments, at the beginning, that are held back from earlier calls.
    least : int
        K.
    state : ndarray, (3,) int64
        See `_STATE`. It is updated.
    found : ndarray, (2, n) int64
        Output: numbers of the segments where a final segment begins and ends.
    """
    count = 0
    first, best, inside = state[0], state[1], state[2]
    for k in range(known, low.size):
        if k == 0:
            first, best, inside = 0, 0, 0
        else:
            fresh = piece[k] != piece[first]
            if inside and (fresh or high[best] - low[k] >= least):
                found[0, count], found[1, count] = first, best
                count += 1
                fresh = True
            if fresh or (not inside and low[k] < low[first]):
                first, best, inside = k, k, 0
        if high[k] >= high[best]:
            best = k
        if high[best] - low[first] >= least:
            inside = 1
    state[0], state[1], state[2] = first, best, inside
    return count
