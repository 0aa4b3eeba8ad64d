"""One genome's sites, written in every format by other hands, read as the same intervals."""

from __future__ import annotations

import gzip
import io
import logging
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gffutils
import numpy as np
import pysam
import pytest
from Bio import SeqIO, bgzf
from Bio.Seq import Seq
from Bio.SeqFeature import SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from commands import succeed

from dnabirnn.alphabet import encode, reverse_complement
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import LabelError
from dnabirnn.labels.load import load_labels

LENGTHS = {"NC_1.2": 400, "NC_2.1": 240}


class Site(NamedTuple):
    chrom: str
    start: int
    end: int
    name: str
    strand: str


MOTIFS = {"REP": "GCCGGATGCGGC", "IS": "TTGACAATTAATCATCG"}
SITES = [
    Site("NC_1.2", 0, 12, "REP", "+"),
    Site("NC_1.2", 60, 72, "REP", "-"),
    Site("NC_1.2", 72, 89, "IS", "+"),
    Site("NC_1.2", 388, 400, "REP", "-"),
    Site("NC_2.1", 0, 17, "IS", "-"),
    Site("NC_2.1", 228, 240, "REP", "+"),
]
"""At the first base and at the last, on both strands, end to end."""


def genome() -> dict[str, str]:
    """Sequence with the motif of each site in its place, as it reads on its strand."""
    rng = np.random.default_rng(3)
    contigs = {name: rng.integers(0, 4, length, np.uint8) for name, length in LENGTHS.items()}
    for chrom, start, end, name, strand in SITES:
        codes = encode(MOTIFS[name])
        contigs[chrom][start:end] = codes if strand == "+" else reverse_complement(codes)
    return {name: "".join("ACGT"[code] for code in codes) for name, codes in contigs.items()}


def bed() -> str:
    return (
        "NC_1.2\t0\t12\tREP\t0\t+\n"
        "NC_1.2\t60\t72\tREP\t0\t-\n"
        "NC_1.2\t72\t89\tIS\t0\t+\n"
        "NC_1.2\t388\t400\tREP\t0\t-\n"
        "NC_2.1\t0\t17\tIS\t0\t-\n"
        "NC_2.1\t228\t240\tREP\t0\t+\n"
    )


def narrow_peak() -> str:
    return "".join(f"{row}\t7.5\t-1\t-1\t4\n" for row in bed().splitlines())


def broad_peak() -> str:
    return "".join(f"{row}\t7.5\t-1\t-1\n" for row in bed().splitlines())


def gff3_by_hand() -> str:
    return (
        "##gff-version 3\n"
        "##sequence-region NC_1.2 1 400\n"
        "NC_1.2\tlab\tregion\t1\t400\t.\t+\t.\tID=NC_1.2:1..400\n"
        "NC_1.2\tlab\tREP\t1\t12\t.\t+\t.\tID=r1\n"
        "NC_1.2\tlab\tREP\t61\t72\t.\t-\t.\tID=r2\n"
        "NC_1.2\tlab\tIS\t73\t89\t.\t+\t.\tID=i1\n"
        "NC_1.2\tlab\tREP\t389\t400\t.\t-\t.\tID=r3\n"
        "###\n"
        "NC_2.1\tlab\tIS\t1\t17\t.\t-\t.\tID=i2\n"
        "NC_2.1\tlab\tREP\t229\t240\t.\t+\t.\tID=r4\n"
        "##FASTA\n>NC_1.2\nACGT\n"
    )


def gff3_by_gffutils() -> str:
    rows = [
        gffutils.Feature(s.chrom, "lab", "site", s.start + 1, s.end, strand=s.strand,
                         attributes={"ID": [f"s{number}"], "Name": [s.name]})
        for number, s in enumerate(SITES)
    ]  # fmt: skip
    return "".join(f"{row}\n" for row in rows)


