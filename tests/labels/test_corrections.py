"""A review that is applied: each action, and rows that do not fit the labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import make_material, run, succeed

from dnabirnn.errors import LabelError
from dnabirnn.labels.corrections import ACTIONS, read_corrections
from dnabirnn.labels.labels import Labels
from dnabirnn.labels.load import load_labels

SITES = "a\t10\t20\tM\t0\t+\na\t15\t30\tM\t0\t+\na\t50\t60\tM\t0\t-\nb\t5\t9\tN\t0\t.\n"


def review(path: Path, *rows: str) -> Path:
    head = "#chrom\tstart\tend\tclass\tscore\tstrand\treason\tevidence\taction\n"
    lines = [
        "\t".join([*row.split()[:4], "900", row.split()[4], "any reason", "1.5", row.split()[5]])
        for row in rows
    ]
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    (tmp_path / "sites.bed").write_text(SITES)
    return load_labels([tmp_path / "sites.bed"])


def drawn(labels: Labels, chrom: str, length: int = 70) -> str:
    """One character per base: its strand in M, n in N, x if it is ignored."""
    characters = {0: ".", 2: "+", 4: "-", 6: "b", 24: "n"}
    own = labels.paint(chrom, length)
    return "".join("x" if bits & 1 else characters[int(bits)] for bits in own)


BEFORE = "." * 10 + "+" * 20 + "." * 20 + "-" * 10 + "." * 10


@pytest.mark.parametrize(
    ("row", "after"),
    [
        ("a 50 60 M - keep", BEFORE),
        ("a 62 65 M - add", BEFORE[:62] + "---" + BEFORE[65:]),
        ("a 50 60 M - remove", BEFORE[:50] + "." * 20),
        ("a 10 30 M - flip", BEFORE.replace("+", "-")),
        ("a 12 18 M + remove", BEFORE[:12] + "." * 6 + BEFORE[18:]),
        ("a 52 54 M + flip", BEFORE[:52] + "++" + BEFORE[54:]),
        ("a 5 12 M + ignore", BEFORE[:5] + "x" * 7 + BEFORE[12:]),
        ("a 25 35 M - add", BEFORE[:25] + "b" * 5 + "-" * 5 + BEFORE[35:]),
    ],
)
def test_each_action(tmp_path: Path, labels: Labels, row: str, after: str) -> None:
    assert drawn(labels, "a") == BEFORE
    corrected = read_corrections(review(tmp_path / "r.bed", row)).of(labels)
    assert drawn(corrected, "a") == after
    assert drawn(corrected, "b", 9) == ".....nnnn"
    assert corrected.classes == labels.classes


def test_changes_follow_one_another(tmp_path: Path, labels: Labels) -> None:
    rows = ["a 50 60 M + flip", "a 50 55 M + remove", "b 5 7 N . remove", "c 0 2 N . add"]
    corrected = read_corrections(review(tmp_path / "r.bed", *rows)).of(labels)
    assert drawn(corrected, "a") == BEFORE[:50] + "." * 5 + "+" * 5 + "." * 10
    assert drawn(corrected, "b", 9) == ".......nn"
    assert drawn(corrected, "c", 3) == "nn."
    assert set(corrected.digests) == {"sites.bed", "r.bed"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a 50 60 M + remove", r"line 2: no label of M on strand \+ at a:50-60"),
        ("a 30 50 M + flip", "line 2: no label of M on strand - at a:30-50"),
        ("z 30 50 M + flip", "line 2: no label of M on strand - at z:30-50"),
        ("a 50 60 O + add", "line 2: class 'O': the labels have M, N"),
        ("a 50 60 M . add", "line 2: class M has strands"),
        ("b 5 9 N + flip", "line 2: class N has no strands to flip"),
        ("a 60 50 M + add", "line 2: end '50' is not after the start '60'"),
        ("a x 50 M + add", "line 2: start 'x' is not a position"),
        ("a 5 50 M ? add", "line 2: strand '\\?' is not"),
        ("a 5 50 M + yes", "line 2: action 'yes' is not one of add, flip, remove, ignore, keep"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, labels: Labels, row: str, message: str) -> None:
    with pytest.raises(LabelError, match=message) as caught:
        read_corrections(review(tmp_path / "r.bed", row)).of(labels)
    assert str(tmp_path / "r.bed") in str(caught.value)


def test_files_that_are_no_review(tmp_path: Path, labels: Labels) -> None:
    (tmp_path / "r.bed").write_text(SITES)
    with pytest.raises(LabelError, match="line 1: fewer than nine columns"):
        read_corrections(tmp_path / "r.bed")
    with pytest.raises(LabelError, match="no such file"):
        read_corrections(tmp_path / "none.bed")
    (tmp_path / "r.bed").write_text("# nothing to change\n\n")
    assert drawn(read_corrections(tmp_path / "r.bed").of(labels), "a") == BEFORE
    assert len(ACTIONS) == 5


def test_a_set_of_corrected_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a review to an encoded set, and to metrics on the same labels."""
    make_material(tmp_path)
    monkeypatch.chdir(tmp_path)
    first = Path("sites.bed").read_text().splitlines()[0].split("\t")
    review(tmp_path / "r.bed", f"{first[0]} {first[1]} {first[2]} M {first[5]} remove")
    words = ["genome.fa", "--labels", "sites.bed"]
    succeed("encode", *words, "-o", "new", "--val-chroms", "b", "--corrections", "r.bed")
    before, after = np.load("set/labels.npy"), np.load("new/labels.npy")
    assert np.flatnonzero(before != after).tolist() == [*range(int(first[1]), int(first[2]))]
    manifest = json.loads(Path("new/manifest.json").read_text())
    assert [file["name"] for file in manifest["inputs"]["labels"]] == ["sites.bed", "r.bed"]
    for name, more in (("old.json", []), ("new.json", ["--corrections", "r.bed"])):
        succeed("evaluate", *words, "-m", "m.safetensors", "-o", name, "--no-plots", *more)
    positives = [
        json.loads(Path(name).read_text())["classes"]["M"]["positives"]
        for name in ("old.json", "new.json")
    ]
    assert positives[0] - positives[1] == int(first[2]) - int(first[1])
    result = run(
        "encode", "genome.fa", "--motifs", "motifs.jaspar", "--corrections", "r.bed", "-o", "x"
    )
    assert result.exit_code == 1
    assert "--corrections: applies to label files" in result.stderr
