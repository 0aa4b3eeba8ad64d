"""Random sequence with exactly the words of a given one, such as its pairs of neighboring bases.

A sequence is a walk between contexts, the last k bases. Each step is an edge from one context to
the next, and stands for a word of k + 1 bases. Any other walk along all edges, from the same first
context to the same last one, has the same words. One of them is drawn, each with the same
probability: Altschul and Erickson (1985), Significance of nucleotide sequence alignments. For each
context, the edge on which it is left for the last time is drawn first; these edges must lead to the
last context. All other edges come in random order. Wilson's algorithm (1996) draws the last edges:
a random walk from each context to those that are done, of which the last way out is kept.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes

__all__ = ["shuffled"]


def shuffled(codes: Codes, random: np.random.Generator, order: int = 1) -> Codes:
    """Return a shuffle with the same words of `order` + 1 bases.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Codes 0 to 4. Code 4 stays in place; the bases around it count as neighbors.
    random : numpy.random.Generator
        Only its `random()` is used.
    order : int
        Length of a context, 1 or more.

    Returns
    -------
    shuffled : ndarray, (L,) uint8
        Begins and ends with the same `order` known bases as `codes`.

    Examples
    --------
    >>> from dnabirnn.alphabet import decode, encode
    >>> text = decode(shuffled(encode("AACGTNTACGGT"), np.random.default_rng(1)))
    >>> text[0], text[5], text[-1], text.count("CG")
    ('A', 'N', 'T', 2)
    """
    known = codes < AMBIGUOUS
    result = codes.copy()
    result[known] = _walk(codes[known], random, order)
    return result


def _walk(letters: Codes, random: np.random.Generator, order: int) -> Codes:
    """Return a shuffle of known bases: (n,) uint8."""
    steps = letters.size - order
    if steps < 2:
        return letters
    contexts = np.zeros(steps + 1, dtype=np.int64)
    for place in range(order):
        contexts = contexts << 2 | letters[place : place + steps + 1]
    # Edges by context, in random order. They are taken from the end of each list.
    sort = np.lexsort((random.random(steps), contexts[:-1]))
    starts = np.searchsorted(contexts[:-1][sort], np.arange(4**order + 1)).tolist()
    followers = letters[order:][sort].tobytes()
    edges = [bytearray(followers[a:b]) for a, b in pairwise(starts)]
    mask = 4**order - 1
    done = bytearray(len(edges))
    done[int(contexts[-1])] = True
    last = [0] * len(edges)
    for first in np.unique(contexts).tolist():
        context = first
        while not done[context]:
            last[context] = int(random.random() * len(edges[context]))
            context = (context << 2 | edges[context][last[context]]) & mask
        context = first
        while not done[context]:
            done[context] = True
            own, number = edges[context], last[context]
            follower = own[number]
            own[number], own[0] = own[0], follower
            context = (context << 2 | follower) & mask
    context = int(contexts[0])
    walk = bytearray(letters[:order].tobytes())
    for _ in range(steps):
        base = edges[context].pop()
        walk.append(base)
        context = (context << 2 | base) & mask
    return np.frombuffer(walk, dtype=np.uint8)
