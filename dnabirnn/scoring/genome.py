"""Whole genomes, from file to file: score, call, evaluate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError
from dnabirnn.files import OutputFiles, PathLike
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.network import default_min_score
from dnabirnn.scoring.calls import Caller, find_calls
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.stream import measured, watched
from dnabirnn.sequences import contigs_of_shard
from dnabirnn.tracks import Target, read_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dnabirnn.intervals import Regions
    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings
    from dnabirnn.scoring.model import Model
    from dnabirnn.sequences import Circular, Shard
    from dnabirnn.tracks import Rows


logger = logging.getLogger(__name__)

__all__ = ["call_track", "score_genome"]


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
    progress: Callable[[int], None] = lambda bases: None,
) -> None:
    """Write the scores of FASTA files, and in the same pass their calls.

    Parameters
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str, PathLike or Target
        Per-base scores, in the format of its ending; bedGraph and bigWig are a file an output.
    calls_out : str, PathLike or Target, optional
        Calls, in the format of its ending.
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
    circular : Circular, optional
        Contigs across whose origin windows run. No call goes across one: it ends there.
    progress : callable
        Told the bases of each block that is done.

    Raises
    ------
    OptionError, OutputError, FastaError, LabelError
        Nothing is written then.
    """
    track_to = Target.of(out)
    calls_to = None if calls_out is None else Target.of(calls_out, calls=True)
    split = track_to.form.traits.split
    if single_base and split:
        raise OptionError(f"--single-base: a row a base is for BED, and {track_to.path} is none")
    if min_score is not None and split and calls_to is None:
        raise OptionError(
            f"--min-score: is for BED and calls, and {track_to.path} tells every score"
        )
    rules = [*model.checkpoint.calls.values(), *(calls.rules.values() if calls else ())]
    floor = default_min_score(rules) if min_score is None else min_score
    _check_min_score(floor, calls if calls_to is not None else None)
    contigs = contigs_of_shard(model.contigs, fasta, shard, [regions, circular])
    wanted = None if regions is None else regions.of
    sizes: dict[str, int] = {}
    scored = model.blocks(contigs, wanted, circular or ())
    blocks = measured(watched(scored, progress), sizes)
    # A file an output tells all scores, another those that matter.
    lowest = 0 if split else floor
    runs = find_runs(blocks, min_score=lowest, single_base=single_base, regions=wanted)
    with OutputFiles() as outputs:
        track = track_to.open(outputs, model.outputs, sizes)
        called = None if calls_to is None else calls_to.open(outputs, model.outputs, sizes)
        caller = None
        if calls is not None and calls_to is not None:
            caller = Caller(model.outputs, calls, summits=calls_to.summits)
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
    out: PathLike | Target,
    outputs: Sequence[Output],
    calls: CallSettings,
    progress: Callable[[int], None] = lambda bases: None,
    *,
    sizes: Mapping[str, int] | None = None,
) -> None:
    """Write the calls of a per-base BED track.

    Parameters
    ----------
    scores : str or PathLike
        What `dnabirnn score` wrote as BED.
    out : str, PathLike or Target
        Calls, in the format of its ending.
    outputs : sequence of Output
        Those of the model that scored.
    calls : CallSettings
    progress : callable
        Told the bases of the track that are done.
    sizes : mapping, optional
        Length of each contig, which bigBed needs.

    Raises
    ------
    OptionError, TrackError, OutputError
        Nothing is written then.
    """
    calls_to = Target.of(out, calls=True)
    calls_to.check_sizes(sizes)
    passed = _Passed(read_scores(scores, outputs), progress)
    with OutputFiles() as files:
        track = calls_to.open(files, outputs, sizes or {})
        for found in find_calls(passed, outputs, calls, summits=calls_to.summits):
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


def _check_min_score(min_score: int, calls: CallSettings | None) -> None:
    if not 0 <= min_score <= MAX_SCORE:
        raise OptionError(f"--min-score {min_score}: must be 0 to 1000, thousandths of p")
    thresholds = [rule.threshold for rule in calls.rules.values()] if calls else []
    lowest = min(thresholds, default=MAX_SCORE)
    if min_score > lowest:
        raise OptionError(
            f"--min-score {min_score}: calls are made of scores from {lowest} on; give at most that"
        )


class _Passed:
    """Rows of a track as they pass, and the lowest score among them."""

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
