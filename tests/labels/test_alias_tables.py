"""Tables of contig names as UCSC, NCBI and Ensembl write them, in either direction."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnabirnn.errors import LabelError
from dnabirnn.intervals import Regions
from dnabirnn.labels import read_aliases
from dnabirnn.labels.alias_tables import parse_aliases

HEADER = (
    "# Sequence-Name|Sequence-Role|Assigned-Molecule|Assigned-Molecule-Location/Type|GenBank-Accn|"
    "Relationship|RefSeq-Accn|Assembly-Unit|Sequence-Length|UCSC-style-name"
)
ROWS = (
    "1|assembled-molecule|1|Chromosome|CM000663.2|=|NC_000001.11|Primary Assembly|30|chr1",
    "HSCHR1_CTG1|unlocalized-scaffold|1|Chromosome|KI270706.1|=|NT_187361.1|Primary Assembly|15|"
    "chr1_KI270706v1_random",
    "MT|assembled-molecule|MT|Mitochondrion|J01415.2|=|NC_012920.1|non-nuclear|10|chrM",
)
PAIRS = (
    "CM000663.2|chr1|genbank",
    "NC_000001.11|chr1|refseq",
    "1|chr1|ensembl",
    "KI270706.1|chr1_KI270706v1_random|ensembl,genbank",
    "NT_187361.1|chr1_KI270706v1_random|refseq",
    "MT|chrM|ensembl",
    "NC_012920.1|chrM|refseq",
    "J01415.2|chrM|genbank",
)


def tabs(*rows: str, end: str = "\n") -> str:
    """Rows with a tab for each "|"."""
    return "".join(row.replace("|", "\t") + end for row in rows)


TABLES = {
    "assembly report": tabs("# Assembly name:  GRCh38.p14", "#", HEADER, *ROWS),
    "assembly report of Windows": tabs("# Assembly name:  x", HEADER, *ROWS, end="\r\n"),
    "assembly report without its header": tabs(*ROWS),
    "NCBI Datasets": tabs(
        "Assembly Accession|Chromosome name|GenBank seq accession|RefSeq seq accession|Role|"
        "Sequence name|Seq length|UCSC style name",
        "GCF_1.1|1|CM000663.2|NC_000001.11|assembled-molecule|1|30|chr1",
        "GCF_1.1|1|KI270706.1|NT_187361.1|unlocalized-scaffold|x|15|chr1_KI270706v1_random",
        "GCF_1.1|MT|J01415.2|NC_012920.1|assembled-molecule|MT|10|chrM",
    ),
    "UCSC's table": tabs("# sequenceName|alias names|UCSC database: hg38", *PAIRS),
    "UCSC's table, dumped": tabs(*PAIRS),
    "UCSC's table, contigs first": tabs(*("{1}|{0}|{2}".format(*row.split("|")) for row in PAIRS)),
    "UCSC's table with another source": tabs(
        "#alias|chrom|source", *(row.replace("refseq", "mine") for row in PAIRS)
    ),
    "chromAlias.txt": tabs(
        "# ucsc|assembly|genbank|refseq",
        "chr1|1|CM000663.2|NC_000001.11",
        "chr1_KI270706v1_random||KI270706.1|NT_187361.1",
        "chrM|MT|J01415.2|NC_012920.1",
    ),
}
NAMES = {
    "UCSC": ["chr1", "chr1_KI270706v1_random", "chrM"],
    "RefSeq": ["NC_000001.11", "NT_187361.1", "NC_012920.1"],
    "GenBank": ["CM000663.2", "KI270706.1", "J01415.2"],
    "Ensembl": ["1", "KI270706.1", "MT"],
}


@pytest.mark.parametrize("own", NAMES)
@pytest.mark.parametrize("other", NAMES)
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_every_direction(tmp_path: Path, text: str, own: str, other: str) -> None:
    fasta, table, bed = (tmp_path / name for name in ("g.fa", "alias.txt", "r.bed"))
    fasta.write_text("".join(f">{name} of it\n{'ACGT' * 9}\n" for name in NAMES[own]))
    table.write_bytes(text.encode())
    starts = dict(zip(NAMES[other], (1, 2, 3), strict=True))
    bed.write_text("".join(f"{name}\t{start}\t{start + 5}\n" for name, start in starts.items()))
    translated = read_aliases(table, [fasta]).regions(Regions.read(bed))
    assert translated is not None
    found = {name: int(translated.of(name)[0, 0]) for name in translated.names}
    assert found == dict(zip(NAMES[own], (1, 2, 3), strict=True))


def test_a_molecule_is_a_name_of_itself_only() -> None:
    rows = parse_aliases(TABLES["assembly report"], "r.txt")
    assert rows[1] == ["HSCHR1_CTG1", "KI270706.1", "NT_187361.1", "chr1_KI270706v1_random"]
    # Where sequences are named by their accession, Ensembl takes the molecule.
    row = "SUPER_1|assembled-molecule|1|Chromosome|OX1.1|<>|na|Primary Assembly|30|na"
    assert parse_aliases(tabs(HEADER, row), "r.txt") == [["SUPER_1", "OX1.1", "1"]]


def test_sequences_that_differ_are_not_translated(caplog: pytest.LogCaptureFixture) -> None:
    text = tabs(HEADER, *ROWS[:2], ROWS[2].replace("|=|", "|<>|"))
    assert parse_aliases(text, "r.txt")[2] == ["MT", "J01415.2", "chrM"]
    assert "r.txt: 1 of 3 sequences differ between GenBank and RefSeq" in caplog.text


def test_an_alias_of_two_contigs_is_an_error_where_it_is_used(tmp_path: Path) -> None:
    """UCSC's hg19 has two mitochondria, and both are called MT by someone."""
    fasta, table = tmp_path / "g.fa", tmp_path / "alias.txt"
    fasta.write_text(">chrM\nA\n>chrMT\nA\n")
    table.write_text(tabs("MT|chrM|ensembl", "NC_1.1|chrM|refseq", "MT|chrMT|assembly"))
    aliases = read_aliases(table, [fasta])
    assert aliases.name("NC_1.1") == "chrM"
    with pytest.raises(LabelError, match="'MT' is an alias of several contigs"):
        aliases.name("MT")


@pytest.mark.parametrize("text", ["", "#a\tb\n", "chr1\n", HEADER])
def test_no_names(text: str) -> None:
    with pytest.raises(LabelError, match=r"r\.txt: no row with two names"):
        parse_aliases(text, "r.txt")
