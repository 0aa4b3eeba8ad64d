"""Training sequence in the memory of a device, where training windows are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnabirnn.alphabet import AMBIGUOUS, COMPLEMENT, PADDING
from dnabirnn.labels import IGNORE_BIT, opposite_outputs, output_masks
from dnabirnn.training.sampling import LABEL_SHARE

if TYPE_CHECKING:
    from dnabirnn.training.sampling import Sampler

__all__ = ["Resident", "TensorBatch"]


class TensorBatch(NamedTuple):
    """Training windows of one step on a device; see `dnabirnn.training.sampling.TrainingBatch`."""

    codes: Tensor
    truth: Tensor
    counted: Tensor
    flanked: Tensor

    def part(self, windows: slice) -> TensorBatch:
        """Return a slice of the windows."""
        return TensorBatch(*(tensor[windows] for tensor in self))


class Resident:
    """Training sequence on a device, which cuts the windows that a sampler draws.

    Each base takes one byte for its code, the bytes of its label, and with a teacher two per
    output.

    Parameters
    ----------
    sampler : Sampler
    device : torch.device
    """

    def __init__(self, sampler: Sampler, device: torch.device) -> None:
        self._sampler = sampler
        self._device = device
        encoded = sampler.encoded
        self._intervals = torch.from_numpy(np.array(encoded.split("train"))).to(device)
        self._codes = torch.from_numpy(np.array(encoded.codes)).to(device)
        labels = np.array(encoded.labels)
        # torch has few operations for unsigned integers. Signed ones have the same bits.
        self._labels = torch.from_numpy(labels.view(f"i{labels.itemsize}")).to(device)
        bits = 8 * labels.itemsize
        masks = [_signed(mask, bits) for mask in output_masks(encoded.classes)]
        self._masks = torch.tensor(masks, dtype=self._labels.dtype, device=device)
        self._answers: Tensor | None = None
        self._complement = torch.from_numpy(COMPLEMENT.copy()).to(device)
        self._opposite = torch.tensor(opposite_outputs(encoded.classes), device=device)

    def batch(self, step: int) -> TensorBatch:
        """Return the windows of step `step`: the same as `Sampler.batch`, but on the device."""
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
        answers = self._answers_on_device()
        if answers is not None:
            labelled = LABEL_SHARE * counted.unsqueeze(2).float()
            # The 16 bits of an answer, which torch reads as a signed number.
            answer = (answers[places].int() & 0xFFFF) / 65_535
            truth = (1 - labelled) * answer + labelled * truth
            counted = codes < AMBIGUOUS
        flanked = self._flanked(starts, codes)
        turned = (turned & real[:, -1]).unsqueeze(1)
        codes = torch.where(turned, self._complement[codes.flip(1).long()], codes)
        flanked = torch.where(turned, self._complement[flanked.flip(1).long()], flanked)
        counted = torch.where(turned, counted.flip(1), counted)
        opposite = truth.flip(1)[..., self._opposite]
        truth = torch.where(turned.unsqueeze(2), opposite, truth)
        return TensorBatch(codes, truth, counted, flanked)

    def _answers_on_device(self) -> Tensor | None:
        """Return the answers of the teacher, (N, O) int16; None if there is no teacher."""
        answers = self._sampler.answers
        if self._answers is None and answers is not None:
            self._answers = torch.from_numpy(np.array(answers).view(np.int16)).to(self._device)
        return self._answers

    def _flanked(self, starts: Tensor, codes: Tensor) -> Tensor:
        """Return windows with flanks, as `Sampler` does."""
        flank = self._sampler.flank_bp
        if not flank:
            return codes
        interval = torch.searchsorted(self._intervals[:, 0].contiguous(), starts, right=True) - 1
        first, last = self._intervals[interval].unbind(1)
        steps = torch.arange(-flank, codes.shape[1] + flank, device=self._device)
        places = starts.unsqueeze(1) + steps
        inside = (places >= first.unsqueeze(1)) & (places < last.unsqueeze(1))
        places = torch.where(inside, places, starts.unsqueeze(1))
        flanked = self._codes[places].masked_fill(~inside, PADDING)
        flanked[:, flank:-flank] = codes
        return flanked


def _signed(mask: int, bits: int) -> int:
    """Return the signed integer of `bits` bits that has the same bits as a mask."""
    return mask - (1 << bits) if mask >> (bits - 1) else mask
