"""FASTQ records, with Biopython as the oracle."""

from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pytest
from Bio.SeqIO.QualityIO import FastqGeneralIterator
from hypothesis import given, strategies as st

from dnabirnn.alphabet import decode, encode
from dnabirnn.errors import FastaError
from dnabirnn.sequences.fastq import parse_fastq
from dnabirnn.sequences.read import read_fasta
from dnabirnn.sequences.records import ParseContext

LETTERS = "ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx"
QUALITIES = "".join(map(chr, range(ord("!"), ord("~") + 1)))


def wrap(text, width):
    return [text[i : i + width] for i in range(0, len(text), width)] or [""]


@st.composite
def fastq_texts(draw):
    """Text with reads, wrapped or not, whose qualities begin with any sign, and its blocks."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    width = draw(st.sampled_from([1, 3, 1000]))
    lines = []
    for number in range(draw(st.integers(1, 4))):
        letters = draw(st.text(LETTERS, min_size=1, max_size=9))
        signs = st.text(QUALITIES, min_size=len(letters), max_size=len(letters))
        name = f"r{number}{draw(st.sampled_from(['', ' 1:N:0', chr(9) + 'tab']))}"
        second = draw(st.sampled_from(["+", f"+{name}"]))
        lines += [f"@{name}", *wrap(letters, width), second, *wrap(draw(signs), width)]
    text = newline.join(lines) + draw(st.sampled_from(["", newline]))
    data = text.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    blocks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return text, blocks


@given(fastq_texts())
def test_same_as_biopython(case):
    text, blocks = case
    records = list(parse_fastq(blocks, ParseContext("text", case=True)))
    expected = list(FastqGeneralIterator(io.StringIO(text.replace("\r\n", "\n"))))
    assert [r.name for r in records] == [title.split()[0] for title, _, _ in expected]
    for record, (_, sequence, _) in zip(records, expected, strict=True):
        np.testing.assert_array_equal(record.codes, encode(sequence))
        np.testing.assert_array_equal(record.lower, [c.islower() for c in sequence])
        record.codes[0] = 3  # the caller's own


@given(fastq_texts())
def test_hard_mask(case):
    text, blocks = case
    records = parse_fastq(blocks, ParseContext("text", hard_mask=True))
    expected = FastqGeneralIterator(io.StringIO(text.replace("\r\n", "\n")))
    for record, (_, sequence, _) in zip(records, expected, strict=True):
        masked = "".join("N" if c.islower() else c for c in sequence)
        np.testing.assert_array_equal(record.codes, encode(masked))
        assert record.lower is None


def read(*paths):
    return [(r.name, decode(r.codes)) for r in read_fasta(*paths)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@a\nACGT\n+\nIIII", [("a", "ACGT")]),
        ("\n\n@a\nAC\n+\nII\n\n@b\nG\n+\n@\n\n", [("a", "AC"), ("b", "G")]),
        ("@a\n\n+\n\n@b\nA\n+\n+\n", [("a", ""), ("b", "A")]),
        ("@a\n+\n@b\nA\n+\nI\n", [("a", ""), ("b", "A")]),
        ("@a\nAC\nGT\n+a\n@a\n+b\n@b\nA\n+\nI\n", [("a", "ACGT"), ("b", "A")]),
        ("@a\r\nAC\r\n+\r\nII\r\n", [("a", "AC")]),
    ],
)
def test_forms(tmp_path, text, expected):
    plain, packed = tmp_path / "reads.fq", tmp_path / "name_says_nothing"
    plain.write_text(text, newline="")
    packed.write_bytes(gzip.compress(text.encode()))
    assert read(plain) == read(packed) == expected


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"@a\nAC\n+\nII\n")))
    assert read("-") == [("a", "AC")]


def test_a_line_over_many_blocks():
    letters = b"ACGT" * 1000
    data = b"@a\n" + letters + b"\n+\n" + b"@" * 4000
    blocks = [data[i : i + 7] for i in range(0, len(data), 7)]
    (record,) = parse_fastq(blocks, ParseContext("text"))
    np.testing.assert_array_equal(record.codes, encode(letters))


FAULTS = {
    "no plus": ("@a\nACGT\n", "record 'a', line 1: the file ends inside this read"),
    "no qualities": ("@a\nACGT\n+\n", "record 'a', line 3: the file ends inside this read"),
    "too few qualities": ("@a\nACGT\n+\nIII", "record 'a', line 4: the file ends inside"),
    "too few before another": (
        "@a\nACGT\n+\nIII\n@b\nA\n+\nI\n",
        "record 'a', line 4: 5 qualities for 4 letters",
    ),
    "too many qualities": ("@a\nAC\n+\nIII\n", "record 'a', line 4: 3 qualities for 2 letters"),
    "a line too many": ("@a\nAC\n+\nII\nII\n", "line 5: 'I' where a read must begin"),
    "FASTA behind": ("@a\nAC\n+\nII\n>b\nAC\n", "line 5: '>' where a read must begin"),
    "no name": ("@\nAC\n+\nII\n", "line 1: read without a name"),
    "a space for a name": ("@ \t\nAC\n+\nII\n", "line 1: read without a name"),
    "one name twice": ("@a 1\nA\n+\nI\n@a 2\nA\n+\nI\n", "line 5: record 'a' occurs twice"),
    "no nucleotide": ("@a\nACE\n+\nIII\n", "record 'a', line 2: 'E' is not a nucleotide letter"),
    "a dot": ("@a\nAC.\n+\nIII\n", r"record 'a', line 2: '\.' is not a nucleotide letter"),
    "no plus before another": (
        "@a\nAC\n@b\nAC\n+\nII\n",
        "'a', line 3: '@' .*without '.' line",
    ),
    "no quality": ("@a\nAC\n+\nI\x80\n", r"record 'a', line 4: 'Â' is not a quality"),
    "SAM": ("@HD\tVN:1.6\n@SQ\tSN:1\n", "line 1: not FASTQ but SAM"),
    "a comment for a name": ("@#a\nAC\n+\nII\n", "line 1: record '#a'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    text, message = FAULTS[fault]
    path = tmp_path / "reads.fq"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(FastaError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_cut_anywhere_is_noticed_or_ends_a_read(tmp_path):
    text = "@a\nACGT\n+\nIIII\n@b\nACGT\n+\nIIII\n"
    path = tmp_path / "reads.fq"
    for end in range(1, len(text)):
        path.write_text(text[:end])
        if end in (14, 15, 29):
            assert len(read(path)) == 1 + end // 29
        else:
            with pytest.raises(FastaError):
                read(path)


def test_labelled_reads(real_data):
    folder = real_data / "dna_brnn"
    reads = list(read_fasta(folder / "reads150.fa.gz"))
    labelled = list(read_fasta(folder / "reads150.labels.fq.gz"))
    assert len(reads) == 4500
    for read, same in zip(reads, labelled, strict=True):
        assert read.name == same.name
        np.testing.assert_array_equal(read.codes, same.codes)
