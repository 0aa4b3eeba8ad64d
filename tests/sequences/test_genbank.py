"""GenBank records, written by Biopython or taken from the format's description."""

from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pytest
from Bio import SeqIO
from hypothesis import given, strategies as st
from sequence_files import write_genbank

from dnabirnn.alphabet import decode, encode
from dnabirnn.errors import FastaError
from dnabirnn.sequences.read import read_fasta

TEXT = """\
LOCUS       SCU49845      70 bp    DNA     circular BCT 21-JUN-1999
DEFINITION  Saccharomyces cerevisiae TCP1-beta gene, partial cds, and Axl2p
            (AXL2) gene.
ACCESSION   U49845 REGION: 1..70
VERSION     U49845.1  GI:1293613
KEYWORDS    .
SOURCE      Saccharomyces cerevisiae (baker's yeast)
  ORGANISM  Saccharomyces cerevisiae
            Eukaryota; Fungi.
FEATURES             Location/Qualifiers
     source          1..70
                     /organism="Saccharomyces cerevisiae"
     CDS             <1..30
                     /note="LOCUS in a note //"
ORIGIN
        1 gatcctccat atacaacggt atctccacct caggtttaga tctcaacaac ggaaccattg
       61 ccgacatgnr
//
"""
SEQUENCE = "GATCCTCCATATACAACGGTATCTCCACCTCAGGTTTAGATCTCAACAACGGAACCATTGCCGACATGNN"


def read(*paths, **options):
    return [(r.name, decode(r.codes)) for r in read_fasta(*paths, **options)]


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{2}_[0-9]{1,6}\.[1-9]", fullmatch=True),
        st.text("ACGTNRY", min_size=1, max_size=150),
        min_size=1,
        max_size=3,
    )
)
def test_round_trip(tmp_path_factory, sequences):
    path = write_genbank(tmp_path_factory.mktemp("genbank") / "in.gb", sequences)
    records = list(read_fasta(path, case=True))
    assert [record.name for record in records] == list(sequences)
    for name, codes, lower in records:
        np.testing.assert_array_equal(codes, encode(sequences[name]))
        assert lower.dtype == np.bool_
        assert not lower.any()
        assert len(lower) == len(codes)
        codes[0] = 3  # the caller's own
    with path.open() as file:
        oracle = {entry.id: str(entry.seq) for entry in SeqIO.parse(file, "genbank")}
    assert oracle == sequences


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_forms(tmp_path, monkeypatch, pack, newline):
    data = pack((TEXT + TEXT.replace("U49845", "U49846")).replace("\n", newline).encode())
    expected = [("U49845.1", SEQUENCE), ("U49846.1", SEQUENCE)]
    path = tmp_path / "name_says_nothing"
    path.write_bytes(data)
    assert read(path) == read(path, hard_mask=True) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read("-") == expected


FAULTS = {
    "cut in the sequence": (TEXT[:-20], "damaged GenBank in the first record .Premature end"),
    "cut in the header": (TEXT[:200], "damaged GenBank in the first record"),
    "cut in the second": (TEXT + TEXT[:-20], "damaged GenBank in the record after 'U49845.1'"),
    "a line lost": (
        TEXT.replace("       61 ccgacatgnr\n", ""),
        "damaged GenBank in the first record .Expected sequence length 70, found 60",
    ),
    "no nucleotide": (
        TEXT.replace("ccgacatgnr", "ccgacatgne"),
        "record 'U49845.1': 'E' at base 70 is not a nucleotide letter",
    ),
    "a name twice": (TEXT * 2, "record 'U49845.1' occurs twice"),
    "no sequence": (
        TEXT[: TEXT.index("ORIGIN")] + "CONTIG      join(AAAA01000001.1:1..70)\n//\n",
        "record 'U49845.1': has no sequence, only references to it",
    ),
    "no records": ("GBBCT1.SEQ          Genetic Sequence Data Bank\n", "no records"),
    "no name": ("LOCUS \n", "not FASTA"),
    "a length beyond all": (
        f"LOCUS       T {'2' * 42} bp DNA crAT/\nORIGIN\n\n//\n",
        "damaged GenBank in the first record",
    ),
    "no text": (TEXT[:13] + "\0\xff" * 90, "not a text file; give GenBank"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    text, message = FAULTS[fault]
    path = tmp_path / "in.gb"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FastaError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_any_cut_is_an_error(tmp_path):
    path = tmp_path / "in.gb"
    for end in range(6, len(TEXT) - 3, 7):
        path.write_text(TEXT[:end])
        with pytest.raises(FastaError):
            read(path)


def test_a_protein(tmp_path):
    path = write_genbank(tmp_path / "in.gb", {"NP_1.1": "GATTACA"}, molecule="protein")
    with pytest.raises(FastaError, match=r"record 'NP_1\.1': is a protein; give DNA or RNA"):
        read(path)


LAYOUTS = {
    "no numbers": "ORIGIN\n" + SEQUENCE[:60] + "\n" + SEQUENCE[60:] + "\n//\n",
    "no spaces before numbers": f"ORIGIN\n1 {SEQUENCE[:60]}\n61 {SEQUENCE[60:]}\n//\n",
    "one line": f"ORIGIN\n{SEQUENCE}\n//\n",
    "one line with a number": f"ORIGIN\n        1 {SEQUENCE}\n//\n",
    "blank lines": f"ORIGIN      chr 1\n\n        1 {SEQUENCE[:60]}\n\n61\t{SEQUENCE[60:]}\n\n//\n",
    "long numbers": f"ORIGIN\n1000000001 {SEQUENCE[:60]}\n1000000061 {SEQUENCE[60:]}\n//\n",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_lines_of_sequence(tmp_path, layout):
    """Of programs that do not write letters in the columns of NCBI."""
    path = tmp_path / "in.gb"
    head = TEXT[: TEXT.index("ORIGIN")]
    path.write_text(head + layout + head.replace("U49845", "U49846") + layout)
    assert read(path) == [("U49845.1", SEQUENCE), ("U49846.1", SEQUENCE)]
