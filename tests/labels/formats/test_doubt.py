"""Formats in doubt: names, headers and rows that do not agree, and rows of several formats."""

from __future__ import annotations

import logging

import pytest

from dnabirnn.errors import LabelError
from dnabirnn.labels.formats.detect import LabelFormat, detect_format

GFF3 = "chr1\tlab\tgene\t11\t44\t.\t+\t.\tID=g1;Name=x\n"
GTF = 'chr1\tlab\tgene\t11\t44\t.\t+\t.\tgene_id "g1";\n'
BARE = "chr1\tlab\tgene\t11\t44\t.\t+\t.\tg1\n"
BED4 = "chr1\t10\t44\tREP\n"
ZEROS = "chr1\t100\t200\tREP\t500\t+\t0\t0\t0\n"
RGB = "chr1\t100\t200\tREP\t500\t+\t0\t0\t255,0,0\n"
THICK = "chr1\t100\t200\tREP\t500\t+\t100\t200\t0\n"
BROAD = "chr1\t100\t400\tp_peak_1\t35\t.\t4.1\t6.2\t3.1\n"
NARROW = "chr1\t100\t400\tp_peak_1\t35\t.\t4.1\t6.2\t3.1\t120\n"
CLASSES = "c\t1\t9\tREP\t0\t+\t0.5\t0.3\t0.2\nc\t20\t29\tALU\t0\t+\t0.5\t0.3\t0.2\n"
V2, V3 = "##gff-version 2\n", "##gff-version 3\n"


def detected(name, head, caplog, **options):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        form = detect_format(name, head, **options)
    return form, [record.getMessage() for record in caplog.records]


CERTAIN = [
    # BED9 whose thick columns and colour are placeholders, and what bedtools makes of BED6.
    ("-", ZEROS, "bed"),
    ("/dev/fd/63", ZEROS + THICK, "bed"),
    ("-", RGB, "bed"),
    ("-", "chr1\t10\t44\tREP\t5\t20\t34\t3\t0.58\n", "bed"),  # coverage of BED5: no strand
    ("-", "chr1\t10\t44\tREP\t0\t+\t2\t20\t34\t0.5882353\n", "bed"),  # coverage of BED6
    ("-", "chr1\t10\t44\tchr1\t5\t60\tREP\t0\t+\n", "bed"),  # intersect -wo
    # Peaks of MACS, of ENCODE, and with whole numbers for what is not known.
    ("-", BROAD, "broadPeak"),
    ("-", NARROW, "narrowPeak"),
    ("-", "chr1\t100\t400\t.\t1000\t.\t52\t-1\t-1\t150\n", "narrowPeak"),
    ("-", "chr1\t100\t400\t.\t0\t.\t8.1\t-1\t2.5\n", "broadPeak"),
    ("a.broadPeak", ZEROS, "broadPeak"),
    # A header that settles it.
    ("-", "track type=bed name=x\n" + BROAD, "bed"),
    ("a.txt", 'track name="x" type=narrowPeak\n' + NARROW, "narrowPeak"),
    # A contig whose name begins like another format.
    ("-", "@ctg1\t10\t44\tREP\t0\t+\n", "bed"),
    ("a.gff3", GFF3.replace("chr1", "@ctg1"), "gff3"),
    ("-", "[ctg1]\t10\t44\tREP\n", "bed"),
    ("-", "<ctg1>\t10\t44\tREP\n<ctg1>\t50\t60\tREP\n", "bed"),
    ("-", "LOCUS\t10\t44\tREP\n", "bed"),
    ("-", "locus   10   44   REP\n", "bed"),
    ("-", "@chr1 10 44\nACGTN\n+\n!!!!!\n", "fastq"),
    ("-", "@chr1\t10\t44\nACGTN\n+\n!!!!!\n", "fastq"),
    # A table of 17 columns with whole numbers first, which is not rmsk.
    ("-", "1\t10\t44\t7\t0\t+\t" + "\t".join("x" * 11) + "\n", "bed"),
    # The rows after the first decide if it has no attributes.
    ("a.gff", BARE + GTF * 3, "gtf"),
    ("a.gff", BARE + GFF3 * 3, "gff3"),
    ("a.gtf", GFF3 + GTF * 3, "gtf"),
    ("a.gff3", V3 + BARE, "gff3"),
    ("-", V3 + GTF.replace("\n", " ID=x\n") + GFF3, "gff3"),
    # GenBank as the reader of sequences knows it.
    ("-", "# exported\n\nlocus       X 10 bp DNA\n", "genbank"),
    ("-", "LOCUS\tX\t10 bp\tDNA\n", "genbank"),
]


