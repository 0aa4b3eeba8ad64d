"""2bit records, with py2bit as the oracle."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import struct
import sys
import tracemalloc

import numpy as np
import py2bit
import pytest
from hypothesis import given, strategies as st
from sequence_files import twobit, write_twobit

from dnabirnn.alphabet import AMBIGUOUS, encode
from dnabirnn.errors import FastaError
from dnabirnn.sequences.read import contig_lengths, read_fasta

SEQUENCES = st.dictionaries(
    st.text("abcXYZ019_.|#:", min_size=1, max_size=9).filter(lambda name: name[0] != "#"),
    st.text("ACGTNacgtn", max_size=40),
    min_size=1,
    max_size=4,
)


@given(SEQUENCES, st.sampled_from("<>"), st.sampled_from([0, 1]))
def test_round_trip(tmp_path_factory, sequences, order, version):
    path = tmp_path_factory.mktemp("twobit") / "in.2bit"
    write_twobit(path, sequences, order, version)
    records = list(read_fasta(path, case=True))
    assert [record.name for record in records] == list(sequences)
    for name, codes, lower in records:
        np.testing.assert_array_equal(codes, encode(sequences[name]))
        np.testing.assert_array_equal(lower, [c.islower() for c in sequences[name]])
        codes[:1] = 3  # the caller's own
    for name, codes, lower in read_fasta(path, hard_mask=True):
        masked = "".join("N" if c.islower() else c for c in sequences[name])
        np.testing.assert_array_equal(codes, encode(masked))
        assert lower is None


@given(SEQUENCES)
def test_same_as_py2bit(tmp_path_factory, sequences):
    # py2bit refuses empty sequences.
    path = write_twobit(
        tmp_path_factory.mktemp("twobit") / "in.2bit",
        {name: text or "A" for name, text in sequences.items()},
    )
    oracle = py2bit.open(str(path), True)
    assert contig_lengths(path) == oracle.chroms()
    for name, codes, lower in read_fasta(path, case=True):
        text = oracle.sequence(name)
        np.testing.assert_array_equal(codes, encode(text))
        # py2bit gives N in upper case, masked or not.
        known = codes < AMBIGUOUS
        np.testing.assert_array_equal(lower[known], np.array([c.islower() for c in text])[known])
    oracle.close()


def test_digest_is_of_the_file(tmp_path):
    path = write_twobit(tmp_path / "in.2bit", {"a": "ACGT" * 100})
    digests = {}
    assert len(list(read_fasta(path, digests=digests))) == 1
    assert digests == {"in.2bit": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_memory_is_a_byte_a_base(tmp_path):
    length = 4_096_000
    head = twobit({"a": "", "b": "", "c": ""})
    body = struct.pack("<I", length) + bytes(12) + bytes(range(256)) * (length // 1024)
    index = head[:16] + b"".join(
        b"\x01" + name + struct.pack("<I", 16 + 18 + i * len(body))
        for i, name in enumerate((b"a", b"b", b"c"))
    )
    path = tmp_path / "in.2bit"
    path.write_bytes(index + body * 3)
    tracemalloc.start()
    try:
        for name, codes, _ in read_fasta(path):
            assert len(codes) == length, name
            del codes, _
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A byte a base and, while it is unpacked, a quarter more.
    assert peak < length * 1.3 + 500_000


GOOD = twobit({"a": "ACGTNNacgt", "b": "GG"})
AT = GOOD.index(struct.pack("<I", 10))  # where the record of a begins


def put(place: int, *numbers: int) -> bytes:
    """GOOD with numbers of four bytes at a place."""
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    return GOOD[:place] + data + GOOD[place + len(data) :]


FAULTS = {
    "only the signature": (GOOD[:4], "a header of 4 bytes, but the file has 0 left"),
    "cut in the index": (GOOD[:20], "entry 1 of 2 of the index of 4 bytes, but the file has 2"),
    "cut in the second": (GOOD[:-1], "record 'b': bases of 1 bytes, but the file has 0 left"),
    "another version": (put(4, 2), "2bit version 2, but only 0 and 1"),
    "no records": (twobit({}), "no records"),
    "more records than fit": (put(8, 2**32 - 1), "entry 4 of 4294967295 of the index"),
    "an offset past the end": (put(18, 10**6), "record 'a': begins at byte 1000000"),
    "an offset in the header": (put(18, 3), "record 'a': begins at byte 3"),
    "longer than the file": (put(AT, 2**32 - 1), "record 'a': bases of 1073741824 bytes, but"),
    "more N blocks than fit": (put(AT + 4, 2**31), "record 'a': N blocks of 17179869184 bytes"),
    "an N block past the end": (put(AT + 8, 9), "record 'a': N blocks: 9-11 is past the end at 10"),
    "a mask block of a sea of bases": (
        put(AT + 24, 2**32 - 1),
        "record 'a': mask blocks: 6-4294967301 is past the end",
    ),
    "blocks over one another": (
        twobit({"a": "NANA"}).replace(struct.pack("<2I", 0, 2), struct.pack("<2I", 0, 0)),
        "record 'a': N blocks: 0-1 is past the end at 4, or before",
    ),
    "a name twice": (twobit({"a": "A", "b": "C"}).replace(b"\1b", b"\1a"), "'a' occurs twice"),
    "no name": (twobit({"": "A"}), "entry 1 of 1 of the index: b'' is not a name"),
    "white space in a name": (twobit({"a b": "A"}), "b'a b' is not a name"),
    "gzip": (gzip.compress(GOOD, mtime=0), "2bit inside gzip; decompress it first"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    data, message = FAULTS[fault]
    path = tmp_path / "in.2bit"
    path.write_bytes(data)
    with pytest.raises(FastaError, match=message) as caught:
        list(read_fasta(path, case=True))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_any_cut_and_any_byte_is_an_error_or_a_record(tmp_path):
    path = tmp_path / "in.2bit"
    for end in range(4, len(GOOD)):
        path.write_bytes(GOOD[:end])
        with pytest.raises(FastaError):
            list(read_fasta(path))
    for place in range(4, len(GOOD)):
        for byte in (0, 1, 35, 255):
            path.write_bytes(GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])
            with contextlib.suppress(FastaError):
                assert len(list(read_fasta(path, case=True))) <= 3


def test_no_stream(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD)))
    with pytest.raises(FastaError, match="-: 2bit needs random access"):
        list(read_fasta("-"))
    assert os.listdir(tmp_path) == []
