"""Scores of position weight matrices in torch, which are part of the log-odds of a network.

The term of a base is a factor times slope * max(score, lower limit) + shift. Its score is the
largest score of the sites that cover the base. A network starts as these terms, and learns what
context adds to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnabirnn.alphabet import PADDING

if TYPE_CHECKING:
    from dnabirnn.network.architecture import Architecture, MatrixShape

__all__ = ["MatrixScore", "matrix_terms"]

_OUTSIDE = -1e30  # no site reaches over the end of a sequence


class MatrixScore(nn.Module):
    """Matrix of a class. Only its scale is trained.

    Attributes
    ----------
    log_odds : Tensor, (W, 4) float32
        Matrix of a site on +.
    map : Tensor, (3,) float32
        Slope, lower limit and shift.
    scale : Parameter, (1,) float32
        Natural logarithm of a factor of the term. It starts at 0. A network that learns more from
        the context than the matrix can tell makes it smaller.
    """

    log_odds: Tensor
    map: Tensor

    def __init__(self, shape: MatrixShape) -> None:
        super().__init__()
        self.flank_bp = shape.flank_bp
        self.register_buffer("log_odds", torch.zeros(shape.width, 4))
        self.register_buffer("map", torch.tensor([1.0, 0.0, 0.0]))
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, one_hot: Tensor, padding: Tensor) -> Tensor:
        """Return the terms of both strands.

        Parameters
        ----------
        one_hot : Tensor, (B, 4, L) float32
        padding : Tensor, (B, 1, L) float32
            1 at padding.

        Returns
        -------
        terms : Tensor, (B, 2, L) float32
        """
        slope, least, shift = self.map
        width, flank, length = len(self.log_odds), self.flank_bp, one_hot.shape[2]
        core = width - 2 * flank
        both = torch.stack([self.log_odds.T, self.log_odds.T.flip(0, 1)])  # (2, 4, W)
        sites = functional.conv1d(functional.pad(one_hot, (0, width - 1)), both)  # (B, 2, L)
        outside = functional.pad(padding, (0, width - 1), value=1.0)
        outside = functional.max_pool1d(outside, width, 1)
        sites = torch.where(outside > 0, _OUTSIDE, sites)
        # Base t is covered by the sites that start at t - flank - core + 1 to t - flank.
        sites = functional.pad(sites, (core - 1 + flank, 0), value=_OUTSIDE)
        best = functional.max_pool1d(sites, core, 1)[..., :length]
        terms: Tensor = self.scale.exp() * (slope * best.maximum(least) + shift)
        return terms


def matrix_terms(
    codes: Tensor, one_hot: Tensor, scores: nn.ModuleDict, architecture: Architecture
) -> Tensor:
    """Return what the matrices add to the log-odds: (B, L, O), or (B, L, 1 + O) if exclusive.

    Parameters
    ----------
    codes : Tensor, (B, L) int64
    one_hot : Tensor, (B, L, 4) float32
    scores : ModuleDict of MatrixScore
        By the number of the class.
    architecture : Architecture
    """
    read, padding = one_hot.transpose(1, 2), (codes == PADDING).unsqueeze(1).to(one_hot.dtype)
    none = torch.zeros_like(one_hot[..., 0])
    columns = [none] if architecture.exclusive else []
    for number, motif_class in enumerate(architecture.classes):
        strands = 1 + motif_class.stranded
        if str(number) not in scores:
            columns += [none] * strands
            continue
        terms = scores[str(number)](read, padding)  # (B, 2, L)
        if not motif_class.stranded:
            terms = terms.amax(dim=1, keepdim=True)
        columns += list(terms.unbind(1))
    return torch.stack(columns, dim=2)
