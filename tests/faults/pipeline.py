"""Faults while the workflow runs: Snakemake, all that it started, or a job of it killed.

`python tests/faults/pipeline.py --trials 25 --seed 0` tries so many, each at a moment that is drawn
at random, and prints what was tried and what was lost. After a fault no output may be there but
whole ones; the same command, run once more, must succeed by itself, give the bytes of a run that
nothing happened to, and leave nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cases import ROOT, environment
from harness import Tally, children, content, hear_interrupts, may_mount
from planted import write_genome

_SECONDS_OF_ORPHANS = 120
_CONFIG = {
    "samples": "samples.tsv",
    "threads": 1,
    "shards": 2,
    "encode": {"val_chroms": ["b"], "test_chroms": ["c"]},
    "train": {"hidden": 4, "bases": "40k", "validations": 2, "batch": 16},
    "evaluate": {"baseline": False},
    "report": {"examples": 0},
}
_MEASURED = {"logs", "benchmarks"}
"""Folders of what differs from run to run."""


class Pipeline:
    """Runs of a small workflow with faults.

    Parameters
    ----------
    folder : Path
        For the trials.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        hear_interrupts()
        self.tally = Tally()
        self._random = random.Random(seed)
        self._folder = folder
        self._place = folder / "place"  # the same for all: commands are told in results
        self._prepare()
        begun = time.monotonic()
        process = self._begin()
        words, _ = process.communicate()
        assert process.returncode == 0, words.decode()
        self.seconds = time.monotonic() - begun
        self._whole = self._results()
        self._leave()

    def trial(self, fault: str) -> None:
        """Run the workflow with a fault, and then without."""
        what = f"workflow, {fault}"
        self._prepare(small=fault == "full disk")
        try:
            ended = FAULTS[fault](self)
            self.tally.tried[what] += 1
            self.tally.hit[what] += ended
            self._check_ended(what)
            if fault == "full disk":
                mount = ["mount", "-o", "remount,size=200m", str(self._place / "results")]
                subprocess.run(mount, check=True)
            again = self._begin()
            words, _ = again.communicate()
            if again.returncode:
                self.tally.lost.append(f"{what}: run again: {words.decode()[-1500:]}")
            self._wait_for_orphans(again.pid)
            self._check_whole(what)
        finally:
            self._leave()

    # --------------------------------------------------------------------------- faults

    def _moment(self) -> float:
        return self._random.uniform(0.1, 1.05) * self.seconds

    def all_killed(self) -> bool:
        """SIGKILL of Snakemake and all that it started, as a power cut does."""
        process = self._begin()
        time.sleep(self._moment())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return process.returncode != 0

    def snakemake_killed(self) -> bool:
        """SIGKILL of Snakemake alone: its jobs go on while it is run again."""
        process = self._begin()
        time.sleep(self._moment())
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        return process.returncode != 0

    def job_killed(self) -> bool:
        """SIGKILL of a job."""
        process = self._begin()
        time.sleep(self._moment())
        jobs: list[int] = []
        while not jobs and process.poll() is None:
            time.sleep(0.02)
            jobs = [p for p in _below(process.pid) if b"dnabirnn" in _command_of(p).split(b"\0")[1]]
        for job in jobs:
            with suppress(ProcessLookupError):
                os.kill(job, signal.SIGKILL)
        process.communicate()
        return process.returncode != 0

    def told_to_end(self) -> bool:
        """SIGTERM of Snakemake, which lets jobs end."""
        process = self._begin()
        time.sleep(self._moment())
        process.terminate()
        process.communicate()
        return process.returncode != 0

    def interrupted(self) -> bool:
        """Ctrl-C, which goes to all processes of a terminal."""
        process = self._begin()
        time.sleep(self._moment())
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
        return process.returncode != 0

    def full_disk(self) -> bool:
        """No space left for all results."""
        process = self._begin()
        process.communicate()
        return process.returncode != 0

    # --------------------------------------------------------------------------- places

    def _prepare(self, *, small: bool = False) -> None:
        self._place.mkdir()
        write_genome(self._place, {"a": 12_000, "b": 3_000, "c": 3_000})
        (self._place / "samples.tsv").write_text(
            "sample\tfasta\tlabels\ngenome\tgenome.fa\tsites.bed\n"
        )
        (self._place / "config.yaml").write_text(json.dumps(_CONFIG))
        if small:
            size = sum(map(len, self._whole.values()))
            pages = int(self._random.uniform(0.05, 0.9) * size) // 4096 + 30
            results = self._place / "results"
            results.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={4096 * pages}", "tmpfs", str(results)]
            subprocess.run(mount, check=True)

    def _leave(self) -> None:
        results = self._place / "results"
        if results.is_mount():
            subprocess.run(["umount", str(results)], check=True)
        shutil.rmtree(self._place)

    def _begin(self) -> subprocess.Popen[bytes]:
        words = ["-s", str(ROOT / "Snakefile"), "--configfile", "config.yaml", "--cores", "2"]
        folder = str(Path(sys.executable).parent)
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *words],
            cwd=self._place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment()
            | {
                "PATH": f"{folder}:{os.environ['PATH']}",
                "XDG_CACHE_HOME": str(self._folder / "cache"),
            },
            start_new_session=True,
        )

    def _wait_for_orphans(self, but: int) -> None:
        """Wait for jobs of a Snakemake that was killed, which may outlive the run after it."""
        end = time.monotonic() + _SECONDS_OF_ORPHANS
        while _in_folder(self._place) and time.monotonic() < end:
            time.sleep(0.2)
        if left := _in_folder(self._place):
            self.tally.lost.append(f"workflow: still running: {left}")

    # --------------------------------------------------------------------------- checks

    def _results(self) -> dict[str, bytes]:
        """Results by name, but for what tells times."""
        results = self._place / "results"
        return {
            str(path.relative_to(results)): _timeless(path)
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.relative_to(results).parts[0] not in _MEASURED
        }

    def _check_ended(self, what: str) -> None:
        for name, found in self._results().items():
            # A log grows while its run does; what has no final name is no output.
            final = name in self._whole and not name.endswith(".log.csv")
            if final and found != self._whole[name]:
                self.tally.lost.append(f"{what}: {name} is not whole")

    def _check_whole(self, what: str) -> None:
        found = self._results()
        for name in sorted(self._whole.keys() | found.keys()):
            if name not in found:
                self.tally.lost.append(f"{what}, again: {name} is not there")
            elif name not in self._whole:
                self.tally.lost.append(f"{what}, again: left behind: {name}")
            elif found[name] != self._whole[name]:
                self.tally.lost.append(f"{what}, again: {name} is not whole")
        internals = self._place / ".snakemake"
        left = [*internals.glob("locks/*"), *internals.glob("incomplete/*")]
        if left:
            self.tally.lost.append(f"{what}, again: left behind: {left}")


