"""Fitting: steps of the optimiser, the same for any number of threads."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.network import Dropout, Network, load_weights, weights_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from dnabirnn.sampling import Batch, Sampler

__all__ = ["Fit", "FitSettings", "learning_rate"]

# A slice of a batch is one thread's work. Slices are of one size and summed in one order, so
# that the number of threads changes nothing. On one core a GRU of 32 units trains at 0.24 Mb/s
# with slices of 32 windows, at 0.16 with 16.
_SLICE_WINDOWS = 32
_DROPOUT_STREAM = 2
_MOMENTS = ("exp_avg", "exp_avg_sq")
# Far beyond what fits a network, and such that no product of theirs overflows a float32. A step
# of AdamW moves a weight by about the learning rate.
_MOST_LEARNING_RATE = 1
_MOST_WEIGHT_DECAY = 100
_MOST_CLIP_NORM = 1_000_000


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes
    ----------
    bases : int
        Bases of training windows, in all.
    learning_rate : float
        The highest, reached after three tenths of the steps; at most 1.
    weight_decay : float
        At most 100.
    clip_norm : float
        The gradient's norm is cut to this; at most 1,000,000.
    dropout : float
    """

    bases: int = 30_000_000
    learning_rate: float = 8e-3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.bases < 1:
            raise OptionError(f"--bases {self.bases}: must be 1 or more")
        for option, value, most in (
            ("--lr", self.learning_rate, _MOST_LEARNING_RATE),
            ("--clip", self.clip_norm, _MOST_CLIP_NORM),
        ):
            if not 0 < value <= most:
                raise OptionError(f"{option} {value}: must be more than 0 and at most {most}")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"--dropout {self.dropout}: must be 0 or more and less than 1")
        if not 0 <= self.weight_decay <= _MOST_WEIGHT_DECAY:
            raise OptionError(
                f"--weight-decay {self.weight_decay}: must be 0 or more and at most "
                f"{_MOST_WEIGHT_DECAY}"
            )


def learning_rate(step: int, steps: int, highest: float) -> float:
    """One-cycle learning rate: up for three tenths of the steps, then down to nearly nothing.

    Cosine flanks from `highest` / 25 and to `highest` / 250,000: Smith and Topin (2019),
    Super-convergence, as torch.optim.lr_scheduler.OneCycleLR has it.

    Examples
    --------
    >>> [round(learning_rate(step, 11, 1.0), 3) for step in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """
    summit = max(0.3 * (steps - 1), 1e-9)
    if step < summit:
        start, end, share = highest / 25, highest, step / summit
    else:
        start, end = highest, highest / 250_000
        share = (step - summit) / max(steps - 1 - summit, 1e-9)
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


