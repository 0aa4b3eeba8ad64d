from __future__ import annotations

import numpy as np
import pytest
from random_models import random_checkpoint
from told_scores import OUTPUTS, STRANDED, told

from dnabirnn.engine.choose import make_engine
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.training.fixed_lengths import fixed_length, shortest_calls

Sites = list[tuple[int, int, str, float]]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([3], 3),
        ([3] * 96 + [9] * 4, 3),
        ([3] * 90 + [9] * 10, None),
        ([1] * 10 + [3] * 90, None),
        ([100] * 9, 100),
        ([101] * 9, None),
    ],
)
def test_fixed_length(lengths: list[int], expected: int | None) -> None:
    assert fixed_length(np.array(lengths)) == expected


def shortest(called: Sites, truth: list[tuple[int, int, str]], length: int) -> dict[str, int]:
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    rules, window = {"A": CallRule(500, max(length // 2, 1), 0)}, ScoringWindow(60, 10)
    fixed = {"A": length}
    return shortest_calls(told(called, truth), engine, window, OUTPUTS, rules, fixed, 1)


def spaced(number: int, length: int, first: int = 0) -> list[tuple[int, int, str]]:
    places = range(first, first + 100 * number, 100)
    return [(start, start + length, "+-"[start % 200 // 100]) for start in places]


def test_false_calls_that_are_shorter_decide_for_the_whole_length() -> None:
    truth = spaced(50, 3)
    whole = [(*site, 0.9) for site in truth]
    assert shortest(whole, truth, 3) == {"A": 1}  # nothing speaks against short calls
    two = [(*site, 0.8) for site in spaced(30, 2, 20_000)]
    assert shortest(whole + two, truth, 3) == {"A": 3}
    one = [(*site, 0.8) for site in spaced(30, 1, 20_000)]
    assert shortest(whole + one, truth, 3) == {"A": 2}
    below = [(*site, 0.4) for site in spaced(30, 1, 20_000)]
    assert shortest(whole + below, truth, 3) == {"A": 1}


def test_true_calls_with_cut_ends_decide_for_a_shorter_one() -> None:
    truth = spaced(50, 40)
    cut = [(start + 2, end - 3, strand, 0.9) for start, end, strand in truth]
    false = [(*site, 0.8) for site in spaced(20, 21, 20_000)]
    assert shortest(cut + false, truth, 40) == {"A": 20}


def test_a_class_without_fixed_length_is_not_scored() -> None:
    engine = make_engine(random_checkpoint(STRANDED), device="cpu")
    window = ScoringWindow(60, 10)
    assert shortest_calls(told([], []), engine, window, OUTPUTS, {}, {}, 1) == {}
