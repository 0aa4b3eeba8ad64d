"""Pairs at a fixed spacing are found, and none where sites are placed independently."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st
from made_discovery import Planted, made_discovery, mirrored, with_sites
from polars.testing import assert_frame_equal

from dnabirnn.discovery import grammar_table
from dnabirnn.discovery.grammar import (
    GRAMMAR_SCHEMA,
    _differences,
    _joined,
)

FIXED = [
    Planted(spacing=40),
    Planted(spacing=-30),
    Planted(spacing=40, stranded=False),
    Planted(spacing=40, centred=True),
    Planted(spacing=40, copies=3),
    Planted(spacing=-30, anchored=True),
    Planted(spacing=40, anchored=True, share=1.0),
    Planted(spacing=40, targets=30, share=0.4),
]
INDEPENDENT = [
    Planted(),
    Planted(stranded=False),
    Planted(centred=True),
    Planted(anchored=True),
    Planted(copies=4),
    Planted(copies=4, centred=True),
    Planted(copies=3, centred=True, stranded=False),
    Planted(targets=20),
]


@pytest.mark.parametrize("planted", FIXED)
def test_a_fixed_spacing_is_found(planted):
    table = grammar_table(made_discovery(2, planted))
    assert dict(table.schema) == GRAMMAR_SCHEMA
    (row,) = table.to_dicts()
    assert (row["class"], row["first"], row["second"]) == ("X", "X_1", "X_2")
    assert (row["orientation"], row["distance"]) == ("opposite", planted.spacing)
    # Between the first, 15 bp, and the second, 10 bp.
    assert row["gap"] == (planted.spacing - 15 if planted.spacing > 0 else -planted.spacing - 10)
    assert row["qvalue"] < 1e-3
    assert row["low"] == row["high"] == row["distance"]
    assert row["targets"] > 3 * row["expected"]


@pytest.mark.parametrize("planted", INDEPENDENT)
def test_independent_sites_have_no_grammar(planted):
    found = [not grammar_table(made_discovery(seed, planted)).is_empty() for seed in range(20)]
    # With q-values of .05, one set in 20 may have a spacing, and 3 have one once in 40 trials.
    assert sum(found) <= 2


@pytest.mark.parametrize("planted", [FIXED[0], FIXED[2], FIXED[5], Planted(spacing=25, copies=2)])
def test_the_other_strand_has_the_same_grammar(planted):
    discovery = made_discovery(3, planted)
    assert_frame_equal(grammar_table(mirrored(discovery, 10**6)), grammar_table(discovery))


def test_a_motif_with_itself():
    rng = np.random.default_rng(0)
    targets, sites = [], []
    for number in range(60):
        start = 1000 * number
        targets.append(("c", start, start + 300, ".", "X"))
        place = start + int(rng.integers(0, 200))
        strand = str(rng.choice(["+", "-"]))
        sites.append(("c", place, place + 10, strand, number, 1.0))
        sites.append(("c", place + 31, place + 41, strand, number, 1.0))
    (row,) = grammar_table(with_sites("X_1", np.ones((10, 4)), sites, targets)).to_dicts()
    assert (row["first"], row["second"], row["orientation"]) == ("X_1", "X_1", "same")
    assert (row["distance"], row["gap"], row["targets"], row["share"]) == (31, 21, 60, 1.0)


@pytest.mark.parametrize(("left", "right", "distance"), [("+", "-", 31), ("-", "+", -31)])
def test_copies_that_face_each_other_or_not(left, right, distance):
    rng = np.random.default_rng(0)
    targets, sites = [], []
    for number in range(60):
        start = 1000 * number
        targets.append(("c", start, start + 300, ".", "X"))
        place = start + int(rng.integers(0, 200))
        sites.append(("c", place, place + 10, left, number, 1.0))
        sites.append(("c", place + 31, place + 41, right, number, 1.0))
    (row,) = grammar_table(with_sites("X_1", np.ones((10, 4)), sites, targets)).to_dicts()
    assert (row["orientation"], row["distance"], row["gap"]) == ("opposite", distance, 21)


def test_a_range_of_spacings_is_one_row():
    rng = np.random.default_rng(0)
    targets = [("c", 1000 * n, 1000 * n + 10, "+", "X") for n in range(400)]
    first = [("c", 1000 * n, 1000 * n + 10, "+", n, 1.0) for n in range(400)]
    gaps = rng.integers(5, 16, 400).tolist()
    second = [("c", 1000 * n + 10 + g, 1000 * n + 16 + g, "+", n, 1.0) for n, g in enumerate(gaps)]
    one = with_sites("X_1", np.ones((10, 4)), first, targets)
    other = with_sites("X_2", np.ones((6, 4)), second, targets)
    (row,) = grammar_table(one._replace(motifs=[*one.motifs, *other.motifs])).to_dicts()
    assert (row["first"], row["second"], row["orientation"]) == ("X_1", "X_2", "same")
    assert (row["low"], row["high"], row["targets"], row["share"]) == (15, 25, 400, 1.0)


def test_overlapping_sites_are_no_pair():
    targets = [("c", 1000 * n, 1000 * n + 300, "+", "X") for n in range(60)]
    sites = [
        ("c", 1000 * n + 37 * n % 250 + shift, 1000 * n + 37 * n % 250 + shift + 10, "+", n, 1.0)
        for n in range(60)
        for shift in (0, 9)
    ]
    assert grammar_table(with_sites("X_1", np.ones((10, 4)), sites, targets)).is_empty()


def test_two_targets_are_too_few():
    assert grammar_table(made_discovery(0, Planted(spacing=40, share=1.0, targets=2))).is_empty()


def test_sites_beyond_the_origin_of_a_circle_are_left_out():
    discovery = made_discovery(2, FIXED[0])
    first, second = discovery.motifs
    far = second.sites.head(3).with_columns(
        start=pl.col("start") + 10**9, end=pl.col("end") + 10**9
    )
    more = type(second)("X", second.motif, second.importance, pl.concat([second.sites, far]))
    assert_frame_equal(
        grammar_table(discovery._replace(motifs=[first, more])), grammar_table(discovery)
    )


def test_motifs_of_different_classes_are_no_pair():
    discovery = made_discovery(1, FIXED[0])
    first, second = discovery.motifs
    other = type(second)("Y", second.motif, second.importance, second.sites)
    table = grammar_table(discovery._replace(motifs=[first, other]))
    assert table.filter(pl.col("first") != pl.col("second")).is_empty()


@given(
    st.lists(st.integers(-20, 20), max_size=12),
    st.lists(st.integers(-20, 20), max_size=12),
    st.integers(0, 50),
)
def test_differences(first, second, reach):
    counts = _differences(np.array(first, int), np.array(second, int), reach)
    for difference in range(-reach, reach + 1):
        wanted = sum(b - a == difference for a in first for b in second)
        assert counts[difference + reach] == wanted


@given(st.lists(st.integers(0, 5), max_size=12), st.lists(st.integers(0, 5), max_size=12))
def test_joined(first, second):
    pairs = list(zip(*_joined(np.array(first, int), np.array(second, int)), strict=True))
    wanted = [(i, j) for i, a in enumerate(first) for j, b in enumerate(second) if a == b]
    assert sorted(pairs) == wanted
