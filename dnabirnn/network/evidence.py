"""Evidence of a base and of a call, in whole millinats.

The evidence of a base with score s is how much its score changes the log-odds of its class, from
those of the share of the class, the prior::

    logit(p) = ln(p / (1 - p))
    evidence = 1000 (logit(clip(s, 0.5, 999.5) / 1000) - logit(prior))

Both terms are rounded to integers. The evidence of a call is the sum over its bases, so it is the
same number in whatever order it is added up, and on either strand. Scores of neighbouring bases
depend on one another. Evidence therefore ranks the calls of a class, and is not a probability.

Because bases depend on one another, the sum can count length too much: a long false call of medium
scores then ranks before a short true one. For classes of which validation sequence shows this, the
evidence of a call follows from the mean of its scores instead (`Pooling`)::

    sum     sum of the evidence of the bases
    mean    L (logit(mean score) - logit(prior))

L is the length of a typical site, so that a call of this length has about the same evidence in
both. By the mean, calls have the order of their mean scores.

Bases without a row in a track are absent: their score is low, or unknown. All of them, and those
that score below `floor`, have one value, so that the sum does not depend on `--min-score` as long
as that is not above the floor. The value is learned: the logarithm of how much rarer absent bases
are inside sites than outside.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "HIGHEST_FLOOR",
    "EvidenceScale",
    "Pooling",
    "PoolingKind",
    "absent_of",
    "base_log_odds",
    "millinats",
]

HIGHEST_FLOOR = 100
"""Highest score below which bases count as absent: the default of `--min-score`."""
_CLIP = 0.5
_SMALLEST_SHARE = 1e-9
_MOST_MILLINATS = 100_000
_LONGEST_BP = 10**12


def millinats(share: float) -> int:
    """Return the log-odds of a share in whole millinats.

    Shares are clipped to 1e-9 and to 1 minus this.

    Examples
    --------
    >>> millinats(0.5), millinats(0.002)
    (0, -6213)
    """
    share = min(max(share, _SMALLEST_SHARE), 1 - _SMALLEST_SHARE)
    return round(1000 * (math.log(share) - math.log1p(-share)))


@cache
def base_log_odds() -> NDArray[np.int64]:
    """Return the log-odds of each score from 0 to 1000, clipped, in millinats: (1001,) int64.

    Examples
    --------
    >>> base_log_odds()[[0, 500, 900, 1000]].tolist()
    [-7600, 0, 2197, 7600]
    """
    scores = (min(max(score, _CLIP), MAX_SCORE - _CLIP) for score in range(MAX_SCORE + 1))
    table = np.array([millinats(score / MAX_SCORE) for score in scores], dtype=np.int64)
    table.flags.writeable = False
    return table


def absent_of(plain: Any) -> int:
    """Return the evidence of an absent base in a model file, in millinats.

    Raises
    ------
    ValueError
        It is not an integer, or larger than evidence can be.

    Examples
    --------
    >>> absent_of(-1387)
    -1387
    """
    if not (isinstance(plain, int) and abs(plain) <= _MOST_MILLINATS):
        raise ValueError(f"calls: {plain!r} is not the evidence of an absent base")
    return plain


class PoolingKind(StrEnum):
    """What the evidence of a call is made from."""

    SUM = "sum"
    """The sum of the evidence of its bases."""
    MEAN = "mean"
    """Their mean score."""


class Pooling(NamedTuple):
    """How the evidence of a call follows from its bases; see the module's docstring.

    Attributes
    ----------
    kind : PoolingKind
    length_bp : int
        Length of a typical site, for `PoolingKind.MEAN`.
    """

    kind: PoolingKind = PoolingKind.SUM
    length_bp: int = 1

    def evidence(
        self,
        total: NDArray[np.int64],
        mean: NDArray[np.int64],
        prior: int,
    ) -> NDArray[np.int64]:
        """Return the evidence of calls in millinats, (n,) int64.

        Parameters
        ----------
        total : ndarray, (n,) int64
            Sum of the evidence of the bases of each call.
        mean : ndarray, (n,) int64
            Mean scores of their bases, 0 to 1000.
        prior : int
            Log-odds of the share of the class, in millinats.

        Examples
        --------
        >>> total, mean = np.array([[8000, 9000], [700, 500]])
        >>> Pooling().evidence(total, mean, -2000).tolist()
        [8000, 9000]
        >>> Pooling(PoolingKind.MEAN, 4).evidence(total, mean, -2000).tolist()
        [11388, 8000]
        """
        if self.kind is PoolingKind.MEAN:
            return np.asarray(self.length_bp * (base_log_odds()[mean] - prior))
        return total

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file."""
        return {"kind": self.kind.value, "length_bp": self.length_bp}

    @classmethod
    def from_json(cls, plain: Any) -> Pooling:
        """Return the pooling of plain values.

        Raises
        ------
        KeyError, TypeError, ValueError
            A value is missing or out of range.
        """
        length_bp = plain["length_bp"]
        if not (isinstance(length_bp, int) and 1 <= length_bp <= _LONGEST_BP):
            raise ValueError(f"calls: {length_bp!r} is not a length in bases")
        return cls(PoolingKind(plain["kind"]), length_bp)


class EvidenceScale(NamedTuple):
    """How the evidence of a class is measured.

    Attributes
    ----------
    prior : int
        Log-odds of the share of bases that belong to the class, in millinats.
    absent : int
        Evidence of an absent base, in millinats.
    floor : int
        Scores below this count as absent.
    pooling : Pooling
        How the evidence of a call follows from that of its bases.
    """

    prior: int
    absent: int
    floor: int
    pooling: Pooling = Pooling()

    @classmethod
    def of(
        cls,
        share: float,
        threshold: int,
        absent: int | None = None,
        pooling: Pooling | None = None,
    ) -> EvidenceScale:
        """Return the scale of a class.

        Parameters
        ----------
        share : float
            Share of bases that belong to the class.
        threshold : int
            Lowest score that the class is called from.
        absent : int, optional
            Evidence of an absent base. By default that of a score of 0.
        pooling : Pooling, optional
            By default the plain sum.

        Examples
        --------
        >>> EvidenceScale.of(0.002, 400)[:3]
        (-6213, -1387, 100)
        """
        prior = millinats(share)
        if absent is None:
            absent = int(base_log_odds()[0]) - prior
        return cls(prior, absent, min(HIGHEST_FLOOR, threshold), pooling or Pooling())

    @classmethod
    def above(cls, threshold: int) -> EvidenceScale:
        """Return a scale on which a base at the threshold has no evidence."""
        return cls.of(min(threshold, MAX_SCORE - 1) / MAX_SCORE, threshold)

    def gains(self) -> NDArray[np.int64]:
        """Return the evidence of each score above that of an absent base, (1001,) int64.

        It is 0 below the floor. The sum of the evidence of n bases is therefore
        ``n * absent + (sum of their gains)``.
        """
        return _gains(self.prior, self.absent, self.floor)


@cache
def _gains(prior: int, absent: int, floor: int) -> NDArray[np.int64]:
    gains = base_log_odds() - prior - absent
    gains[:floor] = 0
    gains.flags.writeable = False
    return gains
