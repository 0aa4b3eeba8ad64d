"""Masked FASTA against letters masked one by one."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from unittest import mock

import pytest
from commands import run, succeed
from hypothesis import given, strategies as st

from dnabirnn.errors import FastaError, LabelError, OptionError
from dnabirnn.files.read import read_blocks
from dnabirnn.intervals import masking
from dnabirnn.intervals.masking import mask_fasta, read_mask

FASTA = ">a first\nACGTacgtNN\nACGTRY\n>b\n\n>c\r\nAC\r\nGT\r\n"
BED = "a\t0\t3\tx\t9\t+\na\t9\t11\ty\t9\t-\nc\t3\t4\tx\t9\t.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_bytes(FASTA.encode())
    Path("c.bed").write_text(BED)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ">a first\nacgTacgtNn\naCGTRY\n>b\n\n>c\r\nAC\r\nGt\r\n"),
        ("--hard", ">a first\nNNNTacgtNN\nNCGTRY\n>b\n\n>c\r\nAC\r\nGN\r\n"),
        ("--unmask", ">a first\nacgTACGTNn\naCGTRY\n>b\n\n>c\r\nAC\r\nGt\r\n"),
        ("--hard --unmask", ">a first\nNNNTACGTNN\nNCGTRY\n>b\n\n>c\r\nAC\r\nGN\r\n"),
        ("--classes y", ">a first\nACGTacgtNn\naCGTRY\n>b\n\n>c\r\nAC\r\nGT\r\n"),
        ("--classes x,y --at-least 2", ">a first\nacgTacgtNn\naCGTRY\n>b\n\n>c\r\nAC\r\nGT\r\n"),
        ("--at-least 4", FASTA),
    ],
)
@pytest.mark.parametrize("out", ["o.fa", "o.fa.gz", "-"])
def test_what_is_masked(folder: Path, options: str, expected: str, out: str) -> None:
    result = succeed("-q", "mask", "g.fa", "--calls", "c.bed", "-o", out, *options.split())
    if out == "-":
        assert result.stdout_bytes == expected.encode()
    else:
        written = Path(out).read_bytes()
        assert (gzip.decompress(written) if out.endswith(".gz") else written) == expected.encode()


def test_standard_input(folder: Path) -> None:
    result = succeed("-q", "mask", "-", "--calls", "c.bed", "-o", "-", input=FASTA.encode())
    assert result.stdout_bytes.startswith(b">a first\nacgTacgtNn\n")


@pytest.mark.parametrize(
    "empty", [b"", gzip.compress(b"", mtime=0), b"#chrom\tstart\tend\tclass\tscore\tstrand\n"]
)
def test_no_calls_mask_nothing(folder: Path, empty: bytes) -> None:
    Path("none.bed").write_bytes(empty)
    succeed("mask", "g.fa", "--calls", "none.bed", "--classes", "x", "-o", "o.fa")
    assert Path("o.fa").read_bytes() == FASTA.encode()


@pytest.mark.parametrize(
    ("bed", "fasta", "options", "message"),
    [
        ("a\t0\t17\n" * 2, FASTA, "", "c.bed, line 1: a:0-17 goes past the contig's end at 16"),
        (
            "c\t1\t2\n" + "c\t4\t5\n" * 2,
            FASTA,
            "",
            "c.bed, line 2: c:4-5 goes past the contig's end at 4",
        ),
        (
            "a\t1\t2\n" + "b\t0\t1\n" * 2,
            FASTA,
            "",
            "c.bed, line 2: b:0-1 goes past the contig's end at 0",
        ),
        ("a\t1\t2\nz\t0\t1\n", FASTA, "", "c.bed: intervals on z, which the FASTA lacks; it has a"),
        ("a\t0\t9\na\t8\t17\nc\t0\t9\n", FASTA, "--at-least 3", "line 1: a:0-17 goes past"),
        (BED, FASTA, "--classes z", "--classes z: no row of c.bed has this class; it has x, y"),
        ("a\t0\t3\n", FASTA, "--classes z", "it has none"),
        ("a\t0\n", FASTA, "", "c.bed, line 1: fewer than three columns"),
        (BED, "", "", "g.fa: no records; the file is empty"),
        (BED, "ACGT\n", "", "g.fa: not FASTA: it begins with 'A'"),
        (BED, ">a\nMLSE\n", "", "g.fa: record 'a': 'L' is not a nucleotide letter"),
        ("a\t0\t1\n", ">a\nAC\n>a\nAC\n", "", "g.fa: record 'a' occurs twice"),
        (BED, ">\nAC\n", "", "g.fa: a header without a name"),
        (BED, None, "", "g.fa: no such file"),
        (None, FASTA, "", "c.bed: no such file"),
    ],
)
def test_what_cannot_be_masked(
    folder: Path, bed: str | None, fasta: str | None, options: str, message: str
) -> None:
    for name, text in (("c.bed", bed), ("g.fa", fasta)):
        Path(name).unlink()
        if text is not None:
            Path(name).write_text(text)
    before = sorted(folder.iterdir())
    result = run("-q", "mask", "g.fa", "--calls", "c.bed", "-o", "o.fa", *options.split())
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(folder.iterdir()) == before


def test_the_library_raises(folder: Path) -> None:
    with pytest.raises(OptionError):
        read_mask("c.bed", classes=["z"])
    with pytest.raises(LabelError):
        mask_fasta(_fasta(">a\nAC\n"), io.BytesIO(), read_mask("c.bed"))
    with pytest.raises(FastaError):
        mask_fasta("none.fa", io.BytesIO(), read_mask("c.bed"))


def _fasta(text: str) -> Path:
    path = Path("other.fa")
    path.write_text(text)
    return path


LINE = st.text(alphabet="ACGTacgtNnRr", max_size=12)
RECORD = st.lists(LINE, max_size=4)


@given(
    records=st.lists(RECORD, min_size=1, max_size=3),
    places=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 47), st.integers(0, 47)), max_size=6
    ),
    block=st.integers(1, 30),
    hard=st.booleans(),
    unmask=st.booleans(),
    last_newline=st.booleans(),
)
def test_letters_are_masked_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[list[str]],
    places: list[tuple[int, int, int]],
    block: int,
    hard: bool,
    unmask: bool,
    last_newline: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    masked: list[list[str]] = []
    bed = []
    for number, lines in enumerate(records):
        text = "".join(lines)
        letters = list(text.upper() if unmask else text)
        for contig, *ends in places:
            start, end = sorted(min(place, len(text)) for place in ends)
            if contig == number:
                bed.append(f"r{number}\t{start}\t{end}\n")
                for i in range(start, end):
                    letters[i] = "N" if hard else letters[i].lower()
        taken = iter(letters)
        masked.append(["".join(next(taken) for _ in line) for line in lines])
    texts = [
        "\n".join(line for n, lines in enumerate(each) for line in (f">r{n} x>y", *lines))
        + "\n" * last_newline
        for each in (records, masked)
    ]
    (folder / "h.fa").write_text(texts[0])
    (folder / "h.bed").write_text("".join(bed))
    file = io.BytesIO()
    wanted = read_mask(folder / "h.bed", hard=hard, unmask=unmask)
    blocks = read_blocks(folder / "h.fa", FastaError, block_bytes=block)
    with mock.patch.object(masking, "read_blocks", return_value=blocks):
        mask_fasta(folder / "h.fa", file, wanted)
    assert file.getvalue().decode() == texts[1]