@pytest.mark.parametrize(("name", "head", "form"), CERTAIN)
def test_no_doubt(name, head, form, caplog):
    assert detected(name, head, caplog) == (LabelFormat(form), [])


DOUBTS = [
    # Whole numbers that may be counts, or signals without decimals.
    ("-", "1\t10\t44\tREP\t0\t+\t1\t5\t50\n", "bed", "rows fit bed and broadPeak", "broadPeak"),
    (
        "-",
        "chr1\t10\t44\tg1\t0\t+\t12\t0\t5\t7\n",
        "bed",
        "rows fit bed and narrowPeak",
        "narrowPeak",
    ),
    # Numbers of peaks, and names of classes.
    ("-", CLASSES, "broadPeak", "rows fit broadPeak and bed", "bed"),
    ("-", CLASSES.replace("\n", "\t4\n"), "narrowPeak", "rows fit narrowPeak and bed", "bed"),
    ("-", BROAD.replace("p_peak_1", "c1") * 4, "broadPeak", "rows fit broadPeak and bed", "bed"),
    ("a.bed", NARROW, "bed", "is bed by its name, but narrowPeak by its rows", "narrowPeak"),
    ("a.bed.gz", BROAD, "bed", "is bed by its name, but broadPeak by its rows", "broadPeak"),
    # A header that was left over.
    ("a.gtf", V3 + GTF, "gtf", "is gff3 by its header, but gtf by its rows", "gff3"),
    ("-", V3 + GTF, "gtf", "is gff3 by its header, but gtf by its rows", "gff3"),
    ("a.gff", V2 + GFF3, "gff3", "is gtf by its header, but gff3 by its rows", "gtf"),
    ("a.bed", V3 + BED4, "bed", "is gff3 by its header, but bed by its rows", "gff3"),
    ("-", V3 + "# converted\n" + ZEROS, "bed", "is gff3 by its header, but bed by its", "gff3"),
    ("a.gtf", V3 + BARE, "gff3", "is gff3 by its header, but gtf by its name", "gtf"),
    # Rows of both kinds.
    ("a.gff", GTF * 3 + GFF3, "gtf", "its rows fit gtf and gff3", "gff3"),
]


@pytest.mark.parametrize(("name", "head", "form", "reason", "other"), DOUBTS)
def test_a_doubt_is_a_warning(name, head, form, reason, other, caplog):
    found, messages = detected(name, head, caplog)
    assert found is LabelFormat(form)
    (message,) = messages
    assert reason in message
    assert message.endswith(f"if that is wrong, give --label-format {other}")
    if {form, other} <= {"bed", "narrowPeak", "broadPeak"}:
        assert detected(name, head, caplog, class_chosen=True) == (found, [])


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("a.gff3", V3 + GTF, "is gff3 by its header, but gtf by its first row; give the format"),
        ("a.gff3", V3 + BED4, "is gff3 by its header, but bed by its first row"),
        ("a.broadPeak", RGB, "is broadPeak by its name, but bed by its first row"),
        ("-", ">chr1 10 44\nACGT\n", "is FASTA, not labels"),
        ("-", ">chr1\t10\t44\nACGT\n", "is FASTA, not labels"),
    ],
)
def test_a_contradiction_is_an_error(name, head, message):
    with pytest.raises(LabelError, match=message):
        detect_format(name, head)


def test_a_value_is_no_class(caplog):
    for name, head in (("a.bedgraph", ""), ("-", "track type=bedGraph name=x\n")):
        form, messages = detected(name, head + "chr1\t10\t44\t0.5\n", caplog)
        assert form is LabelFormat.BED
        assert "is bedGraph, whose fourth column is a value" in messages[0]
    assert detected("a.bedgraph", "chr1\t10\t44\t0.5\n", caplog, class_chosen=True)[1] == []
