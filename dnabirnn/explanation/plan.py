"""Estimate of the memory, disk and time of a run of mutagenesis.

Time and disk come from a rehearsal on a few thousand bases of the sequences.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dnabirnn.engine import LANES, make_mutant_engine
from dnabirnn.explanation.layout import windows_of
from dnabirnn.explanation.mutate import EffectFormat, effect_format
from dnabirnn.explanation.options import ImportanceMethod
from dnabirnn.explanation.stream import KEPT_BYTES, RESULT_BYTES, Mutagenesis
from dnabirnn.files import check_target, is_stream, noting
from dnabirnn.resources import MB, Estimate, rehearsing
from dnabirnn.sequences import Stretch, contigs_of_shard, most_bases, write_pieces
from dnabirnn.tracks import TrackFormat, track_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.explanation.reach import Reach
    from dnabirnn.explanation.targets import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular, Shard

__all__ = ["MUTATION_REMEDIES", "MutationPlan", "memory_of_effects"]

MUTATION_REMEDIES = {
    "memory": "free some, ask the cluster for more, use fewer --threads, or cut the longest contig",
    "disk": "make room, write elsewhere, or limit the bases with --regions or --calls",
}

# Memory of polars while it writes a table, measured with 28 million rows.
_PARQUET_BYTES = 250 * MB
_BYTES_PER_ROW = 40  # of Parquet, before it is compressed
# Memory of torch per thread while it computes gradients, itself included: measured with one thread,
# windows of 4,000 bp and 5-mers.
_GRADIENT_BYTES = 700 * MB
# Memory of torch and of what is gathered of sites: measured with 32 and 64 units and 5-mers.
_TORCH_BYTES = 350 * MB
_REHEARSAL_SECONDS = 2.0
_WARM_UP_BP, _MOST_BP = 300, 20_000


def memory_of_effects(
    model: Model, reach_bp: int, result_bytes: int, longest_bp: int, *, parquet: bool
) -> int:
    """Return the bytes for effects of changes.

    Parameters
    ----------
    model : Model
    reach_bp : int
    result_bytes : int
        Bytes of the results of a task.
    longest_bp : int
        Length of the longest contig.
    parquet : bool
        Whether a table is written.
    """
    threads, length_bp = model.threads, model.checkpoint.scoring_window.length_bp
    kept = 0
    mutants = make_mutant_engine(model.engine)
    if mutants is not None:
        own = max(KEPT_BYTES, mutants.kept_bytes(length_bp))
        kept = threads * (own + mutants.thread_bytes(length_bp, reach_bp))
    results = (3 * threads + 2) * result_bytes
    program = model.engine.memory_bytes(length_bp, threads)
    return program + kept + results + longest_bp + _PARQUET_BYTES * parquet


class Write(Protocol):
    """Function that computes files as the command would, but to another path, for all bases."""

    def __call__(self, fasta: Sequence[PathLike], out: PathLike, /) -> object: ...


@dataclass
class MutationPlan:
    """Plan of a `mutate` or `explain` run that has not started yet.

    Attributes
    ----------
    model : Model
    fasta : sequence of str or PathLike
    out : str or PathLike
    write : callable
        Does the run on all bases of other files.
    reach : Reach
    deletions : int
    profiles : bool
    sites, shard, circular, method
        As for `mutate_genome`.
    progress : callable
        Called with the number of bases that have been read since the last call.
    """

    model: Model
    fasta: Sequence[PathLike]
    out: PathLike
    write: Write
    reach: Reach
    deletions: int = 0
    profiles: bool = False
    sites: Sites | None = None
    shard: Shard | None = None
    circular: Circular | None = None
    method: ImportanceMethod = ImportanceMethod.MUTAGENESIS
    progress: Callable[[int], object] = lambda bases: None
    bound_tells_all = False

    def bound(self) -> Estimate | None:
        """Return upper bounds on memory and disk from the sizes of the files; None for pipes."""
        bases = most_bases(self.fasta)
        if bases is None:
            return None
        changes = (3 + self.deletions) * len(self.model.outputs)
        size = bases * max(
            changes * _BYTES_PER_ROW, self._mutagenesis.bytes_a_base(len(self.model.outputs))
        )
        return Estimate(self._memory(bases), {self._folder: 0 if is_stream(self.out) else size})

    def estimate(self) -> Estimate:
        """Estimate memory, disk and time: read all sequences, and change some bases of them.

        Raises
        ------
        DnabirnnError
            Any error that the run itself would raise for its inputs.
        """
        for path in self._files:
            check_target(path)
        begun = time.monotonic()
        naming = [self.sites, self.circular]
        circles = self.circular or ()
        wanted = None if self.sites is None else self.sites.wanted(self.reach.bp, circles)
        read = None
        if self.sites is not None:  # with the bases around sites that a sample has
            reach_bp = max(self.reach.bp + self.deletions, _MOST_BP // 4)
            window_bp = self.model.checkpoint.scoring_window.length_bp
            read = self.sites.needed(reach_bp, window_bp, circles)
        bases, windows, longest, most = 0, 0, 0, 0
        sample = Stretch("sample", np.zeros(0, np.uint8))
        for contig in contigs_of_shard(self.model.contigs, self.fasta, self.shard, naming, read):
            length = len(contig.codes)
            spans = [[0, length]] if wanted is None else wanted(contig.name, length).tolist()
            own = sum(end - start for start, end in spans)
            bases += own
            if self._by_gradients:
                windows += self._windows(contig.name, length)
            if own > most:
                most, middle = own, sum(spans[len(spans) // 2]) // 2
                part = slice(max(middle - _MOST_BP // 2, 0), middle + _MOST_BP // 2)
                sample = Stretch("sample", contig.codes[part].copy())
            longest = max(longest, length)
            self.progress(length)
        reading = time.monotonic() - begun
        if not bases:
            return Estimate(self._memory(longest), {self._folder: 0}, reading)
        start, _ = self._timed(sample, _WARM_UP_BP)
        if self._by_gradients:
            # A site takes whole windows, so time grows with these and not with bases. Compiled
            # kernels take as long for one window as for a full block.
            some = min(self.model.checkpoint.scoring_window.length_bp, len(sample.codes))
            in_blocks = self._kernels and self.method is ImportanceMethod.GRADIENT
            times = windows / (LANES if in_blocks else len(self.model.outputs))
        else:
            trial, _ = self._timed(sample, _WARM_UP_BP)
            some = min(int(_WARM_UP_BP * _REHEARSAL_SECONDS / max(trial, 1e-3)), _MOST_BP)
            some = min(max(some, _WARM_UP_BP), len(sample.codes))
            times = bases / some
        seconds, size = self._timed(sample, some)
        disk = 0 if is_stream(self.out) else round(bases / some * size)
        return Estimate(
            self._memory(longest), {self._folder: disk}, reading + start + times * seconds
        )

    @property
    def _by_gradients(self) -> bool:
        return self.method is not ImportanceMethod.MUTAGENESIS

    @cached_property
    def _kernels(self) -> bool:
        """Whether compiled kernels compute gradients."""
        from dnabirnn.engine import has_gradient_kernels  # imports torch

        return has_gradient_kernels(self.model.checkpoint, self.model.engine)

    def _windows(self, name: str, length: int) -> int:
        """Return about how many windows the sites of a contig take, over all outputs."""
        assert self.sites is not None
        core = self.model.checkpoint.scoring_window.core_bp
        every = (self.sites.of(name, output) for output in range(len(self.model.outputs)))
        return sum(windows_of(own, 0, length, core) for own in every)

    @property
    def _mutagenesis(self) -> Mutagenesis:
        form = effect_format(self.out)
        return Mutagenesis(
            self.reach.bp, self.deletions, self.profiles or form is EffectFormat.BIGWIG
        )

    @property
    def _files(self) -> list[str]:
        if effect_format(self.out) is EffectFormat.BIGWIG:
            return track_paths(self.out, TrackFormat.BIGWIG, self.model.outputs)
        return [os.fspath(self.out)]

    @property
    def _folder(self) -> Path:
        return Path(os.path.realpath(self.out)).parent

    def _memory(self, longest_bp: int) -> int:
        model, window = self.model, self.model.checkpoint.scoring_window
        outputs, threads = len(model.outputs), model.threads
        if self._by_gradients:
            program = model.engine.memory_bytes(window.length_bp, threads)
            return program + self._gradient_bytes + longest_bp
        one = max(RESULT_BYTES, self._mutagenesis.bytes_a_base(outputs))
        parquet = effect_format(self.out) is EffectFormat.PARQUET
        return memory_of_effects(model, self.reach.bp, one, longest_bp, parquet=parquet)

    @cached_property
    def _gradient_bytes(self) -> int:
        """Bytes for gradients, with torch. The weights are packed to find them."""
        from dnabirnn.engine import InputGradients  # imports torch

        threads = self.model.threads
        if not self._kernels:
            return threads * _GRADIENT_BYTES
        mixed = self.method is ImportanceMethod.INTEGRATED_GRADIENTS
        engine = InputGradients(self.model.checkpoint)
        length_bp = self.model.checkpoint.scoring_window.length_bp
        return _TORCH_BYTES + threads * engine.thread_bytes(length_bp, mixed=mixed)

    @rehearsing()
    def _timed(self, sample: Stretch, bases: int) -> tuple[float, int]:
        """Do the run on some bases; return the seconds, and the bytes that are written."""
        with tempfile.TemporaryDirectory(prefix="dnabirnn-") as name:
            fasta = Path(name, "sample.fa")
            write_pieces(fasta, [sample._replace(codes=sample.codes[:bases])])
            out = Path(name, "out" + Path(self.out).suffix)
            begun = time.monotonic()
            with noting() as noted:  # keeps these files out of the journal of the run
                self.write([fasta], out)
            seconds = time.monotonic() - begun
            size = sum(file.stat().st_size for file in Path(name).iterdir() if file != fasta)
        return seconds, size + noted.scratch_bytes
