"""Benchmarks of `dnabirnn score` as a whole process: speed, memory, scaling, start-up."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bare_torch import BATCHES
from benchmarks.material import NETWORKS, model_of, write_genome
from benchmarks.measure import Cost, interleaved, pinned, run, score_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnabirnn.network import Checkpoint

__all__ = ["Bench", "memory", "scaling", "score", "start"]

_MB = 1_000_000
_CHRY_BP = 2_104_310


class Bench:
    """A folder of genomes and models, and the commands that score them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def genome(self, name: str, lengths: Sequence[int]) -> Path:
        """Return a FASTA of random contigs; it is written if it is not there."""
        path = self.folder / f"{name}.fa"
        return path if path.exists() else write_genome(path, lengths)

    def model(self, name: str, checkpoint: Checkpoint) -> Path:
        """Write a model file."""
        path = self.folder / f"{name}.safetensors"
        checkpoint.save(path)
        return path

    def command(
        self, fasta: Path, model: Path, *options: str, out: str = "out.bed", threads: int = 1
    ) -> list[str]:
        """Return the command that scores a genome."""
        return score_command(fasta, model, self.folder / out, *options, threads=threads)


def _bare(threads: int, bases: int, batch: tuple[int, int]) -> list[str]:
    words = ["gru", "32", "1", str(threads), *map(str, batch), str(bases)]
    return [sys.executable, "-m", "benchmarks.bare_torch", *words]