class Fit:
    """A network, its optimiser and the step they are at.

    The gradient of step k depends on the weights, the seed and k alone: windows are drawn by
    (seed, k), dropout by (seed, k, slice), and slices of the batch are summed in their order.

    Parameters
    ----------
    fabric : lightning_fabric.Fabric
        Launched: device, precision and processes.
    network : Network
    sampler : Sampler
    settings : FitSettings
    threads : int
        Slices that are worked on at once, on a CPU.

    Attributes
    ----------
    step, steps : int
        Steps done, and steps in all.
    step_bp : int
        Bases of a step's windows.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        sampler: Sampler,
        settings: FitSettings,
        threads: int = 1,
    ) -> None:
        self.network = network.to(fabric.device)
        self.step = 0
        windows = sampler.settings.batch_windows
        self.window_bp = sampler.settings.window_bp
        self.step_bp = windows * self.window_bp
        self.steps = max(1, -(-settings.bases // self.step_bp))
        self._fabric = fabric
        self._sampler = sampler
        self._settings = settings
        on_cpu = fabric.device.type == "cpu"
        size = _SLICE_WINDOWS if on_cpu else -(-windows // fabric.world_size)
        slices = [slice(first, first + size) for first in range(0, windows, size)]
        self._slices = list(enumerate(slices))[fabric.global_rank :: fabric.world_size]
        self._pool = ThreadPoolExecutor(
            max(1, min(threads, len(self._slices))) if on_cpu else 1,
            thread_name_prefix="dnabirnn-fit",
            initializer=torch.set_num_threads,
            initargs=(1,),
        )
        self._parameters = list(self.network.parameters())
        self._optimizer = torch.optim.AdamW(
            self._parameters, settings.learning_rate, weight_decay=settings.weight_decay
        )

    def advance(self) -> float:
        """Do one step; its loss.

        Raises
        ------
        TrainingError
            A loss or gradient that is not finite, or a weight after the last step.
        """
        # The optimiser runs in the pool too, where torch uses one thread: the order of its sums
        # must not depend on the machine's cores.
        return self._pool.submit(self._update, *self._gradient()).result()

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step, or of the last one at the end."""
        step = min(self.step, self.steps - 1)
        return learning_rate(step, self.steps, self._settings.learning_rate)

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Weights and moments, by names that `restore` knows."""
        arrays = {f"weight/{name}": array for name, array in weights_of(self.network).items()}
        for number, parameter in enumerate(self._parameters):
            for moment in _MOMENTS:
                tensor = self._optimizer.state[parameter][moment]
                arrays[f"{moment}/{number}"] = tensor.detach().cpu().numpy().copy()
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[np.float32]], step: int) -> None:
        """Go on from a state after `step` steps."""
        prefix = "weight/"
        weights = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        load_weights(self.network, weights)
        for number, parameter in enumerate(self._parameters):
            state = self._optimizer.state[parameter]
            state["step"] = torch.tensor(float(step))
            for moment in _MOMENTS:
                state[moment] = torch.tensor(arrays[f"{moment}/{number}"], device=parameter.device)
        self.step = step

    def _gradient(self) -> tuple[Tensor, float]:
        """Gradient of the step's loss, all weights end to end, and the loss."""
        batch = self._sampler.batch(self.step)
        counted = max(int(batch.counted.sum()), 1)
        parts = list(
            self._pool.map(lambda part: self._slice(part[0], part[1], batch, counted), self._slices)
        )
        total = parts[0] if parts else torch.zeros(1 + sum(p.numel() for p in self._parameters))
        for part in parts[1:]:
            total = total + part
        if self._fabric.world_size > 1:
            reduced = self._fabric.all_reduce(total.to(self._fabric.device), reduce_op="sum")
            assert isinstance(reduced, Tensor)
            total = reduced
        return total[1:], float(total[0])

    def _slice(self, number: int, windows: slice, batch: Batch, counted: int) -> Tensor:
        """A slice's part of the loss and of its gradient, end to end: (1 + weights,) float32."""
        device = self._fabric.device
        codes, truth, real = (torch.from_numpy(a[windows]).to(device) for a in batch)
        with self._fabric.autocast():
            logits = self.network(codes, self._dropout(number))
        exclusive = self.network.architecture.exclusive
        loss = _summed_loss(logits.float()[real], truth[real], exclusive) / counted
        gradients = torch.autograd.grad(loss, self._parameters)
        return torch.cat([loss.detach().reshape(1), *(g.reshape(-1) for g in gradients)])

    def _dropout(self, number: int) -> Dropout | None:
        if not self._settings.dropout:
            return None
        key = [self._sampler.settings.seed, _DROPOUT_STREAM, self.step, number]
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
        generator = torch.Generator(self._fabric.device).manual_seed(seed)
        return Dropout(self._settings.dropout, generator)

    def _update(self, gradient: Tensor, loss: float) -> float:
        norm = float(torch.linalg.vector_norm(gradient))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"step {self.step + 1} of {self.steps}: the loss is {loss}, the gradient's norm "
                f"{norm}; train with a lower --lr than {self._settings.learning_rate}"
            )
        gradient = gradient * min(1.0, self._settings.clip_norm / max(norm, 1e-12))
        sizes = [parameter.numel() for parameter in self._parameters]
        for parameter, part in zip(self._parameters, torch.split(gradient, sizes), strict=True):
            parameter.grad = part.view_as(parameter)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step()
        self.step += 1
        # A weight that is not finite stays so: it is enough to look at the end.
        if self.step == self.steps and not all(p.isfinite().all() for p in self._parameters):
            raise TrainingError(
                f"step {self.step} of {self.steps}: a weight is not finite; train with a lower "
                f"--lr than {self._settings.learning_rate}"
            )
        return loss


def _summed_loss(logits: Tensor, truth: Tensor, exclusive: bool) -> Tensor:
    """Cross-entropy summed over bases: logits (n, O) or (n, 1 + O), truth (n, O) bool."""
    if exclusive:
        background = ~truth.any(dim=1, keepdim=True)
        target = torch.cat([background, truth], dim=1).int().argmax(dim=1)
        return functional.cross_entropy(logits, target, reduction="sum")
    loss = functional.binary_cross_entropy_with_logits(logits, truth.float(), reduction="sum")
    return loss / truth.shape[1]
