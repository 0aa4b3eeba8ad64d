"""Labels of contigs: their names, their lengths, and bases that are in doubt."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.regions import Regions
from dnabirnn.labels.bits import IGNORE_BIT, ignore_flanks, ignore_outside
from dnabirnn.labels.load import load_labels

GENBANK = """\
LOCUS       {locus}                  20 bp    DNA     linear   BCT 01-JAN-2020
DEFINITION  x.
ACCESSION   {accession}
VERSION     {accession}.3
FEATURES             Location/Qualifiers
     REP             5..9
CONTIG      join(Z1.1:1..20)
//
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="in.bed"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def record(write):
    return load_labels([write(GENBANK.format(locus="chrom", accession="NC_1"), "in.gb")])


@pytest.mark.parametrize("name", ["NC_1.3", "NC_1", "chrom"])
def test_a_contig_is_known_by_any_of_its_names(record, name):
    assert record.names == ["NC_1.3"]
    assert np.flatnonzero(record.paint(name, 20)).tolist() == [4, 5, 6, 7, 8]
    record.check_contigs({name: 20, "other": 5})
    assert record.renamed({name: 20}).names == [name]
    assert record.renamed({name: 20}).frame["chrom"].to_list() == [name]


def test_names_that_are_not_its_own(record):
    assert not record.paint("NC_1.4", 20).any()
    with pytest.raises(
        LabelError, match=r"in\.gb: no contig in common .*file has NC_1\.3, FASTA has"
    ):
        record.check_contigs({"NC_1.4": 20})


def test_two_contigs_that_are_one(record):
    with pytest.raises(
        LabelError, match=r"NC_1\.3 is both NC_1\.3 and chrom in the FASTA; remove one"
    ):
        record.check_contigs({"NC_1.3": 20, "chrom": 20})


def test_a_name_of_two_records_is_that_of_neither(write):
    text = "".join(GENBANK.format(locus="chrom", accession=f"NC_{i}") for i in (1, 2))
    labels = load_labels([write(text, "in.gb")])
    assert not labels.paint("chrom", 20).any()
    assert labels.paint("NC_2", 20).any()


def test_a_version_is_taken_before_other_names(write):
    """A record whose LOCUS is the version of another."""
    text = GENBANK.format(locus="NC_2.3", accession="NC_1").replace("5..9", "1..2")
    text += GENBANK.format(locus="x", accession="NC_2")
    labels = load_labels([write(text, "in.gb")])
    assert np.flatnonzero(labels.paint("NC_2.3", 20)).tolist() == [4, 5, 6, 7, 8]


def test_another_length_is_another_assembly(record):
    with pytest.raises(
        LabelError, match=r"in\.gb: NC_1\.3 has 20 bases, but 21 in the FASTA; use the"
    ):
        record.of("NC_1", 21)


def labels_of(write, text, **options):
    return load_labels([write(text.replace(" ", "\t"))], **options)


ROWS = "c 0 6 A 0 +\nc 10 16 A 0 -\nc 16 20 A 0 -\nc 30 33 B 0 .\n"


def test_flanks(write, caplog):
    labels = labels_of(write, ROWS, flank_bp=2)
    plain = labels_of(write, ROWS).paint("c", 40)
    painted = labels.paint("c", 40)
    ignored = np.flatnonzero(painted & IGNORE_BIT).tolist()
    # Nothing at the contig's first base, nor where two intervals of a class touch.
    assert ignored == [4, 5, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 28, 29, 30, 31, 32, 33, 34]
    np.testing.assert_array_equal(painted & ~np.uint8(IGNORE_BIT), plain)
    assert labels.origin.reading["flank_ignore_bp"] == 2
    assert caplog.messages == [
        "--label-flank-ignore 2: 1 of 3 intervals have 4 bases or fewer and are ignored completely"
    ]


def test_negatives(write):
    regions = pl.DataFrame({"chrom": ["c", "c"], "start": [4, 24], "end": [12, 26]})
    labels = labels_of(write, ROWS, negatives=Regions(regions))
    painted = labels.paint("c", 40)
    known = [*range(20), 24, 25, 30, 31, 32]
    assert np.flatnonzero(~(painted & IGNORE_BIT).astype(bool)).tolist() == known
    assert labels.origin.reading["negatives"] is True
    # A contig without any negatives: only what is labelled counts.
    other = labels_of(write, "c 0 5 A\nd 2 4 A\n", negatives=Regions(regions))
    assert other.paint("d", 6).tolist() == [1, 1, 6, 6, 1, 1]


def test_ignored_classes_and_exclusions_stay_so_among_negatives(write):
    everything = Regions(pl.DataFrame({"chrom": ["c"], "start": [0], "end": [10]}))
    labels = labels_of(
        write, "c 0 2 A\nc 4 6 gap\n", ignore_classes=["gap"], negatives=everything, flank_bp=1
    )
    assert labels.paint("c", 10, np.array([[8, 9]])).tolist() == [6, 7, 1, 0, 1, 1, 0, 0, 1, 0]


def test_classes_that_were_not_chosen_are_unknown_outside_negatives(write):
    known = Regions(pl.DataFrame({"chrom": ["c"], "start": [10], "end": [12]}))
    text = "c 0 2 A\nc 4 6 B\nc 10 11 B\n"
    labels = labels_of(write, text, classes=["A"], negatives=known)
    assert labels.paint("c", 12).tolist() == [6, 6, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]


bases = st.lists(st.sampled_from([0, 1, 2, 4, 6, 3]), max_size=40)


@given(bases, st.integers(1, 5))
def test_flanks_against_looking_at_each_base(drawn, flank):
    labels = np.array(drawn, np.uint8)
    kinds = [label >> 1 for label in drawn]
    expected = []
    for place, label in enumerate(drawn):
        near = kinds[max(place - flank, 0) : place + flank + 1]
        # A change between bases i - 1 and i is near if i - flank <= place < i + flank.
        changes = [i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]]
        fuzzy = any(i - flank <= place < i + flank for i in changes)
        expected.append(label | IGNORE_BIT if fuzzy else label)
        assert not fuzzy or len(set(near)) > 1
    ignore_flanks(labels, flank)
    assert labels.tolist() == expected


@given(bases, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=4))
def test_outside_against_looking_at_each_base(drawn, spans):
    labels = np.array(drawn, np.uint8)
    known = np.array([(s, s + n) for s, n in spans], np.int64).reshape(-1, 2)
    inside = {base for s, n in spans for base in range(s, s + n)}
    ignore_outside(labels, known)
    assert labels.tolist() == [
        label if label >> 1 or place in inside else label | IGNORE_BIT
        for place, label in enumerate(drawn)
    ]


def test_flanks_are_told_of_only_where_some_are_whole_intervals(write, caplog):
    with caplog.at_level(logging.WARNING):
        labels_of(write, "c 0 5 A\n", flank_bp=2)
    assert caplog.messages == []