def gtf_by_hand() -> str:
    rows = (
        "NC_1.2\tlab\tREP\t1\t12\t.\t+\t.\t",
        "NC_1.2\tlab\tREP\t61\t72\t.\t-\t.\t",
        "NC_1.2\tlab\tIS\t73\t89\t.\t+\t.\t",
        "NC_1.2\tlab\tREP\t389\t400\t.\t-\t.\t",
        "NC_2.1\tlab\tIS\t1\t17\t.\t-\t.\t",
        "NC_2.1\tlab\tREP\t229\t240\t.\t+\t.\t",
    )
    return "".join(f'{row}gene_id "g{i}"; note "a; b";\n' for i, row in enumerate(rows))


def gtf_by_gffutils() -> str:
    dialect = gffutils.constants.dialect | {
        "fmt": "gtf",
        "keyval separator": " ",
        "field separator": "; ",
        "quoted GFF2 values": True,
        "trailing semicolon": True,
    }
    rows = [
        gffutils.Feature(s.chrom, "lab", "site", s.start + 1, s.end, strand=s.strand,
                         attributes={"gene_id": ["x"], "kind": [s.name]}, dialect=dialect)
        for s in SITES
    ]  # fmt: skip
    return "".join(f"{row}\n" for row in rows)


def flat_file(form: str) -> str:
    """What Biopython writes."""
    records = []
    for name, text in genome().items():
        record = SeqRecord(Seq(text), name, name.partition(".")[0], "planted sites")
        record.annotations |= {"molecule_type": "DNA", "accessions": [name.partition(".")[0]]}
        record.features = [SeqFeature(SimpleLocation(0, len(text), 1), "source")]
        record.features += [
            SeqFeature(SimpleLocation(s.start, s.end, 1 if s.strand == "+" else -1), s.name)
            for s in SITES
            if s.chrom == name
        ]
        records.append(record)
    text_file = io.StringIO()
    SeqIO.write(records, text_file, form)
    return text_file.getvalue()


def genbank_by_hand() -> str:
    return """\
LOCUS       NC_1                     400 bp    DNA     linear   BCT 01-JAN-2020
DEFINITION  planted sites.
ACCESSION   NC_1
VERSION     NC_1.2
FEATURES             Location/Qualifiers
     source          1..400
     REP             1..12
     REP             complement(61..72)
     IS              73..89
     REP             complement(389..400)
CONTIG      join(NC_9.1:1..400)
//
LOCUS       NC_2                     240 bp    DNA     linear   BCT 01-JAN-2020
DEFINITION  planted sites.
ACCESSION   NC_2
VERSION     NC_2.1
FEATURES             Location/Qualifiers
     IS              complement(1..17)
     REP             229..240
//
"""


def repeatmasker() -> str:
    return """\
   SW   perc perc perc  query     position in query    matching  repeat       position in repeat
score   div. del. ins.  sequence  begin end   (left)   repeat    class/family begin  end (left)  ID

   225   10.0  0.0  0.0  NC_1.2        1   12 (388) +  rep_a     REP/Y        1     12   (22)    1
   225   10.0  0.0  0.0  NC_1.2       61   72 (328) C  rep_a     REP/Z     (22)     12      1    2
   400    1.5  0.0  0.0  NC_1.2       73   89 (311) +  is_1      IS           1     17    (0)    3 *
   225   10.0  0.0  0.0  NC_1.2      389  400   (0) C  rep_b     REP/Y     (22)     12      1    4
   400    1.5  0.0  0.0  NC_2.1        1   17 (223) C  is_1      IS         (0)     17      1    5
   225   10.0  0.0  0.0  NC_2.1      229  240   (0) +  rep_a     REP          1     12   (22)    6
"""


RMSK_HEADER = (
    "#bin\tswScore\tmilliDiv\tmilliDel\tmilliIns\tgenoName\tgenoStart\tgenoEnd\tgenoLeft\tstrand\t"
    "repName\trepClass\trepFamily\trepStart\trepEnd\trepLeft\tid\n"
)


