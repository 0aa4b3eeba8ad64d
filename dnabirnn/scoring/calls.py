"""Integer scores -> intervals."""

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
    """Calls from a stream of rows of scores, such as `find_runs` and `read_scores` give.

    What has no row (a score below `--min-score`, code 4, a base outside the regions) is absent
    and counts as a score of 0, so that calls made while scoring and calls made from the written
    track are the same. No call reaches across more than `merge_gap_bp` absent bases on end, nor
    begins or ends on one. It does not matter how a run of one score is cut into rows.

    Parameters
    ----------
    outputs : sequence of Output
    settings : CallSettings
    summits : bool
        Tell where each call's score is highest.
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
        """Take the next rows.

        Returns
        -------
        calls : Rows or None
            With the last rows of a contig all its calls, sorted by start, end, class and
            strand; None before. The score of a call is the mean of its bases, rounded half up.
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
    """Calls of each contig, from rows of scores; see `Caller`."""
    caller = Caller(outputs, settings, summits=summits)
    for piece in rows:
        calls = caller.add(piece)
        if calls is not None:
            yield calls


def calls_frame(calls: Iterable[Rows], outputs: Sequence[Output]) -> pl.DataFrame:
    """Table of calls, in the order of `calls`.

    Returns
    -------
    table : DataFrame
        Of `ROW_SCHEMA`; coordinates 0-based, half-open.
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
    """Ascending disjoint intervals, with the sum of the contig's scores before and after each.

    All are (n,) int64. Since absent bases score 0, these sums tell the score of any stretch.
    `piece` counts the stretches of absent bases, too long for a call to bridge, that lie before.
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
    """Mean scores, rounded half up, in whole numbers."""
    length = segments.end - segments.start
    total = segments.after - segments.before
    means: NDArray[np.int16] = ((2 * total + length) // (2 * length)).astype(np.int16)
    return means


class _Stage(Protocol):
    """A step from segments to segments that may hold some back until it has seen more."""

    def push(self, segments: _Segments) -> _Segments: ...

    def finish(self) -> _Segments: ...


class _Stream:
    """Scores of one output -> its calls, contig after contig."""

    def __init__(self, rule: CallRule, method: CallMethod) -> None:
        self._rule = rule
        self._stages: list[_Stage] = [_Join(rule.merge_gap_bp)]
        if method is CallMethod.MSS:
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
        """Calls that were held back; what comes next is another contig."""
        self._total = self._end = self._piece = 0
        return self._run(_NONE, finish=True)

    def _run(self, segments: _Segments, *, finish: bool) -> _Segments:
        for stage in self._stages:
            segments = stage.push(segments)
            if finish:
                segments = _chain([segments, stage.finish()])
        return segments.take(segments.end - segments.start >= self._rule.min_length_bp)


class _Join:
    """Joins segments that lie at most `gap_bp` apart. Holds back the last one."""

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
    """Maximal scoring segments of weights 2 (score - threshold) + 1 a base, piece by piece.

    They are the longest segments of which every proper prefix and suffix has a sum above 0, a
    definition that is its own mirror image (Ruzzo and Tompa 1999, proposition 1). Takes the
    positive segments, which do not touch; what lies between them weighs less than 0.

    `left` and `right` of a candidate are the sums of all weights up to its start and its end.
    Candidates wait until another piece begins, or a sum falls to the lowest `left` among them or
    under it, since nothing beyond can then be joined to them. On background this happens at
    nearly every segment, so most of those that stand alone are found without a loop.
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
        # The lowest of all pieces is not above that of the last one: what falls to it resets.
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
        """Take the segments one by one; those that have become final."""
        candidates, links = self._candidates, self._links
        final: list[_Candidate] = []
        for values, reset in zip(zip(*columns.tolist(), strict=True), resets.tolist(), strict=True):
            new = _Candidate(*values)
            if reset or (candidates and new.left <= candidates[0].left):
                final += candidates
                candidates.clear()
                links.clear()
            # `links[k]` is the nearest candidate before k with a lower `left`, or -1.
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
        return _of(final)

    def finish(self) -> _Segments:
        held = _of(self._candidates)
        self._candidates.clear()
        self._links.clear()
        return held


class _Candidate(NamedTuple):
    """A segment to which others may yet be joined: the values of `_Segments`, and sums."""

    start: int
    end: int
    before: int
    after: int
    piece: int
    left: int
    right: int


def _of(candidates: Sequence[_Candidate]) -> _Segments:
    table = np.array(candidates, dtype=np.int64).reshape(-1, len(_Candidate._fields))
    return _Segments(*table[:, :-2].T)
