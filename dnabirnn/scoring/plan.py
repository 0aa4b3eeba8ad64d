"""What scoring and encoding take, told by a rehearsal with a sample of the sequences."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dnabirnn.files import check_target, is_stream, noting
from dnabirnn.resources import MB, Estimate, rehearsing
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

# polars, which writes Parquet from text piece by piece.
_PARQUET_BYTES = 250 * MB
# Blocks of scores on their way to rows, and the rows.
_BYTES_AN_OUTPUT = 3 * MB
# A row of the longest text, and the same waiting in a file, as for bigWig, bigBed and Parquet.
_MOST_BYTES_A_ROW = 100
_FIRST_BP = 20_000
_SECONDS = 2.0


class Write(Protocol):
    """Scores files, as the command would, but to other places."""

    def __call__(
        self, fasta: Sequence[PathLike], track: Target, called: Target | None, /
    ) -> object: ...


@dataclass
class ScoringPlan:
    """A run of `score` that is to come.

    Attributes
    ----------
    model : Model
    fasta : sequence of str or PathLike
    track : Target
        Of scores.
    called : Target, optional
        Of calls.
    write : callable
        Does the run, with all of its settings, on other files.
    shard, regions, circular
        As for `score_genome`.
    progress : callable
        Told the bases that are read.
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
    bound_tells_all = False

    def bound(self) -> Estimate | None:
        """The most that the run can take, by the sizes of its files; None for pipes."""
        bases = most_bases(self.fasta)
        if bases is None:
            return None
        rows = bases * len(self.model.outputs)
        disk = dict.fromkeys(self._folders(), rows * _MOST_BYTES_A_ROW)
        return Estimate(self._memory(bases), disk)

    def estimate(self) -> Estimate:
        """What the run will take: all sequences are read, and a sample of them is scored.

        Raises
        ------
        DnabirnnError
            Whatever the run itself would raise for its inputs.
        """
        for target in self._targets():
            for path in target.files(self.model.outputs):
                check_target(path)
        naming = [self.regions, self.circular]
        contigs = contigs_of_shard(self.model.contigs, self.fasta, self.shard, naming)
        wanted = None if self.regions is None else self.regions.of
        around = 0 if wanted is None else self.model.checkpoint.scoring_window.length_bp // 2
        found = survey_contigs(contigs, wanted, around, self.progress)
        seconds, written, least = self._rehearse(found)
        memory = self._memory(found.longest_bp)
        disk, surely = self._by_folder(written), self._by_folder(least)
        return Estimate(memory, disk, found.seconds + seconds, surely)

    def _by_folder(self, sizes: Sequence[float]) -> dict[Path, int]:
        """Bytes of each target, added up by the folders that they lie in."""
        disk = dict.fromkeys(self._folders(), 0)
        for target, size in zip(self._targets(), sizes, strict=True):
            if not is_stream(target.path):
                disk[_folder(target)] += round(size)
        return disk

    def _memory(self, longest_bp: int) -> int:
        window = self.model.checkpoint.scoring_window
        program = self.model.engine.memory_bytes(window.length_bp, self.model.threads)
        rows = _BYTES_AN_OUTPUT * len(self.model.outputs)
        parquet = any(target.form is TrackFormat.PARQUET for target in self._targets())
        return program + longest_bp + rows + _PARQUET_BYTES * parquet

    def _targets(self) -> list[Target]:
        return [self.track, *([] if self.called is None else [self.called])]

    def _folders(self) -> set[Path]:
        return {_folder(target) for target in self._targets() if not is_stream(target.path)}

    def _rehearse(self, found: Survey) -> tuple[float, list[float], list[float]]:
        """Seconds of the run but for reading, and bytes of each target: likely, and at least.

        Where sites lie together, one stretch of the sample may hold them all: of two halves of the
        sample, the one that wrote less tells what is sure.
        """
        nothing = [0.0] * len(self._targets())
        if not found.sample:
            return 0.0, nothing, nothing
        first = found.sample[0]
        start, _ = self._timed([Stretch(first.name, first.codes[:_FIRST_BP])])
        trial, _ = self._timed([first])
        most = max(2, round(_SECONDS / max(trial, 1e-3)))
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
        """Score pieces for real: seconds, and bytes of each target at the most."""
        with tempfile.TemporaryDirectory(prefix="dnabirnn-") as name:
            targets = []
            for number, target in enumerate(self._targets()):
                folder = Path(name, str(number))
                folder.mkdir()
                targets.append(_moved(target, folder))
            fasta = Path(name, "sample.fa")
            write_pieces(fasta, pieces)
            begun = time.monotonic()
            with noting() as noted:  # what is written is no output of the run
                self.write([fasta], targets[0], targets[1] if len(targets) > 1 else None)
            seconds = time.monotonic() - begun
            sizes = [
                sum(file.stat().st_size for file in Path(target.path).parent.iterdir())
                for target in targets
            ]
        # What waits on disk until it is whole is nearly always that of the scores.
        sizes[0] += noted.scratch_bytes
        return seconds, sizes


def _folder(target: Target) -> Path:
    return Path(os.path.realpath(target.path)).parent


def _moved(target: Target, folder: Path) -> Target:
    name = "out" if is_stream(target.path) else Path(target.path).name
    return replace(target, path=folder / name)
