"""Linear maps of log-odds: calibration, and correction for another prior.

The prior of a class is its share of the bases. By Bayes' rule, with bases x::

    P(class | x)     p(x | class)     P(class)
    ------------  =  ------------  *  --------
     P(rest | x)      p(x | rest)      P(rest)

The likelihood ratio in the middle is taken to be the same in both sequences. The log-odds then move
by the difference of the logarithms of the last ratio::

    shift = log(after / rest_after) - log(before / rest_before)

The rest is what the log-odds of the network are relative to:

- overlapping classes: everything else on the strand, rest = 1 - share;
- an exclusive network: the background, rest = 1 - the sum of the shares of all outputs. A stranded
  class has two outputs and counts twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.network.architecture import Architecture, Ensemble

__all__ = ["LogOddsMap", "check_priors", "prior_shift"]

_MIN_SHARE = 1e-12


class LogOddsMap(NamedTuple):
    """Map of the log-odds of a class: `slope * log_odds + shift`, with a slope above 0."""

    slope: float
    shift: float

    def after(self, first: LogOddsMap) -> LogOddsMap:
        """Return the map that applies `first`, then this map."""
        return LogOddsMap(self.slope * first.slope, self.slope * first.shift + self.shift)


def prior_shift(
    architecture: Architecture | Ensemble,
    before: Sequence[float] | NDArray[np.float64],
    after: Sequence[float] | NDArray[np.float64],
) -> tuple[LogOddsMap, ...]:
    """Return the maps that move log-odds from one prior to another.

    This is Bayes' rule with unchanged likelihoods: Elkan (2001), The foundations of cost-sensitive
    learning, theorem 2. The module docstring has the formula.

    Parameters
    ----------
    architecture : Architecture or Ensemble
    before, after : sequence of float, (classes,)
        Share of the bases of a strand, per class.

    Returns
    -------
    maps : tuple of LogOddsMap
        One map per class, with slope 1.

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
        return np.log(np.maximum(share, _MIN_SHARE)) - np.log(np.maximum(rest, _MIN_SHARE))

    shift = log_odds(np.asarray(after, np.float64)) - log_odds(np.asarray(before, np.float64))
    return tuple(LogOddsMap(1.0, float(value)) for value in shift)


def check_priors(architecture: Architecture | Ensemble, shares: Mapping[str, float]) -> None:
    """Check shares of the bases of a strand.

    Raises
    ------
    OptionError
        If the network does not have a class, a share is not between 0 and 1, or the shares of an
        exclusive network leave no background.
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
