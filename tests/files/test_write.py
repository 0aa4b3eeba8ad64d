"""Outputs: complete or absent, bgzip, paths that are not regular files."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import OutputError
from dnabirnn.files.temporary import stem
from dnabirnn.files.write import OutputFile, OutputFiles, is_stream, write_text

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def write(*paths: str | Path, data: bytes = b"new", error: BaseException | None = None) -> None:
    with OutputFiles() as outputs:
        for path in paths:
            outputs.open(path).write(data)
        if error is not None:
            raise error


def test_nothing_has_its_name_before_the_end(tmp_path: Path) -> None:
    with OutputFiles() as outputs:
        outputs.open(tmp_path / "a.bed").write(b"a\n")
        (temporary,) = names(tmp_path)
        assert temporary.startswith(".a.bed.")
        assert temporary.endswith(".tmp")
    assert names(tmp_path) == ["a.bed"]
    assert (tmp_path / "a.bed").read_bytes() == b"a\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OutputError])
def test_an_exception_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.bed").write_text("old")
    with pytest.raises(error):
        write(tmp_path / "a.bed", tmp_path / "b.bed.gz", error=error())
    assert names(tmp_path) == ["a.bed"]
    assert (tmp_path / "a.bed").read_text() == "old"


def test_the_first_opened_is_renamed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = []
    rename = Path.replace

    def record(self: Path, target: Path) -> Path:
        renamed.append(target.name)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", record)
    with OutputFiles() as outputs:
        for name in ("main", "second", "third"):
            outputs.open(tmp_path / name)
    assert renamed == ["third", "second", "main"]


def test_a_failed_rename_leaves_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", fail)
    with (
        pytest.raises(OutputError, match=r"a\.bed: Operation not permitted"),
        OutputFiles() as outputs,
    ):
        outputs.open(tmp_path / "a.bed")
    assert names(tmp_path) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_permissions_are_those_of_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/a.bed", "there is no folder"),
        ("file/a.bed", "there is no folder"),
        (".", "a folder"),
        ("new/", "a folder"),
        ("", "a folder"),
        ("n" * 300, "shorter name"),
        ("loop", "leads to itself"),
    ],
)
def test_a_path_that_cannot_be_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("loop").symlink_to("loop")
    with pytest.raises(OutputError, match=message) as caught, OutputFiles() as outputs:
        outputs.open(path)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file", "loop"]


@pytest.mark.parametrize("closed", ["folder", "file"])
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    path = tmp_path / "a.bed"
    path.touch()
    refused = {"folder": tmp_path, "file": path}[closed]
    # The tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda where, mode: Path(where) != refused)
    with pytest.raises(OutputError, match=r"permission|write-protected"), OutputFiles() as outputs:
        outputs.open(path)


def test_a_path_opened_twice(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a.bed")
    for other in ("a.bed", "./a.bed", "link"):
        with pytest.raises(OutputError, match="two outputs"):
            write(tmp_path / "a.bed", os.path.join(tmp_path, other))
    assert names(tmp_path) == ["link"]


def test_standard_output_twice(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(OutputError, match="two outputs"):
        write("-", "/dev/stdout", data=b"")


def test_dev_null_takes_all(tmp_path: Path) -> None:
    with OutputFiles() as outputs:
        outputs.open(os.devnull).write(b"a")
        outputs.open(os.devnull).write(b"b")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
def test_standard_output_stays_open(path: str) -> None:
    code = (
        "from dnabirnn.files import OutputFiles\n"
        f"with OutputFiles() as outputs: outputs.open({path!r}).write(b'rows\\n')\n"
        "print('after')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout == b"rows\nafter\n"


def test_dev_stdout_does_not_cut_a_redirected_file(tmp_path: Path) -> None:
    code = "from dnabirnn.files import OutputFiles\nwith OutputFiles() as o: o.open('/dev/stdout')"
    with open(tmp_path / "log", "ab") as file:
        file.write(b"before")
        file.flush()
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "log").read_bytes() == b"before"


def test_a_descriptor_is_written_where_it_stands(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb", buffering=0) as file:
        file.write(b"before ")
        with OutputFiles() as outputs:
            outputs.open(f"/dev/fd/{file.fileno()}").write(b"rows ")
        file.write(b"after")
    assert (tmp_path / "a").read_bytes() == b"before rows after"


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_pipe_is_written_straight(tmp_path: Path, name: str) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    assert is_stream(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with OutputFiles() as outputs:
        outputs.open(pipe).write(b"rows\n")
    reader.join(timeout=10)
    assert pipe.is_fifo()
    assert names(tmp_path) == [name]
    plain = gzip.decompress(received[0]) if name.endswith(".gz") else received[0]
    assert plain == b"rows\n"


def test_a_failure_does_not_end_a_compressed_pipe_well(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with pytest.raises(ValueError, match="cause"):
        write(pipe, data=bytes(100_000), error=ValueError("cause"))
    reader.join(timeout=10)
    assert received[0]
    assert not received[0].endswith(BGZF_END)


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/a.bed")
    for text in ("first", "second"):  # dangling at first
        write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "a.bed").read_text() == text
        assert names(tmp_path / "real") == ["a.bed"]


class KeptOpen(io.BytesIO):
    def close(self) -> None:
        pass


@given(pieces=st.lists(st.binary(max_size=200_000), max_size=5))
def test_bgzip_is_gzip_with_its_mark_of_the_end(pieces: list[bytes]) -> None:
    raw = KeptOpen()
    file = OutputFile(raw, "a.gz", compress=True)
    for piece in pieces:
        assert file.write(piece) == len(piece)
    file.close()
    written = raw.getvalue()
    assert written.endswith(BGZF_END)
    assert gzip.decompress(written) == b"".join(pieces)
    assert written.count(BGZF_END) == 1


@pytest.mark.parametrize("name", ["a.gz", "a.bgz", "A.GZ"])
@pytest.mark.parametrize("data", [b"", b"a", os.urandom(0xFF00 * 2), os.urandom(0xFF00 + 1)])
def test_bgzip_of_any_data(tmp_path: Path, name: str, data: bytes) -> None:
    with OutputFiles() as outputs:
        outputs.open(tmp_path / name).write(data)
    written = (tmp_path / name).read_bytes()
    assert gzip.decompress(written) == data
    assert written.endswith(BGZF_END)


class FullDisk(io.BytesIO):
    def write(self, data: object, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("compress", [False, True])
def test_a_full_disk_names_the_file(compress: bool) -> None:
    file = OutputFile(FullDisk(), "scores.bed", compress=compress)
    with pytest.raises(OutputError, match=r"scores\.bed: No space left on device; make room"):
        file.write(bytes(1 << 20))
    file.abandon()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_full_device(size: int, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="/dev/full: No space left"):
        write(tmp_path / "main.bed", "/dev/full", data=bytes(size))
    assert names(tmp_path) == []


def test_a_reader_that_has_gone_is_no_output_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    file = OutputFile(open(writing, "wb"), "pipe", compress=False)  # noqa: SIM115
    with pytest.raises(BrokenPipeError):
        file.write(bytes(1 << 20))
    file.abandon()


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporaries_of_dead_runs_are_swept(tmp_path: Path) -> None:
    target = tmp_path / "a.bed"
    own = stem(target)
    dead = f"{own}{dead_process()}.00000000.tmp"
    dead_too = f"{own}{dead_process()}.00000000.tmp.bw"
    kept = [
        f"{own}{os.getppid()}.00000000.tmp",  # alive
        f"{stem(tmp_path / 'b.bed')}{dead_process()}.00000000.tmp",  # another target
        f".a.bed.elsewhere.{dead_process()}.00000000.tmp",  # another host
        f"{own}{dead_process()}.tmp",  # not ours
    ]
    for name in (dead, dead_too, *kept):
        (tmp_path / name).touch()
    write_text(target, "text")
    assert names(tmp_path) == sorted([*kept, "a.bed"])


def test_a_name_near_the_limit(tmp_path: Path) -> None:
    write_text(tmp_path / ("n" * 255), "text")
    assert names(tmp_path) == ["n" * 255]


def test_a_file_can_be_sought_where_it_is_plain(tmp_path: Path) -> None:
    with OutputFiles() as outputs:
        file = outputs.open(tmp_path / "a")
        file.write(b"00rest")
        file.seek(0)
        file.write(b"12")
        assert file.tell() == 2
        packed = outputs.open(tmp_path / "b.gz")
        assert not packed.seekable()
        with pytest.raises(io.UnsupportedOperation):
            packed.seek(0)
    assert (tmp_path / "a").read_bytes() == b"12rest"


def test_closing_early_does_no_harm(tmp_path: Path) -> None:
    with OutputFiles() as outputs, outputs.open(tmp_path / "a.gz") as file:
        file.write(b"text")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"text"
