"""Labels and calls that disagree most: what to look at again.

Each row proposes a change of the labels, and has the evidence for it: the change in the
log-likelihood ratio of the label of its bases, in nats. With E the evidence of an interval on a
strand, the sum over its bases of how much their scores change the log-odds of the class from its
prior (see `dnabirnn.network.evidence`)::

    reason          proposed change                    evidence
    no label        label a call                       E
    other strand    label the other strand instead     E(other strand) - E(this strand)
    no evidence     remove a label                     -E

Bases correlate, so evidence ranks rows and is no probability.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.errors import OptionError
from dnabirnn.evaluation.matching import counted_intervals
from dnabirnn.evaluation.truth import LabelledContigs, Truth
from dnabirnn.files import is_stream
from dnabirnn.intervals import merge
from dnabirnn.labels import intervals_of, output_masks
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network import Architecture, base_log_odds, default_min_score, millinats
from dnabirnn.scoring import find_calls, find_runs, watched
from dnabirnn.sequences import checked_contigs, contig_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation.matching import Intervals
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.network import CallSettings, Checkpoint
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular
    from dnabirnn.tracks import Rows

__all__ = ["REVIEW_SCHEMA", "review_genome", "review_text"]

REVIEW_SCHEMA = pl.Schema(
    {
        "chrom": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "class": pl.String,
        "score": pl.Int16,
        "strand": pl.String,
        "reason": pl.String,
        "evidence": pl.Float64,
        "action": pl.String,
    }
)
"""Columns of a review: those of BED6, and three more.

