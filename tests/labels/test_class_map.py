"""New names of classes: names, patterns, and names that are hard to see or to write."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from commands import make_material, run, succeed

from dnabirnn.encoded import EncodedSet
from dnabirnn.labels import load_labels

CENSAT = (
    "a\t10\t20\thor_1_1(S1C1/5/19H1L)\t100\t.\t10\t20\t153,0,0\n"
    "a\t30\t40\thor_1_2(S3C1H2-A,B)\t100\t.\t30\t40\t153,0,0\n"
    "a\t50\t60\tdhor_1_1(S1C1)\t100\t.\t50\t60\t153,0,0\n"
    "a\t70\t80\thsat2_1_1(B)\t100\t.\t70\t80\t153,0,0\n"
    "b\t10\t20\tct_1_1(p_arm)\t100\t.\t10\t20\t153,0,0\n"
    "b\t30\t40\tgsat \t100\t.\t30\t40\t153,0,0\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_material(tmp_path)
    (tmp_path / "cen.bed").write_text(CENSAT)
    return tmp_path


@pytest.mark.parametrize(
    ("renames", "classes"),
    [
        (["hor_*=alpha,*=other"], {"alpha": 20, "other": 40}),
        (
            ["hor_*=alpha", "--classes-map", "dhor_*=alpha,*_1_1(*=sat,gsat*=sat"],
            {"alpha": 30, "sat": 30},
        ),
        (["*hor_*=alpha", "--classes", "alpha"], {"alpha": 30}),
        # A name itself comes before patterns, wherever it stands.
        (
            ['*=other,"hor_1_2(S3C1H2-A,B)=one","gsat "=two'],
            {"one": 10, "other": 40, "two": 10},
        ),
        (["*(S1C1*=s,*(B)=h,*=x"], {"h": 10, "s": 20, "x": 30}),
    ],
)
def test_patterns(folder: Path, renames: list[str], classes: dict[str, int]) -> None:
    ends = ("--split-fractions", "1,0,0", "-o", "out")
    succeed("encode", "genome.fa", "--labels", "cen.bed", "--classes-map", *renames, *ends)
    encoded = EncodedSet.open("out")
    assert [name for name, _ in encoded.classes] == sorted(classes)
    for number, name in enumerate(sorted(classes)):
        bits = np.asarray(encoded.labels).astype(int) >> (1 + 2 * number)
        assert (bits & 1).sum() == classes[name], name


def test_patterns_are_kept_in_the_manifest(folder: Path) -> None:
    labels = load_labels(["cen.bed"], classes_map={"*": "all"})
    assert labels.origin.reading["classes_map"] == {"*": "all"}
    assert labels.frame["class"].to_list() == [0] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes-map", "HOR_*=alpha"], r"no row has class 'HOR_\*'; the labels have ct_1_1"),
        (["--classes-map", "h.r_*=alpha"], r"no row has class 'h\.r_\*'"),
        (["--classes-map", "hor_*=a", "--class", "x"], "--class and --classes-map: --class sets"),
        (["--classes-map", "hor_*=."], r"--classes-map '\.': not a class name"),
        (["--classes-map", "hor_*"], r"'hor_\*' is not OLD=NEW"),
        # Names that a reader cannot see as they are stand in quotes.
        (["--classes", "gsat"], r"no row has class 'gsat'; .*dhor_1_1\(S1C1\), 'gsat ', hor_1_1"),
        (["--classes", '"hor_1_2(S3C1H2-A,B)",Z'], "no row has class 'Z'"),
        (["--classes", "hor_1_2(S3C1H2-A,B)"], r"no row has class 'hor_1_2\(S3C1H2-A'"),
    ],
)
def test_names_that_fit_nothing(folder: Path, options: list[str], message: str) -> None:
    result = run("encode", "genome.fa", "--labels", "cen.bed", "-o", "out", *options)
    assert result.exit_code != 0
    assert re.search(message, result.stderr), result.stderr
    assert not Path("out").exists()
