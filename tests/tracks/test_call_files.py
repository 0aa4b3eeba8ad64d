"""Calls read back: the same table from every format, whatever the compression."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from commands import succeed, write_fasta, write_model

from dnabirnn.errors import DnabirnnError, LabelError, TrackError
from dnabirnn.motif_classes import MotifClass, Output
from dnabirnn.tracks.call_files import read_calls
from dnabirnn.tracks.schema import ROW_SCHEMA

ENDINGS = ("bed", "bed9", "gff3", "narrowpeak", "tsv", "parquet", "bb", "bed.gz", "gff3.gz", "TSV")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls of a model whose class has characters that GFF3 escapes, in every format."""
    folder = tmp_path_factory.mktemp("calls")
    write_fasta(folder / "g.fa", CONTIGS)
    classes = (MotifClass("a;b=1,2%", True), MotifClass("B", False))
    write_model(folder / "m.safetensors", classes=classes)
    for ending in ENDINGS:
        calls = folder / f"calls.{ending}"
        words = ["score", folder / "g.fa", "-m", folder / "m.safetensors", "-o", folder / "s.bed"]
        rules = ["--threshold", "0.4", "--min-length", "1", "--merge-gap", "0"]
        succeed("-q", *words, "--calls", calls, *rules)
    return folder


CONTIGS = {"chr;1": "ACGTTGCA" * 100, "chr2": "GATTACA" * 70, "chr10": "A" * 30}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_gives_the_same_table(folder: Path, ending: str) -> None:
    table = read_calls(folder / "calls.bed")
    assert table.height > 20
    assert table.schema == ROW_SCHEMA
    assert table["class"].n_unique() == 2
    assert read_calls(folder / f"calls.{ending}").equals(table)


def test_a_format_can_be_named(folder: Path) -> None:
    table = read_calls(folder / "calls.bed")
    other = folder / "calls.unknown"
    other.write_bytes((folder / "calls.gff3").read_bytes())
    assert read_calls(other, form="gff3").equals(table)
    other.write_bytes((folder / "calls.bed").read_bytes())
    assert read_calls(other).equals(table)


def test_digests(folder: Path) -> None:
    digests: dict[str, str] = {}
    for ending in ("bed", "parquet", "bb"):
        read_calls(folder / f"calls.{ending}", digests=digests)
    assert sorted(digests) == ["calls.bb", "calls.bed", "calls.parquet"]
    assert all(len(digest) == 64 for digest in digests.values())


@pytest.mark.parametrize("ending", ["bed", "gff3", "tsv", "narrowpeak"])
def test_a_file_without_rows(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"c.{ending}").write_bytes(b"")
    assert read_calls(tmp_path / f"c.{ending}").equals(pl.DataFrame(schema=ROW_SCHEMA))
    head = {"gff3": b"##gff-version 3\n", "tsv": b"chrom\tstart\tend\tclass\tscore\tstrand\n"}
    (tmp_path / f"d.{ending}").write_bytes(head.get(ending, b"# nothing\n"))
    assert read_calls(tmp_path / f"d.{ending}").is_empty()


def test_more_columns_and_rows_of_others(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text(
        "strand\tclass\tevidence\tchrom\tend\tstart\tscore\n-\tREP\t12.5\t1\t9\t2\t981\n"
    )
    assert read_calls(tmp_path / "c.tsv").rows() == [("1", 2, 9, "REP", 981, "-")]
    (tmp_path / "c.gff3").write_text(
        "##gff-version 3\n1\tx\texon\t3\t9\t.\t?\t.\tID=1;Name2=no\n###\n"
        "1\tx\texon\t3\t9\t.\t+\t.\tID=1;Name=a%3Bb\n##FASTA\n>1\nACGT\n"
    )
    assert sorted(read_calls(tmp_path / "c.gff3").rows()) == [
        ("1", 2, 9, "a;b", None, "+"),
        ("1", 2, 9, "exon", None, "."),
    ]
    (tmp_path / "c.narrowPeak").write_text("1\t2\t9\tp\t4000\t.\t1\t-1\t-1\t3\n")
    assert read_calls(tmp_path / "c.narrowPeak")["score"].to_list() == [None]
    pl.DataFrame(
        {"q": [0.5], "chrom": ["1"], "start": [2], "end": [9], "class": ["a"], "score": [7]}
    ).with_columns(strand=pl.lit("+")).write_parquet(tmp_path / "c.parquet")
    assert read_calls(tmp_path / "c.parquet").rows() == [("1", 2, 9, "a", 7, "+")]


FAULTS = {
    "c.bed": (b"1\t2\t9\n", "line 1: no class"),
    "d.bed": (b"1\tx\t9\tREP\n", "line 1: start 'x'"),
    "c.tsv": (b"chrom\tstart\tend\tclass\tstrand\n", "line 1: no column score"),
    "d.tsv": (b"chrom\tstart\tend\tclass\tscore\tstrand\n1\t9\t2\tA\t1\t+\n", "line 2: end 2 is"),
    "e.tsv": (b"chrom\tstart\tend\tclass\tscore\tstrand\n1\t2\t9\tA\t1\tx\n", "line 2: strand 'x'"),
    "c.gff3": (b"1\tx\ty\t0\t9\t.\t+\t.\tName=a\n", "line 1: start '0'"),
    "d.gff3": (b"1\tx\ty\t1\n", "line 1: end"),
    "c.parquet": (b"PAR1 no", "cannot be read as Parquet"),
    "c.bb": (b"no", "cannot be read as bigBed"),
    "c.bg": (b"1\t2\t9\t0.5\n", "bedGraph holds scores and no calls"),
    "g.tsv": (gzip.compress(b"chrom\n")[:-4], "truncated"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_name_the_file_and_the_line(tmp_path: Path, name: str) -> None:
    data, message = FAULTS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DnabirnnError, match=message) as caught:
        read_calls(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    for ending in ("bed", "gff3", "tsv", "parquet", "bb"):
        with pytest.raises(TrackError, match="no such file"):
            read_calls(tmp_path / f"missing.{ending}")


def test_a_bigwig_holds_no_calls(folder: Path) -> None:
    words = ["score", folder / "g.fa", "-m", folder / "m.safetensors", "-o", folder / "s.bw"]
    succeed("-q", *words)
    wig = next(folder.glob("s.*.bw"))
    with pytest.raises(TrackError, match="bigWig holds scores"):
        read_calls(wig)
    wig.rename(folder / "wrong.bb")
    with pytest.raises(TrackError, match="bigWig holds scores"):
        read_calls(folder / "wrong.bb")


def test_outputs_of_a_model_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "c.gff3"
    path.write_text("1\tx\ty\t3\t9\t0.5\t+\t.\tName=REP\n")
    assert read_calls(path, [Output("REP", "+")]).rows() == [("1", 2, 9, "REP", 500, "+")]
    with pytest.raises(TrackError, match=r"line 1: class 'REP' on strand '\+': not one of"):
        read_calls(path, [Output("REP", "-")])
    (tmp_path / "c.bed").write_text("1\t2\t9\tREP\t1001\t+\n")
    with pytest.raises(TrackError, match="line 1: score 1001"):
        read_calls(tmp_path / "c.bed", [Output("REP", "+")])
    (tmp_path / "d.bed").write_text("1\t9\t2\tREP\t10\t+\n")
    with pytest.raises(LabelError, match="end 2 is before start 9"):
        read_calls(tmp_path / "d.bed", [Output("REP", "+")])