FAULTS: dict[str, Callable[[Pipeline], bool]] = {
    "all killed": Pipeline.all_killed,
    "Snakemake killed": Pipeline.snakemake_killed,
    "job killed": Pipeline.job_killed,
    "SIGTERM": Pipeline.told_to_end,
    "SIGINT": Pipeline.interrupted,
    "full disk": Pipeline.full_disk,
}


def _timeless(path: Path) -> bytes:
    """Bytes of a result, without seconds and digests of what holds them."""
    if path.suffix == ".json" and "provenance" in path.parts:
        told = json.loads(path.read_bytes())
        for entry in (*told["inputs"], *told["outputs"]):
            if entry["path"].endswith((".log.csv", "report.html")):
                entry["sha256"] = entry["bytes"] = None
        return json.dumps(told).encode()
    if path.name == "report.html":  # draws losses over bases, and tells the digest of the log
        return re.sub(rb"\b[0-9a-f]{64}\b|\b\d+(\.\d+)? s\b", b"", path.read_bytes())
    return content(path)


def _below(process: int) -> list[int]:
    """Processes below a process."""
    found = children(process)
    return found + [each for child in found for each in _below(child)]


def _command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() + b"\0\0"
    except OSError:
        return b"\0\0"


def _in_folder(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if os.readlink(entry) == str(folder):
                found.append(int(entry.parts[2]))
    return found


def main() -> int:
    """Try faults; the exit code tells whether anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults = [name for name in FAULTS if name != "full disk" or may_mount()]
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(Path(folder), given.seed)
        print(f"a run takes {pipeline.seconds:.0f} s", flush=True)
        for number in range(given.trials):
            pipeline.trial(faults[number % len(faults)])
            print(number + 1, *pipeline.tally.lost, sep="\n", flush=True)
        print(pipeline.tally)
    return bool(pipeline.tally.lost)


if __name__ == "__main__":
    sys.exit(main())
