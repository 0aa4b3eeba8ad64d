"""Scoring and calling of whole genomes, from file to file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles, PathLike, is_stream
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import aligned
from dnabirnn.network import default_min_score
from dnabirnn.scoring.arrays import with_periods
from dnabirnn.scoring.calls import Caller, find_calls
from dnabirnn.scoring.decoys import Decoys, DecoySearch
from dnabirnn.scoring.qvalues import CallEvidence, Limits
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.sequence_file import SequenceFile
from dnabirnn.scoring.stream import Held, bases_needed, measured, watched
from dnabirnn.sequences import contigs_of_shard
from dnabirnn.tracks import EVIDENCE_ENDING, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.intervals import Regions
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring.model import Model
    from dnabirnn.sequences import Circular, Shard
    from dnabirnn.tracks import Rows


logger = logging.getLogger(__name__)

_CALL_COLUMNS: tuple[str, ...] = ("evidence",)
_PERIOD_COLUMNS = ("period", "copies")
_ASSESSED_COLUMNS = ("evalue", "qvalue", "note")

__all__ = ["Assessment", "Found", "call_track", "score_genome"]


@dataclass(frozen=True)
class Assessment:
    """How the E-values and q-values of calls are found.

    Attributes
    ----------
    decoys : Decoys
    limits : Limits
        Calls to keep.
    """

    decoys: Decoys
    limits: Limits = field(default_factory=Limits)


@dataclass
class Found:
    """What a run has found and written.

    Attributes
    ----------
    contigs, scored_bp : int, optional
        Contigs that were scored, and their bases; with regions, the bases of the regions. None if
        a track of scores was read instead.
    calls : dict of class name to [calls, bases, bases once], optional
        Number and bases of the calls of a class, on both strands, and the number of bases in one
        or more of them, so that a base with calls on both strands counts once. None if no calls
        were made.
    called_bp : int
        Bases in one or more calls of any class and strand.
    files : list of str
        Files that were written, except for streams.
    notes : list of str
        Further lines of the report.
    """

    contigs: int | None = None
    scored_bp: int | None = None
    calls: dict[str, list[int]] | None = None
    called_bp: int = 0
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_contigs(
        self, sizes: Mapping[str, int], wanted: Callable[[str], NDArray[np.int64]] | None = None
    ) -> None:
        """Count scored contigs and their bases, or the bases of intervals on them."""
        self.contigs = len(sizes)
        self.scored_bp = sum(sizes.values())
        if wanted is not None:
            spans = (np.clip(wanted(name), 0, size) for name, size in sizes.items())
            lengths = [int((span[:, 1] - span[:, 0]).sum()) for span in spans]
            self.contigs, self.scored_bp = sum(map(bool, lengths)), sum(lengths)

    def expect_calls(self, outputs: Sequence[Output], calls: CallSettings) -> None:
        """Begin with no call of each class that is called."""
        names = dict.fromkeys(output.class_name for output in outputs)
        self.calls = {name: [0, 0, 0] for name in names if name in calls.rules}

    def add_calls(self, rows: Rows, outputs: Sequence[Output]) -> None:
        """Count the calls of a contig, sorted by start."""
        assert self.calls is not None
        self.called_bp += _covered_bp(rows.start, rows.end)
        for name, counts in self.calls.items():
            own = [number for number, output in enumerate(outputs) if output.class_name == name]
            chosen = np.isin(rows.output, own)
            start, end = rows.start[chosen], rows.end[chosen]
            counts[0] += start.size
            counts[1] += int((end - start).sum())
            counts[2] += _covered_bp(start, end)

    def lines(self) -> list[str]:
        """Return a short report."""
        lines = []
        if self.scored_bp is not None:
            contigs = f"{self.contigs:,} contig{'' if self.contigs == 1 else 's'}"
            lines.append(f"{self.scored_bp:,} bases of {contigs} scored")
        if self.calls is not None:
            rows = [[name, *counts] for name, counts in self.calls.items()]
            if len(rows) > 1:
                total = np.array([row[1:] for row in rows]).sum(axis=0)
                rows.append(["all classes", int(total[0]), int(total[1]), self.called_bp])
            head = ["class", "calls", "bases", "bases on either strand"]
            table = [head, *([str(row[0]), *(f"{n:,}" for n in row[1:])] for row in rows)]
            lines += aligned(table)
        lines += self.notes
        if self.files:
            lines.append(f"written: {', '.join(self.files)}")
        return lines


def _covered_bp(start: NDArray[np.int64], end: NDArray[np.int64]) -> int:
    """Return the number of bases in intervals that are sorted by start and may overlap.

    Examples
    --------
    >>> _covered_bp(np.array([0, 5, 6, 30]), np.array([20, 10, 25, 31]))
    26
    """
    reached = np.maximum.accumulate(end)
    before = np.concatenate([[0], reached[:-1]])
    return int(np.maximum(end - np.maximum(start, before), 0).sum())


def _files(target: Target, outputs: Sequence[Output]) -> list[str]:
    """Return the files that were written for a target, with their indexes."""
    files = [path for path in target.files(outputs) if not is_stream(path)]
    indexes = [f"{path}.{kind}" for path in files for kind in ("tbi", "csi") if target.index]
    return files + [index for index in indexes if os.path.exists(index)]


def score_genome(
    model: Model,
    fasta: Sequence[PathLike],
    out: PathLike | Target,
    *,
    calls_out: PathLike | Target | None = None,
    calls: CallSettings | None = None,
    min_score: int | None = None,
    single_base: bool = False,
    shard: Shard | None = None,
    regions: Regions | None = None,
    circular: Circular | None = None,
    assessment: Assessment | None = None,
    periods: bool = False,
    sequences_out: PathLike | None = None,
    sizes_out: PathLike | None = None,
    progress: Callable[[int], None] = lambda bases: None,
) -> Found:
    """Write the scores of FASTA files and, in the same pass, their calls.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str, PathLike or Target
        File for per-base scores; the name's ending gives the format. bedGraph and bigWig write
        one file per output.
    calls_out : str, PathLike or Target, optional
        File for calls; the name's ending gives the format.
    calls : CallSettings, optional
        How calls are made; required with `calls_out`.
    min_score : int, optional
        Smallest score that gets a row in the BED. With 0, every base has a row except bases of
        code 4. The default is 100, or the lowest threshold if that is lower.
    single_base : bool
        Write one row per base.
    shard : Shard, optional
        Part of the contigs to score; by default all.
    regions : Regions, optional
        Regions to which rows are limited; the values are those of the whole contig.
    circular : Circular, optional
        Circular contigs: windows run across their origin. Calls do not: they end there.
    assessment : Assessment, optional
        Also search decoys, and add E-values and q-values to the calls. The calls are then held in
        memory until the end. With a shard, a file of evidence is written beside the calls instead,
        for `merge_calls`.
    periods : bool
        Add the periods of tandem arrays to the calls.
    sequences_out : str or PathLike, optional
        TSV file with the class of each record as a whole; for models that learned labels of whole
        sequences. See `dnabirnn.scoring.sequence_file`.
    sizes_out : str or PathLike, optional
        File for the length of each contig of all files, also with a shard: a chrom.sizes file.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    found : Found

    Raises
    ------
    OptionError, OutputError, FastaError, LabelError
        If options or inputs are wrong, or an output cannot be written. No file is written then.
    """
    track_to = Target.of(out)
    calls_to = None if calls_out is None else Target.of(calls_out, calls=True)
    split = track_to.form.traits.split
    if single_base and split:
        raise OptionError(
            f"--single-base: only BED can have one row per base, and {track_to.path} is not BED"
        )
    if min_score is not None and split and calls_to is None:
        raise OptionError(
            f"--min-score: applies only to BED and to calls; {track_to.path} holds every score"
        )
    rules = [*model.checkpoint.calls.values(), *(calls.rules.values() if calls else ())]
    floor = default_min_score(rules) if min_score is None else min_score
    _check_min_score(floor, calls if calls_to is not None else None)
    if assessment is not None or periods:
        _check_assessment(assessment, calls_to, calls, shard)
    read = partial(model.contigs, case=assessment is not None)
    wanted = None if regions is None else regions.of
    # Calls, whose periods are read, may bridge the gap between two regions.
    gap_bp = max((rule.merge_gap_bp for rule in calls.rules.values()), default=0) if calls else 0
    spans = bases_needed(wanted, model.checkpoint.scoring_window.length_bp + gap_bp, circular or ())
    lengths: dict[str, int] = {}
    contigs = contigs_of_shard(read, fasta, shard, [regions, circular], spans, lengths)
    held = Held(contigs) if assessment is not None or periods else None
    sizes: dict[str, int] = {}
    summary = Found()
    # Formats with one file per output hold all scores; the others, scores of `floor` and above.
    lowest = 0 if split else floor
    of_sequences = None
    if sequences_out is None:
        runs = model.runs(
            held or contigs,
            min_score=lowest,
            single_base=single_base,
            wanted=wanted,
            circular=circular or (),
            sizes=sizes,
            progress=progress,
        )
    else:
        of_sequences = SequenceFile(model.checkpoint, sequences_out, regions)
        scored = model.blocks(held or contigs, wanted, circular or ())
        blocks = of_sequences.watched(measured(watched(scored, progress), sizes))
        runs = find_runs(blocks, min_score=lowest, single_base=single_base, regions=wanted)
    with OutputFiles() as outputs:
        track = track_to.open(outputs, model.outputs, sizes)
        columns = _CALL_COLUMNS + (_PERIOD_COLUMNS if periods else ())
        if assessment is not None and shard is None:
            columns += _ASSESSED_COLUMNS
        called = None if calls_to is None else calls_to.open(outputs, model.outputs, sizes, columns)
        if of_sequences is not None:
            of_sequences.open(outputs)
        caller = search = None
        evidence = CallEvidence(model.outputs, sizes=sizes)
        if calls is not None and calls_to is not None:
            caller = Caller(model.outputs, calls, summits=calls_to.summits)
            summary.expect_calls(model.outputs, calls)
            if assessment is not None:
                search = DecoySearch(model, calls, floor, assessment.decoys)
        for rows in runs:
            track.add(rows)
            found = None if caller is None else caller.add(rows.at_least(floor))
            if found is None or called is None:
                continue
            if held is not None:
                record = held.take(found.chrom)
                found = with_periods(found, record.codes) if periods else found
                if search is not None:
                    search.add(record, found, None if wanted is None else wanted(found.chrom))
                    evidence.calls.append(found)
                    continue
            called.add(found)
            summary.add_calls(found, model.outputs)
        track.close()
        if called is not None and calls_to is not None:
            if search is not None and assessment is not None:
                search.finish()
                evidence.decoys = search.evidence_by_class()
                evidence.target_bp, evidence.decoy_bp = search.target_bp, search.decoy_bp
                summary.notes = evidence.lines()
                assessed: Iterable[Rows] = evidence.calls
                if shard is None:
                    assessed = evidence.assessed(assessment.limits)
                else:
                    evidence.made = _made(model, calls, assessment.decoys, calls_to, floor)
                    outputs.open(_evidence_file(calls_to)).write(evidence.to_bytes())
                for found in assessed:
                    called.add(found)
                    summary.add_calls(found, model.outputs)
            called.close()
        if sizes_out is not None:
            rows_of_sizes = "".join(f"{name}\t{length}\n" for name, length in lengths.items())
            outputs.open(sizes_out).write(rows_of_sizes.encode())
    summary.add_contigs(sizes, wanted)
    for target in (track_to, calls_to):
        if target is not None:
            summary.files += _files(target, model.outputs)
    if assessment is not None and shard is not None and calls_to is not None:
        summary.files.append(_evidence_file(calls_to))
    further = [path for path in (sequences_out, sizes_out) if path is not None]
    summary.files += [str(path) for path in further if not is_stream(path)]
    return summary


def _evidence_file(calls_to: Target) -> str:
    return f"{os.fspath(calls_to.path)}{EVIDENCE_ENDING}"


def _check_assessment(
    assessment: Assessment | None,
    calls_to: Target | None,
    calls: CallSettings | None,
    shard: Shard | None,
) -> None:
    """Raise for E-values and q-values, or periods, that cannot be written."""
    if calls_to is None or calls is None:
        option = "--periods" if assessment is None else "--qvalue"
        raise OptionError(f"{option}: adds columns to calls; add --calls FILE")
    if assessment is None:
        return
    assessment.limits.check()
    if shard is not None and assessment.limits != Limits():
        raise OptionError(
            "--max-q and --max-evalue: the values are known when all shards are merged; give them "
            "to `dnabirnn merge`"
        )
    if shard is not None and is_stream(calls_to.path):
        raise OptionError(
            f"--qvalue: with --shard, a file of evidence is written beside the calls, and "
            f"{calls_to.path} is not a regular file; write the calls to a file"
        )


def _made(
    model: Model, calls: CallSettings | None, decoys: Decoys, calls_to: Target, floor: int
) -> dict[str, Any]:
    """Return what shards must have in common to be merged."""
    assert calls is not None
    model_text = json.dumps(model.checkpoint.description(), sort_keys=True)
    return {
        "model": hashlib.sha256(model_text.encode()).hexdigest(),
        "rules": {name: dict(vars(rule)) for name, rule in calls.rules.items()},
        "method": None if calls.method is None else str(calls.method),
        "min_score": floor,
        "decoys": {"kind": str(decoys.kind), "share": decoys.share, "seed": decoys.seed},
        "so_type": calls_to.so_type,
    }


def call_track(
    scores: PathLike,
    out: PathLike | Target,
    outputs: Sequence[Output],
    calls: CallSettings,
    progress: Callable[[int], None] = lambda bases: None,
    *,
    sizes: Mapping[str, int] | None = None,
) -> Found:
    """Write the calls of a per-base BED track.

    Parameters
    ----------
    scores : str or PathLike
        BED file of scores that `dnabirnn score` wrote.
    out : str, PathLike or Target
        File for calls; the name's ending gives the format.
    outputs : sequence of Output
        Outputs of the model that made the scores.
    calls : CallSettings
    progress : callable
        Called with the number of bases of the track that have been read since the last call.
    sizes : mapping, optional
        Length of each contig; required for bigBed.

    Returns
    -------
    found : Found

    Raises
    ------
    OptionError, TrackError, OutputError
        If options or the track are wrong, or the output cannot be written. No file is written
        then.
    """
    from dnabirnn.tracks import read_scores

    calls_to = Target.of(out, calls=True)
    calls_to.check_sizes(sizes)
    passed = _WatchedRows(read_scores(scores, outputs), progress)
    summary = Found()
    summary.expect_calls(outputs, calls)
    with OutputFiles() as files:
        track = calls_to.open(files, outputs, sizes or {}, _CALL_COLUMNS)
        for found in find_calls(passed, outputs, calls, summits=calls_to.summits):
            track.add(found)
            summary.add_calls(found, outputs)
        track.close()
    wanted = min((rule.threshold for rule in calls.rules.values()), default=MAX_SCORE)
    if passed.lowest is not None and passed.lowest > wanted:
        logger.warning(
            "%s: no score below %d, but calls use scores of %d and above; if the track was written "
            "with a higher --min-score, the scores left out count as 0",
            scores,
            passed.lowest,
            wanted,
        )
    summary.files = _files(calls_to, outputs)
    return summary


def _check_min_score(min_score: int, calls: CallSettings | None) -> None:
    if not 0 <= min_score <= MAX_SCORE:
        raise OptionError(
            f"--min-score {min_score}: must be 0 to 1000, thousandths of the probability"
        )
    thresholds = [rule.threshold for rule in calls.rules.values()] if calls else []
    lowest = min(thresholds, default=MAX_SCORE)
    if min_score > lowest:
        raise OptionError(
            f"--min-score {min_score}: calls use scores of {lowest} and above; "
            f"give {lowest} or less"
        )


class _WatchedRows:
    """Iterator over rows of a track that reports progress and keeps the lowest score."""

    def __init__(self, rows: Iterable[Rows], progress: Callable[[int], None]) -> None:
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
