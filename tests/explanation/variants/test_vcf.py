"""Rows of VCF and BCF."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest
from variant_files import COLUMNS, write_vcf

from dnabirnn.errors import OptionError, VariantError
from dnabirnn.explanation.variants.vcf import VariantFile, with_definitions, with_info

ROWS = [("c1", 0, "A", "C"), ("c1", 9, "GT", "G,<DEL>"), ("c2", 4, "N", ".")]


def test_rows_and_their_places(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", ROWS)
    file = VariantFile(path)
    rows = list(file)
    assert len(file.header) == 2
    assert [(row.chrom, row.start, row.ref, row.alts) for row in rows] == [
        ("c1", 0, b"A", [b"C"]),
        ("c1", 9, b"GT", [b"G", b"<DEL>"]),
        ("c2", 4, b"N", []),
    ]
    assert [row.place for row in rows] == [f"{path}, line {number}" for number in (3, 4, 5)]


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_compressed_and_other_line_ends(tmp_path: Path, ending: str) -> None:
    text = write_vcf(tmp_path / "a.vcf", ROWS).read_text().rstrip("\n")
    text = text.replace("\n", "\r\n") if ending == "\r\n" else text
    (tmp_path / "b.vcf.gz").write_bytes(gzip.compress((text + ending).encode()))
    expected = [row.line for row in VariantFile(tmp_path / "a.vcf")]
    assert [row.line for row in VariantFile(tmp_path / "b.vcf.gz")] == expected


def test_bcf_has_the_rows_of_its_vcf(tmp_path: Path) -> None:
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=c1,length=100>",
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="count">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
        "\t".join([*COLUMNS, "FORMAT", "s1", "s2"]),
        "c1\t10\trs1\tA\tC,T\t5\tPASS\tAC=1,2\tGT\t0|1\t2|1",
    ]
    (tmp_path / "a.vcf").write_text("\n".join(lines) + "\n")
    with (
        pysam.VariantFile(str(tmp_path / "a.vcf")) as text,
        pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=text.header) as made,
    ):
        for record in text:
            made.write(record)
    file = VariantFile(tmp_path / "a.bcf")
    (row,) = file
    assert row.line.decode() == lines[-1]
    assert row.place.endswith("a.bcf, record 1")
    assert file.samples == ["s1", "s2"]
    assert row.sample_fields(file.sample_column("s2")) == {b"GT": b"2|1"}


def test_a_damaged_bcf(tmp_path: Path) -> None:
    (tmp_path / "a.bcf").write_bytes(gzip.compress(b"BCF\2\2" + b"\xff" * 30))
    with pytest.raises(VariantError, match="cannot be read as BCF"):
        list(VariantFile(tmp_path / "a.bcf"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c1\t5\t.\tA", "line 3: has 4 columns separated by tabs"),
        ("c1\tx\t.\tA\tC\t.\t.\t.", "line 3: POS is 'x'"),
        ("c1\t5\t.\t<A>\tC\t.\t.\t.", "line 3: REF is '<A>'"),
    ],
)
def test_faults(tmp_path: Path, row: str, message: str) -> None:
    path = write_vcf(tmp_path / "a.vcf", [])
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(VariantError, match=message):
        list(VariantFile(path))


@pytest.mark.parametrize("text", ["", "c1\t5\t.\tA\tC\t.\t.\t.\n", "chr1\t5\t9\n", "##x\n"])
def test_files_without_the_line_of_columns(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.vcf").write_text(text)
    with pytest.raises(VariantError, match="no header line #CHROM"):
        VariantFile(tmp_path / "a.vcf")


def test_samples(tmp_path: Path) -> None:
    one = VariantFile(write_vcf(tmp_path / "a.vcf", ROWS[:1], ["s"], [["0|1"]]))
    assert one.sample_column(None) == one.sample_column("s") == 9
    two = VariantFile(write_vcf(tmp_path / "b.vcf", ROWS[:1], ["s", "t"], [["0|1", "1|1"]]))
    assert two.sample_column("t") == 10
    with pytest.raises(OptionError, match="has the samples s, t; choose one with --sample"):
        two.sample_column(None)
    with pytest.raises(OptionError, match=r"--sample x: .* has the samples s, t"):
        two.sample_column("x")
    none = VariantFile(write_vcf(tmp_path / "c.vcf", ROWS[:1]))
    with pytest.raises(OptionError, match=r"--haplotypes: .* has none"):
        none.sample_column(None)


def test_info_is_replaced_and_all_else_is_kept() -> None:
    line = b"c\t1\t\xe9\tA\tT\t.\t.\tX=1;XY=2;X\tGT\t0|1"
    assert with_info(line, [b"X"], [b"X=3"]) == b"c\t1\t\xe9\tA\tT\t.\t.\tXY=2;X=3\tGT\t0|1"
    assert with_info(line.replace(b"X=1;XY=2;X", b"X=1"), [b"X"], []).split(b"\t")[7] == b"."
    header = [b"##a", b"##INFO=<ID=X,Number=A>", b"##INFO=<ID=XY,Number=A>", b"#CHROM"]
    assert with_definitions(header, [b"X"], [b"##new"]) == [
        header[0],
        header[2],
        b"##new",
        b"#CHROM",
    ]
