"""Successive halving: many settings are tried on few bases, and the best of them on more.

Jamieson and Talwalkar (2016), Non-stochastic best arm identification and hyperparameter
optimization, with a factor of 3. Each round trains from the first step, with a whole one-cycle
schedule, because a schedule that was cut off tells little.

The defaults are in every round. The best other settings of the last round replace them only if they
are clearly better, because trainings that differ only in their seed also differ in average
precision.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from dnabirnn.training import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnabirnn.tuning.budget import Rounds
    from dnabirnn.tuning.candidates import Candidate

__all__ = ["LEAST_GAIN", "Figures", "Tried", "choose", "race"]

logger = logging.getLogger(__name__)

LEAST_GAIN = 0.01
"""Mean average precision that other settings must be above the defaults by."""


Figures = dict[str, float | None] | None
"""Average precision by class, None without truth; or None if the training diverged."""


class Tried(NamedTuple):
    """A candidate, and its average precision by class; None if its training diverged."""

    candidate: Candidate
    average_precision: Figures

    @property
    def mean(self) -> float:
        """Mean over the classes with truth; -1 without any, or if the training diverged."""
        mean = mean_of(self.average_precision or {})
        return -1.0 if mean is None else mean

    def to_json(self) -> dict[str, Any]:
        """Return candidate and figures as plain values."""
        mean = None if self.mean < 0 else self.mean
        return {**self.candidate.to_json(), "ap": self.average_precision, "mean_ap": mean}


def race(
    first: Sequence[Candidate],
    rounds: Rounds,
    measure: Callable[[Candidate, int], Figures],
) -> list[list[Tried]]:
    """Return what was tried in each round, in the order of the trials.

    Parameters
    ----------
    first : sequence of Candidate
        Candidates of the first round, beginning with the defaults, which are in every round.
    rounds : Rounds
    measure : callable
        Returns the average precision by class of a candidate after a number of bases, or None if
        its training diverges.
    """
    found: list[list[Tried]] = []
    entered = list(first)
    for number, (size, bases) in enumerate(zip(*rounds, strict=True)):
        if number:
            # Equal figures keep their order, so that the result does not depend on the sort.
            others = sorted(found[-1][1:], key=lambda one: -one.mean)
            entered = [first[0], *(one.candidate for one in others[: size - 1])]
        tried: list[Tried] = []
        for place, candidate in enumerate(entered, 1):
            tried.append(Tried(candidate, measure(candidate, bases)))
            mean = tried[-1].mean
            logger.info(
                "tuning, round %d of %d, %d of %d: %s: validation AP %s",
                number + 1,
                len(rounds.bases),
                place,
                len(entered),
                candidate.text(),
                f"{mean:.4f}" if mean >= 0 else "none",
            )
        found.append(tried)
    return found


def choose(last: Sequence[Tried]) -> Candidate:
    """Return the settings to train with, given the last round, which begins with the defaults."""
    defaults, best = last[0], max(last, key=lambda one: one.mean)
    better = best.mean > defaults.mean + LEAST_GAIN
    logger.info(
        "tuning: %s has validation AP %.4f, and the defaults have %.4f; training with %s",
        best.candidate.text(),
        best.mean,
        defaults.mean,
        "these settings" if better else "the defaults",
    )
    return best.candidate if better else defaults.candidate
