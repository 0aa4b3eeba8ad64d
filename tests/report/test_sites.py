"""Sites and calls side by side, and which of them are shown."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from dnabirnn.evaluation.truth import Truth
from dnabirnn.labels.bits import ClassTable, LabelRows, paint
from dnabirnn.motif_classes import MotifClass
from dnabirnn.report.sites import KINDS, SITES_SCHEMA, boundary_errors, choose, compare
from dnabirnn.tracks.schema import ROW_SCHEMA

CLASSES = (MotifClass("M", True), MotifClass("U", False))
TRUTH = [(10, 20, 2), (40, 50, 4), (50, 54, 4), (70, 80, 24), (90, 96, 2)]
"""Start, end, bits: M +, M -, M - that touches, U, M +."""
CALLS = [
    (11, 20, "M", 900, "+"),
    (40, 56, "M", 800, "-"),
    (60, 66, "M", 700, "+"),
    (70, 80, "U", 600, "."),
    (90, 96, "M", 500, "-"),
]


def calls_of(rows):
    return pl.DataFrame([("c", *row) for row in rows], schema=ROW_SCHEMA, orient="row")


def compared(counted=None):
    rows = LabelRows(*(np.array(column) for column in zip(*TRUTH, strict=True)))
    labels = paint(rows, 100, ClassTable(CLASSES))
    counted = np.ones(100, dtype=np.bool_) if counted is None else counted
    return compare("c", calls_of(CALLS), Truth(labels, counted), CLASSES)


def test_pairs_scores_and_agreement():
    sites = compared()
    assert dict(sites.schema) == {name: kind() for name, kind in SITES_SCHEMA.items()}
    truth = sites.filter(source="truth").sort("start")
    columns = ("start", "end", "class", "strand", "score", "other_start", "other_end", "agreement")
    assert truth.select(columns).rows() == [
        (10, 20, "M", "+", 900, 11, 20, 0.9),
        (40, 54, "M", "-", 800, 40, 56, 0.875),
        (70, 80, "U", ".", 600, 70, 80, 1.0),
        (90, 96, "M", "+", None, None, None, 0.0),
    ]
    calls = sites.filter(source="call").sort("start")
    assert calls["score"].to_list() == [900, 800, 700, 600, 500]
    assert calls["other_start"].to_list() == [10, 40, None, 70, None]


def test_what_does_not_count_is_left_out():
    counted = np.ones(100, dtype=np.bool_)
    counted[:16] = counted[62:100] = False
    sites = compared(counted)
    assert sites.select("source", "start").rows() == [("truth", 40), ("call", 40)]


def test_errors_follow_the_strand():
    errors = boundary_errors(compared())
    # Of + 11-20 for 10-20 the 5' end is one short; of - 40-56 for 40-54 the 5' end is the right.
    assert errors.sort("class", "five").rows() == [("M", -1, 0), ("M", 2, 0), ("U", 0, 0)]


def table(rows):
    return pl.DataFrame(rows, schema=SITES_SCHEMA, orient="row")


def far_apart(n):
    """Sites 1 kb apart: matched ones, missed ones and false calls in turn, on contig c."""
    rows = []
    for i in range(n):
        start, end = 1000 * i + 500, 1000 * i + 530 + i
        shared = ("c", start, end, "M", "+")
        if i % 3 == 0:
            rows.append((*shared, "truth", 900, start, end + i, (30 + i) / (30 + 2 * i)))
            rows.append(("c", start, end + i, "M", "+", "call", 900, start, end, 0.5))
        else:
            source, score = [("truth", None), ("call", 400 + i)][i % 3 - 1]
            rows.append((*shared, source, score, None, None, 0.0))
    return table(rows)


def test_best_worst_and_random():
    examples = choose(far_apart(30), {"c": 31_000}, each=4, seed=3)
    assert [e.kind for e in examples] == [kind for kind in KINDS for _ in range(4)]
    best, worst, random = (examples[i : i + 4] for i in (0, 4, 8))
    assert [e.site["start"] for e in best] == [500, 3500, 6500, 9500]
    # The longest missed site, the highest false call, and so on.
    assert [e.site["start"] for e in worst] == [28_500, 29_500, 25_500, 26_500]
    assert [e.site["source"] for e in worst] == ["truth", "call"] * 2
    assert random != choose(far_apart(30), {"c": 31_000}, each=4, seed=4)[8:]
    assert examples == choose(far_apart(30), {"c": 31_000}, each=4, seed=3)


def test_no_two_overlap_and_all_hold_their_site():
    rows = [("c", i, i + 30, "M", "+", "truth", None, None, None, 0.0) for i in range(0, 900, 45)]
    examples = choose(table(rows), {"c": 905}, each=50)
    spans = sorted((e.start, e.end) for e in examples)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    for example in examples:
        assert 0 <= example.start <= example.site["start"]
        assert example.site["end"] <= example.end <= 905


def test_strands_and_classes_come_in_turn():
    rows = [
        ("c", 1000 * i, 1000 * i + 30, name, strand, "truth", score, 1000 * i, 1000 * i + 30, 1.0)
        for i, (name, strand, score) in enumerate(
            [("A", "+", 999), ("A", "+", 998), ("A", "-", 700), ("B", ".", 600), ("A", "-", 990)]
        )
    ]
    best = choose(table(rows), {"c": 9_000}, each=4)[:4]
    assert [(e.site["class"], e.site["strand"]) for e in best] == [
        ("A", "+"),
        ("A", "-"),
        ("B", "."),
        ("A", "+"),
    ]


def test_a_long_site_is_cut_around_its_start():
    row = ("c", 500_000, 9_000_000, "M", "+", "truth", None, None, None, 0.0)
    (example,) = choose(table([row]), {"c": 10_000_000}, each=1)
    assert example.end - example.start == 50_000
    assert example.start < 500_000 < example.end


@pytest.mark.parametrize("each", [0, 3])
def test_nothing_to_choose_from(each):
    assert choose(table([]), {}, each=each) == []
    assert boundary_errors(table([])).is_empty()
