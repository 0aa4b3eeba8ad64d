"""What a run of scoring or calling has found, against a naive count of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import write_fasta
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import decode
from dnabirnn.intervals.regions import Regions
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.scoring.dna_brnn_bed import score_labels
from dnabirnn.scoring.genome import Found, call_track, score_genome
from dnabirnn.scoring.model import Model

CLASSES = (MotifClass("A", True), MotifClass("B", False), MotifClass("rare", True))
LENGTHS = {"x": 3_000, "y": 59, "none": 0, "z": 1_200}
CALLS = CallSettings({"A": CallRule(400, 2, 1), "B": CallRule(600), "rare": CallRule(1_000)})
REGIONS = "x\t10\t500\nx\t450\t600\nz\t1100\t1200\n"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(random_checkpoint(CLASSES), device="cpu")


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    records = {
        name: decode(random_codes(np.random.default_rng(n), n)) for name, n in LENGTHS.items()
    }
    return write_fasta(tmp_path / "g.fa", records)


def counts(path: Path, name_of: dict[str, str] | None = None) -> tuple[dict[str, list[int]], int]:
    """Calls, bases and bases on either strand of each class, and those of all; base by base."""
    found: dict[str, list[int]] = {}
    bases: dict[str, set[tuple[str, int]]] = {}
    for line in path.read_text().splitlines():
        chrom, start, end, name = line.split("\t")[:4]
        name = (name_of or {}).get(name, name)
        of = found.setdefault(name, [0, 0, 0])
        own = {(chrom, at) for at in range(int(start), int(end))}
        bases.setdefault(name, set()).update(own)
        of[0], of[1], of[2] = of[0] + 1, of[1] + len(own), len(bases[name])
    return found, len(set().union(*bases.values()))


@pytest.mark.parametrize(
    ("regions", "contigs", "bases"), [(None, 4, 4_259), (REGIONS, 2, 690), ("y\t0\t9\n", 1, 9)]
)
def test_calls_and_bases_are_those_of_the_files(
    model: Model, fasta: Path, tmp_path: Path, regions: str | None, contigs: int, bases: int
) -> None:
    given = {}
    if regions is not None:
        (tmp_path / "r.bed").write_text(regions)
        given["regions"] = Regions.read(tmp_path / "r.bed")
    out, calls = tmp_path / "s.bed", tmp_path / "c.bed"
    found = score_genome(model, [fasta], out, calls_out=calls, calls=CALLS, **given)
    per_class, every = counts(calls)
    assert (found.contigs, found.scored_bp) == (contigs, bases)
    assert found.calls == {"A": [0] * 3, "B": [0] * 3, "rare": [0] * 3} | per_class
    assert found.called_bp == every
    assert found.files == [str(out), str(calls)]
    again = call_track(out, tmp_path / "again.bed", model.outputs, CALLS)
    assert again == Found(None, None, found.calls, every, [str(tmp_path / "again.bed")])


def test_calls_in_the_format_of_dna_brnn_are_counted(
    model: Model, fasta: Path, tmp_path: Path
) -> None:
    found = score_labels(model, [fasta], tmp_path / "c.bed", CALLS)
    per_class, every = counts(tmp_path / "c.bed", {"1": "A", "2": "B"})
    assert found.calls == {"A": [0] * 3, "B": [0] * 3, "rare": [0] * 3} | per_class
    assert found.called_bp == every == per_class["A"][2] + per_class["B"][2]
    assert (found.contigs, found.scored_bp) == (4, 4_259)
    assert found.files == [str(tmp_path / "c.bed")]


@pytest.mark.parametrize(
    ("out", "files"),
    [
        (
            "s.bw",
            ["s.A.plus.bw", "s.A.minus.bw", "s.B.both.bw", "s.rare.plus.bw", "s.rare.minus.bw"],
        ),
        ("s.bed.gz", ["s.bed.gz"]),
        ("s.parquet", ["s.parquet"]),
        ("/dev/null", []),
    ],
)
def test_files_are_those_that_were_written(
    model: Model, fasta: Path, tmp_path: Path, out: str, files: list[str]
) -> None:
    found = score_genome(model, [fasta], tmp_path / out)
    assert found.files == [str(tmp_path / name) for name in files]
    assert {path.name for path in tmp_path.iterdir()} == {"g.fa", *files}
    assert found.calls is None


LINES = [
    (Found(1, 4_641_652), ["4,641,652 bases of 1 contig scored"]),
    (Found(0, 0, files=["s.bed"]), ["0 bases of 0 contigs scored", "written: s.bed"]),
    (
        Found(calls={"REP": [680, 21_815, 21_810]}, called_bp=21_810),
        [
            "class  calls   bases  bases on either strand",
            "REP      680  21,815                  21,810",
        ],
    ),
    (
        Found(calls={"a": [1, 10, 10], "long name": [2, 20, 15]}, called_bp=18, files=["c"]),
        [
            "class        calls  bases  bases on either strand",
            "a                1     10                      10",
            "long name        2     20                      15",
            "all classes      3     30                      18",
            "written: c",
        ],
    ),
]


@pytest.mark.parametrize(("found", "lines"), LINES)
def test_a_report_is_a_few_lines(found: Found, lines: list[str]) -> None:
    assert found.lines() == lines
