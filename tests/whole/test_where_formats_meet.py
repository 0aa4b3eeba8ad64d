"""Where outputs, provenance and pipes meet."""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

import pytest
from commands import make_material, recorded_files, run, succeed

from dnabirnn.files.provenance import verify


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("review"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


SCORE = "score genome.fa -m m.safetensors -o s.bed"


@pytest.mark.parametrize("name", ["genome.fa", "m.safetensors", "s.bed", "link.json"])
def test_a_provenance_overwrites_nothing_else(folder: Path, name: str) -> None:
    Path("link.json").symlink_to("genome.fa")
    before = Path(name).read_bytes() if name != "s.bed" else b""
    result = run("-q", *SCORE.split(), "--provenance", name)
    assert result.exit_code == 1
    assert re.search(rf"--provenance {name}: (exists and is not|is also an output)", result.stderr)
    content = Path(name).read_bytes()
    assert content.startswith(before)
    assert not content.startswith(b"{\n")


def test_a_provenance_is_written_again(folder: Path) -> None:
    for _ in range(2):
        succeed("-q", *SCORE.split(), "--provenance", "told.json.gz")
    assert {finding.state for finding in verify("told.json.gz")} == {"same"}


def test_outputs_are_no_inputs(folder: Path) -> None:
    Path("hub").mkdir()
    words = [
        "score",
        "genome.fa",
        "-m",
        "m.safetensors",
        "-o",
        "hub/s.bw",
        "--hub",
        "hub",
        "--genome",
        "hs1",
    ]
    for _ in range(2):
        succeed("-q", *words, "--provenance", "hub/told.json")
    assert set(recorded_files(Path("hub/told.json"))[0]) == {"../genome.fa", "../m.safetensors"}
    assert {finding.state for finding in verify("hub/told.json")} == {"same"}
    succeed("-q", "simulate", "-o", "sim", "--length", "60k", "--provenance", "t.json")
    assert recorded_files(Path("t.json"))[0] == {}
    words = ["call", "scores.bed", "-m", "m.safetensors", "-o", "-"]
    succeed("-q", *words, "--provenance", "t2.json")
    assert set(recorded_files(Path("t2.json"))[0]) == {"scores.bed", "m.safetensors"}


def test_a_fasta_option_is_an_input(folder: Path) -> None:
    words = [
        "simulate",
        "-o",
        "sim",
        "--length",
        "60k",
        "--background",
        "genome.fa",
        "--order",
        "0",
    ]
    succeed("-q", *words, "--provenance", "t.json")
    assert set(recorded_files(Path("t.json"))[0]) == {"genome.fa"}


def test_calls_from_a_pipe_are_read_once(folder: Path) -> None:
    rows = "".join(f"c\t{i}\t{i + 5}\n" for i in range(0, 400_000, 10)).encode()
    Path("g.fa").write_text(">c\n" + "A" * 400_000 + "\n")
    os.mkfifo("calls")
    writer = threading.Thread(target=lambda: Path("calls").write_bytes(rows), daemon=True)
    writer.start()
    succeed("-q", "mask", "g.fa", "--calls", "calls", "-o", "m.fa")
    assert Path("m.fa").read_text().count("a") == 200_000


def test_no_calls_from_standard_input_mask_nothing(folder: Path) -> None:
    Path("g.fa").write_text(">c\nACGT\n")
    succeed("-q", *["mask", "g.fa", "--calls", "-", "-o", "m.fa"], input="")
    assert Path("m.fa").read_text() == ">c\nACGT\n"


def test_a_damaged_bigwig_is_told_in_one_line(folder: Path, capfd: pytest.CaptureFixture) -> None:
    succeed("-q", *["score", "genome.fa", "-m", "m.safetensors", "-o", "s.bw"])
    damaged = bytearray(Path("s.M.plus.bw").read_bytes())
    third = len(damaged) // 3
    for at in range(third, third + 400):
        damaged[at] ^= 0x5A
    Path("d.bw").write_bytes(damaged)
    Path("cut.bw").write_bytes(damaged[:third])
    for name in ("d.bw", "cut.bw"):
        result = run("-q", "merge", name, "-o", "m.bw")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"dnabirnn merge: error: {name}: ")
        assert result.stderr.count("\n") == 1
        assert not Path("m.bw").exists()
        assert capfd.readouterr().err == ""


def test_a_hub_has_what_names_say(folder: Path) -> None:
    Path("hub").mkdir()
    for words in ("-o hub/s.bw --format bigbed", "-o hub/s.bb --format bed"):
        rest = f"{words} --hub hub --genome hs1"
        result = run("-q", *f"score genome.fa -m m.safetensors {rest}".split())
        assert result.exit_code == 1
        assert "change the name" in result.stderr
    Path("hub/x.bb").write_text("c\t1\t2\n")
    result = run("-q", *["hub", "hub/x.bb", "-o", "hub", "--genome", "hs1"])
    assert "hub/x.bb: is not bigBed" in result.stderr


@pytest.mark.parametrize("name", ["a\tb", ".", " "])
def test_a_class_that_no_bed_can_hold_is_refused(name: str) -> None:
    from dnabirnn.errors import OptionError
    from dnabirnn.network.dna_brnn import _names

    with pytest.raises(OptionError, match="printable"):
        _names(Path("x.knm"), 2, (name, "c"), False)


def test_a_file_an_output_is_no_input(folder: Path) -> None:
    Path("s.M.plus.bedgraph").write_text("a\t1\t2\n")
    words = [
        "score",
        "genome.fa",
        "-m",
        "m.safetensors",
        "-o",
        "s.bedgraph",
        "--regions",
        "s.M.plus.bedgraph",
    ]
    assert "is also an input of this command" in run("-q", *words).stderr
    assert Path("s.M.plus.bedgraph").read_text() == "a\t1\t2\n"
