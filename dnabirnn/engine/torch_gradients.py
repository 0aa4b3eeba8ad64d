"""Gradients of summed log-odds by the letters of windows, by torch on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from dnabirnn.alphabet import ONE_HOT
from dnabirnn.engine.torch_engine import torch_network, use_one_thread
from dnabirnn.network import members_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.mixture_path import MixturePath
    from dnabirnn.network import Checkpoint

    Floats = NDArray[np.float32]

__all__ = ["TorchGradients"]

# Bytes of the shares of k-mers in a batch. torch keeps about four times as many.
_BATCH_BYTES = 1 << 26


class TorchGradients:
    """Gradients of targets by the letters of windows; see `InputGradients`.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : str
        Name of a device of torch.
    """

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        shape = checkpoint.architecture
        self._network = torch_network(checkpoint, device).requires_grad_(False)
        self._device = torch.device(device)
        self._exclusive = shape.exclusive
        members = members_of(shape, checkpoint.weights)
        self._entries = max(4**member.architecture.kmer for member in members)

    def at_sequences(
        self,
        codes: Codes,
        shares: Floats,
        outputs: NDArray[np.int64],
        wanted: NDArray[np.int64] | None = None,
    ) -> Floats:
        """Return the gradients at sequences, as `InputGradients.at_sequences`."""
        return self.at_mixtures(codes, ONE_HOT[codes], shares, outputs)[1]

    def along_path(self, path: MixturePath) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return targets along a path and the summed gradient, as `InputGradients.along_path`."""
        return path.summed(self.at_mixtures)

    def at_mixtures(
        self, codes: Codes, mixtures: Floats, shares: Floats, outputs: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], Floats]:
        """Return targets and gradients at mixtures.

        Parameters
        ----------
        codes, shares, outputs
            As for `at_sequences`. The codes say where padding is.
        mixtures : ndarray, (n, L, 4) float32
            Shares of the four letters.

        Returns
        -------
        values : ndarray, (n,) float64
        gradients : ndarray, (n, L, 4) float32
        """
        length = mixtures.shape[1]
        if self._device.type == "cpu":
            use_one_thread()
        size = max(1, _BATCH_BYTES // (8 * length * self._entries))
        values, gradients = [], []
        for first in range(0, len(codes), size):
            some = slice(first, first + size)
            batch = torch.from_numpy(mixtures[some]).to(self._device).requires_grad_()
            read = torch.from_numpy(codes[some]).to(self._device)
            factors = torch.from_numpy(shares[some]).to(self._device)
            columns = torch.from_numpy(outputs[some]).to(self._device)
            # cuDNN cannot differentiate networks that are not being trained.
            with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
                logits = self._network(read, mixtures=batch)  # (n, L, O)
                if self._exclusive:
                    logits = logits[..., 1:] - logits[..., :1]
                own = logits.gather(2, columns[:, None, None].expand(-1, length, 1))[..., 0]
                value = (own.double() * factors).sum(dim=1)
                (gradient,) = torch.autograd.grad(value.sum(), batch)
            values.append(value.detach().cpu().numpy())
            gradients.append(gradient.cpu().numpy())
        return np.concatenate(values), np.concatenate(gradients)
