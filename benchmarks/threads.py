"""What of scoring is serial and what is parallel, per base, and the speed-up that follows.

One thread reads the sequences, lays out windows, joins blocks, and finds and writes rows. The other
threads compute scores, and whatever needs one batch only. With N cores, a run takes::

    start + bases * (reading + max(joining, (joining + scoring) / N))

A contig is read before its scoring begins. Joining goes on while other threads score, so it is a
limit only where it takes all of a core. Times are processor times of threads, which other work on
the machine changes little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.material import NETWORKS, write_genome
from benchmarks.measure import interleaved, pinned, score_command
from dnabirnn.scoring import load, score_genome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Cost as Usage

__all__ = ["Cost", "threads"]

_CORES = (16, 64)
_GENOME_BP = 3_100_000_000
"""Length for the prediction with many cores: with fewer bases, most of the time is start-up."""
_TINY_BP = 300
_QUIET_SHARE = 0.9


class Cost(NamedTuple):
    """Parts of the time of a run.

    Attributes
    ----------
    start_s : float
        Processor time of a run on a short sequence.
    reading, joining, scoring : float
        Time per base, in seconds.
    """

    start_s: float
    reading: float
    joining: float
    scoring: float

    def seconds(self, bases: int, cores: int) -> float:
        """Return the time of a run.

        Examples
        --------
        >>> Cost(1.0, 0.0, 1.0, 3.0).seconds(10, 2), Cost(1.0, 0.0, 1.0, 3.0).seconds(10, 16)
        (21.0, 11.0)
        """
        shared = (self.joining + self.scoring) / cores
        return self.start_s + bases * (self.reading + max(self.joining, shared))

    def speed_up(self, bases: int, cores: int) -> float:
        """Return the speed relative to one core."""
        return self.seconds(bases, 1) / self.seconds(bases, cores)


def threads(folder: Path, bases: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield one row per network: parts of the time, and speed-ups measured and predicted."""
    genome = write_genome(folder / "threads.fa", [bases])
    tiny = write_genome(folder / "threads.tiny.fa", [_TINY_BP])
    for name, checkpoint in NETWORKS.items():
        model = folder / f"{name}.safetensors"
        checkpoint().save(model)
        commands = [
            score_command(fasta, model, folder / "threads.bed", threads=number)
            for fasta, number in ((genome, 1), (genome, 2), (tiny, 1))
        ]
        interleaved(commands[2:], pinned(1), 1)  # compiles the kernels
        one, start = interleaved([commands[0], commands[2]], pinned(1), repeats)
        (two,) = interleaved(commands[1:2], pinned(2), repeats)
        cost = _cost(genome, model, bases, start.cpu_s, repeats)
        yield {
            "network": name,
            "bases": bases,
            "start_s": cost.start_s,
            "reading_ns": cost.reading * 1e9,
            "joining_ns": cost.joining * 1e9,
            "scoring_ns": cost.scoring * 1e9,
            "two_threads": one.wall_s / two.wall_s if _is_quiet(one) else None,
            "cores_2": cost.speed_up(bases, 2),
        } | {f"cores_{n}": cost.speed_up(_GENOME_BP, n) for n in _CORES}


def _is_quiet(one: Usage) -> bool:
    """Return whether a run on one core had nearly all of it, so that its elapsed time counts."""
    return one.cpu_s > _QUIET_SHARE * one.wall_s


def _cost(genome: Path, model: Path, bases: int, start_s: float, repeats: int) -> Cost:
    loaded = load(model, device="cpu", threads=1)
    reading, joining, scoring = [], [], []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(repeats):
            begun = time.thread_time()
            deque(loaded.contigs(genome), maxlen=0)
            reading.append(time.thread_time() - begun)
            whole, begun = time.process_time(), time.thread_time()
            score_genome(loaded, [genome], Path(name, "out.bed"))
            own, whole = time.thread_time() - begun, time.process_time() - whole
            joining.append(own - reading[-1])
            scoring.append(whole - own)
    parts = (statistics.median(part) / bases for part in (reading, joining, scoring))
    return Cost(start_s, *parts)
