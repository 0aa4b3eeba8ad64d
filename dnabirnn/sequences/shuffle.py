"""Random sequence with exactly the words of a given one, such as its pairs of neighboring bases.

A sequence is a walk between contexts, the last k bases. Each step is an edge from one context to
the next, and stands for a word of k + 1 bases. Any other walk along all edges, from the same first
context to the same last one, has the same words. One of them is drawn, each with the same
probability: Altschul and Erickson (1985), Significance of nucleotide sequence alignments: a method
for random sequence permutation that preserves dinucleotide and codon usage. For each context, the
edge on which it is left for the last time is drawn first; these edges must lead to the last
context. All other edges come in random order. Wilson's algorithm (1996) draws the last edges: a
random walk from each context to those that are done, of which the last way out is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.compiled import inlined, kernel

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes

__all__ = ["shuffled"]


def shuffled(codes: Codes, seed: int, order: int = 1) -> Codes:
    """Return a shuffle with the same words of `order` + 1 bases.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Codes 0 to 4. Code 4 stays in place; the bases around it count as neighbors.
    seed : int
        From 0 to 2^64 - 1. The same seed gives the same sequence, on every machine.
    order : int
        Length of a context in bases, 1 or more. Memory grows with 4 to the power of it.

    Returns
    -------
    shuffled : ndarray, (L,) uint8
        Begins and ends with the same `order` known bases as `codes`.

    Examples
    --------
    >>> from dnabirnn.alphabet import decode, encode
    >>> text = decode(shuffled(encode("AACGTNTACGGT"), 1))
    >>> text[0], text[5], text[-1], text.count("CG")
    ('A', 'N', 'T', 2)
    """
    result = np.array(codes, dtype=np.uint8)
    known = result < AMBIGUOUS
    bases = result if known.all() else result[known]
    if bases.size > order + 1:
        contexts = 4**order
        _shuffle(
            bases,
            order,
            np.array([seed], dtype=np.uint64),
            np.zeros(contexts + 1, np.int64),
            np.empty(contexts, np.int64),
            np.empty(contexts, np.int64),
            np.zeros(contexts, np.bool_),
            np.empty(bases.size - order, np.uint8),
        )
    if bases is not result:
        result[known] = bases
    return result


@inlined
def _draw(state: NDArray[np.uint64], below: np.int64) -> np.int64:
    """Return a random number from 0 to `below` - 1, by splitmix64 (G. L. Steele et al. 2014).

    The upper 32 bits are scaled to the range; with at most 2^32 / 1000 edges of a context, no
    number is more than 0.1 % too frequent.
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(((z >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32))


@kernel
def _shuffle(
    bases: NDArray[np.uint8],
    order: int,
    state: NDArray[np.uint64],
    first: NDArray[np.int64],
    used: NDArray[np.int64],
    chosen: NDArray[np.int64],
    done: NDArray[np.bool_],
    edges: NDArray[np.uint8],
) -> None:
    """Shuffle known bases (n,) in place; `state` (1,) is that of the random numbers.

    All others are work space: `first` (4^order + 1,) and `done` (4^order,) are zeros.
    """
    contexts = 1 << 2 * order
    mask = contexts - 1
    start = 0
    for i in range(order):
        start = start << 2 | bases[i]
    # Edges by context, each as the base that follows.
    context = start
    for i in range(order, bases.size):
        first[context + 1] += 1
        context = (context << 2 | bases[i]) & mask
    last = context
    for context in range(contexts):
        first[context + 1] += first[context]
    for context in range(contexts):
        used[context] = first[context]
    context = start
    for i in range(order, bases.size):
        edges[used[context]] = bases[i]
        used[context] += 1
        context = (context << 2 | bases[i]) & mask
    # The edge on which each context is left for the last time.
    done[last] = True
    for begin in range(contexts):
        if first[begin + 1] == first[begin]:
            continue
        context = begin
        while not done[context]:
            chosen[context] = first[context] + _draw(state, first[context + 1] - first[context])
            context = (context << 2 | edges[chosen[context]]) & mask
        context = begin
        while not done[context]:
            done[context] = True
            context = (context << 2 | edges[chosen[context]]) & mask
    for context in range(contexts):
        end = first[context + 1]
        if context != last and end > first[context]:
            end -= 1
            edge = edges[chosen[context]]
            edges[chosen[context]] = edges[end]
            edges[end] = edge
        for i in range(end - 1, first[context], -1):
            k = first[context] + _draw(state, i - first[context] + 1)
            edge = edges[i]
            edges[i] = edges[k]
            edges[k] = edge
    for context in range(contexts):
        used[context] = first[context]
    context = start
    for i in range(order, bases.size):
        base = edges[used[context]]
        used[context] += 1
        bases[i] = base
        context = (context << 2 | base) & mask
