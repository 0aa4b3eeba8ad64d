"""Faults while commands run: killed, out of space, out of memory, without one of their processes.

`python tests/faults/harness.py --trials 200 --seed 0` tries so many faults, each of a command at a
moment that is drawn at random, and prints what was tried and what was lost. After a fault no output
may be there but whole ones, old or new, and the main one is new only where all are; the same
command, run once more, must succeed by itself, give the bytes of a run that nothing happened to,
and leave nothing else in the folder.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cases import CASES, Case, environment, provide, run, write_material

_OLDER = b"# of an older run\n"
_SECONDS_TO_END = 30
"""In which a command ends that has lost a process."""
_SECONDS_WITHOUT_MEMORY = 300


@dataclass
class Tally:
    """What was tried, and what was lost."""

    tried: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    stuck: int = 0

    def __str__(self) -> str:
        rows = [
            f"{kind}: {self.hit[kind]} of {n} ended the command"
            for kind, n in sorted(self.tried.items())
        ]
        rows.append(f"all: {self.hit.total()} of {self.tried.total()}")
        if self.stuck:
            rows.append(f"waited for memory until it was killed: {self.stuck}")
        return "\n".join([*rows, *self.lost, f"lost: {len(self.lost) or 'none'}"])


class Harness:
    """Commands with faults, in folders of their own.

    Parameters
    ----------
    folder : Path
        For the material, and for the trials.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        hear_interrupts()
        self.tally = Tally()
        self.material = folder / "material"
        self._random = random.Random(seed)
        self._folder = folder
        self.material.mkdir()
        write_material(self.material)
        self._whole: dict[str, dict[str, bytes]] = {}
        self._seconds: dict[str, float] = {}

    def trial(self, case: Case, fault: str) -> None:
        """Run a command with a fault, and then without."""
        whole = self._wanted(case)
        what = f"{case.name}, {fault}"
        with self._place(case, fault, whole) as place:
            older = fault != "full disk" and self._random.random() < 0.5
            if older:  # outputs, which must stay or be replaced
                _write_older(place, whole)
            ended = FAULTS[fault](self, case, place)
            self.tally.tried[fault] += 1
            self.tally.hit[fault] += ended
            if ended:
                self._check_ended(what, case, place, whole)
            else:
                self._check_whole(what, place, whole)
            if fault == "full disk":
                mount = ["mount", "-o", "remount,size=200m", str(place)]
                subprocess.run(mount, check=True, capture_output=True)
            again = subprocess.run(
                case.command(self.material), cwd=place, capture_output=True, env=environment()
            )
            if again.returncode:
                self.tally.lost.append(f"{what}: run again: {again.stderr.decode()[-300:]}")
            self._check_whole(f"{what}, again", place, whole)
            found = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
            left = found - {*case.files, *case.given}
            if left:
                self.tally.lost.append(f"{what}: left behind: {sorted(left)}")

    def _wanted(self, case: Case) -> dict[str, bytes]:
        """Outputs of a run that nothing happens to."""
        if case.name not in self._whole:
            place = Path(tempfile.mkdtemp(dir=self._folder))
            provide(case, self.material)
            case.prepare(place, self.material)
            begun = time.monotonic()
            run(case.command(self.material), place)
            self._seconds[case.name] = time.monotonic() - begun
            self._whole[case.name] = {name: content(place / name) for name in case.files}
            shutil.rmtree(place)
        return self._whole[case.name]

    @contextmanager
    def _place(self, case: Case, fault: str, whole: dict[str, bytes]) -> Iterator[Path]:
        """A folder for a trial; on a small file system where the disk is to be full."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        if fault != "full disk":
            case.prepare(place, self.material)
            yield place
            shutil.rmtree(place)
            return
        share = self._random.uniform(0.05, 0.9)
        given = sum((self.material / name).stat().st_size // 4096 + 1 for name in case.given)
        pages = given + int(share * sum(map(len, whole.values()))) // 4096 + 2
        mount = ["mount", "-t", "tmpfs", "-o", f"size={4096 * pages}", "tmpfs", str(place)]
        subprocess.run(mount, check=True, capture_output=True)
        try:
            case.prepare(place, self.material)
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)
            place.rmdir()

    def _check_ended(self, what: str, case: Case, place: Path, whole: dict[str, bytes]) -> None:
        states = {name: _state(place / name, whole[name]) for name in case.files}
        # A log grows while its run does, and is whole at each row.
        states |= {name: "log" for name in states if name.endswith(".log.csv")}
        self.tally.lost += [f"{what}: {n} is not whole" for n, s in states.items() if s == "torn"]
        main, *others = (states[name] for name in case.outputs)
        if main == "new" and set(others) - {"new"}:
            self.tally.lost.append(f"{what}: {case.outputs[0]} is new before others: {states}")

    def _check_whole(self, what: str, place: Path, whole: dict[str, bytes]) -> None:
        for name, wanted in whole.items():
            if not (place / name).exists():
                self.tally.lost.append(f"{what}: {name} is not there")
            elif content(place / name) != wanted:
                self.tally.lost.append(f"{what}: {name} is not whole")

    # --------------------------------------------------------------------------- faults

    def _signalled(self, number: int, case: Case, place: Path) -> bool:
        process = self._begin(case, place)
        time.sleep(self._moment(case))
        process.send_signal(number)
        process.communicate()
        return process.returncode != 0

    def _moment(self, case: Case) -> float:
        return self._random.uniform(0, 1.1 * self._seconds[case.name])

    def killed(self, case: Case, place: Path) -> bool:
        """SIGKILL at any moment."""
        return self._signalled(signal.SIGKILL, case, place)

    def told_to_end(self, case: Case, place: Path) -> bool:
        """SIGTERM at any moment."""
        return self._signalled(signal.SIGTERM, case, place)

    def interrupted(self, case: Case, place: Path) -> bool:
        """Ctrl-C at any moment."""
        return self._signalled(signal.SIGINT, case, place)

    def full_disk(self, case: Case, place: Path) -> bool:
        """No space left for all of the output."""
        process = self._begin(case, place)
        _, words = process.communicate()
        self._one_line(f"{case.name}, full disk", words, process.returncode)
        return process.returncode != 0

    def no_memory(self, case: Case, place: Path) -> bool:
        """Memory that is refused from some size on."""
        limit = int(self._random.uniform(0.15, 2.5) * 2**30)
        process = self._begin(
            case, place, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit,) * 2)
        )
        try:
            process.communicate(timeout=_SECONDS_WITHOUT_MEMORY)
        except subprocess.TimeoutExpired:  # OpenBLAS asks for its buffers until it gets them
            process.kill()
            process.communicate()
            self.tally.stuck += 1
        return process.returncode != 0

    def worker_killed(self, case: Case, place: Path) -> bool:
        """SIGKILL of a process that the command has started, once there is one."""
        process = self._begin(case, place)
        workers: Sequence[int] = ()
        while not workers and process.poll() is None:
            time.sleep(0.02)
            workers = children(process.pid)
        time.sleep(self._random.uniform(0, 1) * self._seconds[case.name] / 2)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        try:
            _, words = process.communicate(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.tally.lost.append(f"{case.name}, worker killed: goes on without it")
        else:
            self._one_line(f"{case.name}, worker killed", words, process.returncode)
        return process.returncode != 0

    def _begin(
        self, case: Case, place: Path, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            case.command(self.material),
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            preexec_fn=before,
        )

    def _one_line(self, what: str, words: bytes, code: int) -> None:
        lines = words.decode().strip().splitlines()
        # That there may be too little room is said before.
        lines = [line for line in lines if "dnabirnn: warning: needs about " not in line]
        if code and (code < 0 or len(lines) != 1 or "error: " not in lines[0]):
            self.tally.lost.append(f"{what}: exit code {code}, said {words.decode()[-300:]!r}")


FAULTS: dict[str, Callable[[Harness, Case, Path], bool]] = {
    "SIGKILL": Harness.killed,
    "SIGTERM": Harness.told_to_end,
    "SIGINT": Harness.interrupted,
    "full disk": Harness.full_disk,
    "memory refused": Harness.no_memory,
    "worker killed": Harness.worker_killed,
}


def faults_of(case: Case) -> list[str]:
    """Faults that a command can meet here."""
    return [
        name
        for name in FAULTS
        if (name != "full disk" or may_mount()) and (name != "worker killed" or case.workers)
    ]


def content(path: Path) -> bytes:
    """Bytes of a file; of a log of training without its column of seconds."""
    if not path.name.endswith(".log.csv"):
        return path.read_bytes()
    rows = [line.split(",") for line in path.read_text().splitlines()]
    column = rows[0].index("seconds")
    return "\n".join(",".join(r[:column] + r[column + 1 :]) for r in rows).encode()


def _write_older(place: Path, whole: dict[str, bytes]) -> None:
    for name, wanted in whole.items():
        (place / name).parent.mkdir(exist_ok=True)
        # An encoded set is replaced as what it is.
        (place / name).write_bytes(wanted + (b"" if "manifest" in name else _OLDER))


def _state(path: Path, wanted: bytes) -> str:
    if not path.exists():
        return "absent"
    found = path.read_bytes()
    if found == wanted:
        return "new"
    return "old" if found == wanted + _OLDER else "torn"


def hear_interrupts() -> None:
    """Have what is begun from here hear Ctrl-C, which a shell takes from what it runs behind."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def children(process: int) -> list[int]:
    """Processes that a process has started and that still run."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return [int(n) for path in threads for n in (path / "children").read_text().split()]
    except OSError:
        return []


def may_mount() -> bool:
    """Whether small file systems can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["mount", "-t", "tmpfs", "-o", "size=8192", "tmpfs", folder]
        try:
            if subprocess.run(words, capture_output=True).returncode:
                return False
        except FileNotFoundError:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def main() -> int:
    """Try faults; the exit code tells whether anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", choices=list(FAULTS), help="try this alone")
    given = parser.parse_args()
    chosen = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder), given.seed)
        for number in range(given.trials):
            case = CASES[number % len(CASES)]
            harness.trial(case, given.fault or chosen.choice(faults_of(case)))
            if (number + 1) % len(CASES) == 0:
                print(f"-- {number + 1}", harness.tally, sep="\n", flush=True)
        print(harness.tally)
    return bool(harness.tally.lost)


if __name__ == "__main__":
    sys.exit(main())
