"""Whole genomes, from file to file: score, call, evaluate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dnabirnn.bits import IGNORE_BIT, paint
from dnabirnn.calling import Caller, find_calls
from dnabirnn.errors import OptionError
from dnabirnn.evaluation import evaluate
from dnabirnn.fasta import contig_lengths, read_fasta
from dnabirnn.outputs import Outputs
from dnabirnn.rules import default_min_score
from dnabirnn.runs import find_runs
from dnabirnn.tracks import (
    BedGraphTracks,
    BedTrack,
    TrackFormat,
    read_scores,
    track_format,
    track_path,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.architecture import Output
    from dnabirnn.baseline import Baseline
    from dnabirnn.evaluation import Report
    from dnabirnn.fasta import Record
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Labels
    from dnabirnn.model import Model
    from dnabirnn.rules import CallSettings
    from dnabirnn.runs import Rows
    from dnabirnn.scoring import Block, Contig
    from dnabirnn.shards import Shard

    PathLike = str | os.PathLike[str]
    Progress = Callable[[int], None]

_Contig = TypeVar("_Contig", bound="Contig")

logger = logging.getLogger(__name__)

__all__ = ["call_track", "contigs_of", "evaluate_baseline", "evaluate_genome", "score_genome"]


def score_genome(
    model: Model,
    fasta: Sequence[PathLike],
    out: PathLike,
    *,
    calls_out: PathLike | None = None,
    calls: CallSettings | None = None,
    min_score: int | None = None,
    single_base: bool = False,
    shard: Shard | None = None,
    regions: Regions | None = None,
    progress: Progress = lambda bases: None,
) -> None:
    """Write the scores of FASTA files, and in the same pass their calls.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str or PathLike
        Per-base BED or bedGraph, by its ending; bedGraph writes a file an output.
    calls_out : str or PathLike, optional
        BED6 of calls.
    calls : CallSettings, optional
        How calls are made; needed with `calls_out`.
    min_score : int, optional
        Rows below it are left out of the BED; with 0 every base has one but those of code 4. By
        default 100, or the lowest threshold if that is lower.
    single_base : bool
        A row a base.
    shard : Shard, optional
        Only this part of the contigs.
    regions : Regions, optional
        Only what lies in these; the values are those of the whole contig.
    progress : callable
        Told the bases of each block that is done.

    Raises
    ------
    OptionError, OutputError, FastaError, LabelError
        Nothing is written then.
    """
    form = track_format(out)
    if single_base and form is not TrackFormat.BED:
        raise OptionError(f"--single-base: a row a base is for BED, and {out} is none")
    if min_score is not None and form is not TrackFormat.BED and calls_out is None:
        raise OptionError(f"--min-score: is for BED and calls, and {out} tells every score")
    rules = [*model.checkpoint.calls.values(), *(calls.rules.values() if calls else ())]
    floor = default_min_score(rules) if min_score is None else min_score
    _check_min_score(floor, calls if calls_out is not None else None)
    contigs = contigs_of(model, fasta, shard, regions)
    wanted = None if regions is None else regions.of
    blocks = _counted(model.blocks(contigs, wanted), progress)
    # A bedGraph tells all scores, a BED those that matter.
    lowest = floor if form is TrackFormat.BED else 0
    runs = find_runs(blocks, min_score=lowest, single_base=single_base, regions=wanted)
    with Outputs() as outputs:
        track: BedTrack | BedGraphTracks
        if form is TrackFormat.BED:
            track = BedTrack(outputs.open(out), model.outputs)
        else:
            files = [outputs.open(track_path(out, output)) for output in model.outputs]
            track = BedGraphTracks(files)
        called = None if calls_out is None else BedTrack(outputs.open(calls_out), model.outputs)
        caller = None if calls is None else Caller(model.outputs, calls)
        for rows in runs:
            track.add(rows)
            if called is not None and caller is not None:
                found = caller.add(rows.at_least(floor))
                if found is not None:
                    called.add(found)
        track.close()
        if called is not None:
            called.close()


def call_track(
    scores: PathLike,
    out: PathLike,
    outputs: Sequence[Output],
    calls: CallSettings,
    progress: Progress = lambda bases: None,
) -> None:
    """Write the calls of a per-base BED track.

    Parameters
    ----------
    scores : str or PathLike
        What `dnabirnn score` wrote as BED.
    out : str or PathLike
        BED6 of calls.
    outputs : sequence of Output
        Those of the model that scored.
    calls : CallSettings
    progress : callable
        Told the bases of the track that are done.

    Raises
    ------
    TrackError, OutputError
        Nothing is written then.
    """
    passed = _Passed(read_scores(scores, outputs), progress)
    with Outputs() as files:
        track = BedTrack(files.open(out), outputs)
        for found in find_calls(passed, outputs, calls):
            track.add(found)
        track.close()
    wanted = min(rule.threshold for rule in calls.rules.values())
    if passed.lowest is not None and passed.lowest > wanted:
        logger.warning(
            "%s: no score below %d, and calls look at scores from %d on: was it written with a "
            "higher --min-score? What it left out counts as 0",
            scores,
            passed.lowest,
            wanted,
        )


def evaluate_genome(
    model: Model,
    fasta: Sequence[PathLike],
    labels: Labels,
    *,
    calls: CallSettings,
    regions: Regions | None = None,
    exclude: Regions | None = None,
    seed: int = 0,
    digests: dict[str, str] | None = None,
    progress: Progress = lambda bases: None,
) -> Report:
    """Hold the scores and calls of FASTA files against labels.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    labels : Labels
        Of the model's classes, see `dnabirnn.labels.load_truth`.
    calls : CallSettings
    regions : Regions, optional
        Only what lies in these counts: outside them scores count as 0, and truth as none.
    exclude : Regions, optional
        What lies in these does not count.
    seed : int
        Of the bootstrap.
    digests : dict, optional
        As in `dnabirnn.read_fasta`.
    progress : callable
        Told the bases of each block that is done.

    Returns
    -------
    report : Report

    Raises
    ------
    FastaError, LabelError
        Inputs that cannot be read or do not fit one another.
    """
    truth = _Truth(fasta, labels, model.checkpoint.mask, exclude, digests)
    contigs = _checked(truth, fasta, labels, regions, exclude)
    wanted = None if regions is None else regions.of
    return evaluate(
        _counted(model.blocks(contigs, wanted), progress),
        truth.labels_of,
        labels.classes,
        {name: rule.threshold for name, rule in calls.rules.items()},
        calls=calls,
        min_score=default_min_score([*model.checkpoint.calls.values(), *calls.rules.values()]),
        regions=wanted,
        seed=seed,
    )


def evaluate_baseline(
    baseline: Baseline,
    fasta: Sequence[PathLike],
    labels: Labels,
    *,
    mask: str = "none",
    regions: Regions | None = None,
    exclude: Regions | None = None,
    seed: int = 0,
    progress: Progress = lambda bases: None,
) -> Report:
    """Hold the scores of position weight matrices against labels, as `evaluate_genome` does.

    Parameters
    ----------
    baseline : Baseline
    fasta : sequence of str or PathLike
    labels : Labels
        Of the baseline's classes.
    mask : str
        What lower-case letters mean, as in the model that it is compared with.
    regions : Regions, optional
        Only what lies in these counts.
    exclude : Regions, optional
        What lies in these does not.
    seed : int
        Of the bootstrap.
    progress : callable
        Told the bases of each block that is done.

    Returns
    -------
    report : Report
        Of bases; no calls are made.

    Raises
    ------
    FastaError, LabelError
        Inputs that cannot be read or do not fit one another.
    """
    wanted = None if regions is None else regions.of
    truth = _Truth(fasta, labels, mask, exclude)
    return evaluate(
        _counted(baseline.blocks(truth, wanted), progress),
        truth.labels_of,
        labels.classes,
        baseline.thresholds,
        regions=wanted,
        seed=seed,
    )


class _Truth:
    """Contigs, whose labels are kept from when a contig is read until they are asked for."""

    def __init__(
        self,
        fasta: Sequence[PathLike],
        labels: Labels,
        mask: str,
        exclude: Regions | None,
        digests: dict[str, str] | None = None,
    ) -> None:
        case, hard = mask == "loss", mask == "hard"
        self._records = read_fasta(*fasta, case=case, hard_mask=hard, digests=digests)
        self._labels = labels
        self._exclude = exclude
        self._waiting: dict[str, NDArray[np.unsignedinteger]] = {}

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            length = len(record.codes)
            rows = self._labels.of(record.name, length)
            excluded = None if self._exclude is None else self._exclude.of(record.name)
            painted = paint(rows, length, self._labels.table, excluded)
            if record.lower is not None:
                painted[record.lower] |= painted.dtype.type(IGNORE_BIT)
            self._waiting[record.name] = painted
            yield record

    def labels_of(self, name: str) -> NDArray[np.unsignedinteger]:
        """Labels (L,) of a contig that is being scored; asked for once."""
        return self._waiting.pop(name)


def contigs_of(
    model: Model, fasta: Sequence[PathLike], shard: Shard | None, regions: Regions | None
) -> Iterable[Contig]:
    """Contigs of a shard, or all."""
    if shard is None:
        return _checked(model.contigs(*fasta), fasta, regions)
    if _is_stdin(fasta):
        raise OptionError("--shard: reads the FASTA twice, which standard input does not allow")
    lengths = contig_lengths(*fasta)
    if regions is not None:
        regions.check_contigs(lengths)
    names = shard.names(lengths)
    return (contig for contig in model.contigs(*fasta) if contig.name in names)


def _is_stdin(fasta: Sequence[PathLike]) -> bool:
    return "-" in map(str, fasta)


def _checked(
    contigs: Iterable[_Contig], fasta: Sequence[PathLike], *intervals: Regions | Labels | None
) -> Iterator[_Contig]:
    """Contigs that regions or labels must fit: checked before the first is scored.

    Standard input, which can be read only once, is checked when it ends.
    """
    checks = [one for one in intervals if one is not None]
    lengths: dict[str, int] = {}
    if checks and not _is_stdin(fasta):
        lengths = contig_lengths(*fasta)
        for one in checks:
            one.check_contigs(lengths)
        yield from contigs
        return
    for contig in contigs:
        lengths[contig.name] = len(contig.codes)
        yield contig
    for one in checks:
        one.check_contigs(lengths)


def _check_min_score(min_score: int, calls: CallSettings | None) -> None:
    if not 0 <= min_score <= 1000:
        raise OptionError(f"--min-score {min_score}: must be 0 to 1000, thousandths of p")
    lowest = min((rule.threshold for rule in calls.rules.values()), default=1000) if calls else 1000
    if min_score > lowest:
        raise OptionError(
            f"--min-score {min_score}: calls are made of scores from {lowest} on; give at most that"
        )


class _Passed:
    """Rows of a track as they pass, and the lowest score among them."""

    def __init__(self, rows: Iterable[Rows], progress: Progress) -> None:
        self._rows = rows
        self._progress = progress
        self.lowest: int | None = None

    def __iter__(self) -> Iterator[Rows]:
        chrom, place = "", 0
        for piece in self._rows:
            yield piece
            if piece.score.size:
                lowest = int(piece.score.min())
                self.lowest = lowest if self.lowest is None else min(lowest, self.lowest)
            if piece.chrom != chrom:
                chrom, place = piece.chrom, 0
            end = int(piece.end.max(initial=place))
            self._progress(end - place)
            place = end


def _counted(blocks: Iterable[Block], progress: Progress) -> Iterator[Block]:
    for block in blocks:
        yield block
        progress(len(block.codes))
