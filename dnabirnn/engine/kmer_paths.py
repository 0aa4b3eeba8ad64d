"""Sums of a first layer with k-mers, along a straight path between two mixtures of bases.

At place a of the path, from 0 to 1, a base has the shares (1 - a) b + a s, with b for the baseline
and s for the sequence. The share of a k-mer is the product of those of its bases. So it is a
polynomial of a::

    share of a k-mer  =  sum over p of  (1 - a)^(k - p) a^p  c_p

    c_p = sum over the choices of p places that take s, where the other k - p take b, of the product

The coefficients do not depend on a, so that one product with the table of k-mers serves all places
of a path. The gradient by the shares of one base has the k - 1 other bases in the product, and is
found in the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["coefficients", "gradients_of_bases", "powers"]


def powers(places: Tensor, degree: int) -> Tensor:
    """Return (1 - a)^(degree - p) a^p for p from 0 to `degree`: (places, degree + 1).

    Examples
    --------
    >>> powers(torch.tensor([0.5, 1.0]), 1).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    exponents = torch.arange(degree + 1)
    wide = places[:, None]
    return (1 - wide) ** (degree - exponents) * wide**exponents


def coefficients(baseline: Tensor, sequence: Tensor) -> Tensor:
    """Return the coefficients c_p of the shares of all words of some bases.

    Parameters
    ----------
    baseline, sequence : Tensor, (n, j, 4) float32
        Shares of the bases of n words of j bases at both ends of the path.

    Returns
    -------
    coefficients : Tensor, (n, j + 1, 4**j) float32

    Examples
    --------
    >>> coefficients(torch.tensor([[[0.5, 0.5, 0, 0]]]), torch.tensor([[[0, 1.0, 0, 0]]])).tolist()
    [[[0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]]
    """
    words = len(baseline)
    found = baseline.new_ones(words, 1, 1)
    for first in range(baseline.shape[1]):
        of_baseline, of_sequence = (
            (found[..., None] * one[:, None, None, first]).flatten(2)
            for one in (baseline, sequence)
        )
        more = found.new_zeros(words, 1, of_baseline.shape[2])
        found = torch.cat([of_baseline, more], dim=1) + torch.cat([more, of_sequence], dim=1)
    return found


def gradients_of_bases(of_shares: Tensor, baseline: Tensor, sequence: Tensor) -> Tensor:
    """Return the gradients by the shares of each base, from those by the shares of k-mers.

    Parameters
    ----------
    of_shares : Tensor, (n, k, 4**k) float32
        Gradients by the shares of k-mers, summed over places of the path with the factors
        `powers(places, k - 1)`.
    baseline, sequence : Tensor, (n, k, 4) float32

    Returns
    -------
    gradients : Tensor, (n, k, 4) float32
    """
    words, kmer = baseline.shape[:2]
    found = torch.zeros_like(baseline)
    for base in range(kmer):
        before = coefficients(baseline[:, :base], sequence[:, :base])
        after = coefficients(baseline[:, base + 1 :], sequence[:, base + 1 :])
        split = of_shares.reshape(words, kmer, before.shape[2], 4, after.shape[2])
        for left in range(base + 1):
            # Of k-mers with `left` places before the base that take the sequence.
            summed = sum(
                (split[:, left + right] @ after[:, right, None, :, None])[..., 0]
                for right in range(kmer - base)
            )
            found[:, base] += (summed * before[:, left, :, None]).sum(dim=1)
    return found
