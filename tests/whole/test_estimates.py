"""What runs take, told before they begin, and runs that are refused."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from commands import make_material, run, succeed, write_fasta, write_model

from dnabirnn import resources
from dnabirnn.alphabet import decode
from dnabirnn.sequences import survey as surveying
from dnabirnn.sequences.survey import Stretch, most_bases, survey_contigs, write_pieces

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "s": 1}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


def told(text: str) -> dict[str, float]:
    """Numbers of a table."""
    rows = re.findall(r"^(\w+) +([\d.]+) (\w+)", text, re.MULTILINE)
    return {kind: float(number) * UNITS[unit] for kind, number, unit in rows}


def random_text(length: int) -> str:
    return decode(np.random.default_rng(0).integers(0, 4, length).astype(np.uint8))


# ------------------------------------------------------------------------------ surveys


def contigs(*lengths: int) -> list[Stretch]:
    return [Stretch(f"c{n}", np.full(length, n % 4, np.uint8)) for n, length in enumerate(lengths)]


def test_a_survey_counts_and_samples() -> None:
    found = survey_contigs(contigs(250_000, 0, 70))
    assert found.lengths == {"c0": 250_000, "c1": 0, "c2": 70}
    assert (found.bases, found.longest_bp) == (250_070, 250_000)
    assert (found.wanted_bp, found.read_bp) == (250_070, 250_070)
    assert [len(piece.codes) for piece in found.sample] == [100_000, 100_000, 50_000, 70]


def test_a_sample_stays_small_and_spreads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "_SAMPLE_BP", 1_000)
    found = survey_contigs(contigs(*[100] * 200))
    numbers = [int(piece.name.split("_")[0][1:]) for piece in found.sample]
    assert sum(len(piece.codes) for piece in found.sample) <= 1_000
    assert len(numbers) >= 5
    assert set(np.diff(numbers)) == {numbers[1]}


def test_a_survey_of_intervals() -> None:
    wanted = np.array([[100, 200], [250, 300], [9_000, 9_010]])
    found = survey_contigs(contigs(10_000), lambda name: wanted, 50)
    assert (found.wanted_bp, found.read_bp) == (160, 300 + 110)
    assert [len(piece.codes) for piece in found.sample] == [300, 110]


def test_pieces_are_written_as_they_are(tmp_path: Path) -> None:
    write_pieces(tmp_path / "x.fa", [Stretch("a", np.array([0, 1, 2, 3, 4], np.uint8))])
    assert (tmp_path / "x.fa").read_text() == ">a\nACGTN\n"


def test_the_most_bases_of_files(tmp_path: Path) -> None:
    text = f">a\n{random_text(10_000)}\n"
    (tmp_path / "a.fa").write_text(text)
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.fa", "a.fa.gz"):
        most = most_bases([tmp_path / name])
        assert most is not None
        assert 10_000 <= most <= 20_000
    assert most_bases(["-"]) is None
    assert most_bases([tmp_path / "absent.fa"]) is None


# ------------------------------------------------------------------------------ dry runs


@pytest.mark.parametrize("name", ["o.bed", "o.bed.gz", "o.bw", "o.bb", "o.parquet", "-"])
def test_score_tells_and_stops(tmp_path: Path, name: str) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": random_text(150_000), "b": random_text(50_000)})
    model = write_model(tmp_path / "m.safetensors")
    out = tmp_path / "out"
    out.mkdir()
    path = name if name == "-" else out / name
    words = ["-q", "score", fasta, "-m", model, "-o", path, "--provenance", out / "p.json"]
    words += [] if name == "o.bw" else ["--min-score", "0"]
    table = told(succeed(*words, "--dry-run").stdout)
    assert list(out.iterdir()) == []
    assert table.keys() == {"memory", "time", *([] if name == "-" else ["disk"])}
    assert table["memory"] > 2e8
    if name == "-":
        return
    succeed(*words)
    written = sum(file.stat().st_size for file in out.iterdir())
    assert 0.5 * written < table["disk"] < (2 if "bed" in name else 20) * written


def test_score_of_regions_is_told_less(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": random_text(150_000)})
    model = write_model(tmp_path / "m.safetensors")
    (tmp_path / "r.bed").write_text("a\t1000\t16000\n")
    words = ["-q", "score", fasta, "-m", model, "-o", tmp_path / "o.bed", "--min-score", "0"]
    words += ["--regions", tmp_path / "r.bed"]
    table = told(succeed(*words, "--dry-run").stdout)
    succeed(*words)
    assert 0.5 < table["disk"] / (tmp_path / "o.bed").stat().st_size < 2


def test_encode_tells_and_stops(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": random_text(1_000_000), "b": ""})
    (tmp_path / "s.bed").write_text(
        "".join(f"a\t{start}\t{start + 30}\tM\t0\t+\n" for start in range(500, 999_000, 1_000))
    )
    words = ["-q", "encode", fasta, "--labels", tmp_path / "s.bed", "-o", tmp_path / "set"]
    table = told(succeed(*words, "--dry-run").stdout)
    assert not (tmp_path / "set").exists()
    succeed(*words)
    written = sum(file.stat().st_size for file in (tmp_path / "set").iterdir())
    assert table["disk"] == pytest.approx(written, rel=0.3)


def test_train_tells_and_stops(material: Path, tmp_path: Path) -> None:
    words = ["-q", "train", material / "set", "-o", tmp_path / "m.safetensors", "--hidden", "8"]
    words += ["--bases", "200k", "--window", "50"]
    table = told(succeed(*words, "--dry-run").stdout)
    assert list(tmp_path.iterdir()) == []
    assert table["memory"] > 4e8
    assert table["time"] > 0
    succeed(*words)
    assert (tmp_path / "m.safetensors").stat().st_size < table["disk"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["score", "bad.fa", "-m", "m.safetensors", "-o", "o.bed"], "not a nucleotide letter"),
        (["score", "genome.fa", "-m", "m.safetensors", "-o", "no/o.bed"], "there is no folder"),
        (["encode", "bad.fa", "--labels", "sites.bed", "-o", "new"], "not a nucleotide letter"),
        (["encode", "genome.fa", "--labels", "sites.bed", "-o", "no/new"], "there is no folder"),
        (["encode", "genome.fa", "--labels", "far.bed", "-o", "new"], "past the contig's end"),
        (["encode", "genome.fa", "--labels", "other.bed", "-o", "new"], "no contig in common"),
        (["encode", "none.fa", "--labels", "sites.bed", "-o", "new"], "every record is empty"),
        (
            ["encode", "genome.fa", "--labels", "sites.bed", "-o", "new", "--val-chroms", "x"],
            "no such contig",
        ),
        (["train", "set", "-o", "x.gz", "--window", "50"], "cannot be compressed"),
        (["train", "set", "-o", "/dev/null", "--window", "50"], "cannot be compressed"),
        (["train", "set", "-o", "x.safetensors", "--window", "9000"], "longer than every"),
    ],
)
def test_a_dry_run_finds_what_the_run_would(
    material: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    (material / "bad.fa").write_text(">a\nACGTE\n")
    (material / "none.fa").write_text(">a\n>b\n>c\n")
    (material / "far.bed").write_text("a\t5\t9999\tM\t0\t+\n" * 2)
    (material / "other.bed").write_text("chr7\t5\t99\tM\t0\t+\n")
    monkeypatch.chdir(material)
    before = sorted(material.iterdir())
    result = run(*words, "--dry-run")
    assert result.exit_code == 1
    assert message in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert sorted(material.iterdir()) == before


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "words",
    [
        ["score", "genome.fa", "-m", "m.safetensors", "-o", "new.bed", "--min-score", "0"],
        ["encode", "genome.fa", "--labels", "sites.bed", "-o", "new"],
        ["train", "set", "-o", "new.safetensors", "--window", "50"],
    ],
)
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_too_little_is_refused_before_the_run(
    material: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], kind: str
) -> None:
    monkeypatch.chdir(material)
    if kind == "memory":
        monkeypatch.setattr(resources, "available_memory", lambda: 50_000_000)
    else:
        monkeypatch.setattr(resources, "free_disk", lambda folder: 1_000)
    before = sorted(material.iterdir())
    for more in ([], ["--dry-run"]):
        result = run("-q", *words, *more)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert "error: needs about " in result.stderr
        assert re.search(rf" of {kind}, and .* is available", result.stderr)
        assert sorted(material.iterdir()) == before


def test_a_rehearsal_without_room_stops_no_run(
    material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, pieces: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(material)
    monkeypatch.setattr(resources, "free_disk", lambda folder: 100_000)
    monkeypatch.setattr("dnabirnn.scoring.plan.write_pieces", full)
    words = ["-q", "score", "genome.fa", "-m", "m.safetensors", "-o", "close.bed"]
    dry = run(*words, "--dry-run")
    assert dry.exit_code == 1
    assert "cannot make an estimate there" in dry.stderr
    assert "set TMPDIR to a folder with free space" in dry.stderr
    assert "warning: " in succeed(*words).stderr
    (material / "close.bed").unlink()


def test_a_run_with_room_to_spare_reads_its_files_once(
    material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(material)
    monkeypatch.setattr("dnabirnn.scoring.plan.survey_contigs", lambda *given: pytest.fail("read"))
    succeed("-q", "score", "genome.fa", "-m", "m.safetensors", "-o", "once.bed")
    (material / "once.bed").unlink()
