"""Combinations of settings."""

from __future__ import annotations

from math import prod

import pytest

from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.tuning.candidates import TUNED_OPTIONS, Candidate, drawn, grid

DEFAULTS = Candidate(200, 0.1, 32, 0.008)


@pytest.mark.parametrize(
    ("defaults", "fixed", "longest", "sizes"),
    [
        (DEFAULTS, (), 10_000, (4, 4, 3, 3)),
        (DEFAULTS, (), 400, (3, 4, 3, 3)),
        (DEFAULTS, (), 399, (2, 4, 3, 3)),
        (DEFAULTS, ("window_bp", "hidden"), 10_000, (1, 4, 1, 3)),
        (DEFAULTS._replace(window_bp=300, hidden=48), (), 250, (3, 4, 4, 3)),
        (DEFAULTS, tuple(TUNED_OPTIONS), 10_000, (1, 1, 1, 1)),
    ],
)
def test_the_grid_has_every_combination_once(
    defaults: Candidate, fixed: tuple[str, ...], longest: int, sizes: tuple[int, ...]
) -> None:
    found = grid(defaults, fixed, longest)
    assert found[0] == defaults
    assert len(found) == len(set(found)) == prod(sizes)
    assert tuple(len({one[place] for one in found}) for place in range(4)) == sizes
    for name in fixed:
        assert {getattr(one, name) for one in found} == {getattr(defaults, name)}


def test_a_sample_begins_with_the_defaults_and_follows_the_seed() -> None:
    whole = grid(DEFAULTS, (), 10_000)
    for number in (1, 2, 9, len(whole)):
        sample = drawn(whole, number, 5)
        assert sample[0] == DEFAULTS
        assert len(set(sample)) == len(sample) == number
        assert set(sample) <= set(whole)
    assert drawn(whole, 9, 5) == drawn(whole, 9, 5)
    assert drawn(whole, 9, 5) == drawn(whole, 27, 5)[:9]
    assert drawn(whole, 9, 5) != drawn(whole, 9, 6)


def test_settings_get_the_values_of_a_candidate() -> None:
    shape = Architecture((MotifClass("M", True),), layers=2)
    given = (shape, SamplingSettings(batch_windows=7), FitSettings(dropout=0.3))
    assert Candidate.of(*given) == DEFAULTS
    other = Candidate(400, 0.0, 16, 0.004)
    changed = other.apply(*given)
    assert Candidate.of(*changed) == other
    assert (changed[0].layers, changed[1].batch_windows, changed[2].dropout) == (2, 7, 0.3)
    assert other.text() == "--window 400 --mutate 0 --hidden 16 --lr 0.004"
