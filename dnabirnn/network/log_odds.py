"""What becomes of log-odds: a straight line a class, and what another prior does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.network.architecture import Architecture

__all__ = ["LogOddsMap", "check_priors", "prior_shift"]

_LEAST_SHARE = 1e-12


class LogOddsMap(NamedTuple):
    """What a class's log-odds become: `slope * log_odds + shift`, of a slope above 0."""

    slope: float
    shift: float

    def after(self, first: LogOddsMap) -> LogOddsMap:
        """Map that does `first`, then this."""
        return LogOddsMap(self.slope * first.slope, self.slope * first.shift + self.shift)


def prior_shift(
    architecture: Architecture,
    before: Sequence[float] | NDArray[np.float64],
    after: Sequence[float] | NDArray[np.float64],
) -> tuple[LogOddsMap, ...]:
    """What moves the log-odds of each class from one sequence to another.

    By Bayes' rule with unchanged likelihoods: Elkan (2001), The foundations of cost-sensitive
    learning, theorem 2. An exclusive network has log-odds against background, else they are
    against all else.

    Parameters
    ----------
    architecture : Architecture
    before, after : sequence of float, (classes,)
        Share of the bases of a strand that each class has.

    Returns
    -------
    maps : tuple of LogOddsMap
        One a class, of slope 1.

    Examples
    --------
    >>> from dnabirnn.network.architecture import Architecture
    >>> from dnabirnn.motif_classes import MotifClass
    >>> network = Architecture((MotifClass("REP", True),))
    >>> [(slope, round(shift, 3)) for slope, shift in prior_shift(network, [0.5], [0.1])]
    [(1.0, -2.197)]
    """
    strands = np.array([1 + motif_class.stranded for motif_class in architecture.classes])

    def log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
        rest = 1 - (share * strands).sum() if architecture.exclusive else 1 - share
        return np.log(np.maximum(share, _LEAST_SHARE)) - np.log(np.maximum(rest, _LEAST_SHARE))

    shift = log_odds(np.asarray(after, np.float64)) - log_odds(np.asarray(before, np.float64))
    return tuple(LogOddsMap(1.0, float(value)) for value in shift)


def check_priors(architecture: Architecture, shares: Mapping[str, float]) -> None:
    """Raise for shares of the bases of a strand that make no sense.

    Raises
    ------
    OptionError
        A class that the network has not, a share that is none, or shares that leave no background
        to an exclusive network.
    """
    names = [motif_class.name for motif_class in architecture.classes]
    for name, share in shares.items():
        if name not in names:
            raise OptionError(
                f"--prior {name}={share:g}: the model has no such class; it has {', '.join(names)}"
            )
        if not 0 < share < 1:
            raise OptionError(f"--prior {name}={share:g}: must be more than 0 and less than 1")
    strands = {name: 1 + stranded for name, stranded in architecture.classes}
    if architecture.exclusive and sum(strands[name] * shares[name] for name in shares) >= 1:
        raise OptionError(
            "--prior: the shares of both strands together leave no background; give smaller ones"
        )
