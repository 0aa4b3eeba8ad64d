"""Training sequence on a device: codes and labels live there, and windows are cut there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnabirnn.alphabet import AMBIGUOUS, COMPLEMENT, PADDING
from dnabirnn.labels import IGNORE_BIT, opposite_outputs, output_masks

if TYPE_CHECKING:
    from dnabirnn.training.sampling import Sampler

__all__ = ["Resident", "TensorBatch"]


class TensorBatch(NamedTuple):
    """Training windows of one step on a device; as `dnabirnn.training.sampling.TrainingBatch`."""

    codes: Tensor
    truth: Tensor
    counted: Tensor

    def part(self, windows: slice) -> TensorBatch:
        """Some of the windows."""
        return TensorBatch(self.codes[windows], self.truth[windows], self.counted[windows])


class Resident:
    """Cuts the windows that a sampler draws on a device.

    A base takes a byte for its code there, and the bytes of its label.

    Parameters
    ----------
    sampler : Sampler
    device : torch.device
    """

    def __init__(self, sampler: Sampler, device: torch.device) -> None:
        self._sampler = sampler
        self._device = device
        encoded = sampler.encoded
        self._codes = torch.from_numpy(np.array(encoded.codes)).to(device)
        labels = np.array(encoded.labels)
        # torch computes with signed integers: the bits are the same.
        self._labels = torch.from_numpy(labels.view(f"i{labels.itemsize}")).to(device)
        bits = 8 * labels.itemsize
        masks = [_signed(mask, bits) for mask in output_masks(encoded.classes)]
        self._masks = torch.tensor(masks, dtype=self._labels.dtype, device=device)
        self._complement = torch.from_numpy(COMPLEMENT.copy()).to(device)
        self._opposite = torch.tensor(opposite_outputs(encoded.classes), device=device)

    def batch(self, step: int) -> TensorBatch:
        """Windows of step `step`: what `Sampler.batch` gives, on the device."""
        drawn = self._sampler.places(step)
        starts, ends, turned = (torch.from_numpy(array).to(self._device) for array in drawn[:3])
        steps = torch.arange(self._sampler.settings.window_bp, device=self._device)
        places = starts.unsqueeze(1) + steps  # (B, L)
        real = places < ends.unsqueeze(1)
        places = torch.where(real, places, starts.unsqueeze(1))
        codes = self._codes[places].masked_fill(~real, PADDING)
        if drawn.mutations is not None:
            mutated = (codes + torch.from_numpy(drawn.mutations).to(self._device)) & 3
            codes = torch.where(codes < AMBIGUOUS, mutated, codes)
        labels = self._labels[places]
        truth = (labels.unsqueeze(2) & self._masks) != 0
        counted = (codes < AMBIGUOUS) & ((labels & IGNORE_BIT) == 0)
        turned = (turned & real[:, -1]).unsqueeze(1)
        codes = torch.where(turned, self._complement[codes.flip(1).long()], codes)
        counted = torch.where(turned, counted.flip(1), counted)
        opposite = truth.flip(1)[..., self._opposite]
        truth = torch.where(turned.unsqueeze(2), opposite, truth)
        return TensorBatch(codes, truth, counted)


def _signed(mask: int, bits: int) -> int:
    """The signed integer of so many bits that has the bits of a mask."""
    return mask - (1 << bits) if mask >> (bits - 1) else mask
