"""Faults while commands run: killed, out of space, out of memory, cut off from their reader.

`python tests/faults/harness.py --trials 200 --seed 0` tries so many faults, each of a command
that is drawn at random, at a moment that is drawn at random, and prints what was tried and what
was lost. After a fault no output may be there but whole ones, old or new; the same command, run
once more, must succeed by itself, give the bytes of a run that nothing happened to, and leave
nothing else in the folder.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOTIF = "GCCGGATGCGGCGTGAACGCCTTATCCGGCAT"


@dataclass(frozen=True)
class Case:
    """A command and the outputs that it must give; `{}` is the folder of the trial."""

    name: str
    words: tuple[str, ...]
    outputs: tuple[str, ...]

    def command(self, folder: Path, material: Path) -> list[str]:
        """Words to run."""
        places = {"out": str(folder), "in": str(material)}
        words = [word.format(**places) for word in self.words]
        return [sys.executable, "-m", "dnabirnn", "-q", *words]


CASES = (
    Case(
        "encode",
        ("encode", "{in}/genome.fa", "--labels", "{in}/sites.bed", "-o", "{out}/set"),
        ("set/codes.npy", "set/labels.npy", "set/manifest.json"),
    ),
    Case(
        "train",
        (
            *("train", "{in}/set", "-o", "{out}/m.safetensors", "--hidden", "8"),
            *("--bases", "400k", "--validations", "3", "--threads", "1"),
        ),
        ("m.safetensors",),
    ),
    Case(
        "score",
        (
            *("score", "{in}/genome.fa", "-m", "{in}/m.safetensors", "--min-score", "0"),
            *("-o", "{out}/scores.bed", "--calls", "{out}/calls.bed"),
        ),
        ("scores.bed", "calls.bed"),
    ),
    Case(
        "score, bgzip",
        (
            *("score", "{in}/genome.fa", "-m", "{in}/m.safetensors"),
            *("-o", "{out}/scores.bedgraph.gz"),
        ),
        ("scores.M.plus.bedgraph.gz", "scores.M.minus.bedgraph.gz"),
    ),
    Case(
        "call",
        ("call", "{in}/scores.bed", "-m", "{in}/m.safetensors", "-o", "{out}/calls.bed"),
        ("calls.bed",),
    ),
    Case(
        "evaluate",
        (
            *("evaluate", "{in}/genome.fa", "--labels", "{in}/sites.bed"),
            *("-m", "{in}/m.safetensors", "-o", "{out}/metrics.json", "--no-plots"),
        ),
        ("metrics.json",),
    ),
    Case(
        "simulate",
        ("simulate", "-o", "{out}/simulated", "--length", "300k"),
        ("simulated/genome.fa",),
    ),
)


@dataclass
class Tally:
    """What was tried, and what was lost."""

    tried: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [
            f"{kind}: {self.hit[kind]} of {n} ended the command" for kind, n in self.tried.items()
        ]
        return "\n".join([*rows, *self.lost, f"lost: {len(self.lost) or 'none'}"])


def write_material(folder: Path) -> None:
    """A genome with planted sites, an encoded set, a model, a track."""
    rng = random.Random(0)
    bases = [rng.choice("ACGT") for _ in range(300_000)]
    with (folder / "sites.bed").open("w") as rows:
        for start in range(100, len(bases) - 100, 400):
            bases[start : start + len(MOTIF)] = MOTIF
            rows.write(f"c\t{start}\t{start + len(MOTIF)}\tM\t0\t+\n")
    (folder / "genome.fa").write_text(">c\n" + "".join(bases) + "\n")
    for case in CASES[:3]:
        run(case, folder, folder)


def run(case: Case, folder: Path, material: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; it must go well."""
    done = subprocess.run(case.command(folder, material), capture_output=True, env=_environment())
    assert done.returncode == 0, (case.name, done.stderr.decode())
    return done


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


