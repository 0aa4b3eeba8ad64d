"""How many candidates a time is enough for."""

from __future__ import annotations

import itertools

import pytest

from dnabirnn.errors import OptionError
from dnabirnn.tuning.budget import relative_cost, rounds_of
from dnabirnn.tuning.candidates import Candidate, grid

GRID = grid(Candidate(200, 0.1, 32, 0.008), (), 10_000)
PART = {"layers": 1, "networks": 1, "validation_bp": 500_000, "most_bases": 30_000_000}


@pytest.mark.parametrize("minutes", [1, 3, 5, 12, 30, 100, 1000])
@pytest.mark.parametrize("networks", [1, 2])
def test_rounds_use_the_time(minutes: float, networks: int) -> None:
    try:
        found = rounds_of(minutes, GRID, **PART | {"networks": networks})
    except OptionError:
        assert minutes <= networks
        return
    first, second, third = found.bases
    assert abs(second - 3 * first) <= 2
    assert abs(third - 9 * first) <= 5
    assert first >= 500_000
    assert third <= 30_000_000
    assert found.candidates[0] >= 9
    for before, after in zip(found.candidates, found.candidates[1:], strict=False):
        assert after == max(2, -(-before // 3))
    mean = sum(relative_cost(one.hidden, 1) for one in GRID) / len(GRID)
    spent = (
        networks
        * mean
        * sum(
            size * (bases + 1_100_000)
            for size, bases in zip(found.candidates, found.bases, strict=True)
        )
    )
    assert spent <= minutes * 60_000_000 * 1.001
    assert spent >= 0.8 * minutes * 60_000_000 or found.candidates[0] == len(GRID)


def test_more_time_never_means_less() -> None:
    found = [rounds_of(minutes, GRID, **PART) for minutes in range(2, 60)]
    for less, more in itertools.pairwise(found):
        assert less.candidates[0] <= more.candidates[0]
        assert less.bases[0] <= more.bases[0]


def test_too_short_a_time_is_an_error_that_names_one_that_is_enough() -> None:
    with pytest.raises(
        OptionError, match=r"--tune 0.01: too short for 9 .*; give [\d.]+ minutes"
    ) as found:
        rounds_of(0.01, GRID, **PART)
    enough = float(str(found.value).split("give ")[1].split(" ")[0])
    assert rounds_of(enough, GRID, **PART).candidates[0] == 9
    with pytest.raises(OptionError, match="too short"):
        rounds_of(enough - 0.11, GRID, **PART)


def test_few_candidates_and_few_bases() -> None:
    few = rounds_of(100, GRID[:2], **PART | {"most_bases": 900})
    assert few == ([2, 2, 2], [100, 300, 900])


def test_cost_rises_with_units_and_layers() -> None:
    costs = [relative_cost(hidden, 1) for hidden in (8, 16, 24, 32, 48, 64, 100, 200)]
    assert costs == sorted(costs)
    assert relative_cost(32, 3) == 3
