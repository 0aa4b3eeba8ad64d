"""Figures of motifs, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_discovery import Planted, made_discovery, mirrored, with_sites
from polars.testing import assert_frame_equal

from dnabirnn.discovery import motif_table
from dnabirnn.discovery.table import MOTIF_SCHEMA, explained_share

TARGETS = [
    ("a", 100, 120, "+", "X"),
    ("a", 300, 320, "-", "X"),
    ("b", 50, 60, "+", "X"),
    ("b", 90, 99, "+", "Y"),
]
SITES = [
    ("a", 105, 109, "+", 0, 2.0),  # middle 107, target's 110
    ("a", 118, 122, "-", 0, 1.0),  # 120, 110
    ("a", 308, 312, "-", 1, 3.0),  # 310, 310
]
COUNTS = np.array([[3.0, 0, 0, 0], [0, 3, 0, 0], [1, 1, 1, 0], [0, 0, 0, 3]])


def test_a_row():
    table = motif_table(with_sites("X_1", COUNTS, SITES, TARGETS))
    assert dict(table.schema) == MOTIF_SCHEMA
    (row,) = table.to_dicts()
    assert row == {
        "class": "X",
        "name": "X_1",
        "consensus": "ACVT",
        "width": 4,
        "sites": 3,
        "information": pytest.approx(6 + 2 - np.log2(3)),
        "explained": pytest.approx(2 / 3),  # of the targets of the class
        "importance": 2.0,
        "distance": 3.0,
        "same_strand": pytest.approx(2 / 3),
    }


def test_targets_without_strand():
    targets = [(contig, start, end, ".", name) for contig, start, end, _, name in TARGETS]
    assert motif_table(with_sites("X_1", COUNTS, SITES, targets))["same_strand"].to_list() == [None]


def test_without_motifs():
    discovery = with_sites("X_1", COUNTS, SITES, TARGETS)._replace(motifs=[])
    table = motif_table(discovery)
    assert table.is_empty()
    assert dict(table.schema) == MOTIF_SCHEMA
    assert explained_share(discovery, "X") == 0


def test_share_that_any_motif_explains():
    first = with_sites("X_1", COUNTS, SITES[:1], TARGETS)
    second = with_sites("X_2", COUNTS, [*SITES[1:2], ("b", 52, 56, "+", 2, 1.0)], TARGETS)
    both = first._replace(motifs=[*first.motifs, *second.motifs])
    assert motif_table(both)["explained"].to_list() == pytest.approx([1 / 3, 2 / 3])
    assert explained_share(both, "X") == pytest.approx(2 / 3)
    assert explained_share(both, "Y") == 0
    assert explained_share(both, "Z") is None


def test_the_other_strand_has_the_same_figures():
    discovery = made_discovery(0, Planted(copies=2))
    assert_frame_equal(motif_table(mirrored(discovery, 10**6)), motif_table(discovery))
    assert isinstance(discovery.targets, pl.DataFrame)
