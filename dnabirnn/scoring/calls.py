"""Calls: intervals made from integer scores.

Calls of each output are made in up to three steps: find segments with method "threshold" or "mss",
join segments that lie close together (`merge_gap_bp`), and drop calls that are too short
(`min_length_bp`).

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

**Streaming.** Let S(x) be the sum of all weights before base x. A segment [start, end) has
left = S(start) and right = S(end), and its sum is right - left. The algorithm reads the segments of
bases at or above the threshold from left to right and keeps a list of candidates, the segments
found so far. Later bases can only extend a candidate, until S falls to the lowest left of all
candidates, or below it. From there on, a segment that begins with a candidate has a prefix with a
sum of 0 or less. So all candidates are final and can be written, and only a few of them are held at
a time. The result is exactly that of reading the whole contig at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import polars as pl

from dnabirnn.network import CallMethod, CallRule
from dnabirnn.scoring.summits import Summits
from dnabirnn.tracks import ROW_SCHEMA, Rows, output_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings

__all__ = ["Caller", "calls_frame", "find_calls"]


class Caller:
    """Maker of calls from a stream of rows of scores, such as `find_runs` or `read_scores` yield.

    Bases without a row are absent: a score below `--min-score`, code 4, or a base outside the
    regions. They count as a score of 0, so calls made while scoring are the same as calls made
    from the written track. No call spans more than `merge_gap_bp` consecutive absent bases, and
    none starts or ends on an absent base. Calls do not depend on how a run of one score is cut
    into rows.

    Parameters
    ----------
    outputs : sequence of Output
    settings : CallSettings
    summits : bool
        Also find the summit of each call, the base with its highest score.
    """

    def __init__(
        self, outputs: Sequence[Output], settings: CallSettings, *, summits: bool = False
    ) -> None:
        self._summits = Summits(outputs, settings) if summits else None
        self._streams = [
            _Stream(settings.rules[output.class_name], settings.method)
            if output.class_name in settings.rules
            else None
            for output in outputs
        ]
        self._ranks = output_ranks(outputs)
        self._begun: set[int] = set()
        self._calls: list[tuple[int, _Segments]] = []

    def add(self, rows: Rows) -> Rows | None:
        """Add the next rows.

        Returns
        -------
        calls : Rows or None
            After the last rows of a contig, all calls of the contig, sorted by start, end, class
            and strand; None before. The score of a call is the mean of its bases, rounded half up.
        """
        if self._summits is not None:
            self._summits.add(rows)
        for output, own in rows.by_output():
            stream = self._streams[output]
            if stream is not None:
                self._begun.add(output)
                self._calls.append((output, stream.push(own)))
        return self._finish(rows.chrom) if rows.last else None

    def _finish(self, chrom: str) -> Rows:
        for output in sorted(self._begun):
            stream = self._streams[output]
            if stream is not None:
                self._calls.append((output, stream.finish()))
        found = _chain([segments for _, segments in self._calls])
        sizes = [segments.start.size for _, segments in self._calls]
        columns = np.repeat(np.array([o for o, _ in self._calls], dtype=np.uint8), sizes)
        self._begun.clear()
        self._calls.clear()
        order = np.lexsort((self._ranks[columns], found.end, found.start))
        calls = Rows(chrom, columns, found.start, found.end, _means(found), 0, True).take(order)
        return calls if self._summits is None else calls._replace(summit=self._summits.of(calls))


def find_calls(
    rows: Iterable[Rows],
    outputs: Sequence[Output],
    settings: CallSettings,
    *,
    summits: bool = False,
) -> Iterator[Rows]:
    """Yield the calls of each contig, from rows of scores; see `Caller`."""
    caller = Caller(outputs, settings, summits=summits)
    for piece in rows:
        calls = caller.add(piece)
        if calls is not None:
            yield calls


def calls_frame(calls: Iterable[Rows], outputs: Sequence[Output]) -> pl.DataFrame:
    """Return calls as a table, in the order of `calls`.

    Returns
    -------
    table : DataFrame
        Columns as in `ROW_SCHEMA`; coordinates are 0-based, half-open.
    """
    frames = [pl.DataFrame(schema=ROW_SCHEMA)]
    names = pl.Series([output.class_name for output in outputs], dtype=pl.String)
    strands = pl.Series([output.strand for output in outputs], dtype=pl.String)
    for rows in calls:
        columns = {
            "chrom": pl.repeat(rows.chrom, rows.start.size, dtype=pl.String, eager=True),
            "start": rows.start,
            "end": rows.end,
            "class": names.gather(rows.output.astype(np.uint32)),
            "score": rows.score,
            "strand": strands.gather(rows.output.astype(np.uint32)),
        }
        if rows.start.size:
            frames.append(pl.DataFrame(columns, schema=ROW_SCHEMA))
    return pl.concat(frames)


class _Segments(NamedTuple):
    """Ascending, disjoint intervals.

    All fields are (n,) int64. `before` and `after` are the sums of the contig's scores up to the
    start and up to the end of each interval. Absent bases score 0, so differences of these sums
    give the total score of any stretch. `piece` is the number of stretches of absent bases before
    the interval that are too long for a call to span.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    piece: NDArray[np.int64]

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> _Segments:
        return _Segments(*(array[which] for array in self))