def rmsk() -> str:
    return (
        "585\t225\t100\t0\t0\tNC_1.2\t0\t12\t-388\t+\trep_a\tREP\tY\t1\t12\t-22\t1\n"
        "585\t225\t100\t0\t0\tNC_1.2\t60\t72\t-328\t-\trep_a\tREP\tZ\t-22\t12\t1\t2\n"
        "585\t400\t15\t0\t0\tNC_1.2\t72\t89\t-311\t+\tis_1\tIS\tIS\t1\t17\t0\t3\n"
        "585\t225\t100\t0\t0\tNC_1.2\t388\t400\t0\t-\trep_b\tREP\tY\t-22\t12\t1\t4\n"
        "585\t400\t15\t0\t0\tNC_2.1\t0\t17\t-223\t-\tis_1\tIS\tIS\t0\t17\t1\t5\n"
        "585\t225\t100\t0\t0\tNC_2.1\t228\t240\t0\t+\trep_a\tREP\tREP\t1\t12\t-22\t6\n"
    )


def rmsk_without_bin() -> str:
    return "".join(f"{row.partition(chr(9))[2]}\n" for row in rmsk().splitlines())


def fastq() -> str:
    """What Biopython writes, qualities being labels: 1 is IS, 2 is REP."""
    records = []
    for name, text in genome().items():
        labels = [0] * len(text)
        for site in SITES:
            if site.chrom == name:
                labels[site.start : site.end] = [1 + (site.name == "REP")] * (site.end - site.start)
        record = SeqRecord(Seq(text), name, description="planted")
        record.letter_annotations["phred_quality"] = labels
        records.append(record)
    text_file = io.StringIO()
    SeqIO.write(records, text_file, "fastq")
    return text_file.getvalue()


class Form(NamedTuple):
    file: str
    write: Callable[[], str]
    form: str
    options: dict[str, object] = {}  # noqa: RUF012
    stranded: bool = True


FORMS = {
    "bed": Form("in.bed", bed, "bed"),
    "narrowPeak": Form("in.narrowPeak", narrow_peak, "narrowPeak", {"class_column": "name"}),
    "broadPeak": Form("in.broadPeak", broad_peak, "broadPeak", {"class_column": "4"}),
    "gff3": Form("in.gff3", gff3_by_hand, "gff3"),
    "gff3 by gffutils": Form("in.gff3", gff3_by_gffutils, "gff3", {"class_column": "Name"}),
    "gtf": Form("in.gtf", gtf_by_hand, "gtf"),
    "gtf by gffutils": Form("in.gtf", gtf_by_gffutils, "gtf", {"class_column": "kind"}),
    "genbank": Form("in.gbk", genbank_by_hand, "genbank"),
    "genbank by Biopython": Form("in.gb", lambda: flat_file("genbank"), "genbank"),
    "embl by Biopython": Form("in.embl", lambda: flat_file("embl"), "embl"),
    "repeatmasker": Form("in.fa.out", repeatmasker, "repeatmasker"),
    "rmsk": Form("rmsk.txt", rmsk, "rmsk"),
    "rmsk with a header": Form("rmsk.txt", lambda: RMSK_HEADER + rmsk(), "rmsk"),
    "rmsk without bin": Form("rmsk.txt", rmsk_without_bin, "rmsk"),
    "fastq": Form("in.fq", fastq, "fastq", {"classes_map": {"1": "IS", "2": "REP"}}, False),
}


def read(path: Path | str, form: Form, **options: object) -> list[Site]:
    """Sites of a file."""
    labels = load_labels([path], **form.options, **options)  # type: ignore[arg-type]
    assert labels.origin.reading["formats"] == [form.form]
    classes = [name for name, _ in labels.classes]
    return [
        Site(chrom, start, end, classes[number], strand)
        for chrom, start, end, number, strand in labels.frame.select(
            "chrom", "start", "end", "class", "strand"
        ).iter_rows()
    ]


