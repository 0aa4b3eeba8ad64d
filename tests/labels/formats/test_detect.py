"""Formats of labels, detected from names and first rows."""

from __future__ import annotations

import pytest

from dnabirnn.errors import LabelError
from dnabirnn.labels.formats.detect import LabelFormat, detect_format

BED6 = "chr1\t10\t44\tREP\t0\t-\n"
NARROW = "chr1\t10\t44\t.\t0\t.\t5.5\t-1\t2.1\t7\n"
BROAD = "chr1\t10\t44\t.\t0\t.\t5.5\t-1\t2.1\n"
GFF3 = "chr1\tlab\tgene\t11\t44\t.\t+\t.\tID=g1;Name=x\n"
GTF = 'chr1\tlab\tgene\t11\t44\t.\t+\t.\tgene_id "g1";\n'
BARE = "chr1\tlab\tgene\t11\t44\t.\t+\t.\t.\n"
OUT = "  225 10.0 0.0 0.0 chr1 11 44 (56) C MIR SINE/MIR (1) 34 1 7\n"
RMSK = "585\t225\t100\t0\t0\tchr1\t10\t44\t-56\t+\tMIR\tSINE\tMIR\t1\t34\t-1\t1\n"
GENBANK = "LOCUS       X 10 bp DNA\n"
EMBL = "ID   X1; SV 1; linear; DNA; STD; PRO; 10 BP.\n"
OLD_EMBL = "ID   X1         standard; DNA; PRO; 10 BP.\n"
FASTQ = "@chr1\nACGT\n+\n!!!!\n"

DETECTED = [
    ("a.bed", BED6, "bed"),
    ("a.BED.GZ", BED6, "bed"),
    ("-", BED6, "bed"),
    ("a", "chr1 10 44\n", "bed"),
    ("a.bed", "", "bed"),
    ("a", "# nothing\n\n", "bed"),
    ("a.txt", "track name=x\nbrowser position\n" + BED6, "bed"),
    # Peaks without a name that says so, and BED whose columns only look like theirs.
    ("a.narrowPeak", NARROW, "narrowPeak"),
    ("a.broadPeak.gz", BROAD, "broadPeak"),
    ("a.txt", NARROW, "narrowPeak"),
    ("a.txt", BROAD, "broadPeak"),
    ("a.bed", NARROW, "bed"),
    ("a.narrowPeak", BED6, "narrowPeak"),
    ("a.txt", "chr1\t10\t44\tx\t0\t+\t10\t44\t0\n", "bed"),
    ("a.txt", "chr1\t10\t44\tx\t0\t+\t10\t44\t255,0,0\n", "bed"),
    ("a.txt", "chr1\t10\t44\tx\t0\t+\t10\t44\t0\t1\t34\t0\n", "bed"),
    ("a.txt", "chr1\t10\t44\tx\t0\t+\tnan\t1\t2\n", "bed"),
    # GFF3 and GTF.
    ("a.gff3", GFF3, "gff3"),
    ("a.gff", GFF3, "gff3"),
    ("a.gff", GTF, "gtf"),
    ("a.gtf.gz", GTF, "gtf"),
    ("-", GFF3, "gff3"),
    ("-", GTF, "gtf"),
    ("-", 'chr1\tlab\tgene\t11\t44\t.\t+\t.\texon 5; gene_id "x"\n', "gtf"),
    ("a.gtf", BARE, "gtf"),
    ("a.gff3", BARE, "gff3"),
    ("a", BARE, "gff3"),
    ("a.bed", "##gff-version 3\n" + GFF3, "gff3"),
    ("a.gff", "##gff-version 2\n" + GTF, "gtf"),
    ("a.gff3", "#!genome\nchr1\tlab\tgene\tx\n", "gff3"),
    ("a.gff", "chr1\tlab\tgene\tx\n", "gff3"),
    # A contig that has a number for a name.
    ("a", GFF3.replace("chr1", "1"), "gff3"),
    # Flat files.
    ("a", GENBANK, "genbank"),
    ("a.gbff.gz", "GBBCT1.SEQ          Genetic Sequence Data Bank\n\n" + GENBANK, "genbank"),
    ("a.gbk", "LOCUS\n", "genbank"),
    ("a", EMBL, "embl"),
    ("a.txt", OLD_EMBL, "embl"),
    ("a.embl", "\n" + EMBL, "embl"),
    # Repeats.
    ("a", OUT, "repeatmasker"),
    ("a.fa.out", "   SW   perc perc perc  query\nscore\n\n" + OUT, "repeatmasker"),
    ("a.fa.out", "There were no repetitive sequences detected in x\n", "repeatmasker"),
    ("a.out", "something else\n", "repeatmasker"),
    ("a.out", BED6, "bed"),
    ("a", RMSK, "rmsk"),
    ("a", RMSK.partition("\t")[2], "rmsk"),
    ("chr1_rmsk.txt.gz", RMSK, "rmsk"),
    ("rmsk.txt", "cut\n", "rmsk"),
    ("rmsk.bed", BED6, "bed"),
    ("a", "#bin\tswScore\tmilliDiv\n", "rmsk"),
    ("a", "swScore\tmilliDiv\n", "rmsk"),
    # FASTQ.
    ("a", FASTQ, "fastq"),
    ("a.fq.gz", FASTQ, "fastq"),
    # A byte-order mark, and other ends of lines.
    ("a", "\ufeff" + BED6, "bed"),
    ("a", GFF3.replace("\n", "\r\n"), "gff3"),
]


@pytest.mark.parametrize(("name", "head", "form"), DETECTED)
def test_detected(name, head, form):
    assert detect_format(name, head) is LabelFormat(form)


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("a.gff3", BED6, "a.gff3: is gff3 by its name, but bed by its first row; rename it"),
        ("a.bed", GFF3, "a.bed: is bed by its name, but gff3 by its first row"),
        ("a.bed", OUT, "is bed by its name, but repeatmasker"),
        ("a.narrowPeak", BROAD, "is narrowPeak by its name, but broadPeak by its first row"),
        ("a.narrowPeak", RMSK, "is narrowPeak by its name, but rmsk"),
        ("a.fq", BED6, "is fastq by its name, but bed"),
        ("a", "nothing known\n", "a: its first row is not one of bed, narrowPeak,.*--label-format"),
        ("-", "chr1\tlab\tgene\tx\ty\n", "-: its first row is not one of"),
        ("a.bed", ">chr1\nACGT\n", "a.bed: is FASTA, not labels; give one of bed"),
        ("a.sam", "@SQ\tSN:chr1\tLN:9\n", "is SAM, not labels"),
        ("a.vcf", "##fileformat=VCFv4.2\n#CHROM\n", "is VCF, not labels"),
        ("a.wig", "fixedStep chrom=chr1 start=1 step=1\n", "is wiggle, not labels"),
        ("a", "<html>\n", "is XML or HTML"),
        ("a", '{"a": 1}\n', "is JSON"),
        ("a", "BAM\1\0\0", "a: not a text file; give labels in one of bed"),
    ],
)
def test_not_detected(name, head, message):
    with pytest.raises(LabelError, match=message) as caught:
        detect_format(name, head)
    assert "\n" not in str(caught.value)
