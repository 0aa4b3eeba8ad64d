"""Long runs: a large genome in many contigs, and the whole of the work again and again.

`python tests/endurance/endurance.py` scores 1 Gb in 50,000 contigs and then goes 24 times through
encode, train, score and evaluate in one process, prints the memory as it goes, and fails where it
grows. `--bases`, `--contigs` and `--cycles` are for shorter ones.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
import psutil

from dnabirnn.encoded.encode import encode_genome
from dnabirnn.evaluation.genome import evaluate_genome
from dnabirnn.labels.load import load_labels, load_truth
from dnabirnn.network.call_choice import call_settings
from dnabirnn.scoring.genome import score_genome
from dnabirnn.scoring.model import load
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.training_run import train

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
_LINE_BP = 80
_MOST_GROWTH = 0.05
"""From the first half of what is seen, after a tenth for warming up, to the second."""
_MOST_GROWTH_BYTES = 20_000_000
_CYCLE_BP = 300_000


class Seen(NamedTuple):
    """Memory of a process over time.

    Attributes
    ----------
    rss : list of int
        Resident bytes, at even distances.
    """

    rss: list[int]

    def growth(self) -> int:
        """Bytes by which the median of the second half is over that of the first."""
        steady = self.rss[len(self.rss) // 10 :]
        half = len(steady) // 2
        return round(statistics.median(steady[half:]) - statistics.median(steady[:half]))

    def is_steady(self) -> bool:
        """Whether that is no more than chance makes it."""
        most = max(_MOST_GROWTH * statistics.median(self.rss), _MOST_GROWTH_BYTES)
        return self.growth() <= most

    def __str__(self) -> str:
        lines = [f"{size / 1e6:.0f}" for size in self.rss[:: max(1, len(self.rss) // 12)]]
        told = f"growth {self.growth() / 1e6:+.1f} MB, peak {max(self.rss) / 1e6:.0f} MB"
        return f"MB: {' '.join(lines)}; {told}"


def lengths_of(bases: int, contigs: int) -> list[int]:
    """Lengths of contigs, most of them short, that add up to about so many bases."""
    drawn = np.random.default_rng(0).lognormal(0, 1, contigs)
    return np.maximum(drawn * bases / drawn.sum(), 1).astype(int).tolist()


def write_genome(file: IO[bytes], lengths: list[int]) -> None:
    """Write random contigs, never more than one in memory."""
    random = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", np.uint8)
    for number, length in enumerate(lengths):
        file.write(b">contig%d\n" % number)
        text = letters[random.integers(0, 4, length, dtype=np.uint8)].tobytes()
        for start in range(0, length, 1000 * _LINE_BP):
            piece = text[start : start + 1000 * _LINE_BP]
            rows = (piece[at : at + _LINE_BP] for at in range(0, len(piece), _LINE_BP))
            file.write(b"\n".join(rows) + b"\n")


def score_long(folder: Path, bases: int, contigs: int, seconds: float = 1.0) -> Seen:
    """Score a genome that comes through a pipe; memory of the process, every so many seconds."""
    model = folder / "m.safetensors"
    sys.path.insert(0, str(ROOT))
    from benchmarks.material import model_of

    model_of().save(model)
    words = ["-q", "score", "-", "-m", str(model), "-o", str(folder / "scores.bed")]
    words += ["--calls", str(folder / "calls.bed")]
    command = [sys.executable, "-m", "dnabirnn", *words]
    # Compiling kernels takes more memory than what they then do.
    subprocess.run(command, input=b">a\n" + b"ACGT" * 2_000 + b"\n", cwd=ROOT, check=True)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    seen: list[int] = []
    watched = psutil.Process(process.pid)

    def watch() -> None:
        while process.poll() is None:
            time.sleep(seconds)
            try:
                seen.append(watched.memory_info().rss)
            except psutil.NoSuchProcess:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    lengths = lengths_of(bases, contigs)
    with process.stdin:
        write_genome(process.stdin, lengths)
    assert process.wait() == 0
    watcher.join()
    return Seen([size for size in seen if size])


def cycles(folder: Path, count: int, tell: Callable[[str], None] = lambda line: None) -> Seen:
    """Go through the whole work so often; memory of this process after each time."""
    words = ["-q", "simulate", "-o", str(folder / "sim"), "--length", str(_CYCLE_BP)]
    subprocess.run([sys.executable, "-m", "dnabirnn", *words], check=True, cwd=ROOT)
    genome, sites = folder / "sim" / "genome.fa", folder / "sim" / "sites.bed"
    seen, open_files, threads = [], [], []
    for number in range(count):
        encoded = encode_genome([genome], load_labels([sites]), folder / "set")
        model_path = folder / "m.safetensors"
        train(encoded, model_path, settings=FitSettings(bases=200_000), validations=2, resume=False)
        del encoded
        model = load(model_path, device="cpu")
        settings = call_settings(model.checkpoint)
        score_genome(model, [genome], folder / "s.bed", calls_out=folder / "c.bed", calls=settings)
        truth = load_truth([sites], model.checkpoint.architecture.classes)
        evaluate_genome(model, [genome], truth, calls=settings)
        del model, truth
        gc.collect()
        process = psutil.Process()
        seen.append(process.memory_info().rss)
        open_files.append(process.num_fds())
        threads.append(process.num_threads())
        tell(
            f"cycle {number + 1}: {seen[-1] / 1e6:.0f} MB, {open_files[-1]} files, "
            f"{threads[-1]} threads"
        )
    assert open_files[-1] <= open_files[count // 2], open_files
    assert threads[-1] <= threads[count // 2], threads
    return Seen(seen)


def main() -> int:
    """Do both; the exit code tells whether memory stayed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", type=float, default=1e9)
    parser.add_argument("--contigs", type=int, default=50_000)
    parser.add_argument("--cycles", type=int, default=24)
    given = parser.parse_args()
    steady = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.contigs:
            begun = time.monotonic()
            seen = score_long(folder, int(given.bases), given.contigs)
            seconds = time.monotonic() - begun
            print(f"{given.bases / 1e6:.0f} Mb in {given.contigs} contigs, {seconds:.0f} s; {seen}")
            steady &= seen.is_steady()
        if given.cycles:
            seen = cycles(folder, given.cycles, print)
            print(f"{given.cycles} cycles; {seen}")
            steady &= seen.is_steady()
    return not steady


if __name__ == "__main__":
    sys.exit(main())
