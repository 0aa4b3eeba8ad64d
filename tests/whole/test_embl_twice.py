"""One EMBL file as sequence and as labels: both readers find the same contigs and topology."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from commands import run, succeed

from dnabirnn.alphabet import decode
from dnabirnn.encoded import EncodedSet
from dnabirnn.errors import FastaError, LabelError
from dnabirnn.labels import load_labels
from dnabirnn.sequences import read_fasta

ID = "ID   X56734; SV 1; circular; genomic DNA; STD; PLN; 100 BP."
OLD = "ID   SC10H5     standard; circular DNA; PRO; 100 BP."
AC = "AC   X56734; S46826;"
FH = "FH   Key             Location/Qualifiers\nFH\n"
SEQUENCE = "ACGT" + "A" * 96
TEXT = f"""\
{ID}
XX
{AC}
XX
{FH}FT   source          1..100
FT   REP             join(91..100,1..10)
FT                   /rpt_family="a b"
FT   REP             complement(<5..9)
XX
SQ   Sequence 100 BP; 98 A; 1 C; 1 G; 1 T; 0 other;
     acgtaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa        60
     aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa                            100
//
"""
ROWS = [(90, 100, "+"), (0, 10, "+"), (4, 9, "-")]


def changed(*pairs: tuple[str, str]) -> str:
    text = TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


READ = {
    "of today": (TEXT, "X56734.1"),
    "of before 2006": (changed((ID, OLD), (AC, "AC   X56734;\nXX\nSV   X56734.1")), "X56734.1"),
    "of before 2006, no version": (changed((ID, OLD)), "X56734"),
    "capitals": (changed(("circular", "CIRCULAR")), "X56734.1"),
    "EMBOSS, no accession": (
        changed((ID, ID.replace("X56734", "chr1")), (f"XX\n{AC}\n", "")),
        "chr1.1",
    ),
    "EMBLmyGFF3": (
        changed((ID, ID.replace("X56734; SV 1", "XXX; XXX")), (AC, "AC   XXX;\nXX\nAC * _ctg_1")),
        "ctg_1",
    ),
    "Artemis": (changed((ID, "ID   seq1 ; ; circular ; ; ; 100 BP.")), "seq1"),
    "no version": (changed(("SV 1", "XXX")), "X56734"),
    "IMGT": (
        changed((ID, "ID   A00673     IMGT/LIGM annotation : x; circular DNA; HTG; 100 BP.")),
        "X56734",
    ),
    "no header of the features": (changed((FH, "")), "X56734.1"),
    "another header of the features": (
        changed((FH, "FH   Key            Location/Qualifiers\n")),
        "X56734.1",
    ),
    "lines between": (changed(("XX\nSQ", "XX\nXX\nSQ")), "X56734.1"),
    "odd references": (
        changed((AC, f"RX   no semicolon\nRN\nDR   x\nRP   -\n{AC}")),
        "X56734.1",
    ),
    "no numbers of bases": (
        changed(("        60\n", "\n"), ("                            100\n", "\n")),
        "X56734.1",
    ),
    "far indented features": (changed(("REP  ", "REP       ")), "X56734.1"),
    "comments": (f"# from x\n\n{TEXT}", "X56734.1"),
    "ends of lines of Windows": (TEXT.replace("\n", "\r\n"), "X56734.1"),
    "RNA": (changed(("genomic DNA", "mRNA"), ("acgt", "acgu")), "X56734.1"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("text", "name"), READ.values(), ids=READ)
def test_both_readers_agree(tmp_path: Path, text: str, name: str, pack: object) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(pack(text.encode()))  # type: ignore[operator]
    (record,) = read_fasta(path, case=True)
    assert (record.name, decode(record.codes)) == (name, SEQUENCE)
    assert record.lower is not None
    assert not record.lower.any()
    labels = load_labels([path])
    rows = labels.frame.select("chrom", "start", "end", "strand").rows()
    assert rows == [(name, *row) for row in ROWS]
    assert labels.frame["line"].to_list() == [
        number
        for number, line in enumerate(text.split("\n"), 1)
        for _ in range(line.count(".."))
        if " REP " in line
    ]
    # The topology is known: a feature across the origin is one interval.
    spanned = load_labels([path], span=True).frame.select("start", "end", "strand").rows()
    assert spanned == ROWS


def test_two_records(tmp_path: Path) -> None:
    path = tmp_path / "in.embl"
    path.write_text(TEXT + changed(("X56734", "X9"), ("circular", "linear")))
    assert [record.name for record in read_fasta(path)] == ["X56734.1", "X9.1"]
    labels = load_labels([path])
    assert labels.names == ["X56734.1", "X9.1"]
    assert labels.origin.aliases == {"X56734": "X56734.1", "X9": "X9.1"}
    spanned = load_labels([path], span=True).frame.select("chrom", "start", "end").rows()
    assert spanned[:2] == [("X56734.1", 90, 100), ("X56734.1", 0, 10)]
    assert spanned[3] == ("X9.1", 0, 100)  # linear, so not across the origin


REFUSED = {
    "no name": (
        changed((ID, "ID   ; ; linear; DNA; ; ; 100 BP."), (AC, "AC   ;")),
        "without a name",
    ),
    "no length": (changed(("100 BP.\n", "XXX.\n")), "line 1: .* no length in BP in the ID line"),
    "another length": (
        changed(("100 BP.\n", "99 BP.\n")),
        "Expected sequence length 99, found 100",
    ),
    "cut in the sequence": (TEXT[:-30], "Premature end of file"),
    "cut in the features": (TEXT[:300], "Premature end of (?:file|line)"),
    "twice": (TEXT * 2, "record 'X56734.1' occurs twice"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_both_readers_refuse(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "in.embl"
    path.write_text(text)
    with pytest.raises(FastaError, match=message) as caught:
        list(read_fasta(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(LabelError, match=message) as caught_too:
        load_labels([path])
    assert "\n" not in str(caught_too.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(("100 BP.\n", "100 AA.\n")), r"record 'X56734\.1': is a protein"),
        ("ID   A_B  Reviewed;  4 AA.\nAC   Q6;\nSQ   SEQUENCE\n     MAFS\n//\n", "is a protein"),
        (TEXT[: TEXT.index("SQ")] + "//\n", "has no sequence, only references to it"),
        (TEXT[: TEXT.index("SQ")] + "CO   join(A1.1:1..100)\n//\n", "has no sequence"),
        (changed(("acgt", "acge")), "'E' at base 4 is not a nucleotide letter"),
    ],
)
def test_no_sequence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "in.embl"
    path.write_text(text)
    with pytest.raises(FastaError, match=message):
        list(read_fasta(path))


@pytest.mark.parametrize("end", ["", "CO   join(A1.1:1..100)\n"])
def test_labels_without_sequence(tmp_path: Path, end: str) -> None:
    path = tmp_path / "in.embl"
    path.write_text(f"{TEXT[: TEXT.index('SQ')]}{end}//\n")
    labels = load_labels([path])
    assert labels.frame.select("start", "end", "strand").rows() == ROWS
    assert labels.origin.lengths["X56734.1"][0] == 100


def test_any_cut_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.embl"
    for end in range(6, len(TEXT) - 3, 7):
        path.write_text(TEXT[:end])
        with pytest.raises(FastaError):
            list(read_fasta(path))
        with pytest.raises(LabelError):
            load_labels([path])


def test_encode(tmp_path: Path) -> None:
    path = tmp_path / "in.embl"
    path.write_text(TEXT)
    fasta = tmp_path / "in.fa"
    fasta.write_text(f">X56734\n{SEQUENCE}\n")
    made = []
    for genome in (path, fasta):
        out = tmp_path / f"{genome.name}.set"
        succeed("encode", genome, "--labels", path, "--split-fractions", "1,0,0", "-o", out)
        opened = EncodedSet.open(out)
        made.append((opened.codes.tolist(), opened.labels.tolist()))
    assert made[0] == made[1]
    path.write_text(TEXT[:-30])
    result = run("-q", "encode", path, "--labels", fasta, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()
