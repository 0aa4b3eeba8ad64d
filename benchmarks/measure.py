"""Measure time and memory in ways that are robust to other work on the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Cost", "interleaved", "machine", "pinned", "run", "score_command", "seconds_of"]


class Cost(NamedTuple):
    """Time and memory of a whole process.

    Attributes
    ----------
    wall_s, cpu_s : float
        Elapsed time, and processor time of all threads.
    peak_mb : float
        Peak resident memory, in 10^6 bytes.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def score_command(fasta: Path, model: Path, out: Path, *options: str, threads: int) -> list[str]:
    """Return the words of a `dnabirnn score` command on the CPU."""
    words = ["-q", "score", str(fasta), "-m", str(model), "-o", str(out), "--device", "cpu"]
    return [sys.executable, "-m", "dnabirnn", *words, "--threads", str(threads), *options]


def run(command: Sequence[str], cores: Sequence[int], stdin: Path | None = None) -> Cost:
    """Run a command on the given cores; raise if it fails."""
    with Path(os.devnull if stdin is None else stdin).open("rb") as source:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def interleaved(
    commands: Sequence[Sequence[str]], cores: Sequence[int], repeats: int
) -> list[Cost]:
    """Return the median costs of commands that run in turn, so that a slow minute affects all."""
    costs: list[list[Cost]] = [[] for _ in commands]
    for _ in range(repeats):
        for found, command in zip(costs, commands, strict=True):
            found.append(run(command, cores))
    return [Cost(*map(statistics.median, zip(*found, strict=True))) for found in costs]


def seconds_of(
    functions: Sequence[Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the elapsed time of functions that run in turn: the shortest of several runs each.

    Other work on the machine only ever adds time, so the shortest run is the least affected. With
    `time.thread_time` as the clock, waiting for a core does not count.
    """
    shortest = [float("inf")] * len(functions)
    for function in functions:
        function()
    for _ in range(repeats):
        for i, function in enumerate(functions):
            begun = clock()
            function()
            shortest[i] = min(shortest[i], clock() - begun)
    return shortest


def pinned(cores: int) -> list[int]:
    """Return the numbers of the last `cores` cores; a system's other work is often on the first."""
    return sorted(os.sched_getaffinity(0))[-cores:]


def machine() -> dict[str, str]:
    """Return the processor, system and versions that the results were measured with."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("dnabirnn", "numpy", "numba", "torch")},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    name = found.get("model name", platform.processor() or "unknown")
    family = f" (family {found['cpu family']}, model {found['model']})" if "model" in found else ""
    vectors = "AVX-512" if "avx512f" in found.get("flags", "") else "AVX2"
    return f"{name}{family}, {vectors}" if sys.platform == "linux" else name
