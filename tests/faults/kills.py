"""One training, killed again and again, and gone on with each time.

`python tests/faults/kills.py --kills 100 --seed 0` kills so many times, with SIGKILL, a process in
which `dnabirnn train` is at work, at moments that are drawn at random, and runs the same command
again, until the training is done. Model and log must then be the bytes of a run that nothing
happened to, but for the log's seconds, and nothing else may be left. A training that is done too
soon is begun once more, for the kills that are left.

A state is kept after every step here, not every 15 seconds; each process is a copy of one that has
loaded its modules already, so that a hundred kills take minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from cases import run
from harness import content
from planted import write_genome

_SETTINGS = (
    *("--window", "100", "--batch", "16", "--hidden", "4", "--validations", "20"),
    *("--threads", "2", "--device", "cpu"),
)
_STEP_BP = 1600
_STEPS_A_KILL = 20
_AT_WORK = (b"training on", b"continuing from step")
_SECONDS_TO_BEGIN = 120


class Killed(NamedTuple):
    """What was tried: kills of a training at work, kills before it was, and what was lost."""

    kills: list[int]
    early: int
    steps: int
    lost: list[str]

    def __str__(self) -> str:
        each = " + ".join(map(str, self.kills))
        told = f"{sum(self.kills)} kills ({each}) of a training of {self.steps} steps at work"
        early = f"{self.early} more before it was"
        return "\n".join([f"{told}, {early}", *self.lost, f"lost: {len(self.lost) or 'none'}"])


def kill_again_and_again(folder: Path, kills: int, seed: int) -> Killed:
    """Train with so many kills, and without any."""
    write_genome(folder, {"a": 60_000, "b": 10_000})
    words = ["encode", "genome.fa", "--labels", "sites.bed", "--val-chroms", "b", "-o", "set"]
    run([sys.executable, "-m", "dnabirnn", *words], folder)
    killing = _Killing(folder, max(100, _STEPS_A_KILL * kills), random.Random(seed))
    done: list[int] = []
    while sum(done) < kills:
        done.append(killing.train(kills - sum(done)))
    return Killed(done, killing.early, killing.steps, killing.lost)


class _Killing:
    """Trainings to kill, beside one that is left alone."""

    def __init__(self, folder: Path, steps: int, chosen: random.Random) -> None:
        self.steps = steps
        self.early = 0
        self.lost: list[str] = []
        self._folder, self._chosen = folder, chosen
        self._whole = folder / "whole"
        self._whole.mkdir()
        process = self._begin(self._whole)
        process.wait_until_at_work()
        begun = time.monotonic()
        assert process.end() == 0, process.words.decode()
        self._seconds = time.monotonic() - begun

    def _begin(self, place: Path) -> _Process:
        return _Process(self._folder, place, str(self.steps * _STEP_BP))

    def train(self, kills: int) -> int:
        """Train, with at most so many kills of a process at work; the number of these."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        hit = 0
        while hit < kills:
            process = self._begin(place)
            if self._chosen.random() < 0.1:
                time.sleep(self._chosen.uniform(0, 0.2))
            else:
                process.wait_until_at_work()
                # Soon enough that what is left suffices for the kills that are left.
                left = (1 - _step(place) / self.steps) * self._seconds
                time.sleep(self._chosen.uniform(0, 1.5 * left / (kills - hit)))
            at_work = process.at_work()
            if not process.kill():
                break
            hit, self.early = hit + at_work, self.early + (not at_work)
            if (place / "m.safetensors").exists():
                self.lost += _differences(self._whole, place, ["m.safetensors"])
        else:
            process = self._begin(place)
        if code := process.end():
            self.lost.append(f"run again: exit code {code}: {process.words.decode()[-300:]}")
        self.lost += _differences(self._whole, place, ["m.safetensors", "m.log.csv"])
        extra = {path.name for path in place.iterdir()} - {"m.safetensors", "m.log.csv"}
        if extra:
            self.lost.append(f"left behind: {sorted(extra)}")
        return hit


class _Process:
    """A copy of this process in which a training runs."""

    def __init__(self, folder: Path, place: Path, bases: str) -> None:
        self.words = b""
        self._code: int | None = None
        self._reader, writer = os.pipe()
        self.number = os.fork()
        if self.number == 0:
            os.dup2(writer, 2)
            _train([str(folder / "set"), "-o", str(place / "m.safetensors"), "--bases", bases])
        os.close(writer)

    def at_work(self) -> bool:
        """Whether it has told that it trains."""
        while select.select([self._reader], [], [], 0)[0]:
            more = os.read(self._reader, 65536)
            if not more:
                break
            self.words += more
        return any(words in self.words for words in _AT_WORK)

    def wait_until_at_work(self) -> None:
        end = time.monotonic() + _SECONDS_TO_BEGIN
        while not self.at_work() and time.monotonic() < end:
            time.sleep(0.005)

    def kill(self) -> bool:
        """Kill it; False where it had ended."""
        os.kill(self.number, signal.SIGKILL)
        return self.end() == -signal.SIGKILL

    def end(self) -> int:
        """Wait for its end; the exit code."""
        if self._code is None:
            while more := os.read(self._reader, 65536):
                self.words += more
            os.close(self._reader)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        return self._code


def _train(words: list[str]) -> None:
    from dnabirnn.cli import main
    from dnabirnn.training import training_run as training

    training._SECONDS_BETWEEN_STATES = 0.0
    try:
        main.main(["train", *words, *_SETTINGS], "dnabirnn")
    except SystemExit as end:
        os._exit(int(end.code or 0))
    finally:
        os._exit(70)


def _step(place: Path) -> int:
    """Steps of the last state."""
    try:
        state = json.loads((place / "m.safetensors.resume/state.json").read_text())
    except FileNotFoundError:
        return 0
    return int(state["plain"]["step"])


def _differences(whole: Path, place: Path, names: list[str]) -> list[str]:
    """Files that are not those of the run that nothing happened to."""
    return [
        f"{name} is not that of a run without kills"
        for name in names
        if not (place / name).exists() or content(place / name) != content(whole / name)
    ]


def main() -> int:
    """Kill; the exit code tells whether anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import lightning_fabric  # noqa: F401

    import dnabirnn.cli.train
    import dnabirnn.training.training_run  # noqa: F401

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_again_and_again(Path(folder), given.kills, given.seed)
    print(found, f"{time.monotonic() - begun:.0f} s", sep="\n")
    return bool(found.lost)


if __name__ == "__main__":
    sys.exit(main())
