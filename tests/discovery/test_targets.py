"""Targets, and samples of them."""

import numpy as np
import pytest

from dnabirnn.alphabet import reverse_complement
from dnabirnn.discovery.targets import Target, around, choose_targets
from dnabirnn.motif_classes import Output
from dnabirnn.sequences.survey import Stretch

OUTPUTS = (Output("A", "+"), Output("A", "-"), Output("B", "."))
CODES = np.random.default_rng(0).integers(0, 4, 5_000, dtype=np.uint8)


def chosen(
    rows: dict[int, list[tuple[int, int]]], most: int = 1_000, codes: np.ndarray = CODES
) -> tuple[list[Target], dict[str, int]]:
    def intervals(name: str, output: int) -> np.ndarray:
        return np.array(rows.get(output, []), np.int64).reshape(-1, 2)

    return choose_targets([Stretch("x", codes)], intervals, OUTPUTS, 5, most)


def test_targets_are_sorted_and_counted_by_class() -> None:
    targets, totals = chosen({0: [(50, 60), (10, 20)], 1: [(30, 40)], 2: [(5, 8)]})
    assert [tuple(one) for one in targets] == [
        ("x", 5, 8, 2),
        ("x", 10, 20, 0),
        ("x", 30, 40, 1),
        ("x", 50, 60, 0),
    ]
    assert totals == {"A": 3, "B": 1}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ((100, 1_100), (100, 1_100)),
        ((100, 1_101), (101, 1_100)),
        ((100, 1_102), (101, 1_101)),
        ((0, 9_999), (2_000, 3_000)),
        ((4_990, 1 << 40), (4_990, 5_000)),
    ],
)
def test_the_middle_of_long_targets(given: tuple[int, int], kept: tuple[int, int]) -> None:
    targets, _ = chosen({0: [given]})
    assert [(one.start, one.end) for one in targets] == [kept]


def test_targets_past_the_end_and_empty_ones_are_none() -> None:
    assert chosen({0: [(5_000, 5_010), (20, 20)]}) == ([], {"A": 0, "B": 0})


def test_a_sample_is_that_of_the_opposite_strand() -> None:
    starts = list(range(20, 4_900, 40))
    rows = {n: [(s + n, s + n + 12) for s in starts[n::3]] for n in range(3)}
    targets, totals = chosen(rows, most=15)
    assert totals == {"A": 82, "B": 40}
    assert sum(one.output == 2 for one in targets) == 15
    assert len(targets) == 30
    turned = {n: [(5_000 - end, 5_000 - start) for start, end in rows[n]] for n in range(3)}
    turned[0], turned[1] = turned[1], turned[0]
    other, _ = chosen(turned, most=15, codes=reverse_complement(CODES))
    back = {(5_000 - one.end, 5_000 - one.start) for one in other}
    assert back == {(one.start, one.end) for one in targets}


def test_bases_beyond_a_contig() -> None:
    codes = np.array([0, 1, 2], np.uint8)
    assert around(codes, -2, 1, circular=False).tolist() == [4, 4, 0]
    assert around(codes, 1, 5, circular=True).tolist() == [1, 2, 0, 1]