The strand is that of the label after an "add" or a "flip", and that of the label that a "remove"
removes. The score is the mean of the bases on that strand. The evidence is in nats.
"""

_ACTIONS = {"no label": "add", "other strand": "flip", "no evidence": "remove"}


def review_genome(
    model: Model,
    fasta: Sequence[PathLike],
    labels: Labels,
    *,
    calls: CallSettings,
    priors: Mapping[str, float] | None = None,
    exclude: Regions | None = None,
    circular: Circular | None = None,
    progress: Callable[[int], None] = lambda bases: None,
) -> pl.DataFrame:
    """Compare the scores and calls of FASTA files with labels, and list what disagrees.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    labels : Labels
        Labels of the model's classes; see `dnabirnn.labels.load_truth`. Labels of a class that
        touch on a strand are one. Intervals of which less than half of the bases count are left
        out.
    calls : CallSettings
        Classes without a rule are left out.
    priors : mapping of str to float, optional
        Share of the bases of a strand that belong to a class. By default that for which the model
        was calibrated, or that of the labels if the model file does not have it.
    exclude : Regions, optional
        Bases that do not count.
    circular : Circular, optional
        Circular contigs, whose windows run across the origin.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    review : polars.DataFrame
        Schema `REVIEW_SCHEMA`; rows with evidence above 0, those with the most first.

    Raises
    ------
    OptionError
        Sequences that would have to be read twice, from standard input or a pipe.
    FastaError, LabelError
        An input cannot be read, or the inputs do not fit together.
    """
    least = default_min_score([*model.checkpoint.calls.values(), *calls.rules.values()])
    shares = _priors(model.checkpoint, calls.rules, priors or {}, fasta, labels)
    reviewer = _Reviewer(labels, calls, shares, least)
    contigs = LabelledContigs(fasta, labels, model.checkpoint.mask, exclude)
    naming = [labels, labels.negatives, exclude, circular]
    checked = checked_contigs(contigs, fasta, naming)
    blocks = watched(model.blocks(checked, None, circular or ()), progress)

    def seen() -> Iterator[Rows]:
        for rows in find_runs(blocks, min_score=1):
            if rows.chrom != reviewer.chrom:
                reviewer.begin(rows.chrom, contigs.labels_of(rows.chrom))
            reviewer.add(rows)
            yield rows.at_least(least)

    # The calls of a contig come with its last rows, before the next contig begins.
    for found in find_calls(seen(), reviewer.outputs, calls):
        reviewer.end(found)
    return reviewer.table()


def review_text(review: pl.DataFrame) -> str:
    """Return a review as BED, with a line of column names that browsers and readers skip."""
    rows = review.with_columns(pl.col("evidence").map_elements("{:.3f}".format, pl.String))
    return f"#{rows.write_csv(separator=chr(9), quote_style='never')}"


def _priors(
    checkpoint: Checkpoint,
    names: Iterable[str],
    given: Mapping[str, float],
    fasta: Sequence[PathLike],
    labels: Labels,
) -> dict[str, float]:
    """Return the share of bases of a strand of each class.

    It is as given, or that for which the model was calibrated, or that of the labels.
    """
    calibrated = checkpoint.calibrated_shares()
    found = {name: share for name, share in calibrated.items() if share > 0} | dict(given)
    missing = [name for name in names if name not in found]
    if not missing:
        return found
    if any(map(is_stream, fasta)):
        raise OptionError(
            f"the model file does not have the share of {missing[0]} in training, so the FASTA is "
            "read twice, which standard input and pipes do not allow; give a file"
        )
    bases = max(1, sum(contig_lengths(*fasta).values()))
    number = pl.col("class").replace_strict(dict(enumerate(c.name for c in labels.classes)))
    marked = merge(
        labels.frame.filter(pl.col("class") >= 0).with_columns(number), ("chrom", "class", "strand")
    )
    for name in missing:
        own = marked.filter(pl.col("class") == name)
        strands = 2 if dict(labels.classes)[name] else 1
        covered = int((own["end"] - own["start"]).sum())
        found[name] = min(max(covered / (strands * bases), 1e-6), 0.5)
    return found


class _Sums:
    """Sums of evidence and of scores of one output along a contig, exact and in one pass.

    Bases without a row have a score of 0. Sums are kept at given positions, and at the ends of rows
    that score at least `keep`, where calls can begin and end.

    Parameters
    ----------
    evidence : ndarray, (1001,) int64
        Evidence of each score, in millinats.
    points : ndarray, (n,) int64
        Sorted positions, from 0 to the length of the contig.
    keep : int
    """

    def __init__(self, evidence: NDArray[np.int64], points: NDArray[np.int64], keep: int) -> None:
        self._weights = np.stack([evidence, np.arange(MAX_SCORE + 1)])  # (2, 1001)
        self._points = points
        self._at_points: NDArray[np.int64] = np.zeros((2, points.size), dtype=np.int64)
        self._done = 0
        self._keep = keep
        self._starts: list[NDArray[np.int64]] = []
        self._ends: list[NDArray[np.int64]] = []
        self._place, self._sum = 0, np.zeros((2, 1), dtype=np.int64)

    def add(
        self, start: NDArray[np.int64], end: NDArray[np.int64], score: NDArray[np.int16]
    ) -> None:
        """Add the next rows, in order."""
        weights, absent = self._weights[:, score], self._weights[:, :1]  # (2, n), (2, 1)
        gaps = start - np.concatenate([[self._place], end[:-1]])
        own = weights * (end - start)
        after = self._sum + np.cumsum(gaps * absent + own, axis=1)
        before = after - own
        upto = int(np.searchsorted(self._points, end[-1], "right"))
        points = self._points[self._done : upto]
        row = np.searchsorted(end, points, "left")
        slope = np.where(points > start[row], weights[:, row], absent)
        self._at_points[:, self._done : upto] = before[:, row] + slope * (points - start[row])
        self._done = upto
        kept = score >= self._keep
        self._starts.append(np.vstack([start, before])[:, kept])
        self._ends.append(np.vstack([end, after])[:, kept])
        self._place, self._sum = int(end[-1]), after[:, -1:]

    def finish(self) -> None:
        """Fill in the positions after the last row."""
        rest = self._points[self._done :]
        self._at_points[:, self._done :] = self._sum + self._weights[:, :1] * (rest - self._place)

    def of(self, intervals: Intervals) -> _Measured:
        """Measure intervals whose ends are among the positions."""
        first, last = np.searchsorted(self._points, intervals.T)
        return _measured(intervals, self._at_points[:, last] - self._at_points[:, first])

    def of_calls(self, calls: Intervals) -> _Measured:
        """Measure calls."""
        if not len(calls):
            return _measured(calls, np.zeros((2, 0), dtype=np.int64))
        starts, ends = np.hstack(self._starts), np.hstack(self._ends)
        first = np.searchsorted(starts[0], calls[:, 0])
        last = np.searchsorted(ends[0], calls[:, 1])
        return _measured(calls, ends[1:, last] - starts[1:, first])


class _Measured(NamedTuple):
    """Evidence in millinats, and mean score rounded half up, of n intervals: (n,) int64 each."""

    evidence: NDArray[np.int64]
    score: NDArray[np.int64]


def _measured(intervals: Intervals, sums: NDArray[np.int64]) -> _Measured:
    length = intervals[:, 1] - intervals[:, 0]
    return _Measured(sums[0], (2 * sums[1] + length) // (2 * length))


class _Class(NamedTuple):
    """A class on a contig: the numbers of its outputs, and the labels and sums of each."""

    name: str
    outputs: tuple[int, ...]
    labels: tuple[Intervals, ...]
    sums: tuple[_Sums, ...]


class _Reviewer:
    """Review of contigs, one after another.

    Parameters
    ----------
    labels : Labels
    calls : CallSettings
    priors : mapping of str to float
        Of each class with a rule.
    least : int
        Smallest score at the ends of a call.
    """

    def __init__(
        self, labels: Labels, calls: CallSettings, priors: Mapping[str, float], least: int
    ) -> None:
        self.outputs = Architecture(labels.classes).outputs
        self.chrom: str | None = None
        self._masks = output_masks(labels.classes)
        self._least = least
        self._evidence = {name: base_log_odds() - millinats(priors[name]) for name in calls.rules}
        self._frames = [pl.DataFrame(schema=REVIEW_SCHEMA)]
        self._classes: list[_Class] = []
        self._truth = Truth.of(np.empty(0, dtype=np.uint8))

    def begin(self, chrom: str, labels: NDArray[np.unsignedinteger]) -> None:
        """Begin a contig with its labels (L,)."""
        self.chrom = chrom
        self._truth = Truth.of(labels)
        self._classes = []
        for name, evidence in self._evidence.items():
            outputs = tuple(i for i, output in enumerate(self.outputs) if output.class_name == name)
            marked = tuple(
                counted_intervals(intervals_of(labels, self._masks[i]), self._truth.counted)
                for i in outputs
            )
            points = np.unique(np.concatenate([spans.ravel() for spans in marked]))
            sums = tuple(_Sums(evidence, points, self._least) for _ in outputs)
            self._classes.append(_Class(name, outputs, marked, sums))

    def add(self, rows: Rows) -> None:
        """Add the next scores of the contig: all that are not 0."""
        sums = {
            i: own for one in self._classes for i, own in zip(one.outputs, one.sums, strict=True)
        }
        for output, own in rows.by_output():
            if output in sums:
                sums[output].add(own.start, own.end, own.score)

    def end(self, calls: Rows) -> None:
        """End the contig, with its calls."""
        for one in self._classes:
            for own in one.sums:
                own.finish()
            for place, output in enumerate(one.outputs):
                found = calls.take(calls.output == output)
                self._unlabelled(one, place, np.column_stack((found.start, found.end)))
                self._doubted(one, place)
        self.chrom = None

    def _unlabelled(self, one: _Class, place: int, calls: Intervals) -> None:
        """Add calls of which less than half is labelled, on either strand."""
        either = sum(self._masks[output] for output in one.outputs)
        calls = counted_intervals(calls, self._truth.counted)
        calls = calls[~(self._share(either, calls) >= 0.5)]
        self._keep(one, place, "no label", calls, *one.sums[place].of_calls(calls))

    def _doubted(self, one: _Class, place: int) -> None:
        """Add labels that fit better on the other strand, or nowhere."""
        labels = one.labels[place]
        own = one.sums[place].of(labels)
        flip = np.zeros(len(labels), dtype=np.bool_)
        if len(one.outputs) > 1:
            other, mask = one.sums[1 - place].of(labels), self._masks[one.outputs[1 - place]]
            # A label on both strands cannot be flipped.
            flip = (other.evidence > 0) & ~(self._share(mask, labels) >= 0.5)
            gain = (other.evidence - own.evidence)[flip]
            self._keep(one, 1 - place, "other strand", labels[flip], gain, other.score[flip])
        kept = labels[~flip]
        self._keep(one, place, "no evidence", kept, -own.evidence[~flip], own.score[~flip])

    def _share(self, mask: int, spans: Intervals) -> NDArray[np.float64]:
        return self._truth.share(mask, spans[:, 0], spans[:, 1])

    def _keep(
        self,
        one: _Class,
        place: int,
        reason: str,
        spans: Intervals,
        evidence: NDArray[np.int64],
        score: NDArray[np.int64],
    ) -> None:
        """Add the rows with evidence above 0. `place` is that of the output of the strand."""
        if not (evidence > 0).any():
            return
        named = {
            "chrom": self.chrom,
            "class": one.name,
            "strand": self.outputs[one.outputs[place]].strand,
            "reason": reason,
            "action": _ACTIONS[reason],
        }
        columns = {
            "start": spans[:, 0],
            "end": spans[:, 1],
            "score": score,
            "evidence": evidence / 1000,
        }
        self._frames.append(
            pl.DataFrame(columns)
            .filter(pl.col("evidence") > 0)
            .with_columns(pl.lit(value, pl.String).alias(name) for name, value in named.items())
            .select(pl.col(name).cast(kind) for name, kind in REVIEW_SCHEMA.items())
        )

    def table(self) -> pl.DataFrame:
        """Return the review of all contigs, in order."""
        return pl.concat(self._frames).sort("evidence", descending=True, maintain_order=True)
