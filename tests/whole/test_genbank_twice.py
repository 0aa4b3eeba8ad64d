"""GenBank read as sequence and as labels: the same names, bytes, topology, and the same files."""

from __future__ import annotations

import logging

import pytest
from commands import run, succeed, write_fasta

from dnabirnn.errors import FastaError, LabelError
from dnabirnn.labels.formats.read import read_annotation
from dnabirnn.sequences.read import read_fasta

LOCUS = "LOCUS       Exported                 100 bp ds-DNA     circular SYN 24-AUG-2018"
BODY = """\
FEATURES             Location/Qualifiers
     source          1..100
     REP             91..10
     gene            complement(join(95..100,1..4))
"""
ORIGIN = "ORIGIN\n        1 " + " ".join(["acgtacgtac"] * 6) + "\n       61 " + " ".join(
    ["acgtacgtac"] * 4
) + "\n//\n"  # fmt: skip
REP = [(90, 100, "+"), (0, 10, "+")]
GENE = [(0, 4, "-"), (94, 100, "-")]


def record(locus=LOCUS, accession="ACCESSION   .", version="VERSION     .", body=BODY):
    header = [locus, "DEFINITION  a plasmid.", accession, version, "KEYWORDS    ."]
    return "".join(f"{line}\n" for line in header if line is not None) + body + ORIGIN


NAMES = {
    "SnapGene and Addgene": (record(), "Exported"),
    "no lines": (record(accession=None, version=None), "Exported"),
    "empty lines, as of Prokka": (record(accession="ACCESSION", version="VERSION"), "Exported"),
    "BioPerl and RAST": (record(accession="ACCESSION   unknown", version=None), "Exported"),
    "Biopython": (
        record(accession="ACCESSION   <unknown id>", version="VERSION     <unknown id>"),
        "Exported",
    ),
    "a version of nothing": (record(version="VERSION     .1"), "Exported"),
    "ACCESSION alone": (record(accession="ACCESSION   AB1", version="VERSION     ."), "AB1"),
    "VERSION alone": (record(version="VERSION     AB1.2"), "AB1.2"),
    "VERSION that is the LOCUS": (record(version="VERSION     Exported"), "Exported"),
    "NCBI": (
        record(accession="ACCESSION   NC_1 REGION: 1..100", version="VERSION     NC_1.3  GI:9"),
        "NC_1.3",
    ),
    "ACCESSION of another": (record(accession="ACCESSION X7", version="VERSION Y8.1"), "Y8.1"),
    "a name with spaces": (record(LOCUS.replace("Exported", "my plasmid 2")), "my_plasmid_2"),
    "a long name": (record(LOCUS.replace("Exported", "N" * 60)), "N" * 60),
    "a name that is a number": (record(LOCUS.replace("Exported", "7")), "7"),
    "capitals": (record(LOCUS.replace("circular", "CIRCULAR").replace(" bp ", " BP ")), "Exported"),
    "Circular": (record(LOCUS.replace("circular", "Circular")), "Exported"),
    "a short line": (record("LOCUS       pX  100 bp DNA circular"), "pX"),
    "one space": (record("LOCUS pX 100 bp DNA circular"), "pX"),
    "tabs": (record("LOCUS\tpX\t100 bp\tDNA\tcircular"), "pX"),
    "keywords in lower case": (
        record(LOCUS.lower(), body=BODY.replace("FEAT", "Feat")).replace("ORIGIN", "origin"),
        "exported",
    ),
    "a release of NCBI": (
        "GBSYN1.SEQ          Genetic Sequence Data Bank\n       December 15 2023\n\n" + record(),
        "Exported",
    ),
    "comments": ("# exported by a program\n\n" + record(), "Exported"),
    "a byte-order mark": ("\ufeff" + record(), "Exported"),
    "lines of Windows": (record().replace("\n", "\r\n"), "Exported"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("ending", [".gbk", ""])
def test_both_readers_agree(tmp_path, case, ending):
    text, name = NAMES[case]
    path = tmp_path / f"plasmid{ending}"
    path.write_text(text)
    (contig,) = read_fasta(path)
    assert contig.name == name
    assert len(contig.codes) == 100
    labels = read_annotation([path])
    assert labels.frame["chrom"].unique().to_list() == [name]
    assert labels.lengths[name][0] == 100
    rows = labels.frame.select("name", "start", "end", "strand").rows()
    assert rows == [("REP", *part) for part in REP] + [("gene", *part) for part in GENE]


@pytest.mark.parametrize("note", ["Müller", "5' “end”"])
def test_bytes_that_are_not_utf8(tmp_path, note, caplog):
    path = tmp_path / "plasmid.gb"
    text = record(LOCUS.replace("Exported", "pRené")).replace("a plasmid", note)
    path.write_bytes(text.encode("cp1252"))
    with caplog.at_level(logging.WARNING):
        (contig,) = read_fasta(path)
        assert not caplog.records  # only the name is used, and it is right
        labels = read_annotation([path])
    assert contig.name == "pRené"
    assert labels.frame["chrom"].unique().to_list() == ["pRené"]
    (message,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "2 of 13 lines are not UTF-8; they are read as Latin-1" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            record(LOCUS.replace("Exported                 100", "NODE_1_cov_12.345100")),
            r"line 1: .*no name and length in bp",
        ),
        (record(LOCUS.replace("Exported", "")), "line 1: record without a name"),
        (record().replace("\n", "\r"), "plasmid.gb"),
        (record().replace("91..10\n", "91..190\n")[:-4], "plasmid.gb"),
    ],
)
def test_both_readers_refuse(tmp_path, text, message):
    path = tmp_path / "plasmid.gb"
    path.write_bytes(text.encode())
    with pytest.raises(FastaError, match=message):
        list(read_fasta(path))
    with pytest.raises(LabelError, match=message):
        read_annotation([path])


