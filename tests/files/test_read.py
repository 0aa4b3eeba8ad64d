"""Blocks of bytes out of files: gzip, bgzip, damage."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import sys
import threading
import tracemalloc
import zlib

import pytest
from Bio import bgzf
from hypothesis import given, strategies as st

from dnabirnn.errors import FastaError, LabelError
from dnabirnn.files.read import read_blocks

TEXT = b"".join(b"line %d\n" % i for i in range(30_000))


class KeptOpen(io.BytesIO):
    """A stream whose value can be read after its writer closed it."""

    def close(self):
        pass


def bgzipped(data):
    packed = KeptOpen()
    with bgzf.BgzfWriter(fileobj=packed) as writer:
        writer.write(data)
    return packed.getvalue()


@pytest.fixture
def write(tmp_path):
    def _write(data, name="file"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


@pytest.mark.parametrize(
    "packed",
    [
        TEXT,
        gzip.compress(TEXT, mtime=0),
        gzip.compress(TEXT[:1000], mtime=0)
        + gzip.compress(b"", mtime=0)
        + gzip.compress(TEXT[1000:], mtime=0),
        gzip.compress(TEXT, mtime=0) + b"\0" * 700,
        bgzipped(TEXT),
        bgzipped(TEXT) + b"\0" * 700,
        bgzipped(TEXT[:1000]) + gzip.compress(TEXT[1000:], mtime=0),
        gzip.compress(TEXT[:1000], mtime=0) + bgzipped(TEXT[1000:]),
        bgzipped(TEXT[:1000]) + bgzipped(TEXT[1000:]),
        gzip.compress(TEXT, compresslevel=0, mtime=0),
        codecs.BOM_UTF8 + TEXT,
        gzip.compress(codecs.BOM_UTF8, mtime=0) + bgzipped(TEXT),
    ],
    ids=[
        *("plain", "gzip", "members", "padded", "bgzip", "padded bgzip"),
        *("gzip behind bgzip", "bgzip behind gzip", "two of bgzip", "stored"),
        *("a byte-order mark", "a packed byte-order mark"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 7, 1000, 1 << 20])
def test_content(write, packed, block_bytes):
    blocks = list(read_blocks(write(packed), FastaError, block_bytes=block_bytes))
    assert b"".join(blocks) == TEXT
    assert all(0 < len(block) <= max(block_bytes, 18) for block in blocks)


@given(parts=st.lists(st.binary(max_size=200), max_size=6), block_bytes=st.integers(1, 50))
def test_members_of_any_size(tmp_path_factory, parts, block_bytes):
    path = tmp_path_factory.mktemp("members") / "file"
    path.write_bytes(b"".join(gzip.compress(part, mtime=0) for part in parts))
    data = b"".join(parts).removeprefix(codecs.BOM_UTF8)
    assert b"".join(read_blocks(path, FastaError, block_bytes=block_bytes)) == data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("packed", [TEXT, bgzipped(TEXT)], ids=["plain", "bgzip"])
def test_a_pipe_with_a_name(tmp_path, packed):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(packed,))
    writer.start()
    digests = {}
    assert b"".join(read_blocks(path, FastaError, digests)) == TEXT
    writer.join()
    assert digests == {"pipe": hashlib.sha256(packed).hexdigest()}


def test_standard_input(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(b">a\nACGT\n", mtime=0)))
    monkeypatch.setattr(sys, "stdin", stream)
    digests = {}
    assert b"".join(read_blocks("-", FastaError, digests)) == b">a\nACGT\n"
    assert list(digests) == ["-"]
    assert not stream.closed


def test_digest_is_of_the_bytes_as_stored(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    digests, packed = {}, gzip.compress(TEXT, mtime=0)
    for folder, data in (("a", packed), ("b", b"other")):
        path = tmp_path / folder / "x.gz"
        path.write_bytes(data)
        list(read_blocks(path, FastaError, digests))
    assert digests == {
        "x.gz": hashlib.sha256(packed).hexdigest(),
        "x.gz (2)": hashlib.sha256(b"other").hexdigest(),
    }


def test_no_digest_of_a_file_that_was_left_half_read(write):
    digests = {}
    blocks = read_blocks(write(TEXT), FastaError, digests, block_bytes=10)
    next(blocks)
    blocks.close()
    assert digests == {}


GZIPPED, BGZIPPED = gzip.compress(TEXT, mtime=0), bgzipped(TEXT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GZIPPED[:-1], "truncated gzip"),
        (GZIPPED[:-8], "truncated gzip"),
        (GZIPPED[: len(GZIPPED) // 2], "truncated gzip"),
        (GZIPPED[:5], "truncated gzip"),
        (GZIPPED[:2], "truncated gzip"),
        (GZIPPED[:1000] + b"\xff" * 40 + GZIPPED[1040:], "damaged gzip"),
        (GZIPPED[:-5] + b"\xff" + GZIPPED[-4:], "damaged gzip"),
        (GZIPPED + b"garbage", "damaged gzip"),
        (BGZIPPED[:-28], "end block is missing"),
        (BGZIPPED[:-28] + b"\0" * 40, "end block is missing"),
        (GZIPPED + BGZIPPED[:-28], "end block is missing"),
        (BGZIPPED[:-29], "truncated gzip"),
        (BGZIPPED[:-1], "truncated gzip"),
    ],
)
def test_damage(write, data, message):
    path = write(data)
    with pytest.raises(FastaError, match=message) as caught:
        list(read_blocks(path, FastaError))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bgzip_cut_at_every_block_is_noticed(write):
    at = 0
    cuts = []
    while at < len(BGZIPPED) - 28:
        at += int.from_bytes(BGZIPPED[at + 16 : at + 18], "little") + 1
        cuts.append(at)
    assert len(cuts) > 2
    for cut in cuts:
        with pytest.raises(FastaError, match="truncated bgzip"):
            list(read_blocks(write(BGZIPPED[:cut]), FastaError))


def test_no_file_and_folder(tmp_path):
    with pytest.raises(LabelError, match="no such file"):
        list(read_blocks(tmp_path / "none", LabelError))
    with pytest.raises(LabelError, match="is a folder"):
        list(read_blocks(tmp_path, LabelError))
    (tmp_path / "file").write_text("x")
    with pytest.raises(LabelError, match="Not a directory"):
        list(read_blocks(tmp_path / "file" / "below", LabelError))


def test_well_packed_text_does_not_come_at_once(write):
    path = write(zlib.compress(b"A" * 100_000_000, wbits=31))
    tracemalloc.start()
    total = sum(map(len, read_blocks(path, FastaError)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 100_000_000
    assert peak < 8_000_000
