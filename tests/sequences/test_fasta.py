"""FASTA records, with Biopython as the oracle."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from Bio import bgzf
from Bio.SeqIO.FastaIO import SimpleFastaParser
from commands import write_fasta
from hypothesis import given, strategies as st
from sequence_files import write_fastq, write_genbank, write_twobit

from dnabirnn.alphabet import decode, encode
from dnabirnn.errors import FastaError
from dnabirnn.sequences.fasta import parse_fasta
from dnabirnn.sequences.read import contig_lengths, read_fasta
from dnabirnn.sequences.records import ParseContext

LETTERS = "ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx"


@pytest.fixture
def fasta(tmp_path):
    def write(text, name="in.fa"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def read(*paths, **options):
    return [(r.name, decode(r.codes)) for r in read_fasta(*paths, **options)]


@st.composite
def fasta_texts(draw):
    """Text with records of random line lengths, and blocks it is cut into."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    count = draw(st.integers(1, 4))
    text = newline * draw(st.integers(0, 2))
    for number in range(count):
        description = draw(st.sampled_from(["", " two words", "\ttab", " > more >"]))
        text += f">r{number}{description}{newline}"
        for line in draw(st.lists(st.text(LETTERS, max_size=9), max_size=5)):
            text += line + newline
    if draw(st.booleans()):
        text = text.rstrip("\r\n") or text
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    data = text.encode()
    blocks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return text, blocks


def oracle(text):
    universal = io.StringIO(text.replace("\r\n", "\n").lstrip("\n"))
    return [(title.split()[0], sequence) for title, sequence in SimpleFastaParser(universal)]


@given(fasta_texts())
def test_same_as_biopython(case):
    text, blocks = case
    records = list(parse_fasta(blocks, ParseContext("text", case=True)))
    expected = oracle(text)
    assert [r.name for r in records] == [name for name, _ in expected]
    for record, (_, sequence) in zip(records, expected, strict=True):
        np.testing.assert_array_equal(record.codes, encode(sequence))
        np.testing.assert_array_equal(record.lower, [c.islower() for c in sequence])


@given(fasta_texts())
def test_hard_mask_same_as_biopython(case):
    text, blocks = case
    for record, (_, sequence) in zip(
        parse_fasta(blocks, ParseContext("text", hard_mask=True)), oracle(text), strict=True
    ):
        masked = "".join("N" if c.islower() else c for c in sequence)
        np.testing.assert_array_equal(record.codes, encode(masked))
        assert record.lower is None


@given(fasta_texts(), st.integers(0, 500), st.sampled_from("E*-.>0\x00é"))
def test_line_of_a_bad_letter(case, at, letter):
    text, _ = case
    lines = text.split("\n")
    places = [i for i, line in enumerate(lines) if line.strip() and not line.startswith(">")]
    if not places:
        return
    number = places[at % len(places)]
    lines[number] = lines[number][:1] + letter + lines[number][1:]
    data = "\n".join(lines).encode()
    blocks = [data[i : i + 1 + at % 7] for i in range(0, len(data), 1 + at % 7)]
    with pytest.raises(FastaError) as caught:
        list(parse_fasta(blocks, ParseContext("text")))
    assert f"line {number + 1}:" in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 40))
def test_every_cut(cut):
    data = b">one first\r\nACG\r\n\r\nTn\r\n>two\r\n>three\r\nGG"
    records = list(parse_fasta([data[:cut], data[cut:]], ParseContext("text")))
    assert [(r.name, decode(r.codes)) for r in records] == [
        ("one", "ACGTN"),
        ("two", ""),
        ("three", "GG"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">a\nACGT", [("a", "ACGT")]),
        (">a\n\n\nAC\n\nGT\n\n>b\nA\n", [("a", "ACGT"), ("b", "A")]),
        (">a\n", [("a", "")]),
        (">a", [("a", "")]),
        (">a\n>b", [("a", ""), ("b", "")]),
        (">a\tdescription > x\nAC\n", [("a", "AC")]),
        ("> a b\nAC\n", [("a", "AC")]),
        ("\r\n\n>a\r\nA C\tG\r\nT\r\n", [("a", "ACGT")]),
        (">a\nuU\n", [("a", "TT")]),
        (">chr|1:2-3;x\nA\n", [("chr|1:2-3;x", "A")]),
        (">größe\nA\n", [("größe", "A")]),
        (">a\rACGT\n", None),
    ],
)
def test_forms(fasta, text, expected):
    path = fasta(text)
    if expected is None:
        with pytest.raises(FastaError, match="carriage return"):
            read(path)
    else:
        assert read(path) == expected


def test_compressed(fasta, tmp_path):
    text = ">a x\nACGT\nnn\n>b\nGG\n"
    expected = [("a", "ACGTNN"), ("b", "GG")]
    with bgzf.BgzfWriter(str(tmp_path / "b.gz")) as writer:
        writer.write(text.encode())
    assert read(fasta(text)) == expected
    assert read(fasta(gzip.compress(text.encode(), mtime=0), "a.gz")) == expected
    assert read(fasta(gzip.compress(text.encode(), mtime=0), "name_says_plain.fa")) == expected
    assert read(tmp_path / "b.gz") == expected


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nAC\n")))
    assert read("-") == [("a", "AC")]


def test_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b">a\nAC\n",))
    writer.start()
    assert read(path) == [("a", "AC")]
    writer.join()


