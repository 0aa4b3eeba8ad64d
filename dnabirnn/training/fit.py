"""Fitting: steps of the optimiser, the same for any number of threads."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dnabirnn.engine import FusedNetwork, bases_that_fit, free_cache, set_precision
from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.network import Dropout
from dnabirnn.training.device_batches import Resident

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from dnabirnn.network import Network
    from dnabirnn.training.sampling import Sampler

__all__ = ["SLICE_WINDOWS", "Fit", "FitSettings", "learning_rate"]

logger = logging.getLogger(__name__)

# A slice of a batch is one thread's work. Slices are of one size and summed in one order, so
# that the number of threads changes nothing. Kernels work on so many windows side by side where
# vectors are the widest, else on several blocks of them.
SLICE_WINDOWS = 32
_DROPOUT_STREAM = 2
_LEFT_OUT = -100  # a target that is none
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


_Array = Any  # of numpy on CPUs, of torch on other devices
_LossOf = Callable[[_Array, _Array, _Array, float, "Dropout"], Tensor]


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
    fused : bool
        By compiled kernels, which are for CPUs; else by torch's autograd.
    precision : str
        One of `dnabirnn.engine.devices.PRECISIONS`, with which `fabric` was launched.

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
        fused: bool = True,
        precision: str = "f32",
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
        self._precision = precision
        self._on_cpu = fabric.device.type == "cpu"
        share = SLICE_WINDOWS if self._on_cpu else -(-windows // fabric.world_size)
        shares = [range(first, min(first + share, windows)) for first in range(0, windows, share)]
        self._shares = shares[fabric.global_rank :: fabric.world_size]
        bases = bases_that_fit(fabric.device, network.architecture, training=True)
        self._slice_windows = max(min(share, bases // self.window_bp), 1)
        self._helpers = min(threads, len(self._shares)) - 1 if self._on_cpu else 0
        self._pool = ThreadPoolExecutor(
            max(self._helpers, 1),
            thread_name_prefix="dnabirnn-fit",
            initializer=torch.set_num_threads,
            initargs=(1,),
        )
        self._parameters = list(self.network.parameters())
        # One vector, of which the network's weights are views: one gradient, one update.
        self._weights = torch.nn.Parameter(parameters_to_vector(self._parameters).detach())
        vector_to_parameters(self._weights.data, self._parameters)
        self._fused = FusedNetwork(self.network) if fused else None
        self._windows = sampler if self._on_cpu else Resident(sampler, fabric.device)
        self._optimizer = torch.optim.AdamW(
            [self._weights],
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def advance(self) -> float:
        """Do one step; its loss.

        Raises
        ------
        TrainingError
            A loss or gradient that is not finite, or a weight after the last step.
        """
        set_precision(self._precision, self._fabric.device)
        # The order of torch's sums must not depend on the machine's cores.
        with _one_thread() if self._on_cpu else nullcontext():
            return self._update(*self._gradient())

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step, or of the last one at the end."""
        step = min(self.step, self.steps - 1)
        return learning_rate(step, self.steps, self._settings.learning_rate)

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Weights and moments, end to end, by names that `restore` knows."""
        state = self._optimizer.state[self._weights]
        tensors = {"weights": self._weights.data, **{name: state[name] for name in _MOMENTS}}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays of a state."""
        return dict.fromkeys(("weights", *_MOMENTS), tuple(self._weights.shape))

    def restore(self, arrays: Mapping[str, NDArray[np.float32]], step: int) -> None:
        """Go on from a state after `step` steps."""
        self._weights.data.copy_(torch.from_numpy(arrays["weights"]))
        state = self._optimizer.state[self._weights]
        state["step"] = torch.tensor(float(step))
        for name in _MOMENTS:
            state[name] = torch.tensor(arrays[name], device=self._weights.device)
        self.step = step

    def _work_on_fewer_windows(self) -> None:
        before = self._slice_windows
        self._slice_windows = -(-before // 2)
        logger.warning(
            "%s: out of memory with %d windows at a time; going on with %d, which changes no more "
            "than rounding",
            self._fabric.device,
            before,
            self._slice_windows,
        )
        free_cache(self._fabric.device)

    def _slices(self) -> list[slice]:
        """Windows of the batch that are worked on at a time."""
        size = self._slice_windows
        return [
            slice(first, min(first + size, share.stop))
            for share in self._shares
            for first in share[::size]
        ]

    def _gradient(self) -> tuple[Tensor, float]:
        """Gradient of the step's loss, end to end as the weights are, and the loss."""
        total = None
        while total is None:
            try:
                total = self._own_gradient()
            except torch.OutOfMemoryError:
                if self._slice_windows == 1:
                    raise
                self._work_on_fewer_windows()
        if self._fabric.world_size > 1:
            reduced = self._fabric.all_reduce(total, reduce_op="sum")
            assert isinstance(reduced, Tensor)
            total = reduced
        return total[1:], float(total[0])

    def _own_gradient(self) -> Tensor:
        """Loss and gradient of this process's windows, end to end: (1 + weights,) float32."""
        batch = self._windows.batch(self.step)
        counted = max(int(batch.counted.sum()), 1)
        loss_of: _LossOf = self._loss
        by = self._parameters
        if self._fused:
            loss_of, by = self._fused.snapshot(self._weights).loss, [self._weights]
        key = [self._sampler.settings.seed, _DROPOUT_STREAM, self.step]
        seeds = np.random.SeedSequence(key).generate_state(len(batch.codes), np.uint64)
        slices = self._slices()
        parts: list[Tensor] = [torch.empty(0)] * len(slices)
        left = iter(enumerate(slices))

        def work() -> None:
            for number, windows in left:
                dropout = Dropout(self._settings.dropout, int(seeds[windows.start] >> 1))
                codes, truth, real = batch.part(windows)
                loss = loss_of(codes, truth, real, 1 / counted, dropout)
                found = [loss.detach(), *torch.autograd.grad(loss, by)]
                parts[number] = torch.cat([tensor.reshape(-1) for tensor in found])

        helpers = [self._pool.submit(work) for _ in range(self._helpers)]
        work()
        for helper in helpers:
            helper.result()
        total = torch.zeros(1 + self._weights.numel(), device=self._fabric.device)
        for part in parts:
            total = total + part
        return total

    def _loss(
        self, codes: _Array, truth: _Array, counted: _Array, factor: float, dropout: Dropout
    ) -> Tensor:
        """Summed loss of windows by torch, as `Snapshot.loss`."""
        device = self._fabric.device
        with self._fabric.autocast():
            logits = self.network(torch.as_tensor(codes, device=device), dropout).float()
        right, real = (torch.as_tensor(array, device=device) for array in (truth, counted))
        return factor * _summed_loss(logits, right, real, self.network.architecture.exclusive)

    def _update(self, gradient: Tensor, loss: float) -> float:
        norm = float(torch.linalg.vector_norm(gradient))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"step {self.step + 1} of {self.steps}: the loss is {loss}, the gradient's norm "
                f"{norm}; train with a lower --lr than {self._settings.learning_rate}"
            )
        gradient = gradient * min(1.0, self._settings.clip_norm / max(norm, 1e-12))
        self._weights.grad = gradient
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step()
        self.step += 1
        # A weight that is not finite stays so: it is enough to look at the end.
        if self.step == self.steps and not self._weights.isfinite().all():
            raise TrainingError(
                f"step {self.step} of {self.steps}: a weight is not finite; train with a lower "
                f"--lr than {self._settings.learning_rate}"
            )
        return loss


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in this thread alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _summed_loss(logits: Tensor, truth: Tensor, real: Tensor, exclusive: bool) -> Tensor:
    """Cross-entropy summed over the bases that count.

    Parameters
    ----------
    logits : Tensor, (B, L, O) or (B, L, 1 + O) float32
    truth : Tensor, (B, L, O) bool
    real : Tensor, (B, L) bool
        Bases that count.
    exclusive : bool
    """
    if exclusive:
        background = ~truth.any(dim=2, keepdim=True)
        target = torch.cat([background, truth], dim=2).int().argmax(dim=2)
        target = target.masked_fill(~real, _LEFT_OUT).flatten()
        return functional.cross_entropy(
            logits.flatten(0, 1), target, reduction="sum", ignore_index=_LEFT_OUT
        )
    loss = functional.binary_cross_entropy_with_logits(
        logits, truth.float(), weight=real.unsqueeze(2).float(), reduction="sum"
    )
    return loss / truth.shape[2]
