"""Combinations of settings to try.

Four settings are tuned. Each has a few values, about a factor of 2 apart; all combinations are the
grid. A setting that the user gave keeps its value.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dnabirnn.network import Architecture
    from dnabirnn.training import FitSettings, SamplingSettings

__all__ = ["TUNED_OPTIONS", "Candidate", "drawn", "grid"]

TUNED_OPTIONS = {
    "window_bp": "--window",
    "mutation_rate": "--mutate",
    "hidden": "--hidden",
    "learning_rate": "--lr",
}
"""Option of each tuned setting."""
_VALUES: dict[str, tuple[float, ...]] = {
    "window_bp": (100, 200, 400, 800),
    "mutation_rate": (0.0, 0.02, 0.1, 0.2),
    "hidden": (16, 32, 64),
    "learning_rate": (4e-3, 8e-3, 1.6e-2),
}
# Streams 0 to 2 are those of training windows, prevalence and dropout.
_TUNING_STREAM = 3


class Candidate(NamedTuple):
    """A combination of settings.

    Attributes
    ----------
    window_bp : int
        Length of a training window.
    mutation_rate : float
    hidden : int
        Hidden units per direction.
    learning_rate : float
    """

    window_bp: int
    mutation_rate: float
    hidden: int
    learning_rate: float

    @classmethod
    def of(
        cls, architecture: Architecture, sampling: SamplingSettings, settings: FitSettings
    ) -> Candidate:
        """Return the combination that these settings have."""
        return cls(
            sampling.window_bp,
            sampling.mutation_rate,
            architecture.hidden,
            settings.learning_rate,
        )

    def apply(
        self, architecture: Architecture, sampling: SamplingSettings, settings: FitSettings
    ) -> tuple[Architecture, SamplingSettings, FitSettings]:
        """Return these settings with this combination."""
        return (
            replace(architecture, hidden=self.hidden),
            replace(sampling, window_bp=self.window_bp, mutation_rate=self.mutation_rate),
            replace(settings, learning_rate=self.learning_rate),
        )

    def text(self) -> str:
        """Return the combination as options.

        Examples
        --------
        >>> Candidate(200, 0.1, 32, 0.008).text()
        '--window 200 --mutate 0.1 --hidden 32 --lr 0.008'
        """
        return " ".join(
            f"{TUNED_OPTIONS[name]} {value:g}" for name, value in self._asdict().items()
        )

    def to_json(self) -> dict[str, Any]:
        """Return the combination as plain values."""
        return self._asdict()


def grid(defaults: Candidate, fixed: Collection[str], longest_window_bp: int) -> list[Candidate]:
    """Return all combinations, in a fixed order, beginning with the defaults.

    Parameters
    ----------
    defaults : Candidate
        Its values are part of the grid.
    fixed : collection of str
        Names of settings that keep their value.
    longest_window_bp : int
        Longest window that training sequence has room for.

    Examples
    --------
    >>> fixed = ["window_bp", "mutation_rate", "hidden"]
    >>> [one.learning_rate for one in grid(Candidate(200, 0.1, 32, 0.008), fixed, 1000)]
    [0.008, 0.004, 0.016]
    """
    values = {
        name: (value,) if name in fixed else tuple(sorted({*_VALUES[name], value}))
        for name, value in defaults._asdict().items()
    }
    values["window_bp"] = tuple(
        value
        for value in values["window_bp"]
        if value <= longest_window_bp or value == defaults.window_bp
    )
    others = [Candidate(*combination) for combination in product(*values.values())]
    return [defaults, *(one for one in others if one != defaults)]


def drawn(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:
    """Return the first candidate and a random sample of the others, `number` in all."""
    import numpy as np

    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, _TUNING_STREAM])))
    order = 1 + rng.permutation(len(candidates) - 1)
    return [candidates[0], *(candidates[place] for place in order[: number - 1])]