def test_several_files(fasta):
    paths = [fasta(">a\nA\n", "1.fa"), fasta(">b\nCC\n", "2.fa")]
    assert read(*paths) == [("a", "A"), ("b", "CC")]
    assert contig_lengths(*paths) == {"a": 1, "b": 2}
    digests = {}
    list(read_fasta(*paths, digests=digests))
    assert list(digests) == ["1.fa", "2.fa"]


def test_codes_are_the_callers(fasta):
    record = next(read_fasta(fasta(">a\nACGT\n"), case=True))
    record.codes[0] = 3
    record.lower[0] = True
    assert record.codes.tolist() == [3, 1, 2, 3]
    assert record.lower.dtype == np.bool_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no records; the file is empty"),
        ("\n\n", "no records; the file is empty"),
        (gzip.compress(b"", mtime=0), "no records; the file is empty"),
        ("ACGT\n", r"not FASTA: it begins with 'A'"),
        ("\x00\x01\x02", r"begins with '\\x00'"),
        ("\n  ACGT\n>a\nAC\n", "not FASTA: it begins with 'A'"),
        ("PK\x03\x04zzz", "zip"),
        (b">a\nAC\n\xef\xbb\xbf>b\nAC\n", "line 3: .* .a byte-order mark inside the file"),
        (b"BZh91AY", "bzip2"),
        (
            gzip.compress(b"BAM\x01\0\0", mtime=0),
            "not FASTA but BAM; convert it with `samtools fasta`",
        ),
        (b"CRAM\x03\0", "not FASTA but CRAM"),
        ("\n" * 2_000_000, "no records; the file is empty"),
        ("\n" * 2_000_000 + "@a\nA\n+\nI\n", "not FASTA: it begins with '@'"),
        (">\nACGT\n", "line 1: header without a name"),
        (">a\nAC\n>  \t\nACGT\n", "line 3: header without a name"),
        (">a\nAC\n>", "line 3: header without a name"),
        (">a\nAC\nGE\n", r"record 'a', line 3: 'E' is not a nucleotide letter \(a protein\?"),
        (">a\nMKVLA*\n", "line 2: 'L' is not a nucleotide letter .a protein"),
        (">a\nAC\nG-T\n", r"line 3: '-' .*gap"),
        (">a\nAC>b\n", r"line 2: '>' .*header must start a line"),
        (">a\nAC5\n", r"line 2: '5' is not a nucleotide letter \(only IUPAC"),
        (">a\nAC\n>b\nC\n>a\n", r"line 5: record 'a' occurs twice, first in"),
    ],
)
def test_errors(fasta, text, message):
    path = fasta(text)
    with pytest.raises(FastaError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_one_name_in_two_files(fasta):
    paths = [fasta(">a\nA\n", "1.fa"), fasta(">b\nA\n>a\nC\n", "2.fa")]
    with pytest.raises(FastaError, match=r"2\.fa, line 3: record 'a' occurs twice.*1\.fa"):
        read(*paths)


def test_a_missing_file_is_noticed_before_any_is_read(fasta, tmp_path):
    with pytest.raises(FastaError, match="no such file; check the path"):
        next(read_fasta(fasta(">a\nA\n"), tmp_path / "none.fa"))
    with pytest.raises(FastaError, match="is a folder"):
        next(read_fasta(tmp_path))
    with pytest.raises(FastaError, match="no FASTA file given"):
        next(read_fasta())


@pytest.mark.parametrize(("case", "bytes_a_base"), [(False, 1), (True, 2)])
def test_memory_is_a_byte_a_base(fasta, case, bytes_a_base):
    line = b"ACGTacgtNN" * 6 + b"\n"
    length = 20_000 * 60 * 10
    path = fasta(b"".join(b">%d\n" % i + line * 200_000 for i in range(3)))
    tracemalloc.start()
    for name, codes, _ in read_fasta(path, case=case):
        assert len(codes) == length, name
        del codes, _
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A bytearray grows by an eighth, and a block is in flight.
    assert peak < length * bytes_a_base * 1.15 + 6_000_000


def test_one_genome_in_every_format(tmp_path, rng):
    genome = {
        f"NC_{i}.1": "".join(rng.choice(list("ACGTNacgtn"), size)) for i, size in ((1, 333), (2, 7))
    }
    upper = {name: text.upper() for name, text in genome.items()}
    paths = {
        "FASTA": write_fasta(tmp_path / "genome.fa", genome),
        "FASTQ": write_fastq(tmp_path / "genome.fq", genome),
        "wrapped FASTQ": write_fastq(tmp_path / "wrapped.fq", genome, width=60),
        "2bit": write_twobit(tmp_path / "genome.2bit", genome),
        "big-endian 2bit": write_twobit(tmp_path / "big.2bit", genome, ">"),
        "long 2bit": write_twobit(tmp_path / "long.2bit", genome, version=1),
        "GenBank": write_genbank(tmp_path / "genome.gbff", upper),
    }
    for form, path in paths.items():
        records = list(read_fasta(path, case=True))
        assert [record.name for record in records] == list(genome), form
        for name, codes, lower in records:
            np.testing.assert_array_equal(codes, encode(genome[name]), form)
            if form != "GenBank":
                np.testing.assert_array_equal(lower, [c.islower() for c in genome[name]], form)