class Harness:
    """Commands with faults, in folders of their own.

    Parameters
    ----------
    folder : Path
        For the material, and for the trials.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._random = random.Random(seed)
        self._folder = folder
        self._material = folder / "material"
        self._material.mkdir()
        write_material(self._material)
        self._whole: dict[str, dict[str, bytes]] = {}
        self._seconds: dict[str, float] = {}

    def trial(self, case: Case, fault: str) -> None:
        """Run a command with a fault, and then without."""
        whole = self._wanted(case)
        with self._place(fault, whole) as place:
            if fault != "full disk" and self._random.random() < 0.5:
                for name in case.outputs:  # an older output, which must stay or be replaced
                    (place / name).parent.mkdir(exist_ok=True)
                    (place / name).write_bytes(whole[name])
            ended = FAULTS[fault](self, case, place)
            self.tally.tried[fault] += 1
            self.tally.hit[fault] += ended
            what = f"{case.name}, {fault}"
            self._check(what, case, place, whole, ended=ended)
            if fault == "full disk":
                return  # and stays full
            again = subprocess.run(
                case.command(place, self._material), capture_output=True, env=_environment()
            )
            if again.returncode:
                self.tally.lost.append(f"{what}: run again: {again.stderr.decode()[-300:]}")
            self._check(f"{what}, again", case, place, whole, ended=False)
            known = {Path(name).parts[0] for name in case.outputs} | {"m.log.csv"}
            left = {path.name for path in place.iterdir()} - known
            if left:
                self.tally.lost.append(f"{what}: left behind: {sorted(left)}")

    def _wanted(self, case: Case) -> dict[str, bytes]:
        """Outputs of a run that nothing happens to."""
        if case.name not in self._whole:
            place = self._folder / f"whole {case.name}"
            place.mkdir()
            begun = time.monotonic()
            run(case, place, self._material)
            self._seconds[case.name] = time.monotonic() - begun
            self._whole[case.name] = {n: (place / n).read_bytes() for n in case.outputs}
            shutil.rmtree(place)
        return self._whole[case.name]

    @contextmanager
    def _place(self, fault: str, whole: dict[str, bytes]) -> Iterator[Path]:
        """A folder for a trial; on a small file system where the disk is to be full."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        if fault != "full disk":
            yield place
            shutil.rmtree(place)
            return
        pages = int(self._random.uniform(0.05, 0.9) * sum(map(len, whole.values()))) // 4096 + 2
        mount = ["mount", "-t", "tmpfs", "-o", f"size={4096 * pages}", "tmpfs", str(place)]
        subprocess.run(mount, check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)
            place.rmdir()

    def _check(
        self, what: str, case: Case, place: Path, whole: dict[str, bytes], *, ended: bool
    ) -> None:
        for name in case.outputs:
            path = place / name
            if not path.exists():
                if not ended:
                    self.tally.lost.append(f"{what}: {name} is not there")
            elif path.read_bytes() != whole[name]:
                self.tally.lost.append(f"{what}: {name} is not whole")

    # --------------------------------------------------------------------------- faults

    def _signalled(self, number: int, case: Case, place: Path) -> bool:
        process = self._begin(case, place)
        time.sleep(self._random.uniform(0, 1.1 * self._seconds[case.name]))
        process.send_signal(number)
        process.communicate()
        return process.returncode != 0

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
        self._one_line(case, words, process.returncode)
        return process.returncode != 0

    def no_memory(self, case: Case, place: Path) -> bool:
        """Memory that is refused from some size on."""
        limit = int(self._random.uniform(0.15, 2.5) * 2**30)
        process = self._begin(
            case, place, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit,) * 2)
        )
        process.communicate()
        return process.returncode != 0

    def _begin(
        self, case: Case, place: Path, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            case.command(place, self._material),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(),
            preexec_fn=before,
        )

    def _one_line(self, case: Case, words: bytes, code: int) -> None:
        lines = words.decode().strip().splitlines()
        if code and (len(lines) != 1 or "error: " not in lines[0]):
            self.tally.lost.append(f"{case.name}, full disk: said {words.decode()[-300:]!r}")


FAULTS: dict[str, Callable[[Harness, Case, Path], bool]] = {
    "SIGKILL": Harness.killed,
    "SIGTERM": Harness.told_to_end,
    "SIGINT": Harness.interrupted,
    "full disk": Harness.full_disk,
    "memory refused": Harness.no_memory,
}


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
    given = parser.parse_args()
    faults = [name for name in FAULTS if name != "full disk" or may_mount()]
    chosen = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder), given.seed)
        for number in range(given.trials):
            harness.trial(CASES[number % len(CASES)], chosen.choice(faults))
        print(harness.tally)
    return bool(harness.tally.lost)


if __name__ == "__main__":
    sys.exit(main())