def score(folder: Path, bases: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield rows of the command on one and two cores, compared with a bare loop of torch's GRU.

    Times of `dnabirnn score` include start-up; those of the bare loop do not.
    """
    bench = Bench(folder)
    genome = bench.genome("long", [bases])
    models = {name: bench.model(name, make()) for name, make in NETWORKS.items()}
    for model in models.values():  # compiles the kernels, fills the disk cache
        run(bench.command(genome, model), pinned(2))
    for threads in (1, 2):
        cores = pinned(threads)
        batch = max(BATCHES, key=lambda b: _bare_rate(_bare(threads, 2 * _MB, b), cores))
        ours: dict[str, list[Cost]] = {name: [] for name in models}
        rates = []
        for _ in range(repeats):
            for name, model in models.items():
                ours[name].append(run(bench.command(genome, model, threads=threads), cores))
            rates.append(_bare_rate(_bare(threads, bases // 10, batch), cores))
        bare = statistics.median(rates) / _MB
        for name, costs in ours.items():
            cost = Cost(*map(statistics.median, zip(*costs, strict=True)))
            row = _row(f"one contig, {name}, {threads} thread(s)", bases, cost)
            yield row | {
                "threads": threads,
                "torch_mbs": bare,
                "torch_batch": list(batch),
                "ratio": row["mbs"] / bare,
            }
    yield from _kinds(bench, repeats)


def _kinds(bench: Bench, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield rows for kinds of outputs and contigs, on one core; the commands run in turn."""
    model, cores = bench.model("gru32", model_of()), pinned(1)
    long = bench.genome("middle", [20 * _MB])
    random = np.random.default_rng(1)
    short = bench.genome("short", random.integers(200, 2001, 20_000).tolist())
    short_bases = int(np.random.default_rng(1).integers(200, 2001, 20_000).sum())
    cases: list[tuple[str, int, list[str]]] = []

    def add(
        name: str, bases: int, fasta: Path, *options: str, out: str = "out.bed", of: Path = model
    ) -> None:
        cases.append((name, bases, bench.command(fasta, of, *options, out=out)))

    add("BED, few rows", 20 * _MB, long)
    add("BED and calls", 20 * _MB, long, "--calls", str(bench.folder / "calls.bed"))
    add("bgzip BED", 20 * _MB, long, out="out.bed.gz")
    add("bedGraph", 20 * _MB, long, out="out.bedgraph")
    add("20,000 contigs of 200 to 2,000 bp", short_bases, short)
    data = os.environ.get("DNABIRNN_DATA")
    if data:
        packed = Path(data) / "human_satellites" / "chm13_chrY_cen.fa.gz"
        every = bench.model("every", model_of(bias=0.0))
        add("chrY, few rows", _CHRY_BP, packed)
        add("chrY, --min-score 0", _CHRY_BP, packed, "--min-score", "0")
        add("chrY, two rows per base", _CHRY_BP, packed, "--min-score", "0", of=every)
    commands = [command for _, _, command in cases]
    costs = interleaved(commands, cores, repeats)
    for (name, bases, _), cost in zip(cases, costs, strict=True):
        yield _row(name, bases, cost) | {"threads": 1}


def _bare_rate(command: list[str], cores: list[int]) -> float:
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return float(done.stdout)


def _row(name: str, bases: int, cost: Cost) -> dict[str, Any]:
    return {
        "case": name,
        "bases": bases,
        "mbs": bases / cost.wall_s / _MB,
        "wall_s": cost.wall_s,
        "cores_used": cost.cpu_s / cost.wall_s,
        "peak_mb": cost.peak_mb,
    }


def memory(folder: Path, longest: int) -> Iterator[dict[str, Any]]:
    """Yield peak memory by length and number of contigs, and by kind of output."""
    bench = Bench(folder)
    model = bench.model("gru32", model_of())
    five = bench.genome("five", [5 * _MB])
    cores = pinned(2)
    random = np.random.default_rng(1)
    lengths = random.integers(200, 2001, 100_000).tolist()
    cases = [
        ("5 Mb", five, "out.bed", [], 5 * _MB),
        ("5 Mb, every row", five, "out.bed", ["--min-score", "0"], 5 * _MB),
        ("5 Mb, bedGraph", five, "out.bedgraph", [], 5 * _MB),
        (f"{longest // _MB} Mb", bench.genome("longest", [longest]), "out.bed", [], longest),
        ("100,000 contigs", bench.genome("many", lengths), "out.bed", [], sum(lengths)),
    ]
    for name, fasta, out, options, bases in cases:
        command = bench.command(fasta, model, *options, out=out, threads=2)
        yield _row(name, bases, run(command, cores))


def scaling(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield time and memory by number of bases, contigs, classes and hidden units, on one core."""
    bench = Bench(folder)
    cores, one = pinned(1), bench.model("gru32", model_of())
    ten = bench.genome("ten", [10 * _MB])
    cases: list[tuple[str, float, Path, Path, int]] = []
    for size in (1, 5, 20, 50):
        fasta = bench.genome(f"size{size}", [size * _MB])
        cases.append(("bases, Mb", size, fasta, one, size * _MB))
    for number in (1, 100, 10_000):
        fasta = bench.genome(f"contigs{number}", [10 * _MB // number] * number)
        cases.append(("contigs", number, fasta, one, 10 * _MB))
    for number in (1, 4, 16, 31):
        model = bench.model(f"classes{number}", model_of(classes=number))
        cases.append(("classes", number, ten, model, 10 * _MB))
    for hidden in (16, 32, 64, 128):
        model = bench.model(f"hidden{hidden}", model_of(hidden=hidden))
        cases.append(("hidden", hidden, ten, model, 10 * _MB))
    for quantity, value, fasta, model, bases in cases:
        cost = run(bench.command(fasta, model), cores)
        yield _row(f"{quantity} {value:g}", bases, cost) | {"against": quantity, "value": value}


def start(folder: Path, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield start-up times: help, imports, and scoring a file of 300 bases."""
    bench = Bench(folder)
    model = bench.model("gru32", model_of())
    tiny = bench.genome("tiny", [300])
    python = sys.executable
    commands = {
        "dnabirnn --help": [python, "-m", "dnabirnn", "--help"],
        "import dnabirnn": [python, "-c", "import dnabirnn"],
        "python -c pass": [python, "-c", "pass"],
        "dnabirnn score, 300 bp": bench.command(tiny, model),
    }
    run(commands["dnabirnn score, 300 bp"], pinned(2))
    costs = interleaved(list(commands.values()), pinned(1), repeats)
    for name, cost in zip(commands, costs, strict=True):
        yield {"case": name, "wall_s": cost.wall_s}
