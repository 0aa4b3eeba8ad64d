"""Inputs at addresses."""

from __future__ import annotations

import builtins
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, file_server, s3_client, s3_server, upload, use

from dnabirnn.errors import FastaError, OptionError, OutputError, ProvenanceError
from dnabirnn.files import (
    OutputFiles,
    check_readable,
    check_state,
    input_exists,
    local_copy,
    note_read,
    open_input,
    read_blocks,
    size_of,
)

pytest.importorskip("fsspec", reason="pip install 'dnabirnn[remote]'")
pytest.importorskip("aiohttp", reason="pip install 'dnabirnn[remote]'")

from dnabirnn.files import remote

DATA = random.Random(0).randbytes(3_000_000)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(remote, "_WAITS_SECONDS", (0.0, 0.0))
    (tmp_path / "data").write_bytes(DATA)
    with file_server(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("bucket")
    (folder / "data").write_bytes(DATA)
    with s3_server() as environment:
        upload(environment, "bucket", folder)
        yield environment


def content(address: str) -> bytes:
    return b"".join(read_blocks(address, FastaError))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_whole_file(server: FileServer, ranges: bool) -> None:
    server.ranges = ranges
    digests: dict[str, str] = {}
    blocks = read_blocks(f"{server.address('data')}?user=me", FastaError, digests)
    assert b"".join(blocks) == DATA
    assert list(digests) == ["data"]


@pytest.mark.parametrize("ranges", [True, False])
def test_any_place(server: FileServer, ranges: bool) -> None:
    server.ranges = ranges
    with open_input(server.address("data")) as file:
        assert size_of(file) == len(DATA)
        for place in (2_500_000, 10, len(DATA) - 5, 11):
            file.seek(place)
            assert file.read(100) == DATA[place : place + 100]
    if ranges:
        assert server.sent["/data"] < 600_000


def test_a_copy(server: FileServer) -> None:
    with local_copy(server.address("data"), FastaError) as copy:
        assert copy.name == "data"
        assert copy.read_bytes() == DATA
    assert not copy.exists()
    with (
        pytest.raises(FastaError, match=f"^{server.address('data')}: damaged$"),
        local_copy(server.address("data"), FastaError) as copy,
    ):
        raise FastaError(f"{copy}: damaged")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, r"no such file on the server \(404\); check the address"),
        (403, r"no permission to read it \(403\); check the address"),
        (401, r"no permission to read it \(401\)"),
        (503, "the server answers with error 503; try again later"),
    ],
)
def test_errors_of_servers(server: FileServer, status: int, words: str, ranges: bool) -> None:
    server.ranges = ranges
    server.status["/data"] = status
    address = server.address("data")
    for read in (content, lambda path: check_readable(path, FastaError)):
        with pytest.raises(FastaError, match=f"^{address}: {words}"):
            read(address)
    assert not input_exists(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9/a.fa", r"the server cannot be reached \(.*check the address and the"),
        ("http://127.0.0.1:99999/a.fa", "not the address of a file; correct it"),
        ("http://", "not the address of a file; correct it"),
        ("ftp://host/a.fa", "ftp:// addresses are not read; give a path, or an https://, s3:// or"),
    ],
)
def test_what_is_no_address_of_a_file(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(FastaError, match=f"^{address}: {words}"):
        content(address)


def test_other_answers_of_servers(server: FileServer) -> None:
    server.moved = {"/elsewhere": "/data?token=5", "/circle": "/circle"}
    assert content(server.address("elsewhere")) == DATA
    with pytest.raises(FastaError, match="circle: the server redirects in a circle; check the ad"):
        content(server.address("circle"))
    server.status["/data"] = 400
    with pytest.raises(FastaError, match="the server answers with error 400; check the address"):
        content(server.address("data"))
    address = server.address("data").replace("http://", "https://")
    with pytest.raises(
        FastaError, match=r"no secure connection \(.*\); check the address, and the"
    ):
        content(address)


def test_a_proxy_without_an_answer(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(FastaError, match=r"cannot be reached .*; check the address, .*HTTP_PROXY"):
        content(server.address("data"))


def test_names_with_special_characters(server: FileServer, tmp_path: Path) -> None:
    for name in ("a b.txt", "a%20b.txt"):
        (tmp_path / name).write_text(name)
    assert content(server.address("a b.txt")) == content(server.address("a%20b.txt")) == b"a b.txt"
    assert content(server.address("a%2520b.txt")) == b"a%20b.txt"


def test_requests_of_a_whole_file(server: FileServer) -> None:
    assert content(server.address("data")) == DATA
    assert [method for method, _ in server.asked].count("HEAD") <= 3
    ranges = -(-len(DATA) // remote._FIRST_BYTES)
    assert len(server.asked) < ranges / 2


def test_a_connection_that_is_cut_is_made_again(server: FileServer) -> None:
    with open_input(server.address("data")) as file:
        server.cut["/data"] = 2
        assert file.read() == DATA
    remote._sends_ranges.cache_clear()
    server.cut["/data"] = 2
    assert content(server.address("data")) == DATA


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_stays_cut(server: FileServer, ranges: bool) -> None:
    server.ranges = ranges
    blocks = read_blocks(server.address("data"), FastaError)
    if ranges:
        next(blocks)
    server.cut["/data"] = 1000
    words = r"connection .*; run the command again, or download the file$"
    with pytest.raises(FastaError, match=words):
        b"".join(blocks)


def test_a_file_that_changes(server: FileServer, tmp_path: Path) -> None:
    address = server.address("data")
    state = note_read(address)
    check_state(address, state)
    (tmp_path / "data").write_bytes(b"other")
    with pytest.raises(ProvenanceError, match="changed while it was read"):
        check_state(address, state)


def test_s3(bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    use(bucket, monkeypatch)
    assert content("s3://bucket/data") == DATA
    with open_input("s3://bucket/data") as file:
        file.seek(1_000_000)
        assert file.read(10) == DATA[1_000_000:1_000_010]
    for missing in ("s3://bucket/other", "s3://no-such-bucket/data"):
        with pytest.raises(FastaError, match=r"no such file on the server \(404\); check the addr"):
            content(missing)
    check_state("s3://bucket/data", note_read("s3://bucket/data"))


def test_a_version_on_s3(bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    use(bucket, monkeypatch)
    client = s3_client(bucket)
    client.create_bucket(Bucket="kept")
    client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    versions = [
        client.put_object(Bucket="kept", Key="a?b.fa", Body=body)["VersionId"]
        for body in (DATA, b"new")
    ]
    address = "s3://kept/a?b.fa"
    assert content(address) == b"new"
    assert [content(f"{address}?versionId={one}") for one in versions] == [DATA, b"new"]
    assert not input_exists(f"{address}.fai?versionId={versions[0]}")
    with pytest.raises(FastaError, match=r"versionId=0: .*(no such file on the server|error 400)"):
        content(f"{address}?versionId=0")


def test_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    remote._system.cache_clear()
    load = builtins.__import__

    def without(name: str, *given: object, **named: object) -> object:
        if name.partition(".")[0] in ("fsspec", "aiohttp", "s3fs"):
            raise ImportError(name)
        return load(name, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    words = (
        r"^s3://b/a.fa: reading s3:// needs packages that are not installed: "
        r'`pip install "dnabirnn\[remote\]"`; or pipe the file to -: '
        r"`aws s3 cp s3://b/a.fa - \| dnabirnn ... -`$"
    )
    with pytest.raises(OptionError, match=words):
        content("s3://b/a.fa")
    with pytest.raises(OptionError, match=r"curl -L 'https://h/a.fa' \| dnabirnn"):
        content("https://h/a.fa")


def test_outputs_are_local() -> None:
    with (
        pytest.raises(OutputError, match=r"^s3://b/a.bed: outputs are local files; give a path"),
        OutputFiles() as files,
    ):
        files.open("s3://b/a.bed")
