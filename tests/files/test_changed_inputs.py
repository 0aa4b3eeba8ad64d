"""A file that changes while a command runs: no output, and no provenance that is not true."""

from __future__ import annotations

import errno
import gzip
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import content, make_material, recorded_files, run, succeed, write_fasta, write_model
from sequence_files import twobit

from dnabirnn.encoded import EncodedSet
from dnabirnn.errors import EncodedSetError, FastaError, ModelFileError, ProvenanceError
from dnabirnn.files import check_read, note_read, note_written, noting, read_blocks
from dnabirnn.files.journal import FileState, check_state
from dnabirnn.files.write import OutputFiles
from dnabirnn.network import load_checkpoint
from dnabirnn.sequences import read_fasta


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_material(tmp_path_factory.mktemp("changed"))
    succeed("score", folder / "genome.fa", "-m", folder / "m.safetensors", "-o", folder / "s.bw")
    (folder / "wanted.bed").write_text("a\t0\t500\n")
    return folder


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replaced(path: Path) -> None:
    """Another file of the same content gets the name, as `mv` does."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def cut(path: Path) -> None:
    """Half of the file is left."""
    os.truncate(path, path.stat().st_size // 2)


def grown(path: Path) -> None:
    """Another program still writes the file."""
    with path.open("ab") as file:
        file.write(b"\n")


def overwritten(path: Path) -> None:
    """As many bytes as before; the time is set, because clocks of files are coarse."""
    status = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def removed(path: Path) -> None:
    """The file is gone."""
    path.unlink()


def relinked(path: Path) -> None:
    """The name becomes a link to a copy."""
    copy = path.with_name("version2")
    shutil.copy2(path, copy)
    path.unlink()
    path.symlink_to(copy)


CHANGES = (replaced, cut, grown, overwritten, removed, relinked)

SCORE = "score genome.fa -m m.safetensors -o new.bed --calls new.calls.bed --regions wanted.bed"
ENCODE = "encode genome.fa --labels sites.bed -o new --val-chroms b --exclude wanted.bed"
SCAN = "scan genome.fa --motifs motifs.jaspar -o new.bed --pvalue 0.2"
TRAIN = "train set -o new --log new.csv --bases 20k --batch 16 --hidden 4 --threads 1"
CASES = [
    *((SCORE, name) for name in ("genome.fa", "m.safetensors", "wanted.bed")),
    *((ENCODE, name) for name in ("genome.fa", "sites.bed", "wanted.bed")),
    *((SCAN, name) for name in ("genome.fa", "motifs.jaspar")),
    *((TRAIN, f"set/{name}") for name in ("codes.npy", "labels.npy", "manifest.json")),
    ("call scores.bed -m m.safetensors -o new.bed", "scores.bed"),
    ("mask genome.fa --calls sites.bed -o new.fa", "sites.bed"),
    ("merge scores.bed -o new.bed", "scores.bed"),
    ("merge s.M.plus.bw -o new.bw", "s.M.plus.bw"),
    ("export m.safetensors -o new.onnx", "m.safetensors"),
    (
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o new.json --no-plots",
        "m.safetensors",
    ),
]


def changing(
    monkeypatch: pytest.MonkeyPatch, method: str, change: Callable[[Path], None], path: Path
) -> None:
    """Change a file once, just before a method of `OutputFiles` is called."""
    original: Any = getattr(OutputFiles, method)
    left = [path]

    def changed(*arguments: Any, **options: Any) -> Any:
        if left:
            change(left.pop())
        return original(*arguments, **options)

    monkeypatch.setattr(OutputFiles, method, changed)


def fails(command: str, name: str) -> None:
    """Run a command that must end with one line, and leave the folder as it was."""
    before = set(content(Path()))
    result = run("-q", *command.split(), "--provenance", "new.run.json")
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 1
    assert f"{name}: changed while it was read; " in lines[0]
    made = set(content(Path())) - before - {"copy", "version2"}
    assert not [name for name in made if not name.startswith("new.resume")]


@pytest.mark.parametrize(("command", "name"), CASES, ids=lambda value: value.split()[0])
def test_outputs_do_not_exist_if_an_input_has_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    if command.startswith("encode"):

        def write(manifest: object) -> str:
            replaced(folder / name)
            return json.dumps(manifest)

        monkeypatch.setattr("dnabirnn.encoded.encode._json", write)
    else:
        changing(monkeypatch, "__exit__", replaced, folder / name)
    fails(command, name)


@pytest.mark.parametrize("method", ["open", "__exit__"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", ["genome.fa", "m.safetensors"])
def test_every_kind_of_change_is_found(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Callable[[Path], None],
    method: str,
) -> None:
    if (name, change, method) == ("genome.fa", removed, "open"):
        pytest.skip("a file that is missing when it is read has its own message")
    changing(monkeypatch, method, change, folder / name)
    fails(SCORE, name)


def test_a_change_between_outputs_and_provenance_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dnabirnn.files.provenance as module

    original = module._described

    def described(*arguments: Any) -> Any:
        grown(folder / "genome.fa")
        return original(*arguments)

    monkeypatch.setattr(module, "_described", described)
    result = run("-q", *SCORE.split(), "--provenance", "new.json")
    assert result.exit_code == 1
    assert "genome.fa: changed while it was read; " in result.stderr
    assert not (folder / "new.json").exists()


def test_what_goes_to_standard_output_is_not_a_success(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(monkeypatch, "__exit__", replaced, folder / "genome.fa")
    result = run("-q", "score", "genome.fa", "-m", "m.safetensors", "-o", "-")
    assert result.exit_code == 1
    assert "genome.fa: changed while it was read; " in result.stderr


def test_what_does_not_change_is_recorded_as_read(folder: Path) -> None:
    (folder / "link.fa").symlink_to("genome.fa")
    words = SCORE.replace("genome.fa", "link.fa").split()
    succeed("-q", *words, "--provenance", "run.json")
    inputs, _ = recorded_files(folder / "run.json")
    assert set(inputs) == {"genome.fa", "m.safetensors", "wanted.bed"}
    assert run("verify", "run.json").exit_code == 0


def test_outputs_of_an_earlier_run_may_change(folder: Path) -> None:
    """A log and curves of the last run are replaced, and are no inputs."""
    for _ in range(2):
        succeed("-q", *TRAIN.split(), "--provenance", "run.json")
        inputs, _outputs = recorded_files(folder / "run.json")
        assert set(inputs) == {"set/codes.npy", "set/labels.npy", "set/manifest.json"}


def test_blocks_of_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 50_000})
    for change in CHANGES:
        write_fasta(path, {"a": "ACGT" * 50_000})
        blocks = read_blocks(path, FastaError, block_bytes=1_000)
        for _ in range(3):
            next(blocks)
        change(path)
        with pytest.raises(FastaError, match=r"g\.fa: changed while it was read; "):
            list(blocks)
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["fa", "fa.gz", "2bit"])
def test_records_of_a_file_that_changes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"g.{kind}"
    records = dict.fromkeys("abc", "ACGT" * 1_000)
    if kind == "2bit":
        path.write_bytes(twobit(records))
    else:
        write_fasta(path, records)
        if kind == "fa.gz":
            path.write_bytes(gzip.compress(path.read_bytes()))
    names = [record.name for record in read_fasta(path)]
    assert names == ["a", "b", "c"]
    reading = read_fasta(path)
    next(reading)
    grown(path)
    with pytest.raises(FastaError, match=r"changed while it was read|truncated"):
        list(reading)


def test_models_and_sets_that_change_while_they_are_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(module: str, function: str, path: Path) -> None:
        from importlib import import_module

        original = getattr(import_module(module), function)

        def spoiled(*arguments: Any, **options: Any) -> Any:
            replaced(path)
            return original(*arguments, **options)

        monkeypatch.setattr(f"{module}.{function}", spoiled)

    path = write_model(folder / "n.safetensors")
    spoil("dnabirnn.network.read_checkpoint", "load_arrays", path)
    with pytest.raises(ModelFileError, match=r"n\.safetensors: changed while it was read; "):
        load_checkpoint(path)
    spoil("dnabirnn.encoded.encoded_set", "_check_codes", folder / "set" / "codes.npy")
    with pytest.raises(EncodedSetError, match=r"codes\.npy: changed while it was read; "):
        EncodedSet.open(folder / "set")


def test_a_journal_knows_files_by_their_first_state(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    assert note_read("-") is None
    assert note_read(tmp_path) is None
    assert note_read(tmp_path / "missing") is None
    assert note_read("/dev/null") is None
    with noting():
        note_read(path)
        check_read()
        grown(path)
        with pytest.raises(ProvenanceError, match="changed while it was read"):
            note_read(path)
        with pytest.raises(ProvenanceError, match="changed while it was read"):
            check_read()
        note_written(path)  # by the run itself
        check_read()
    check_read()


STATE = FileState(size_bytes=9, mtime_ns=1, ctime_ns=2, inode=3)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"inode": 4}, True),  # FUSE numbers files anew
        ({"ctime_ns": 5}, True),  # permissions, links
        ({"inode": 4, "ctime_ns": 5}, False),  # replaced by a copy that kept the time
        ({"size_bytes": 8}, False),
        ({"mtime_ns": 0}, False),
        ({"mtime_ns": 2, "inode": 4}, False),
    ],
)
def test_states_of_one_file(changes: dict[str, int], same: bool) -> None:
    assert STATE.is_of(STATE._replace(**changes)) is same
    assert STATE._replace(**changes).is_of(STATE) is same


class Unstable:
    """`os.stat` of a file system that numbers files anew at each look."""

    def __init__(self) -> None:
        self._stat, self._inodes = os.stat, itertools.count(1)

    def __call__(self, path: Any, **options: Any) -> os.stat_result:
        found = self._stat(path, **options)
        fields = list(found)
        fields[1] = next(self._inodes)
        named = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        return os.stat_result(fields, named)


def test_files_whose_numbers_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "g.2bit").write_bytes(twobit({"a": "ACGT" * 500}))
    monkeypatch.setattr("dnabirnn.files.journal.os.stat", Unstable())
    assert os.stat("genome.fa").st_ino != os.stat("genome.fa").st_ino
    succeed("-q", *SCORE.split(), "--provenance", "run.json")
    assert run("verify", "run.json").exit_code == 0
    succeed("-q", "score", "g.2bit", "-m", "m.safetensors", "-o", "two.bed")
    succeed("-q", *TRAIN.split())


def test_an_open_file_may_look_different(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on sshfs, where the path is answered from a cache, and the open file is not."""
    path = write_fasta(tmp_path / "g.fa", {"a": "ACGT"})
    monkeypatch.setattr("dnabirnn.files.journal.os.fstat", lambda _: os.stat(tmp_path))
    assert b"".join(read_blocks(path, FastaError)) == b">a\nACGT\n"


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (errno.ENOENT, True),
        (errno.ENOTDIR, True),
        (errno.EIO, False),
        (errno.ETIMEDOUT, False),
        (errno.EACCES, False),
    ],
)
def test_a_file_that_cannot_be_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, changed: bool
) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    with noting():
        state = note_read(path)

        def stat(*_: Any, **__: Any) -> Any:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("dnabirnn.files.journal.os.stat", stat)
        if changed:
            with pytest.raises(ProvenanceError, match="changed while it was read"):
                check_read()
        else:
            check_read()
            check_state(path, state)


