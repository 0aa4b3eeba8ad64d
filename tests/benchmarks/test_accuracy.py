"""Accuracy beside the matrix, on a task that is made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import tasks
from benchmarks.__main__ import main
from benchmarks.accuracy import compared
from benchmarks.tasks import Sequences, Task
from dnabirnn.evaluation import Curve, PrecisionRecall, Reliability, Report

NOTHING = np.empty(0)
POINTS = PrecisionRecall(NOTHING, NOTHING, NOTHING)
SLICES = Reliability(*[NOTHING] * len(Reliability._fields))


def report(ap: float, replicates: list[float], stranded: bool = True) -> Report:
    """A report of class M; strand-blind figures are higher by 0.01."""
    curves = [
        Curve("M", by, ap + plus, 0.1, 1, 1, POINTS, SLICES, np.array(replicates) + plus)
        for by, plus in ((False, 0.01 * stranded), (True, 0.0))[: 1 + stranded]
    ]
    entry = {"ap_stranded": ap, "ap": ap + 0.01 * stranded, "positives": 7}
    return Report({"classes": {"M": entry}}, curves)


@pytest.mark.parametrize("stranded", [False, True])
def test_differences_are_paired_and_means_over_seeds(stranded: bool) -> None:
    networks = [report(0.8, [0.7, 0.9], stranded), report(0.6, [0.5, 0.7], stranded)]
    figures = compared(networks, report(0.5, [0.4, 0.6], stranded), "M")
    assert figures["ap_stranded"] == pytest.approx(0.7)
    assert figures["ap_stranded_sd"] == pytest.approx(np.std([0.8, 0.6], ddof=1))
    assert figures["gain_ap_stranded"] == pytest.approx(0.2)
    # Each replicate differs by 0.2, however much both vary.
    assert figures["gain_ap_stranded_se"] == pytest.approx(0, abs=1e-12)
    assert figures["gain_ap"] == pytest.approx(0.2)
    assert (figures["behind"], figures["positives"]) == ("no", 7)


@pytest.mark.parametrize(
    ("ap", "replicates", "behind"),
    [
        (0.485, [0.485, 0.485, 0.485], "no"),  # by less than 0.02
        (0.47, [0.47, 0.47, 0.47], "yes"),
        (0.47, [0.42, 0.47, 0.52], "no"),  # by less than the standard error
        (0.44, [0.39, 0.44, 0.49], "yes"),
        (0.47, [np.nan, 0.47, np.nan], "yes"),
    ],
)
def test_a_class_is_behind_by_more_than_chance(
    ap: float, replicates: list[float], behind: str
) -> None:
    figures = compared([report(ap, replicates)], report(0.5, [0.5, 0.5, 0.5]), "M")
    assert figures["behind"] == behind


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """A task on three contigs with a site of each class every 200 bases; the first is excluded."""
    random = np.random.default_rng(0)
    lines, rows = [], []
    for name in ("train", "val", "test"):
        letters = np.array(list("ACGT"))[random.integers(0, 4, 24_000)]
        for number, start in enumerate(range(100, 23_900, 200)):
            motif, site = (("A", "ACGTTGCAAC"), ("B", "TTTGGGCACA"))[number % 2]
            letters[start : start + 10] = list(site)
            rows.append(f"{name}\t{start}\t{start + 10}\t{motif}\t0\t+\n")
        lines.append(f">{name}\n{''.join(letters)}\n")
    (tmp_path / "g.fa").write_text("".join(lines))
    (tmp_path / "s.bed").write_text("".join(rows))
    (tmp_path / "x.bed").write_text("val\t0\t150\ntest\t0\t150\n")
    sequences = Sequences(("g.fa",), ("s.bed",))
    task = Task(
        "Made.",
        sequences,
        {"first half": Sequences(("g.fa",), ("s.bed",), "test\t0\t12000\n")},
        split="".join(f"{name}\t0\t24000\t{name}\n" for name in ("train", "val", "test")),
        exclude=("x.bed",),
        alone=True,
    )
    monkeypatch.setenv("DNABIRNN_DATA", str(tmp_path))
    monkeypatch.setitem(tasks.TASKS, "rep", task)
    return task


def invoke(tmp_path: Path, *words: str) -> str:
    fixed = ("--seeds", "1", "--threads", "1", "--folder", str(tmp_path / "work"))
    options = ("--options", "--bases 20k --hidden 4 --validations 1")
    done = CliRunner().invoke(main, ["accuracy", "rep", *fixed, *options, *words])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.output


@pytest.mark.slow
def test_validation_sequence_is_evaluated_alone(made: Task, tmp_path: Path) -> None:
    printed = invoke(tmp_path, "--on", "val").splitlines()
    rows = [line for line in printed if line.startswith("task rep  on val")]
    assert [line.split("  class ")[1][0] for line in rows] == ["A", "B"]
    # The excluded site is of class A.
    assert [line.split("  positives ")[1].split()[0] for line in rows] == ["590", "590"]
    assert all("matrix_ap_stranded" in line and "alone_ap_stranded" in line for line in rows)


@pytest.mark.slow
def test_options_of_encode_are_for_validation_sequence(made: Task, tmp_path: Path) -> None:
    printed = invoke(tmp_path, "--on", "val", "--encode", "--background markov:50 --seed 1")
    rows = [line for line in printed.splitlines() if line.startswith("task rep  on val")]
    assert all("  encode --background markov:50 --seed 1  " in line for line in rows)
    assert rows
    manifest = json.loads((tmp_path / "work" / "rep.enc" / "manifest.json").read_text())
    assert manifest["background"]["seed"] == 1
    refused = CliRunner().invoke(main, ["accuracy", "rep", "--encode", "--background markov"])
    assert refused.exit_code != 0
    assert "--on val" in refused.output


@pytest.mark.slow
def test_a_test_is_saved(made: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.page.RESULTS", tmp_path)
    invoke(tmp_path)
    rows = json.loads((tmp_path / "accuracy-rep.json").read_text())["rows"]
    assert [(row["on"], row["class"]) for row in rows] == [("first half", "A"), ("first half", "B")]
    assert [row["positives"] for row in rows] == [290, 300]
    assert all(row["matrix_ap_stranded"] > 0.9 for row in rows)
    # A site of ten bases shares no 31-mer of random sequence with a training site.
    assert all(row["unseen_share"] == 1 for row in rows)
