"""How many candidates are tried, and on how many bases, in a given time.

The time is nominal: minutes are converted to bases of training windows with a fixed speed, about
that of a network with 32 hidden units on one CPU core. So the same options give the same model on
any machine, and a slower one takes longer. A trial costs as many bases as::

    cost = relative cost of its units x (bases + scored validation bases / 5 + set-up)

Three rounds have n, n/3 and n/9 candidates, but at least two, with b, 3 b and 9 b bases each. The
last round has at most the bases of the training itself. With more time, more candidates are tried.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.tuning.candidates import Candidate

__all__ = ["ROUNDS", "Rounds", "relative_cost", "rounds_of"]

ROUNDS = 3
_FACTOR = 3
_BASES_A_MINUTE = 60_000_000
_COST = {16: 0.54, 32: 1.0, 64: 2.1}
"""Seconds of a training step by hidden units, relative to those of 32. Measured on one core of a
Xeon with AVX-512, windows of 200 bp: 2.01, 1.09 and 0.52 Mb/s."""
_SCORING_SPEED = 5
"""Bases that are scored in the time of one base of training; 4.3 to 5.2 were measured."""
_SET_UP_BASES = 1_000_000
"""Bases of training in the time in which a trial is set up; 0.4 to 1.4 s were measured."""
_FEWEST_CANDIDATES = 9
_FEWEST_BASES = 500_000


class Rounds(NamedTuple):
    """Number of candidates, and bases of windows that each is trained on, by round."""

    candidates: list[int]
    bases: list[int]


def relative_cost(hidden: int, layers: int) -> float:
    """Return the time of a training step relative to that of one layer of 32 units.

    Examples
    --------
    >>> relative_cost(32, 1), relative_cost(128, 1) == 4 * relative_cost(64, 1)
    (1.0, True)
    """
    units = list(_COST)
    cost = float(np.interp(hidden, units, [*_COST.values()]))
    return layers * cost * max(1.0, hidden / units[-1]) ** 2


def rounds_of(
    minutes: float,
    candidates: Sequence[Candidate],
    layers: int,
    networks: int,
    validation_bp: int,
    most_bases: int,
) -> Rounds:
    """Return the rounds that fit into the time.

    Parameters
    ----------
    minutes : float
    candidates : sequence of Candidate
        All that can be tried; at least two.
    layers : int
    networks : int
        Number of networks of a trial.
    validation_bp : int
        Bases of validation sequence that each network is scored on.
    most_bases : int
        Bases in the last round, at most.

    Raises
    ------
    OptionError
        The time is too short.
    """
    mean = networks * statistics.fmean(relative_cost(one.hidden, layers) for one in candidates)
    fixed = validation_bp / _SCORING_SPEED + _SET_UP_BASES
    budget = minutes * _BASES_A_MINUTE / mean

    def cost(number: int, bases: float) -> float:
        """Return the cost with units of average cost, in bases."""
        return math.fsum(
            size * (bases * _FACTOR**place + fixed) for place, size in enumerate(_sizes(number))
        )

    number = min(_FEWEST_CANDIDATES, len(candidates))
    most = most_bases / _FACTOR ** (ROUNDS - 1)
    while number < len(candidates) and cost(number + 1, most) <= budget:
        number += 1
    bases = (budget - cost(number, 0)) / (cost(number, 1) - cost(number, 0))
    fewest = min(_FEWEST_BASES, most)
    if bases < fewest:
        needed = math.ceil(10 * cost(number, fewest) * mean / _BASES_A_MINUTE) / 10
        raise OptionError(
            f"--tune {minutes:g}: too short for {number} candidates on this data; give "
            f"{needed:g} minutes or more"
        )
    first = min(bases, most)
    return Rounds(_sizes(number), [round(first * _FACTOR**place) for place in range(ROUNDS)])


def _sizes(number: int) -> list[int]:
    """Return the number of candidates of each round, given that of the first."""
    sizes = [number]
    for _ in range(ROUNDS - 1):
        sizes.append(max(2, -(-sizes[-1] // _FACTOR)))
    return sizes
