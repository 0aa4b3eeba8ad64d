"""Shuffled sequence with the same counts of each pair of neighbouring bases.

The sequence is seen as a walk: bases are places, and each pair of neighbouring bases is a step from
one place to another. All walks that use the same steps, from the same first to the same last base,
have the same pairs. One of them is drawn, each with the same chance (S. F. Altschul and
B. W. Erickson, "Significance of nucleotide sequence alignments: a method for random sequence
permutation that preserves dinucleotide and codon usage", Mol. Biol. Evol. 2, 1985, 526-538):

1. For each base but the last of the sequence, draw which of its steps is used last. Draw again
   until these last steps lead from every base to the last base of the sequence.
2. Shuffle the other steps of each base.
3. Walk, and take the steps of each base in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnabirnn.compiled import inlined, kernel

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes

__all__ = ["shuffled"]


def shuffled(codes: Codes, seed: int) -> Codes:
    """Return a random sequence with the same pairs of neighbouring bases.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Codes 0 to 3.
    seed : int
        From 0 to 2^64 - 1. The same seed gives the same sequence, on every machine.

    Returns
    -------
    shuffled : ndarray, (L,) uint8
        It begins and ends with the same base as `codes`.

    Examples
    --------
    >>> shuffled(np.array([0, 1, 1, 2], np.uint8), 5).tolist()  # no other order has these pairs
    [0, 1, 1, 2]
    """
    found = np.array(codes, dtype=np.uint8)
    if found.size > 3:
        _shuffle(np.ascontiguousarray(codes), np.array([seed], dtype=np.uint64), found)
    return found


@inlined
def _draw(state: NDArray[np.uint64], below: np.int64) -> np.int64:
    """Return a random number from 0 to `below` - 1, by splitmix64 (G. L. Steele et al. 2014).

    The upper 32 bits are scaled to the range; with at most 2^32 / 1000 steps, no number is more
    than 0.1 % too frequent.
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(((z >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32))


@kernel
def _shuffle(codes: NDArray[np.uint8], state: NDArray[np.uint64], found: NDArray[np.uint8]) -> None:
    """Shuffle codes (L,) into `found` (L,); `state` (1,) is that of the random numbers."""
    size = codes.size
    last_base = codes[size - 1]
    counts = np.zeros(4, np.int64)
    for i in range(size - 1):
        counts[codes[i]] += 1
    first = np.zeros(5, np.int64)
    for base in range(4):
        first[base + 1] = first[base] + counts[base]
    # Bases that follow A, then those that follow C, and so on.
    steps = np.empty(size - 1, np.uint8)
    filled = first[:4].copy()
    for i in range(size - 1):
        steps[filled[codes[i]]] = codes[i + 1]
        filled[codes[i]] += 1
    chosen = np.zeros(4, np.int64)
    connected = False
    while not connected:
        for base in range(4):
            if base != last_base and counts[base] > 0:
                chosen[base] = first[base] + _draw(state, counts[base])
        connected = True
        for base in range(4):
            at = base
            for _ in range(4):
                if at != last_base and counts[at] > 0:
                    at = steps[chosen[at]]
            connected = connected and (counts[base] == 0 or at == last_base)
    for base in range(4):
        end = first[base + 1]
        if base != last_base and counts[base] > 0:
            end -= 1
            step = steps[chosen[base]]
            steps[chosen[base]] = steps[end]
            steps[end] = step
        for i in range(end - 1, first[base], -1):
            k = first[base] + _draw(state, i - first[base] + 1)
            step = steps[i]
            steps[i] = steps[k]
            steps[k] = step
    filled = first[:4].copy()
    base = codes[0]
    found[0] = base
    for i in range(1, size):
        following = steps[filled[base]]
        filled[base] += 1
        base = following
        found[i] = base
