"""How the scores of a sequence as a whole follow from those of its bases.

For models that learned labels of whole sequences. A site is a run of `site_bp` bases of one strand,
and its log-odds are the mean z of those of its bases. A sequence belongs to a class if one of its
sites does (noisy-or)::

    P(no site) = product over sites of (1 - 1 / (1 + exp(-z)))
    x = log(1 / P(no site) - 1) = log(exp(t) - 1)        t = sum over sites of log(1 + exp(z))

Bases cannot be calibrated, because no label says which bases belong to a class. The log-odds x of
sequences can: `slope` x + `shift` are those of the probability that is reported. A sequence that is
longer than those of the training has more sites, of which more score high by chance. So of a longer
sequence, the stretch of `length_bp` bases with the highest x counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.network.log_odds import LogOddsMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["SequenceRule", "SequenceScores", "log_odds_of_any"]

_LEAST = 1e-12


def log_odds_of_any(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds that a sequence has a site, from the sum t over its sites.

    Examples
    --------
    >>> float(log_odds_of_any(np.log(np.array([2.0])))[0])
    0.0
    """
    sums = np.maximum(sums, _LEAST)
    return np.asarray(sums + np.log(-np.expm1(-sums)))


class SequenceRule(NamedTuple):
    """Calibration of a class.

    Attributes
    ----------
    map : LogOddsMap
        From the log-odds of a sequence to those of its probability.
    threshold : float
        Probability at or above which a sequence counts as the class.
    """

    map: LogOddsMap
    threshold: float


@dataclass(frozen=True)
class SequenceScores:
    """What turns scores of bases into those of sequences.

    Attributes
    ----------
    site_bp : int
        Length of a site.
    length_bp : int
        Length of the sequences that the model is calibrated for.
    rules : mapping of class name to SequenceRule
    """

    site_bp: int
    length_bp: int
    rules: Mapping[str, SequenceRule]

    def probabilities(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of sequences, given their log-odds (n, K) by class."""
        maps = np.array([rule.map for rule in self.rules.values()])
        mapped = np.clip(log_odds * maps[:, 0] + maps[:, 1], -700, 700)
        return np.asarray(1 / (1 + np.exp(-mapped)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file."""
        rules = {
            name: {**rule.map._asdict(), "threshold": rule.threshold}
            for name, rule in self.rules.items()
        }
        return {"site_bp": self.site_bp, "length_bp": self.length_bp, "classes": rules}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], names: list[str]) -> SequenceScores:
        """Create from the result of `to_json`, for classes of these names.

        Raises
        ------
        AttributeError, KeyError, OverflowError, TypeError, ValueError
            A value is missing, has the wrong type or is out of range.
        """
        site_bp, length_bp = int(plain["site_bp"]), int(plain["length_bp"])
        if not 1 <= site_bp <= length_bp:
            raise ValueError(f"whole_sequences: sites of {site_bp} bp in {length_bp} bp")
        rules = {}
        for name in names:
            own = plain["classes"][name]
            slope, shift, threshold = (float(own[key]) for key in ("slope", "shift", "threshold"))
            if not (0 < slope < np.inf and np.isfinite(shift) and 0 <= threshold <= 1):
                raise ValueError(f"whole_sequences: a number of {name} is out of range")
            rules[name] = SequenceRule(LogOddsMap(slope, shift), threshold)
        return cls(site_bp, length_bp, rules)