def expected(form: Form) -> list[Site]:
    return SITES if form.stranded else [site._replace(strand=".") for site in SITES]


@pytest.mark.parametrize("name", FORMS)
def test_every_format_gives_the_same_sites(tmp_path: Path, name: str) -> None:
    form = FORMS[name]
    path = tmp_path / form.file
    path.write_text(form.write())
    assert read(path, form) == expected(form)


@pytest.mark.parametrize("name", FORMS)
def test_content_tells_the_format_where_the_name_does_not(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = FORMS[name]
    data = form.write().encode()
    (tmp_path / "gzip").write_bytes(gzip.compress(data))
    with bgzf.open(tmp_path / "labels.txt.gz", "wb") as file:
        file.write(data)
    (tmp_path / "crlf.tsv").write_bytes(data.replace(b"\n", b"\r\n"))
    for path in sorted(tmp_path.iterdir()):
        assert read(path, form) == expected(form), path
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read("-", form) == expected(form)


@pytest.mark.parametrize("name", FORMS)
def test_a_format_that_is_given_is_taken(tmp_path: Path, name: str) -> None:
    form = FORMS[name]
    # A name that says otherwise.
    path = tmp_path / ("in.bed" if form.form != "bed" else "in.gff3")
    path.write_text(form.write())
    assert read(path, form, label_format=form.form.upper()) == expected(form)


def test_other_readers_agree(tmp_path: Path) -> None:
    path = tmp_path / "in.gff3"
    path.write_text(gff3_by_hand())
    database = gffutils.create_db(str(path), ":memory:")
    theirs = [
        Site(f.seqid, f.start - 1, f.end, f.featuretype, f.strand)
        for f in database.all_features(order_by="file_order")
        if f.featuretype != "region"
    ]
    assert theirs == SITES
    bed_path = tmp_path / "in.bed"
    bed_path.write_text(bed())
    pysam.tabix_index(str(bed_path), preset="bed", keep_original=True)
    with pysam.TabixFile(f"{bed_path}.gz", parser=pysam.asBed()) as tabix:
        rows = [Site(r.contig, r.start, r.end, r.name, r.strand) for r in tabix.fetch()]
    assert rows == SITES
    assert read(f"{bed_path}.gz", FORMS["bed"]) == SITES


@pytest.mark.parametrize("name", FORMS)
def test_encoded_sites_are_the_motifs(tmp_path: Path, name: str) -> None:
    """What is labelled, read on its strand, is the motif, whatever the format."""
    form = FORMS[name]
    (tmp_path / form.file).write_text(form.write())
    (tmp_path / "genome.fa").write_text("".join(f">{n}\n{t}\n" for n, t in genome().items()))
    options = []
    for option, value in form.options.items():
        pairs = isinstance(value, dict)
        text = ",".join(f"{k}={v}" for k, v in value.items()) if pairs else value
        options += [f"--{option.replace('_', '-')}", text]
    (tmp_path / "split.bed").write_text(
        "".join(f"{n}\t0\t{m}\ttrain\n" for n, m in LENGTHS.items())
    )
    succeed(
        "encode", tmp_path / "genome.fa", "--labels", tmp_path / form.file, "-o", tmp_path / "set",
        "--split", tmp_path / "split.bed", *options,
    )  # fmt: skip
    encoded = EncodedSet.open(tmp_path / "set")
    masks = {"IS": {"+": 2, "-": 4, ".": 6}, "REP": {"+": 8, "-": 16, ".": 24}}
    labels = np.zeros(640, np.uint8)
    for site in expected(form):
        offset = 0 if site.chrom == "NC_1.2" else 400
        place = slice(offset + site.start, offset + site.end)
        labels[place] |= masks[site.name][site.strand]
        codes = np.asarray(encoded.codes[place])
        motif = encode(MOTIFS[site.name])
        assert codes.tolist() in (motif.tolist(), reverse_complement(motif).tolist())
    np.testing.assert_array_equal(encoded.labels, labels)
    assert encoded.manifest["reading"]["formats"] == [form.form]


def test_the_format_that_was_read_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "in.gff3"
    path.write_text(gff3_by_hand())
    with caplog.at_level(logging.INFO):
        load_labels([path])
    assert f"{path}: read as gff3, 6 intervals, class by type" in caplog.messages
    assert any("left out 1 features that describe a whole contig" in m for m in caplog.messages)


def test_files_of_several_formats_go_together(tmp_path: Path) -> None:
    parts = {"a.bed": bed().splitlines(True)[:2], "b.gff3": gff3_by_hand().splitlines(True)[5:]}
    for name, lines in parts.items():
        (tmp_path / name).write_text("".join(lines))
    labels = load_labels([tmp_path / name for name in parts])
    assert labels.frame.select("chrom", "start", "end", "strand").rows() == [
        (s.chrom, s.start, s.end, s.strand) for s in SITES
    ]
    assert labels.frame["line"].to_list() == [1, 2, 1, 2, 4, 5]


@pytest.mark.parametrize("name", FORMS)
def test_damage_is_always_an_error_of_ours(tmp_path: Path, name: str) -> None:
    """Characters changed, lines lost, ends cut: read, or refused in one line; no traceback."""
    form = FORMS[name]
    random_state, text, path = random.Random(name), form.write(), tmp_path / form.file
    refused = []
    for _ in range(40):
        damaged = list(text)
        for _ in range(random_state.randint(1, 5)):
            place = random_state.randrange(len(damaged))
            damaged[place] = random_state.choice(
                ["", "\n", "\t", " ", "x", "-9", '"', ";", "%", "é"]
            )
        cut = len(damaged) if random_state.random() < 0.7 else random_state.randrange(len(damaged))
        path.write_text("".join(damaged[:cut]))
        try:
            load_labels([path], label_format=form.form, **form.options)  # type: ignore[arg-type]
        except LabelError as error:
            refused.append(str(error))
    assert refused
    assert not [message for message in refused if "\n" in message]


@pytest.mark.parametrize("form", ["gff3", "genbank", "repeatmasker"])
def test_real_sites_are_the_same_in_other_formats(
    real_data: Path, tmp_path: Path, form: str
) -> None:
    """REP elements of E. coli, written by other hands, against BED."""
    source = real_data / "ecoli_k12" / "rep.bed"
    rows = [Site(c, int(s), int(e), n, t) for c, s, e, n, _, t in
            (line.split("\t")[:6] for line in source.read_text().splitlines())]  # fmt: skip
    path, length = tmp_path / "labels", 4_641_652
    if form == "genbank":
        record = SeqRecord(Seq(None, length=length), rows[0].chrom, "U00096")
        record.annotations |= {"molecule_type": "DNA", "topology": "circular"}
        record.features = [
            SeqFeature(SimpleLocation(r.start, r.end, 1 if r.strand == "+" else -1), r.name)
            for r in rows
        ]
        SeqIO.write([record], path, "genbank")
    else:
        lines = [
            str(gffutils.Feature(r.chrom, "x", r.name, r.start + 1, r.end, strand=r.strand))
            if form == "gff3"
            else f"9 1.0 0.0 0.0 {r.chrom} {r.start + 1} {r.end} ({length - r.end}) "
            f"{r.strand.replace('-', 'C')} rep {r.name} 1 9 (0) 1"
            for r in rows
        ]
        path.write_text("".join(f"{line}\n" for line in lines))
    ours, theirs = load_labels([path]), load_labels([source])
    assert ours.origin.reading["formats"] == [form]
    columns = ["chrom", "start", "end", "class", "strand"]
    assert ours.classes == theirs.classes
    assert ours.frame.select(columns).equals(theirs.frame.select(columns))