_NONE = _Segments(*(np.empty(0, dtype=np.int64) for _ in range(5)))


def _chain(parts: Sequence[_Segments]) -> _Segments:
    filled = [part for part in parts if part.start.size]
    if len(filled) < 2:
        return filled[0] if filled else _NONE
    return _Segments(*map(np.concatenate, zip(*filled, strict=True)))


def _means(segments: _Segments) -> NDArray[np.int16]:
    """Mean scores, rounded half up in integer arithmetic."""
    length = segments.end - segments.start
    total = segments.after - segments.before
    means: NDArray[np.int16] = ((2 * total + length) // (2 * length)).astype(np.int16)
    return means


class _Stage(Protocol):
    """Step from segments to segments that may hold some back until more input is added."""

    def push(self, segments: _Segments) -> _Segments: ...

    def finish(self) -> _Segments: ...


class _Stream:
    """Calls of one output from its scores, contig after contig."""

    def __init__(self, rule: CallRule, method: CallMethod) -> None:
        self._rule = rule
        self._stages: list[_Stage] = [_Join(rule.merge_gap_bp)]
        if method is CallMethod.MSS:
            # `_Maximal` needs segments that do not touch; rows of different scores do.
            self._stages = [_Join(0), _Maximal(rule.threshold), *self._stages]
        self._total = self._end = self._piece = 0

    def push(self, rows: Rows) -> _Segments:
        rows = rows.at_least(1)
        if not rows.start.size:
            return _NONE
        sums = np.cumsum(rows.score.astype(np.int64) * (rows.end - rows.start)) + self._total
        before = np.concatenate([[self._total], sums[:-1]])
        absent = rows.start - np.concatenate([[self._end], rows.end[:-1]])
        pieces = self._piece + np.cumsum(absent > self._rule.merge_gap_bp)
        self._total, self._end, self._piece = int(sums[-1]), int(rows.end[-1]), int(pieces[-1])
        segments = _Segments(rows.start, rows.end, before, sums, pieces)
        return self._run(segments.take(rows.score >= self._rule.threshold), finish=False)

    def finish(self) -> _Segments:
        """Return the calls that were held back, and get ready for the next contig."""
        self._total = self._end = self._piece = 0
        return self._run(_NONE, finish=True)

    def _run(self, segments: _Segments, *, finish: bool) -> _Segments:
        for stage in self._stages:
            segments = stage.push(segments)
            if finish:
                segments = _chain([segments, stage.finish()])
        return segments.take(segments.end - segments.start >= self._rule.min_length_bp)


class _Join:
    """Join segments that lie at most `gap_bp` apart; the last one is held back."""

    def __init__(self, gap_bp: int) -> None:
        self._gap_bp = gap_bp
        self._held = _NONE

    def push(self, segments: _Segments) -> _Segments:
        if not segments.start.size:
            return _NONE
        start, end, before, after, piece = _chain([self._held, segments])
        apart = start[1:] - end[:-1] > self._gap_bp
        first = np.concatenate([[True], apart])
        final = np.concatenate([apart, [True]])
        joined = _Segments(start[first], end[final], before[first], after[final], piece[first])
        self._held = joined.take(slice(-1, None))
        return joined.take(slice(-1))

    def finish(self) -> _Segments:
        held, self._held = self._held, _NONE
        return held


class _Maximal:
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

    def push(self, segments: _Segments) -> _Segments:
        if not segments.start.size:
            return _NONE
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
        found = _chain([segments.take(alone), final])
        return found.take(np.argsort(found.start, kind="stable"))

    def _scan(self, columns: NDArray[np.int64], resets: NDArray[np.bool_]) -> _Segments:
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
                new = candidates[at]._replace(end=new.end, after=new.after, right=new.right)
                del candidates[at:]
                at = links[at]
                del links[len(candidates) :]
            candidates.append(new)
            links.append(at)
        return _to_segments(final)

    def finish(self) -> _Segments:
        held = _to_segments(self._candidates)
        self._candidates.clear()
        self._links.clear()
        return held


class _Candidate(NamedTuple):
    """Segment that may still be extended: the values of `_Segments`, and the sums of weights."""

    start: int
    end: int
    before: int
    after: int
    piece: int
    left: int
    right: int


def _to_segments(candidates: Sequence[_Candidate]) -> _Segments:
    table = np.array(candidates, dtype=np.int64).reshape(-1, len(_Candidate._fields))
    return _Segments(*table[:, :-2].T)
