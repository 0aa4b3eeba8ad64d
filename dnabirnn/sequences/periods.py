"""Periods of tandem repeats: the distance at which a sequence equals itself most often.

For each distance d, the bases are counted that equal the base d further on. In random sequence,
about a quarter to a third of them are equal. In a tandem array with copies of d bases that are 80 %
identical, 80 % are. The distances 2 d, 3 d, ... are about as good, and in arrays with units of
higher order even better. The period is therefore the smallest distance that is nearly as good as
the best one, and better than chance by a margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.compiled import kernel

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes

__all__ = ["LONGEST_PERIOD_BP", "Period", "period_of"]

LONGEST_PERIOD_BP = 2000
"""Longest period that is looked for. Monomers of satellites have up to some hundred bases."""
_SAMPLE_BP = 20_000
"""Bases of an array that are compared: those in its middle."""
_FEWEST_COPIES = 2
_LEAST_EXCESS = 0.12
"""Least share of equal bases above chance: satellites have 0.2 and more, genes 0.05 at most."""
_DEVIATIONS = 6
"""In short sequence, the excess is also at least this many standard deviations of chance."""
_NEARLY = 0.5
"""A distance is nearly as good as the best if it exceeds chance by this share of its excess.
Monomers of alpha satellite are 70 to 80 % identical, and units of higher order nearly 100 %."""


class Period(NamedTuple):
    """Period of an array.

    Attributes
    ----------
    length_bp : int
        0 if there is none.
    equal : float
        Share of bases that equal the base a period further on.
    """

    length_bp: int
    equal: float


def period_of(codes: Codes, longest_bp: int = LONGEST_PERIOD_BP) -> Period:
    """Return the period of a sequence.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Codes 0 to 4. Ambiguous bases equal none.
    longest_bp : int
        Longest period to look for; at most half of the sequence is.

    Examples
    --------
    >>> from dnabirnn.alphabet import encode
    >>> period_of(encode("GATTA" * 8)).length_bp, period_of(encode("GATTACAGGTCC")).length_bp
    (5, 0)
    """
    middle = max(codes.size - _SAMPLE_BP, 0) // 2
    part = np.ascontiguousarray(codes[middle : middle + _SAMPLE_BP])
    most = min(longest_bp, part.size // _FEWEST_COPIES)
    known = part[part < AMBIGUOUS]
    if most < 1 or 2 * known.size < part.size:
        return Period(0, 0.0)
    counts = np.zeros(most, np.int64)
    _count_equal(part, counts)
    equal = counts / (part.size - np.arange(1, most + 1))
    shares = np.bincount(known, minlength=4) / known.size
    chance = float((shares**2).sum())
    noise = np.sqrt(chance * (1 - chance) / (part.size - np.arange(1, most + 1)))
    beyond = equal - chance - np.maximum(_LEAST_EXCESS, _DEVIATIONS * noise)
    best = float(equal[np.argmax(np.where(beyond >= 0, equal, -1))])
    if chance == 1:  # one base alone
        return Period(1, 1.0)
    if beyond.max() < 0:
        return Period(0, float(equal.max()))
    good = (beyond >= 0) & (equal >= chance + _NEARLY * (best - chance))
    # Next to a period, neighbouring distances can be good too: take the top of the first hill.
    first = int(np.argmax(good))
    last = first
    while last + 1 < most and good[last + 1]:
        last += 1
    length = first + int(np.argmax(equal[first : last + 1])) + 1
    return Period(length, float(equal[length - 1]))


@kernel
def _count_equal(codes: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Count the bases that equal the base d further on, for d from 1 on.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
    counts : ndarray, (most,) int64
        Output.
    """
    for d in range(1, counts.size + 1):
        total = np.int32(0)
        for i in range(codes.size - d):
            total += np.int32((codes[i] == codes[i + d]) & (codes[i] < AMBIGUOUS))
        counts[d - 1] = total
