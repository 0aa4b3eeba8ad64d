"""One training, killed again and again, and gone on with each time.

`python tests/faults/kills.py --kills 100 --seed 0` kills so many times, with SIGKILL, a process in
which `dnabirnn train` is at work, at moments that are drawn at random, and runs the same command
again, until the training is done. Model and log must then be the bytes of a run that nothing
happened to, but for the log's seconds, and nothing else may be left.

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
_AT_WORK = (b"training on", b"going on from step")
_SECONDS_TO_BEGIN = 120


class Killed(NamedTuple):
    """What was tried: kills of a training at work, kills before it was, and what was lost."""

    kills: int
    early: int
    steps: int
    lost: list[str]

    def __str__(self) -> str:
        told = f"{self.kills} kills of a training of {self.steps} steps at work"
        early = f"{self.early} more before it was"
        return "\n".join([f"{told}, {early}", *self.lost, f"lost: {len(self.lost) or 'none'}"])


def kill_again_and_again(folder: Path, kills: int, seed: int) -> Killed:
    """Train with so many kills, and without any."""
    chosen = random.Random(seed)
    write_genome(folder, {"a": 60_000, "b": 10_000})
    words = ["encode", "genome.fa", "--labels", "sites.bed", "--val-chroms", "b", "-o", "set"]
    run([sys.executable, "-m", "dnabirnn", *words], folder)
    steps = max(100, _STEPS_A_KILL * kills)
    bases = str(steps * _STEP_BP)
    whole, place = folder / "whole", folder / "killed"
    begun = time.monotonic()
    for path in (whole, place):
        path.mkdir()
    assert _Process(folder, whole, bases).end() == 0
    seconds = time.monotonic() - begun
    lost: list[str] = []
    hit = early = 0
    while True:
        process = _Process(folder, place, bases)
        if hit < kills:
            # Soon enough that what is left suffices for the kills that are left.
            left = 1 - _step(place) / steps
            if chosen.random() < 0.1:
                time.sleep(chosen.uniform(0, 0.2))
            else:
                process.wait_until_at_work()
                time.sleep(chosen.uniform(0, 1.5 * left * seconds / (kills - hit)))
            at_work = process.at_work()
            if process.kill():
                hit, early = hit + at_work, early + (not at_work)
                if (place / "m.safetensors").exists():
                    lost += _differences(whole, place, ["m.safetensors"])
                continue
        if code := process.end():
            lost.append(f"run again: exit code {code}: {process.words.decode()[-300:]}")
        break
    lost += _differences(whole, place, ["m.safetensors", "m.log.csv"])
    lost += [f"left behind: {n}" for n in os.listdir(place) if n not in os.listdir(whole)]
    if hit < kills:
        lost.append(f"done after {hit} kills, before the {kills} that were wanted")
    return Killed(hit, early, steps, lost)


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
    from dnabirnn import training
    from dnabirnn.cli import main

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
    import dnabirnn.training  # noqa: F401

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_again_and_again(Path(folder), given.kills, given.seed)
    print(found, f"{time.monotonic() - begun:.0f} s", sep="\n")
    return bool(found.lost)


if __name__ == "__main__":
    sys.exit(main())
