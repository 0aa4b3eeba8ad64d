"""Numbers of k-mers: rows of the table that a first layer looks up beside each base.

A k-mer of an odd length k stands for the base in its middle. Its number reads the codes of its
bases as digits to base 4, the first base first::

    A C G T = 0 1 2 3           GTA = 2 * 16 + 3 * 4 + 0 = 44

A k-mer with a base that is not A, C, G or T has no number. Neither has one that is cut off by an
end of the sequence. They add nothing.

The reverse direction of a network reads the reverse complement. At each base it sees the reverse
complement of the k-mer, whose middle base is the complement of this base.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["opposite_rows"]


@cache
def opposite_rows(kmer: int) -> NDArray[np.int64]:
    """Return the number of the reverse complement of each k-mer: (4**kmer,) int64, read-only.

    Examples
    --------
    >>> opposite_rows(1)
    array([3, 2, 1, 0])
    >>> int(opposite_rows(3)[44])  # GTA, and TAC = 3 * 16 + 0 * 4 + 1
    49
    """
    rest, opposite = np.arange(4**kmer), np.zeros(4**kmer, np.int64)
    for _ in range(kmer):
        opposite = opposite * 4 + 3 - rest % 4
        rest //= 4
    opposite.flags.writeable = False
    return opposite
