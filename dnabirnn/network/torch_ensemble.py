"""Several networks in torch, whose log-odds are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dnabirnn.network.torch_network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.network.architecture import Ensemble

__all__ = ["EnsembleNetwork"]


class EnsembleNetwork(nn.Module):
    """Networks that score the same windows. The log-odds are the mean of theirs, output by output.

    Parameters
    ----------
    architecture : Ensemble
    units : sequence of int, optional
        Hidden units of each member without added ones; see `Network`.
    """

    _shares: Tensor

    def __init__(self, architecture: Ensemble, units: Sequence[int] | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        sizes = units or [member.hidden for member in architecture.members]
        self.member = nn.ModuleList(map(Network, architecture.members, sizes))
        shares = torch.tensor(architecture.shares(), dtype=torch.float32)
        self.register_buffer("_shares", shares, persistent=False)

    def forward(self, codes: Tensor, mixtures: Tensor | None = None) -> Tensor:
        """Compute the log-odds of a batch.

        Parameters
        ----------
        codes : Tensor, (B, L) uint8
            Padding (code 5) only on the right.
        mixtures : Tensor, (B, L, 4) float32, optional
            As for `Network`.

        Returns
        -------
        logits : Tensor, (B, L, O) float32
            As those of `Network`.
        """
        total = torch.zeros((*codes.shape, len(self._shares)), device=codes.device)
        for network, shape in zip(self.member, self.architecture.members, strict=True):
            places = self.architecture.places(shape)
            total[..., places] += network(codes, mixtures=mixtures) * self._shares[places]
        return total
