"""Calls: intervals made from integer scores.

Calls of each output are made in up to three steps: find segments with method "threshold", "mss" or
"evidence" (see `dnabirnn.scoring.segments`), join segments that lie close together
(`merge_gap_bp`), and drop calls that are too short (`min_length_bp`).

Each call carries its evidence, pooled from what its bases say; see `dnabirnn.network.evidence`.

Classes of an exclusive model. A base has at most one class, but calls of two classes or strands can
overlap where one bridges a gap. Of calls that overlap, those whose bases have a larger sum of
evidence are kept: a call is dropped if calls with a larger sum than its own, which are kept
themselves, cover half of it or more. Calls with equal sums do not drop each other, so that strands
can be exchanged. The plain sum is compared, because classes may be pooled in different ways.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.network import CallMethod
from dnabirnn.scoring.segments import (
    NO_SEGMENTS,
    Decoded,
    Join,
    Maximal,
    Segments,
    Stage,
    Sums,
    above,
    chain,
    passed,
)
from dnabirnn.scoring.summits import Summits
from dnabirnn.tracks import Rows, output_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings

__all__ = ["Caller", "calls_frame", "evidence_of", "find_calls"]


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
            _Stream(settings, output.class_name) if output.class_name in settings.rules else None
            for output in outputs
        ]
        self._ranks = output_ranks(outputs)
        self._exclusive = settings.exclusive
        self._begun: set[int] = set()
        self._calls: list[tuple[int, Segments]] = []

    def add(self, rows: Rows) -> Rows | None:
        """Add the next rows.

        Returns
        -------
        calls : Rows or None
            After the last rows of a contig, all calls of the contig, sorted by start, end, class
            and strand; None before. The score of a call is the mean of its bases, rounded half up.
            The column "evidence" is in millinats.
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
        found = chain([segments for _, segments in self._calls])
        sizes = [segments.start.size for _, segments in self._calls]
        sums, evidence = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for output, segments in self._calls:
            stream = self._streams[output]
            if stream is not None:
                sums.append(segments.evidence_sums(stream.scale))
                evidence.append(segments.evidence(stream.scale))
        columns = np.repeat(np.array([o for o, _ in self._calls], dtype=np.uint8), sizes)
        self._begun.clear()
        self._calls.clear()
        order = np.lexsort((self._ranks[columns], found.end, found.start))
        extra = {"evidence": np.concatenate(evidence)}
        means = found.means().astype(np.int16)
        calls = Rows(chrom, columns, found.start, found.end, means, 0, True, extra=extra)
        calls = calls.take(order)
        if self._exclusive:
            total = np.concatenate(sums)[order]
            calls = calls.take(_kept(calls.start, calls.end, total))
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
        Columns as in `ROW_SCHEMA`, and evidence; coordinates are 0-based, half-open.
    """
    import polars as pl

    from dnabirnn.tracks import ROW_SCHEMA

    schema = pl.Schema([*ROW_SCHEMA.items(), ("evidence", pl.Int64)])
    frames = [pl.DataFrame(schema=schema)]
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
            "evidence": evidence_of(rows),
        }
        if rows.start.size:
            frames.append(pl.DataFrame(columns, schema=schema))
    return pl.concat(frames)


def evidence_of(calls: Rows) -> NDArray[np.int64]:
    """Return the evidence of calls that a `Caller` made, in millinats, (n,) int64."""
    assert calls.extra is not None
    evidence: NDArray[np.int64] = calls.extra["evidence"]
    return evidence


class _Stream:
    """Calls of one output from its scores, contig after contig."""

    def __init__(self, settings: CallSettings, class_name: str) -> None:
        rule, method = settings.rules[class_name], settings.method_of(class_name)
        scale = settings.scale_of(class_name)
        self._rule = rule
        self.scale = scale
        self._stages: list[Stage] = [Join(rule.merge_gap_bp)]
        # `Maximal` and `Decoded` need segments that do not touch; rows of different scores do.
        if method is CallMethod.MSS:
            self._stages = [Join(0), Maximal(rule.threshold), *self._stages]
        if method is CallMethod.EVIDENCE:
            self._stages = [Join(0), Decoded(rule, scale), *self._stages]
        self._sums = Sums()

    def push(self, rows: Rows) -> Segments:
        rows = rows.at_least(1)
        if not rows.start.size:
            return NO_SEGMENTS
        rule = self._rule
        segments, self._sums = above(
            rows, rule.threshold, rule.merge_gap_bp, self.scale, self._sums
        )
        return self._run(segments, finish=False)

    def finish(self) -> Segments:
        """Return the calls that were held back, and get ready for the next contig."""
        self._sums = Sums()
        return self._run(NO_SEGMENTS, finish=True)

    def _run(self, segments: Segments, *, finish: bool) -> Segments:
        segments = passed(segments, self._stages, finish=finish)
        return segments.take(segments.end - segments.start >= self._rule.min_length_bp)


def _kept(
    start: NDArray[np.int64], end: NDArray[np.int64], evidence: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which calls to keep, of calls sorted by start; see the module's docstring.

    Examples
    --------
    >>> _kept(np.array([0, 5, 60]), np.array([50, 52, 70]), np.array([9, 8, 1])).tolist()
    [True, False, True]
    """
    kept = np.ones(start.size, dtype=np.bool_)
    reached = np.maximum.accumulate(end)
    opens = np.flatnonzero(np.append(True, start[1:] >= reached[:-1]))
    for first, last in zip(opens.tolist(), [*opens[1:].tolist(), start.size], strict=True):
        if last - first < 2:
            continue
        chosen: list[tuple[int, int]] = []  # kept calls with more evidence
        order = sorted(range(first, last), key=lambda call: -int(evidence[call]))
        for _, equal in groupby(order, key=lambda call: int(evidence[call])):
            same = list(equal)
            for call in same:
                inside, begin = 0, int(start[call])
                for low, high in sorted(chosen):
                    inside += max(min(high, int(end[call])) - max(low, begin), 0)
                    begin = max(begin, high)
                kept[call] = 2 * inside < end[call] - start[call]
            chosen += [(int(start[call]), int(end[call])) for call in same if kept[call]]
    return kept
