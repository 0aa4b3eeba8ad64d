"""Estimates of `--dry-run`, compared with what the run itself needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.material import model_of, write_genome
from benchmarks.measure import pinned, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["estimates"]

_MB = 1_000_000
_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "s": 1, "min": 60, "h": 3600}
_SECONDS_BETWEEN_CHECKS = 0.02


class _FolderWatch:
    """Context manager that measures the peak size of a folder, in bytes."""

    def __init__(self, folder: Path) -> None:
        self.peak = 0
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._measure()

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_CHECKS):
            self._measure()

    def _measure(self) -> None:
        size = 0
        for path, _, names in os.walk(self._folder):
            for name in names:
                try:
                    size += os.stat(Path(path, name)).st_size
                except FileNotFoundError:  # renamed or removed meanwhile
                    continue
        self.peak = max(self.peak, size)


def estimates(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one row per command: estimates of memory, disk and time, and their ratios to the run.

    A ratio above 1 means that the estimate was too high.
    """
    out = folder / "out"
    out.mkdir(exist_ok=True)
    for case, cores, words in _cases(folder, out):
        for old in out.iterdir():
            subprocess.run(["rm", "-rf", str(old)], check=True)
        command = [sys.executable, "-m", "dnabirnn", "-q", *words]
        run([*command, "--dry-run"], pinned(cores))  # compiles the kernels, fills the disk cache
        estimated = _estimate_of(command, pinned(cores))
        with _FolderWatch(out) as watch:
            cost = run(command, pinned(cores))
        yield {
            "case": case,
            "memory_mb": estimated["memory"] / _MB,
            "memory_ratio": estimated["memory"] / _MB / cost.peak_mb,
            "disk_mb": estimated["disk"] / _MB,
            "disk_ratio": estimated["disk"] / watch.peak if watch.peak > _MB else None,
            "time_s": estimated["time"],
            "time_ratio": estimated["time"] / cost.wall_s,
            "peak_mb": cost.peak_mb,
            "wall_s": cost.wall_s,
        }


def _estimate_of(command: Sequence[str], cores: Sequence[int]) -> dict[str, float]:
    """Return the estimate of a command, in bytes and seconds, from its `--dry-run`."""
    done = subprocess.run(
        [*command, "--dry-run"],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    rows = (line.split(None, 1) for line in done.stdout.splitlines())
    return {kind: _number(text.partition(" of ")[0]) for kind, text in rows}


def _number(text: str) -> float:
    """Return the number that a text such as "6 min 20 s" or "1.2 GB" stands for."""
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+) (\w+)", text))


def _cases(folder: Path, out: Path) -> Iterator[tuple[str, int, list[str]]]:
    def genome(name: str, lengths: Sequence[int]) -> Path:
        path = folder / f"{name}.fa"
        return path if path.exists() else write_genome(path, lengths)

    def sites(name: str, contigs: int, length: int) -> Path:
        path = folder / f"{name}.bed"
        rows = (
            f"c{number}\t{start}\t{start + 30}\tM\t0\t+\n"
            for number in range(contigs)
            for start in range(500, length - 100, 1000)
        )
        path.write_text("".join(rows))
        return path

    models = {
        "few rows": model_of(),
        "every row": model_of(bias=0.0),
        "31 classes": model_of(classes=31),
        "128 units": model_of(hidden=128),
    }
    for name, checkpoint in models.items():
        checkpoint.save(folder / f"{name}.safetensors")

    def scored(fasta: Path, model: str, name: str, *options: str) -> list[str]:
        path = str(folder / f"{model}.safetensors")
        return ["score", str(fasta), "-m", path, "-o", str(out / name), *options]

    five, fifty = genome("five", [5 * _MB]), genome("fifty", [50 * _MB])
    long, many = genome("long", [250 * _MB]), genome("many", [1100] * 20_000)
    one, two = ("--threads", "1"), ("--threads", "2")
    every = ("--min-score", "0", *one)
    yield "score 50 Mb, 1 thread", 1, scored(fifty, "few rows", "o.bed", *one)
    yield "score 50 Mb, 2 threads", 2, scored(fifty, "few rows", "o.bed", *two)
    yield "score 250 Mb, 2 threads", 2, scored(long, "few rows", "o.bed", *two)
    yield "score 20,000 contigs", 1, scored(many, "few rows", "o.bed", *one)
    yield "score 5 Mb, BED of every base", 1, scored(five, "every row", "o.bed", *every)
    yield "the same, bgzip", 1, scored(five, "every row", "o.bed.gz", *every)
    for ending, title in (("bedgraph", "bedGraph"), ("bw", "bigWig")):
        yield f"the same, {title}", 1, scored(five, "every row", f"o.{ending}", *one)
    for ending, title in (("bb", "bigBed"), ("parquet", "Parquet")):
        yield f"the same, {title}", 1, scored(five, "every row", f"o.{ending}", *every)
    yield "score 5 Mb, 31 classes", 1, scored(five, "31 classes", "o.bed", *one)
    yield "score 5 Mb, 128 units", 1, scored(five, "128 units", "o.bed", *one)
    yield "score 5 Mb, torch", 1, scored(five, "few rows", "o.bed", "--engine", "torch", *one)
    for title, fasta, contigs, length in (
        ("encode 50 Mb", fifty, 1, 50 * _MB),
        ("encode 20,000 contigs", many, 20_000, 1100),
    ):
        labels = sites(fasta.stem, contigs, length)
        words = ["encode", str(fasta), "--labels", str(labels), "-o", str(out / "set")]
        yield title, 1, words
    yield from _real_cases(folder, out)


def _real_cases(folder: Path, out: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Yield commands on real data; none if DNABIRNN_DATA is not set."""
    place = os.environ.get("DNABIRNN_DATA")
    if not place:
        return
    satellites, coli = Path(place, "human_satellites"), Path(place, "ecoli_k12")
    chr_y = str(satellites / "chm13_chrY_cen.fa.gz")
    for title, model, options in (
        ("score chrY", "few rows", []),
        ("score chrY, two rows per base", "every row", ["--min-score", "0"]),
        ("score chrY, satellites", None, ["--calls", str(out / "calls.bed")]),
    ):
        path = "satellites" if model is None else str(folder / f"{model}.safetensors")
        words = ["score", chr_y, "-m", path, "-o", str(out / "o.bed"), "--threads", "1", *options]
        yield title, 1, words
    parts = ["hg002_chr13mat_parm", "hg002_chr14mat_parm", "chm13_chrY_cen"]
    encoded = {
        "E. coli": [str(coli / "NC_000913.3.fa.gz"), "--labels", str(coli / "rep.bed")],
        "satellites": [
            *(str(satellites / f"{part}.fa.gz") for part in parts),
            *("--labels", str(satellites / "satellites.strand.bed")),
        ],
    }
    for title, words in encoded.items():
        yield f"encode {title}", 1, ["encode", *words, "-o", str(out / "set")]
    for title, words in encoded.items():
        folder_of = str(folder / f"{title}.enc")
        base = [sys.executable, "-m", "dnabirnn", "-q", "encode", *words, "-o", folder_of]
        subprocess.run(base, check=True)
        train = ["train", folder_of, "-o", str(out / "m.safetensors")]
        yield f"train {title}", 2, [*train, "--threads", "2"]
        if title == "E. coli":
            long = ["--hidden", "64", "--window", "400", "--bases", "10M"]
            yield f"train {title}, 64 units", 2, [*train, "--threads", "2", *long]
            torch = ["--engine", "torch", "--bases", "2M", "--validations", "2"]
            yield f"train {title}, torch", 2, [*train, "--threads", "2", *torch]