def test_permissions_and_links_may_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(path: Path) -> None:
        path.chmod(0o444)
        os.link(path, path.with_name("second"))
        path.rename(path.with_name("third"))
        path.with_name("third").rename(path)

    changing(monkeypatch, "__exit__", touched, folder / "genome.fa")
    succeed("-q", *SCORE.split())


def test_a_file_replaced_just_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dnabirnn.files.read as module

    path = write_fasta(tmp_path / "g.fa", {"a": "ACGT"})
    original = module._open

    def opened(name: Any) -> Any:
        replaced(path)
        return original(name)

    monkeypatch.setattr(module, "_open", opened)
    with pytest.raises(FastaError, match=r"g\.fa: changed while it was read; "):
        list(read_blocks(path, FastaError))


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no /dev/stdin")
@pytest.mark.parametrize("given", ["file", "pipe", "link to a link"])
def test_other_names_of_inputs(folder: Path, given: str) -> None:
    """A redirected file, a pipe, and links, with and without provenance."""
    data = (folder / "genome.fa").read_bytes()
    (folder / "one").symlink_to("genome.fa")
    (folder / "two").symlink_to("one")
    name = "two" if given == "link to a link" else "/dev/stdin"
    words = f"-q score {name} -m m.safetensors -o o.bed --threads 1 --provenance run.json"
    with (folder / "genome.fa").open("rb") as file:
        options: dict[str, Any] = {"stdin": file} if given == "file" else {"input": data}
        done = subprocess.run(
            [sys.executable, "-m", "dnabirnn", *words.split()],
            cwd=folder,
            capture_output=True,
            check=False,
            **options,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    words = "-q score genome.fa -m m.safetensors -o p.bed --threads 1"
    succeed(*words.split())
    assert (folder / "o.bed").read_bytes() == (folder / "p.bed").read_bytes()
