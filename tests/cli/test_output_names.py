"""Names of outputs: endings of other formats, and endings that are unknown."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from commands import content, make_material, run, succeed
from knm import Knm

from dnabirnn.cli.output_names import check_ending

SCORE = ("score", "genome.fa", "-m", "m.safetensors", "--threads", "1")
SCAN = ("scan", "genome.fa", "--motifs", "motifs.jaspar", "--pvalue", "0.1")
EVALUATE = ("evaluate", "genome.fa", "--labels", "sites.bed", "-m", "m.safetensors", "--no-plots")
TRAIN = ("train", "set", "--bases", "5k", "--hidden", "2", "--window", "50", "--device", "cpu")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_material(tmp_path_factory.mktemp("material"))
    Knm(np.random.default_rng(1), hidden=4, labels=3, layers=1).write(folder / "a.knm")
    return folder


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Links to the material, as working folder."""
    for path in material.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "warns"),
    [
        *(
            (name, True)
            for name in ("x.pdf", "x.TXT", "x.v2.doc", "x.pdf.gz", "x.2bit", "d.htm/x.b")
        ),
        *((name, False) for name in ("x", "x.html", "x.HTM", "x.html.gz", "x.v2", "x.1", "-")),
        *((name, False) for name in ("/dev/null", "d.pdf/x", ".pdf", "x.")),
    ],
)
def test_endings(caplog: pytest.LogCaptureFixture, name: str, warns: bool) -> None:
    logger = logging.getLogger("dnabirnn")
    propagate, logger.propagate = logger.propagate, True
    try:
        check_ending("-o", name, "an HTML report", ".html", ".htm")
    finally:
        logger.propagate = propagate
    assert len(caplog.messages) == warns
    for message in caplog.messages:
        assert message.startswith(f"-o {name}: an HTML report usually ends in .html, and this name")


@pytest.mark.parametrize(
    ("words", "option", "usual"),
    [
        (("convert", "a.knm", "--classes", "x,y", "-o", "x.txt"), "-o", ".safetensors"),
        (("models", "ecoli-rep", "-o", "x.pt"), "-o", ".safetensors"),
        (("export", "m.safetensors", "-o", "x.pt"), "-o", ".onnx"),
        (("report", "-m", "m.safetensors", "-o", "x.pdf"), "-o", ".html"),
        ((*EVALUATE, "-o", "x.csv"), "-o", ".json"),
        ((*EVALUATE, "-o", "x.json", "--curves", "y.csv"), "--curves", ".json"),
        ((*SCAN, "-o", "x.gff3"), "-o", ".bed"),
        ((*SCAN, "-o", "x.bed", "--within", "sites.bed", "--partly", "y.gff"), "--partly", ".bed"),
        (("mask", "genome.fa", "--calls", "sites.bed", "-o", "x.2bit"), "-o", ".fa"),
        ((*TRAIN, "-o", "x", "--log", "y.tsv"), "--log", ".csv"),
        ((*SCORE, "-o", "x.bed", "--provenance", "y.txt"), "--provenance", ".json"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_output_of_one_format_with_another_ending_warns(
    folder: Path, words: tuple[str, ...], option: str, usual: str
) -> None:
    result = succeed("-q", *words)
    (line,) = (line for line in result.stderr.splitlines() if "usually ends" in line)
    name = words[words.index(option) + 1]
    assert line.startswith(f"dnabirnn: warning: {option} {name}: ")
    assert f" usually ends in {usual}, " in line
    assert (folder / name).is_file()


def test_usual_endings_do_not_warn(folder: Path) -> None:
    for words in (
        ("export", "m.safetensors", "-o", "x.onnx"),
        ("report", "-m", "m.safetensors", "-o", "x.html", "--provenance", "p.json"),
        ("mask", "genome.fa", "--calls", "sites.bed", "-o", "x.fasta.gz"),
        (*SCAN, "-o", "x.bed.gz"),
        (*EVALUATE, "-o", "x.json", "--curves", "y.json"),
    ):
        assert succeed("-q", *words).stderr == ""
    assert json.loads((folder / "x.json").read_text())["classes"]


SCORES = ".bed, .bed9, .bedgraph, .bw, .bb, .tsv or .parquet, add"
CALLS = ".bed, .bed9, .bb, .gff3, .narrowpeak, .tsv or .parquet, add"
EITHER = ".bed, .bed9, .bedgraph, .bw, .bb, .gff3, .narrowpeak, .tsv or .parquet, add"


@pytest.mark.parametrize(
    ("words", "name", "known", "option"),
    [
        ((*SCORE, "-o", "x.txt"), "x.txt", SCORES, "--format"),
        ((*SCORE, "-o", "x"), "x", SCORES, "--format"),
        ((*SCORE, "-o", "s.bed", "--calls", "x.doc"), "x.doc", CALLS, "--calls-format"),
        (("call", "scores.bed", "-m", "m.safetensors", "-o", "x"), "x", CALLS, "--format"),
        (("merge", "scores.bed", "-o", "x.txt"), "x.txt", EITHER, "--format"),
        (("merge", "genome.fa", "-o", "x.bed"), "genome.fa", EITHER, "--format"),
    ],
)
def test_an_unknown_ending_lists_the_known_ones_and_the_option(
    folder: Path, words: tuple[str, ...], name: str, known: str, option: str
) -> None:
    before = content(folder)
    result = run(*words)
    assert result.exit_code == 1
    assert result.stderr == (
        f"dnabirnn {words[0]}: error: {name}: unknown format; end the name in {known} .gz or .bgz "
        f"to compress a text format, or name the format with {option}\n"
    )
    assert content(folder) == before
    given = ("--format", "bed") if option == "--format" else (option, "gff3")
    if name != "genome.fa":
        succeed(*words, *given)


def test_a_model_is_not_compressed(folder: Path) -> None:
    result = run("models", "ecoli-rep", "-o", "x.safetensors.gz")
    assert "x.safetensors.gz: a model cannot be compressed; give a file" in result.stderr
    assert not (folder / "x.safetensors.gz").exists()
