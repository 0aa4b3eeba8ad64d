"""The loss of labels of whole sequences: from the log-odds of bases to those of a sequence.

A sequence belongs to a class if a site of the class is in it, at any base, on either strand. The
label does not say where. The log-odds of all sites are therefore pooled, and the loss is the
cross-entropy of the pooled log-odds and the label. `dnabirnn.network.sequence_scores` has the
formula, and computes the same with NumPy when a model scores.

The gradient of a pooled value by the log-odds of a site grows with the probability of the site. In
a positive sequence, the sites that already score highest gain most; in a negative one, these are
the ones that are pushed down. So scores come to lie on what distinguishes positive sequences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dnabirnn.motif_classes import MotifClass

__all__ = ["SITE_BP", "pooled_log_odds", "pooled_loss"]

SITE_BP = 8
"""Length of a site: the log-odds of this many neighboring bases are averaged."""
# Sums below this are those of sequences without a site; their logarithm is finite.
_LEAST = 1e-12


def pooled_log_odds(
    log_odds: Tensor,
    counted: Tensor,
    classes: Sequence[MotifClass],
    site_bp: int = SITE_BP,
    pieces: int = 1,
) -> Tensor:
    """Pool the log-odds of bases.

    Parameters
    ----------
    log_odds : Tensor, (B * P, L, O) float32
    counted : Tensor, (B * P, L) bool
        False at code 4 and padding. A site with such a base does not count.
    classes : sequence of MotifClass
    site_bp : int
        Length of a site; windows shorter than it are one site.
    pieces : int
        P, the number of consecutive rows that are pieces of one sequence.

    Returns
    -------
    pooled : Tensor, (B, K) float32
        Log-odds that there is a site of each class.
    """
    site_bp = min(site_bp, log_odds.shape[1])
    sites = log_odds.unfold(1, site_bp, 1).mean(dim=-1)  # (B, L - site_bp + 1, O)
    whole = counted.unfold(1, site_bp, 1).all(dim=-1)
    sums = (functional.softplus(sites) * whole[..., None]).sum(dim=1)
    sums = sums.reshape(-1, pieces, sums.shape[1]).sum(dim=1)  # (B, O)
    found, column = [], 0
    for _, stranded in classes:
        found.append(sums[:, column : column + 1 + stranded].sum(dim=1))
        column += 1 + stranded
    pooled = torch.stack(found, dim=1).clamp(min=_LEAST)
    return pooled + torch.log(-torch.expm1(-pooled))


def pooled_loss(
    log_odds: Tensor,
    truth: Tensor,
    counted: Tensor,
    classes: Sequence[MotifClass],
    pieces: int = 1,
) -> Tensor:
    """Return the cross-entropy of whole sequences, summed over them: the mean over classes of each.

    Parameters
    ----------
    log_odds, counted, classes, pieces
        As for `pooled_log_odds`.
    truth : Tensor, (B, K) bool
        Classes of each sequence.
    """
    pooled = pooled_log_odds(log_odds, counted, classes, pieces=pieces)
    loss = functional.binary_cross_entropy_with_logits(pooled, truth.float(), reduction="sum")
    return loss / truth.shape[1]
