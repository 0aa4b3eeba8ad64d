"""Motifs written in three formats come back unchanged, here and in Biopython."""

from __future__ import annotations

import io

import numpy as np
import pytest
from Bio import motifs as bio
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from dnabirnn.errors import OptionError
from dnabirnn.motifs import MotifFormat, motif_format, motifs_text
from dnabirnn.motifs.motif import Motif, built_in_motifs, parse_motifs

FORMS = list(MotifFormat)
BIOPYTHON = {"meme": "minimal", "jaspar": "jaspar", "transfac": "transfac"}

counts = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.just(4)),
    elements=st.integers(0, 500).map(float),
).filter(lambda table: (table.sum(axis=1) > 1).all())
names = st.text("abcXYZ019_.:/()-", min_size=1, max_size=12).filter(
    lambda name: name.strip(".-_") and name[0].isalpha()
)


def motifs_of(tables):
    return [Motif(f"m_{i}", f"m_{i}", table) for i, table in enumerate(tables, 1)]


@pytest.mark.parametrize("form", FORMS)
@given(tables=st.lists(counts, min_size=1, max_size=3))
def test_our_reader_reads_them_back(form, tables):
    written = motifs_of(tables)
    read = parse_motifs(motifs_text(written, form), "file")
    assert [motif.name for motif in read] == [motif.name for motif in written]
    for ours, theirs in zip(written, read, strict=True):
        np.testing.assert_allclose(theirs.frequencies, ours.frequencies, atol=2e-6)
        if form is not MotifFormat.MEME and ours.counts.max() > 1:
            np.testing.assert_array_equal(theirs.counts, ours.counts)


@pytest.mark.parametrize("form", FORMS)
@given(name=names)
def test_names_come_back(form, name):
    motif = Motif(name, name, np.array([[3.0, 1, 0, 2], [0, 6, 0, 0], [2, 2, 1, 1]]))
    (read,) = parse_motifs(motifs_text([motif], form), "file")
    assert (read.name, read.identifier) == (name, name)


@pytest.mark.parametrize("form", FORMS)
def test_identifiers_come_back(form):
    read = parse_motifs(motifs_text(built_in_motifs(), form), "file")
    assert [(motif.identifier, motif.name) for motif in read] == [
        ("MA0139.1", "CTCF"),
        ("MA0095.2", "YY1"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_biopython_reads_them(form):
    tables = [np.array([[40.0, 3, 2, 5], [0, 50, 0, 0], [10, 20, 10, 10]]), np.eye(4) * 7]
    text = motifs_text(motifs_of(tables), form)
    record = bio.parse(io.StringIO(text), BIOPYTHON[form.value])
    assert len(record) == 2
    for motif, table in zip(record, tables, strict=True):
        theirs = np.array([motif.counts[base] for base in "ACGT"], float).T
        np.testing.assert_allclose(theirs, table, atol=0.51 if form is MotifFormat.MEME else 0)


@pytest.mark.parametrize("form", FORMS)
def test_white_space_in_names(form):
    motif = Motif("alpha  satellite_1", "alpha  satellite_1", np.eye(4) * 5)
    (read,) = parse_motifs(motifs_text([motif], form), "file")
    assert (read.name, read.identifier) == ("alpha_satellite_1", "alpha_satellite_1")


def test_number_of_sites_of_meme():
    text = motifs_text([Motif("a", "a", np.array([[40.0, 3, 2, 5]]))], MotifFormat.MEME)
    assert "letter-probability matrix: alength= 4 w= 1 nsites= 50\n" in text
    assert "E=" not in text  # optional, and not known


@pytest.mark.parametrize(
    ("path", "given_form", "form"),
    [
        ("a.meme", None, "meme"),
        ("b/A.MEME.gz", None, "meme"),
        ("a.jaspar", None, "jaspar"),
        ("a.pfm", None, "jaspar"),
        ("a.transfac", None, "transfac"),
        ("a.meme", "transfac", "transfac"),
        ("-", "jaspar", "jaspar"),
    ],
)
def test_format_of_a_name(path, given_form, form):
    assert motif_format(path, given_form).value == form


@pytest.mark.parametrize("path", ["-", "motifs", "motifs.txt", "motifs.gz"])
def test_other_names_need_a_format(path):
    with pytest.raises(OptionError, match=r"no format of motifs has this ending; end the name in"):
        motif_format(path)


@given(table=counts)
def test_consensus_is_that_of_biopython(table):
    columns = dict(zip("ACGT", table.T.tolist(), strict=True))
    theirs = bio.Motif(alphabet="ACGT", counts=columns).degenerate_consensus
    assert Motif("m", "m", table).consensus == str(theirs)


@given(table=counts)
def test_consensus_of_the_other_strand(table):
    complement = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
    other = Motif("m", "m", table[::-1, ::-1].copy()).consensus
    assert other == Motif("m", "m", table).consensus.translate(complement)[::-1]
