"""Estimate of the memory, disk and time of a scoring run.

The cost of a run depends on the machine, the network, the output formats, and on how many bases
score high enough to be written. No table of constants covers all of these, so the estimate comes
from a rehearsal: the run itself, on a sample of the sequences, into a folder that is removed.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dnabirnn.files import check_target, is_stream, noting
from dnabirnn.resources import MB, Estimate, rehearsing
from dnabirnn.scoring.stream import bases_needed
from dnabirnn.sequences import Stretch, contigs_of_shard, most_bases, survey_contigs, write_pieces
from dnabirnn.tracks import TrackFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions
    from dnabirnn.scoring.model import Model
    from dnabirnn.sequences import Circular, Shard, Survey
    from dnabirnn.tracks import Target

__all__ = ["SCORING_REMEDIES", "ScoringPlan"]

SCORING_REMEDIES = {
    "memory": "free some, ask the cluster for more, or cut the longest contig",
    "disk": "make room, write elsewhere, end the name in .gz, or give a higher --min-score",
}

# Memory of polars, which writes Parquet from text piece by piece.
_PARQUET_BYTES = 250 * MB
# Blocks of scores that are being made into rows, and the rows.
_BYTES_PER_OUTPUT = 3 * MB
# Whether a base is lower case, and whether decoys leave it out; the decoy of the contig.
_ASSESSED_BYTES_PER_BASE = 3
# Name and length of a contig, besides the letters of the name; what bigWig and bigBed keep of it
# for their tables, at a time and for each file; what htslib keeps of it for an index. With 100,000
# contigs of 60 bases, BED took 260 bytes each, bigWig with two outputs 470, an index 360.
_BYTES_PER_CONTIG = 300
_BYTES_PER_BIG_CONTIG, _BYTES_PER_SPOOLED_CONTIG = 250, 30
_BYTES_PER_INDEXED_CONTIG = 400
# A row of the longest text, and the same row in a temporary file, as for bigWig, bigBed and
# Parquet.
_MAX_BYTES_PER_ROW = 100
# Bases of the first run, which may have to compile kernels; its time is counted once, as start-up.
_WARM_UP_BP = 20_000
# Time that the rehearsal should take; the number of stretches is chosen to fit.
_REHEARSAL_SECONDS = 2.0


class Write(Protocol):
    """Function that scores files as the command would, but to other paths."""

    def __call__(
        self, fasta: Sequence[PathLike], track: Target, called: Target | None, /
    ) -> object: ...


@dataclass
class ScoringPlan:
    """Plan of a `score` run that has not started yet.

    Attributes
    ----------
    model : Model
    fasta : sequence of str or PathLike
    track : Target
        Output for scores.
    called : Target, optional
        Output for calls.
    write : callable
        Does the run with all of its settings, but on other files.
    shard, regions, circular
        As for `score_genome`.
    progress : callable
        Called with the number of bases that have been read since the last call.
    assessed : bool
        Whether decoys are searched too. Case and calls of each base of a contig are then kept.
    """

    model: Model
    fasta: Sequence[PathLike]
    track: Target
    called: Target | None
    write: Write
    shard: Shard | None = None
    regions: Regions | None = None
    circular: Circular | None = None
    progress: Callable[[int], object] = lambda bases: None
    assessed: bool = False
    bound_tells_all = False

    def bound(self) -> Estimate | None:
        """Return upper bounds on memory and disk from the sizes of the files; None for pipes."""
        bases = most_bases(self.fasta)
        if bases is None:
            return None
        rows = bases * len(self.model.outputs)
        disk = dict.fromkeys(self._folders(), rows * _MAX_BYTES_PER_ROW)
        # A byte per base of all files, not only of the longest contig, covers names of contigs too,
        # unless most contigs are shorter than reads.
        return Estimate(self._memory(bases), disk)

    def estimate(self) -> Estimate:
        """Estimate memory, disk and time: read all sequences, and score a sample of them.

        Raises
        ------
        DnabirnnError
            Any error that the run itself would raise for its inputs.
        """
        for target in self._targets():
            for path in target.files(self.model.outputs):
                check_target(path)
        naming = [self.regions, self.circular]
        wanted = None if self.regions is None else self.regions.of
        window = self.model.checkpoint.scoring_window
        spans = bases_needed(wanted, window.length_bp, self.circular or ())
        contigs = contigs_of_shard(self.model.contigs, self.fasta, self.shard, naming, spans)
        around = 0 if wanted is None else window.length_bp // 2
        found = survey_contigs(contigs, wanted, around, self.progress)
        seconds, written, least = self._rehearse(found)
        memory = self._memory(found.longest_bp) + self._names(found)
        disk, surely = self._by_folder(written), self._by_folder(least)
        return Estimate(memory, disk, found.seconds + seconds, surely)

    def _by_folder(self, sizes: Sequence[float]) -> dict[Path, int]:
        """Sum the bytes of the targets in each folder."""
        disk = dict.fromkeys(self._folders(), 0)
        for target, size in zip(self._targets(), sizes, strict=True):
            if not is_stream(target.path):
                disk[_folder(target)] += round(size)
        return disk

    def _memory(self, longest_bp: int) -> int:
        window = self.model.checkpoint.scoring_window
        program = self.model.engine.memory_bytes(window.length_bp, self.model.threads)
        rows = _BYTES_PER_OUTPUT * len(self.model.outputs)
        parquet = any(target.form is TrackFormat.PARQUET for target in self._targets())
        per_base = 1 + _ASSESSED_BYTES_PER_BASE * self.assessed
        return program + per_base * longest_bp + rows + _PARQUET_BYTES * parquet

    def _names(self, found: Survey) -> int:
        """Bytes for what is kept of each contig until the end of the run."""
        per_contig = _BYTES_PER_CONTIG
        copies = 1
        for target in self._targets():
            if target.form in (TrackFormat.BIGWIG, TrackFormat.BIGBED):
                files = len(target.files(self.model.outputs))
                per_contig += _BYTES_PER_BIG_CONTIG + _BYTES_PER_SPOOLED_CONTIG * files
                copies += 2
            per_contig += _BYTES_PER_INDEXED_CONTIG * target.index
        return per_contig * len(found.lengths) + copies * sum(map(len, found.lengths))

    def _targets(self) -> list[Target]:
        return [self.track, *([] if self.called is None else [self.called])]

    def _folders(self) -> set[Path]:
        return {_folder(target) for target in self._targets() if not is_stream(target.path)}

    def _rehearse(self, found: Survey) -> tuple[float, list[float], list[float]]:
        """Return seconds without reading, and likely and smallest bytes of each target.

        Sites may lie close together, as in satellites, so that one stretch of the sample holds most
        of them. The sample is therefore scored in two halves. The smallest size comes from the half
        that wrote less.
        """
        nothing = [0.0] * len(self._targets())
        if not found.sample:
            return 0.0, nothing, nothing
        first = found.sample[0]
        start, _ = self._timed([Stretch(first.name, first.codes[:_WARM_UP_BP])])
        trial, _ = self._timed([first])
        most = max(2, round(_REHEARSAL_SECONDS / max(trial, 1e-3)))
        pieces = found.sample[:: -(-len(found.sample) // most)]
        halves = [half for half in (pieces[::2], pieces[1::2]) if half]
        seconds, sizes = zip(*map(self._timed, halves), strict=True)
        bases = [max(sum(len(piece.codes) for piece in half), 1) for half in halves]
        share = found.wanted_bp / max(found.read_bp, 1)
        times = found.read_bp / sum(bases)
        written = [times * share * sum(of_target) for of_target in zip(*sizes, strict=True)]
        rates = [[size / b for size in of_half] for of_half, b in zip(sizes, bases, strict=True)]
        least = [found.wanted_bp * min(of_target) for of_target in zip(*rates, strict=True)]
        return start + times * sum(seconds), written, least if len(halves) > 1 else written

    @rehearsing()
    def _timed(self, pieces: Sequence[Stretch]) -> tuple[float, list[int]]:
        """Score pieces; return the seconds, and the bytes that each target takes at its peak."""
        with tempfile.TemporaryDirectory(prefix="dnabirnn-") as name:
            targets = []
            for number, target in enumerate(self._targets()):
                folder = Path(name, str(number))
                folder.mkdir()
                targets.append(_moved(target, folder))
            fasta = Path(name, "sample.fa")
            write_pieces(fasta, pieces)
            begun = time.monotonic()
            with noting() as noted:  # keeps these files out of the journal of the run
                self.write([fasta], targets[0], targets[1] if len(targets) > 1 else None)
            seconds = time.monotonic() - begun
            sizes = [
                sum(file.stat().st_size for file in Path(target.path).parent.iterdir())
                for target in targets
            ]
        # Temporary files of unfinished outputs belong nearly always to the scores.
        sizes[0] += noted.scratch_bytes
        return seconds, sizes


def _folder(target: Target) -> Path:
    return Path(os.path.realpath(target.path)).parent


def _moved(target: Target, folder: Path) -> Target:
    name = "out" if is_stream(target.path) else Path(target.path).name
    return replace(target, path=folder / name)
