"""The learning rate of each step, and the early end of a training.

A training whose number of bases was not given ends early once validation no longer improves. The
one-cycle schedule gains most while the learning rate falls, so a training is never cut off. Instead
the rest of the schedule is shortened: from the step of the decision, the learning rate falls along
a cosine to its end within a tenth of the planned steps.

The decision is made at a validation, from the validations so far alone, so a resumed run makes the
same one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LEAST_GAIN", "Schedule", "learning_rate", "no_longer_improves"]

LEAST_GAIN = 0.002
"""A smaller gain of average precision is none."""
_EARLIEST_SHARE = 0.4
_PATIENCE_SHARE = 0.3
_FALL_SHARE = 0.1


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Return the one-cycle learning rate: rising for three tenths of the steps, then falling.

    It rises from `highest` / 25 and falls to `highest` / 250,000, both along a cosine: Smith and
    Topin (2019), Super-convergence, as implemented in torch.optim.lr_scheduler.OneCycleLR.

    Examples
    --------
    >>> [round(learning_rate(step, 11, 1.0), 3) for step in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """
    summit = max(0.3 * (steps - 1), 1e-9)
    if step < summit:
        start, end, share = highest / 25, highest, step / summit
    else:
        start, end = highest, highest / 250_000
        share = (step - summit) / max(steps - 1 - summit, 1e-9)
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


@dataclass
class Schedule:
    """The steps of a fit and their learning rates.

    Attributes
    ----------
    planned_steps : int
    highest : float
        Highest learning rate.
    falls_from : int or None
        Number of steps done when the rest was shortened; None if it was not.
    """

    planned_steps: int
    highest: float
    falls_from: int | None = None

    @property
    def steps(self) -> int:
        """Total number of steps."""
        if self.falls_from is None:
            return self.planned_steps
        return min(self.planned_steps, self.falls_from + self._fall_steps)

    @property
    def _fall_steps(self) -> int:
        return max(1, round(_FALL_SHARE * self.planned_steps))

    def can_shorten(self, step: int) -> bool:
        """Return whether shortening the rest after `step` steps would save steps."""
        return self.falls_from is None and step + self._fall_steps < self.planned_steps

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, from 0.

        Examples
        --------
        >>> [round(Schedule(21, 1.0, 16).rate(step), 3) for step in (15, 16, 17)]
        [0.283, 0.188, 0.0]
        """
        if self.falls_from is None or step < self.falls_from:
            return learning_rate(step, self.planned_steps, self.highest)
        start = learning_rate(self.falls_from, self.planned_steps, self.highest)
        end = learning_rate(self.planned_steps, self.planned_steps, self.highest)
        share = (step - self.falls_from) / max(self.steps - 1 - self.falls_from, 1e-9)
        return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def no_longer_improves(validations: Sequence[tuple[int, float]], planned_steps: int) -> bool:
    """Return whether the best average precision has stopped rising.

    That is the case from four tenths of the planned steps on, if the best of the validations of the
    last three tenths is not more than 0.002 above the best of those before.

    Parameters
    ----------
    validations : sequence of (int, float)
        Steps done, rising, and average precision. The last one is the present.
    planned_steps : int

    Examples
    --------
    >>> rising = [(10, 0.1), (20, 0.4), (30, 0.5), (40, 0.55)]
    >>> no_longer_improves(rising, 100), no_longer_improves([*rising, (70, 0.551)], 100)
    (False, True)
    """
    step = validations[-1][0] if validations else 0
    before = [ap for at, ap in validations if at < step - _PATIENCE_SHARE * planned_steps + 1]
    if step < _EARLIEST_SHARE * planned_steps - 0.5 or not before:
        return False
    return max(ap for _, ap in validations) <= max(before) + LEAST_GAIN