def test_a_linear_record_has_no_feature_across_its_origin(tmp_path):
    path = tmp_path / "plasmid.gb"
    for locus in (LOCUS.replace("circular", "linear  "), "LOCUS       circular 100 bp DNA"):
        path.write_text(record(locus))
        with pytest.raises(LabelError, match="spans the origin"):
            read_annotation([path])


def test_two_plasmids_of_snapgene(tmp_path):
    """One command takes the sequence, and the labels, of files whose VERSION is '.'."""
    paths = [tmp_path / "a.gbk", tmp_path / "b.gbk"]
    paths[0].write_text(record())
    paths[1].write_text(record(LOCUS.replace("Exported", "pOther")))
    files = [str(path) for path in paths]
    labels = [word for file in files for word in ("--labels", file)]
    fractions = ("--split-fractions", "1,0,0")
    succeed("encode", *files, *labels, *fractions, "-o", tmp_path / "set")
    paths[1].write_text(record())
    result = run("encode", *files, *labels, *fractions, "-o", tmp_path / "other")
    assert "record 'Exported' occurs twice" in result.stderr


def test_names_of_other_formats_in_latin1(tmp_path):
    """FASTA, BED and GFF3 with the same Latin-1 name are about the same contig."""
    genome = write_fasta(tmp_path / "genome.fa", {"pRene": "ACGT" * 200})
    genome.write_bytes(genome.read_bytes().replace(b"pRene", b"pRen\xe9"))
    files = {
        "in.bed": b"pRen\xe9\t10\t44\tREP\t0\t+\n",
        "in.gff3": b"pRen\xe9\tlab\tREP\t11\t44\t.\t+\t.\tID=1\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        out = tmp_path / f"{name}.set"
        result = succeed(
            "encode", genome, "--labels", tmp_path / name, "--split-fractions", "1,0,0", "-o", out
        )
        assert "1 of 1 lines are not UTF-8; they are read as Latin-1" in result.stderr
    (tmp_path / "utf16.bed").write_bytes(files["in.bed"].decode("latin-1").encode("utf-16"))
    result = run("encode", genome, "--labels", tmp_path / "utf16.bed", "-o", tmp_path / "x")
    assert "utf16.bed: is text in UTF-16; save it as UTF-8" in result.stderr
    genome.write_bytes(genome.read_bytes().decode("latin-1").encode("utf-16"))
    result = run("encode", genome, "--labels", tmp_path / "in.bed", "-o", tmp_path / "x")
    assert "genome.fa: is text in UTF-16; save it as UTF-8" in result.stderr
