"""Commands that write, the outputs that each must give, and the files that they work on."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

MOTIF = "GCCGGATGCGGCGTGAACGCCTTATCCGGCAT"
_LABELLED = ("{in}/genome.fa", "--labels", "{in}/sites.bed")
_SCORE = ("score", "{in}/genome.fa", "-m", "{in}/m.safetensors")
_SPLIT = ("--val-chroms", "b", "--test-chroms", "c")
_CPU = ("--device", "cpu")


@dataclass(frozen=True)
class Case:
    """A command and the outputs that it must give; `{in}` is the folder of the material.

    Attributes
    ----------
    name : str
    words : tuple of str
        Run in the folder of a trial.
    outputs : tuple of str
        The main one first: where it is new, all others are.
    later : tuple of str
        Each whole or not there by itself: written before or after the others.
    given : tuple of str
        Files of the material that must lie in the folder.
    workers : bool
        Several processes.
    """

    name: str
    words: tuple[str, ...]
    outputs: tuple[str, ...]
    later: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    workers: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """All that is there in the end."""
        return self.outputs + self.later

    def command(self, material: Path) -> list[str]:
        """Words to run."""
        words = [word.replace("{in}", str(material)) for word in self.words]
        return [sys.executable, "-m", "dnabirnn", "-q", *words]

    def prepare(self, place: Path, material: Path) -> None:
        """Put into a folder what must be there."""
        for name in self.given:
            shutil.copy(material / name, place / name)


CASES = (
    Case(
        "encode",
        ("encode", *_LABELLED, *_SPLIT, "-o", "set"),
        ("set/codes.npy", "set/labels.npy", "set/manifest.json"),
    ),
    Case(
        "train",
        (
            *("train", "{in}/set", "-o", "m.safetensors", "--hidden", "8", *_CPU),
            *("--bases", "400k", "--validations", "3", "--threads", "1"),
        ),
        ("m.safetensors",),
        later=("m.log.csv",),
    ),
    Case(
        "score",
        (*_SCORE, "--min-score", "0", "-o", "scores.bed", "--calls", "calls.bed"),
        ("scores.bed", "calls.bed"),
    ),
    Case(
        "score, bgzip",
        (*_SCORE, "-o", "scores.bedgraph.gz"),
        ("scores.M.plus.bedgraph.gz", "scores.M.minus.bedgraph.gz"),
    ),
    Case(
        "score, index",
        (*_SCORE, "-o", "s.bed.gz", "--index", "--calls", "c.gff3.gz"),
        ("s.bed.gz", "s.bed.gz.tbi", "c.gff3.gz", "c.gff3.gz.tbi"),
    ),
    Case(
        "score, hub",
        (
            *(*_SCORE, "-o", "s.bw", "--calls", "c.bb", "--hub", ".", "--genome", "x"),
            *("--provenance", "p.json"),
        ),
        ("s.M.plus.bw", "s.M.minus.bw", "c.bb"),
        later=(
            "hub.txt",
            "genomes.txt",
            "trackDb.txt",
            "igv_session.xml",
            "jbrowse2.json",
            "p.json",
        ),
    ),
    Case(
        "score, Parquet",
        (*_SCORE, "-o", "s.parquet", "--calls", "c.parquet", "--provenance", "p.json"),
        ("s.parquet", "c.parquet"),
        later=("p.json",),
    ),
    Case(
        "call",
        ("call", "{in}/scores.bed", "-m", "{in}/m.safetensors", "-o", "calls.bed"),
        ("calls.bed",),
    ),
    Case(
        "evaluate",
        ("evaluate", *_LABELLED, "-m", "{in}/m.safetensors", "-o", "metrics.json", "--no-plots"),
        ("metrics.json",),
    ),
    Case(
        "evaluate, curves",
        (
            *("evaluate", *_LABELLED, "-m", "{in}/m.safetensors", "-o", "e.json"),
            *("--curves", "curves.json", "--no-plots", "--provenance", "p.json"),
        ),
        ("e.json", "curves.json"),
        later=("p.json",),
    ),
    Case(
        "report",
        (
            *("report", "-o", "r.html", "-m", "{in}/m.safetensors", "--encoded", "{in}/set"),
            *("--fasta", *_LABELLED, "--metrics", "{in}/metrics.json", "--examples", "1"),
            *("--provenance", "p.json"),
        ),
        ("r.html",),
        later=("p.json",),
    ),
    Case(
        "review",
        (
            *("review", *_LABELLED, "-m", "{in}/m.safetensors", "-o", "r.bed"),
            *("--session", ".", "--provenance", "p.json"),
        ),
        ("r.bed",),
        later=("igv_session.xml", "jbrowse2.json", "p.json"),
    ),
    Case(
        "summary",
        ("summary", "{in}/calls.bed", "--sizes", "{in}/genome.fa", "-o", "s.parquet"),
        ("s.parquet",),
    ),
    Case(
        "summary, CSV",
        ("summary", "{in}/calls.bed", "-o", "s.csv.gz", "--provenance", "p.json"),
        ("s.csv.gz",),
        later=("p.json",),
    ),
    Case(
        "mask",
        ("mask", "{in}/genome.fa", "--calls", "{in}/calls.bed", "-o", "masked.fa.gz"),
        ("masked.fa.gz",),
    ),
    Case(
        "merge",
        ("merge", "{in}/1.bed.gz", "{in}/2.bed.gz", "-o", "merged.bed.gz", "--index"),
        ("merged.bed.gz", "merged.bed.gz.tbi"),
    ),
    Case(
        "hub",
        ("hub", "s.M.plus.bw", "s.M.minus.bw", "c.bb", "-o", ".", "--genome", "x"),
        ("hub.txt", "genomes.txt", "trackDb.txt", "igv_session.xml", "jbrowse2.json"),
        given=("s.M.plus.bw", "s.M.minus.bw", "c.bb"),
    ),
    Case(
        "scan",
        ("scan", "{in}/genome.fa", "--motifs", "{in}/motifs.jaspar", "-o", "sites.bed.gz"),
        ("sites.bed.gz",),
    ),
    Case(
        "convert",
        ("convert", "{in}/m.knm", "--classes", "X,Y", "-o", "c.safetensors"),
        ("c.safetensors",),
    ),
    Case("export", ("export", "{in}/m.safetensors", "-o", "m.onnx"), ("m.onnx",)),
    Case("models", ("models", "ecoli-rep", "-o", "rep.safetensors"), ("rep.safetensors",)),
    Case(
        "simulate",
        ("simulate", "-o", "simulated", "--length", "300k", "--provenance", "p.json"),
        ("simulated/genome.fa", "simulated/sites.bed", "simulated/decoys.bed"),
        later=("p.json",),
    ),
    Case(
        "train, two processes",
        (
            *("train", "{in}/set", "-o", "d.safetensors", "--hidden", "8", "--devices", "2"),
            *("--bases", "150k", "--validations", "3", "--threads", "1", *_CPU),
        ),
        ("d.safetensors",),
        later=("d.log.csv",),
        workers=True,
    ),
)
_BY_NAME = {case.name: case for case in CASES}
_BY_OUTPUT = {name.split("/")[0]: case for case in reversed(CASES) for name in case.outputs}


def case_of(name: str) -> Case:
    """The case of a name."""
    return _BY_NAME[name]


def environment() -> dict[str, str]:
    """Of a command: this very package."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def run(command: list[str], folder: Path) -> None:
    """Run a command to its end; it must go well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, env=environment())
    assert done.returncode == 0, (command, done.stderr.decode())


def write_material(folder: Path) -> None:
    """A genome with planted sites, motifs, a model of dna-brnn."""
    import numpy as np
    from knm import Knm

    rng = random.Random(0)
    with (folder / "sites.bed").open("w") as rows, (folder / "genome.fa").open("w") as genome:
        for name, length in (("a", 200_000), ("b", 50_000), ("c", 50_000)):
            bases = [rng.choice("ACGT") for _ in range(length)]
            for start in range(100, len(bases) - 100, 400):
                bases[start : start + len(MOTIF)] = MOTIF
                rows.write(f"{name}\t{start}\t{start + len(MOTIF)}\tM\t0\t+\n")
            genome.write(f">{name}\n{''.join(bases)}\n")
    counts = "".join(
        f"{base} [{' '.join('9' if letter == base else '0' for letter in MOTIF[:12])}]\n"
        for base in "ACGT"
    )
    (folder / "motifs.jaspar").write_text(f">M1 M\n{counts}")
    Knm(np.random.default_rng(0), 16, 3, 1).write(folder / "m.knm")


def provide(case: Case, folder: Path) -> None:
    """Make what a case works on, as far as it is not there."""
    read = [word.removeprefix("{in}/") for word in case.words if word.startswith("{in}/")]
    for name in (*read, *case.given):
        if not (folder / name).exists():
            maker = _shard(name) if name[0].isdigit() else _BY_OUTPUT[name]
            provide(maker, folder)
            run(maker.command(folder), folder)


def _shard(name: str) -> Case:
    return Case(name, (*_SCORE, "--shard", f"{name[0]}-of-2", "-o", name), (name,))
