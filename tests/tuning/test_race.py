"""Rounds of trials, with figures from a table."""

from __future__ import annotations

import pytest

from dnabirnn.tuning.budget import Rounds
from dnabirnn.tuning.candidates import Candidate, drawn, grid
from dnabirnn.tuning.race import Figures, Tried, choose, race

DEFAULTS = Candidate(200, 0.1, 32, 0.008)
FIRST = drawn(grid(DEFAULTS, (), 10_000), 9, 1)
ROUNDS = Rounds([9, 3, 2], [10, 30, 90])


def test_the_best_go_on_and_the_defaults_always_do() -> None:
    asked: list[tuple[Candidate, int]] = []

    def measure(candidate: Candidate, bases: int) -> Figures:
        asked.append((candidate, bases))
        return {"A": 0.1 * FIRST.index(candidate) + bases / 1000, "B": None}

    found = race(FIRST, ROUNDS, measure)
    tried = [[FIRST.index(one.candidate) for one in of] for of in found]
    assert tried == [list(range(9)), [0, 8, 7], [0, 8]]
    assert [bases for _, bases in asked] == [10] * 9 + [30] * 3 + [90] * 2
    assert found[2][1].mean == pytest.approx(0.89)
    assert found[2][1].to_json()["ap"] == {"A": pytest.approx(0.89), "B": None}


def test_equal_figures_keep_their_order_and_a_divergence_is_last() -> None:
    def measure(candidate: Candidate, bases: int) -> Figures:
        return None if candidate in FIRST[:3] else {"A": 0.5}

    found = race(FIRST, ROUNDS, measure)
    assert [one.candidate for one in found[1]] == [FIRST[0], FIRST[3], FIRST[4]]
    assert found[0][1].mean == -1
    assert found[0][1].to_json()["mean_ap"] is None
    assert choose(found[2]) == FIRST[3]


@pytest.mark.parametrize(
    ("defaults", "other", "changes"),
    [
        ({"A": 0.5}, {"A": 0.6}, True),
        ({"A": 0.5}, {"A": 0.5099}, False),
        ({"A": 0.5, "B": 0.1}, {"A": 0.6, "B": 0.0}, False),
        ({"A": 0.5}, None, False),
        (None, None, False),
        (None, {"A": 0.01}, True),
    ],
)
def test_other_settings_must_be_clearly_better(
    defaults: Figures, other: Figures, changes: bool
) -> None:
    last = [Tried(FIRST[0], defaults), Tried(FIRST[1], other)]
    assert choose(last) == FIRST[changes]
