"""Provenance: what a run read and wrote is recorded and verified."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from commands import make_material, recorded_files, run, succeed

from dnabirnn.cli.group import _WRITING
from dnabirnn.files.provenance import verify


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("provenance"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(text: str) -> None:
    succeed("-q", *text.split(), "--provenance", "run.json")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


CASES = {
    "encode genome.fa --labels sites.bed -o new.enc --val-chroms b": (
        {"genome.fa", "sites.bed"},
        {"new.enc/codes.npy", "new.enc/labels.npy", "new.enc/manifest.json"},
    ),
    "train set -o new.safetensors --bases 40k --batch 16 --hidden 4 --threads 1": (
        {"set/codes.npy", "set/labels.npy", "set/manifest.json"},
        {"new.safetensors", "new.log.csv"},
    ),
    "score genome.fa -m m.safetensors -o s.bed --calls c.bed": (
        {"genome.fa", "m.safetensors"},
        {"s.bed", "c.bed"},
    ),
    "score genome.fa -m m.safetensors -o s.bedgraph": (
        {"genome.fa", "m.safetensors"},
        {"s.M.plus.bedgraph", "s.M.minus.bedgraph"},
    ),
    "call scores.bed -m m.safetensors -o c.gff3": ({"scores.bed", "m.safetensors"}, {"c.gff3"}),
    "evaluate genome.fa --labels sites.bed -m m.safetensors -o e.json --no-plots": (
        {"genome.fa", "sites.bed", "m.safetensors"},
        {"e.json"},
    ),
    "export m.safetensors -o m.onnx": ({"m.safetensors"}, {"m.onnx"}),
}


@pytest.mark.parametrize("command", CASES)
def test_inputs_and_outputs_are_recorded_with_their_digests(folder: Path, command: str) -> None:
    succeed("-q", *command.split(), "--provenance", "run.json")
    inputs, outputs = recorded_files(folder / "run.json")
    assert (set(inputs), set(outputs)) == CASES[command]
    for name, sha256 in (inputs | outputs).items():
        assert sha256 == digest(folder / name)
    assert {finding.state for finding in verify("run.json")} == {"same"}
    versions = json.loads((folder / "run.json").read_text())["versions"]
    assert {"dnabirnn", "numpy", "python", "torch"} <= set(versions)


def test_settings_are_recorded_with_their_defaults(folder: Path) -> None:
    words = [
        "train",
        "set",
        "-o",
        "n.safetensors",
        "--bases",
        "40k",
        "--batch",
        "16",
        "--hidden",
        "4",
        "--seed",
        "7",
    ]
    succeed("-q", *words, "--provenance", "run.json")
    settings = json.loads((folder / "run.json").read_text())["settings"]
    assert (settings["seed"], settings["hidden"], settings["cell"]) == (7, 4, "gru")


def test_a_model_that_ships_is_an_input(folder: Path) -> None:
    succeed(
        "-q", "score", "genome.fa", "-m", "ecoli-rep", "-o", "s.bed", "--provenance", "run.json"
    )
    inputs, _ = recorded_files(folder / "run.json")
    assert any(name.endswith("models/ecoli-rep.safetensors") for name in inputs)


def test_streams_have_no_digest(folder: Path) -> None:
    text = (folder / "genome.fa").read_text()
    words = ["score", "-", "-m", "m.safetensors", "-o", "s.bed", "--provenance", "run.json"]
    succeed("-q", *words, input=text)
    assert [f.state for f in verify("run.json")] == ["stream", "same", "same"]


def test_what_changed_is_found_wherever_the_folder_is(folder: Path) -> None:
    succeed(
        "-q",
        *["score", "genome.fa", "-m", "m.safetensors", "-o", "s.bed", "--provenance", "run.json"],
    )
    shutil.copytree(folder, folder / "elsewhere")
    assert run("verify", "elsewhere/run.json").exit_code == 0
    with (folder / "elsewhere/s.bed").open("a") as file:
        file.write("\n")
    (folder / "elsewhere/genome.fa").unlink()
    result = run("verify", "elsewhere/run.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "input\tgenome.fa\tmissing",
        "input\tm.safetensors\tsame",
        "output\ts.bed\tchanged",
    ]
    assert "run.json: 2 files have changed or are missing" in result.stderr


def test_a_run_that_fails_records_nothing(folder: Path) -> None:
    rest = "-m m.safetensors -o s.bed --provenance"
    result = run(*f"score nothing.fa {rest} run.json".split())
    assert result.exit_code == 1
    assert not (folder / "run.json").exists()
    result = run(*f"score genome.fa {rest} no/run.json".split())
    assert result.exit_code == 1
    assert not (folder / "s.bed").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[]", "not a provenance file"),
        ('{"format": "dnabirnn provenance", "format_version": 9}', "format 9, this version reads"),
        ('{"format": "dnabirnn provenance", "format_version": 1}', "damaged"),
        ('{"format": "dnabirnn provenance", "format_version": 1, "inputs": [1]}', "damaged"),
    ],
)
def test_files_that_are_not_a_provenance(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    result = run("verify", path)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_command_that_writes_has_the_option() -> None:
    for command in sorted(_WRITING):
        assert "--provenance FILE" in succeed(command, "--help").stdout
