"""Fitting: steps of the optimizer. Results do not depend on the number of threads."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dnabirnn.engine import FusedNetwork, bases_that_fit, check_lstm, free_cache, set_precision
from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.network import Dropout
from dnabirnn.training.defaults import DEFAULT_DROPOUT, default_bases
from dnabirnn.training.device_batches import Resident
from dnabirnn.training.sampling import Sampler
from dnabirnn.training.schedule import Schedule
from dnabirnn.training.sequences.loss import pooled_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from dnabirnn.engine import Snapshot
    from dnabirnn.network import Network
    from dnabirnn.training.sequences.sampling import SequenceSampler

__all__ = ["SLICE_WINDOWS", "Fit", "FitSettings"]

logger = logging.getLogger(__name__)

# Windows per slice of a batch; each slice is computed by one thread. Slices have a fixed size, and
# their gradients are summed in a fixed order, so results do not depend on the number of threads. 32
# is the number of windows that the compiled kernels process side by side on CPUs with the widest
# vectors. On other CPUs they process a slice as several blocks.
SLICE_WINDOWS = 32
_DROPOUT_STREAM = 2
_NO_TARGET = -100  # bases that do not count in the loss
_MOMENTS = ("exp_avg", "exp_avg_sq")
# Far above useful values, but small enough that no product of them overflows a float32. A step of
# AdamW moves a weight by about the learning rate.
_MAX_LEARNING_RATE = 1
_MAX_WEIGHT_DECAY = 100
_MAX_CLIP_NORM = 1_000_000


@dataclass(frozen=True)
class FitSettings:
    """Settings of the fit.

    Attributes
    ----------
    bases : int or None
        Total number of bases of all training windows of a network. None: `default_bases`, at most;
        training ends before if validation no longer improves.
    learning_rate : float
        Highest learning rate, reached after three tenths of the steps; at most 1.
    weight_decay : float
        At most 100.
    clip_norm : float
        Maximum norm of the gradient, which is scaled down to it; at most 1,000,000.
    dropout : float
        Share of values set to 0; from 0 to less than 1.
    scale : int
        Factor of `default_bases`.
    """

    bases: int | None = None
    learning_rate: float = 8e-3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    dropout: float = DEFAULT_DROPOUT
    scale: int = 1

    def __post_init__(self) -> None:
        if self.bases is not None and self.bases < 1:
            raise OptionError(f"--bases {self.bases}: must be 1 or more")
        for option, value, highest in (
            ("--lr", self.learning_rate, _MAX_LEARNING_RATE),
            ("--clip", self.clip_norm, _MAX_CLIP_NORM),
        ):
            if not 0 < value <= highest:
                raise OptionError(f"{option} {value}: must be more than 0 and at most {highest}")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"--dropout {self.dropout}: must be 0 or more and less than 1")
        if not 0 <= self.weight_decay <= _MAX_WEIGHT_DECAY:
            raise OptionError(
                f"--weight-decay {self.weight_decay}: must be 0 or more and at most "
                f"{_MAX_WEIGHT_DECAY}"
            )

    @property
    def ends_early(self) -> bool:
        """Whether training ends once validation no longer improves."""
        return self.bases is None

    def bases_of(self, classes: int) -> int:
        """Return the number of bases for a network with this number of classes."""
        return self.scale * default_bases(classes) if self.bases is None else self.bases

    def to_json(self, classes: int) -> dict[str, Any]:
        """Return the settings for a network with this number of classes, as plain values."""
        plain = asdict(self) | {"bases": self.bases_of(classes), "ends_early": self.ends_early}
        del plain["scale"]
        return plain


_Array = Any  # NumPy arrays on CPUs, torch tensors on other devices
_LossOf = Callable[[_Array, _Array, _Array, float, "Dropout", _Array], Tensor]


class Fit:
    """A network, its optimizer and the number of steps done.

    The gradient of step k depends only on the weights, the seed and k: windows are drawn from
    (seed, k), dropout from (seed, k, slice), and gradients of slices are summed in order.

    Parameters
    ----------
    fabric : lightning_fabric.Fabric
        After `launch`. Holds device, precision and processes.
    network : Network
    sampler : Sampler or SequenceSampler
        Its windows give the loss: of bases, or of whole windows.
    settings : FitSettings
    threads : int
        Number of slices computed at once, on a CPU.
    fused : bool
        Use compiled kernels (CPUs only) instead of torch's autograd.
    precision : str
        One of `dnabirnn.engine.devices.PRECISIONS`; the one `fabric` was launched with.

    Attributes
    ----------
    step : int
        Number of steps done.
    schedule : Schedule
    step_bp : int
        Number of bases of the windows of one step.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        sampler: Sampler | SequenceSampler,
        settings: FitSettings,
        threads: int = 1,
        fused: bool = True,
        precision: str = "f32",
    ) -> None:
        check_lstm(network, precision, fabric.device)
        self.network = network.to(fabric.device)
        self.step = 0
        windows = sampler.settings.batch_windows
        self.window_bp = sampler.settings.window_bp
        self.step_bp = windows * self.window_bp
        bases = settings.bases_of(len(network.architecture.classes))
        self.schedule = Schedule(max(1, -(-bases // self.step_bp)), settings.learning_rate)
        self._fabric = fabric
        self._sampler = sampler
        self._settings = settings
        self._precision = precision
        self._on_cpu = fabric.device.type == "cpu"
        share = SLICE_WINDOWS if self._on_cpu else -(-windows // fabric.world_size)
        shares = [range(first, min(first + share, windows)) for first in range(0, windows, share)]
        self._shares = shares[fabric.global_rank :: fabric.world_size]
        at_once = bases_that_fit(fabric.device, network.architecture, training=True)
        self._slice_windows = max(min(share, at_once // self.window_bp), 1)
        self._helpers = min(threads, len(self._shares)) - 1 if self._on_cpu else 0
        self._drawn: tuple[int, Future[Any]] | None = None  # a step, and its batch
        self._pool = ThreadPoolExecutor(
            max(self._helpers, 1),
            thread_name_prefix="dnabirnn-fit",
            initializer=torch.set_num_threads,
            initargs=(1,),
        )
        self._parameters = list(self.network.parameters())
        # All weights are views of one vector, so that there is one gradient and one update.
        self._weights = torch.nn.Parameter(parameters_to_vector(self._parameters).detach())
        vector_to_parameters(self._weights.data, self._parameters)
        self._fused = FusedNetwork(self.network) if fused else None
        self._are_whole = sampler.encoded.whole_sequences
        self._windows: Any = sampler
        if not self._on_cpu and isinstance(sampler, Sampler):
            self._windows = Resident(sampler, fabric.device)
        self._optimizer = torch.optim.AdamW(
            [self._weights],
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def advance(self) -> float:
        """Do one step and return its loss.

        Raises
        ------
        TrainingError
            The loss or the gradient is not finite, or a weight is not after the last step.
        """
        set_precision(self._precision, self._fabric.device)
        # With several threads, the order of torch's sums would depend on the number of cores.
        with _one_thread() if self._on_cpu else nullcontext():
            return self._update(*self._gradient())

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self.schedule.steps

    @property
    def trained_bases(self) -> int:
        """Number of bases of the windows of all steps done."""
        return self.step * self.step_bp

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step; after the last step, that of the last one."""
        return self.schedule.rate(min(self.step, self.steps - 1))

    def shorten(self) -> None:
        """Let the learning rate fall from now on, and end soon."""
        self.schedule.falls_from = self.step

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the weights and moments as flat arrays, for `restore`."""
        state = self._optimizer.state[self._weights]
        tensors = {"weights": self._weights.data, **{name: state[name] for name in _MOMENTS}}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the arrays of a state."""
        return dict.fromkeys(("weights", *_MOMENTS), tuple(self._weights.shape))

    def restore(
        self,
        arrays: Mapping[str, NDArray[np.float32]],
        step: int,
        falls_from: int | None = None,
    ) -> None:
        """Continue from the state after `step` steps; see `Schedule` for `falls_from`."""
        self.schedule.falls_from = falls_from
        self._weights.data.copy_(torch.from_numpy(arrays["weights"]))
        state = self._optimizer.state[self._weights]
        state["step"] = torch.tensor(float(step))
        for name in _MOMENTS:
            state[name] = torch.tensor(arrays[name], device=self._weights.device)
        self.step = step

    def _halve_slices(self) -> None:
        before = self._slice_windows
        self._slice_windows = -(-before // 2)
        logger.warning(
            "%s: out of memory with %d windows at a time; continuing with %d, and results differ "
            "only by rounding",
            self._fabric.device,
            before,
            self._slice_windows,
        )
        free_cache(self._fabric.device)

    def _slices(self) -> list[slice]:
        """Return the slices of the batch that this process computes, one at a time per thread."""
        size = self._slice_windows
        return [
            slice(first, min(first + size, share.stop))
            for share in self._shares
            for first in share[::size]
        ]

    def _gradient(self) -> tuple[Tensor, float]:
        """Return the gradient of the loss of this step, flat as the weights, and the loss."""
        total = None
        while total is None:
            try:
                total = self._own_gradient()
            except torch.OutOfMemoryError:
                if self._slice_windows == 1:
                    raise
                self._halve_slices()
        if self._fabric.world_size > 1:
            reduced = self._fabric.all_reduce(total, reduce_op="sum")
            assert isinstance(reduced, Tensor)
            total = reduced
        return total[1:], float(total[0])

    def _own_gradient(self) -> Tensor:
        """Return loss and flat gradient of the windows of this process: (1 + weights,) float32."""
        loss_of: _LossOf = self._loss
        by, snapshot = self._parameters, None
        if self._fused:
            snapshot, by = self._fused.snapshot(self._weights), [self._weights]
            loss_of = snapshot.loss
        batch = self._batch()  # after the weights are packed, since a helper may still draw it
        counted = len(batch.truth) if self._are_whole else max(int(batch.counted.sum()), 1)
        if self._are_whole:
            loss_of = partial(self._pooled, snapshot)
        key = [self._sampler.settings.seed, _DROPOUT_STREAM, self.step]
        seeds = np.random.SeedSequence(key).generate_state(len(batch.truth), np.uint64)
        slices = self._slices()
        parts: list[Tensor] = [torch.empty(0)] * len(slices)
        left = iter(enumerate(slices))

        def work() -> None:
            for number, windows in left:
                dropout = Dropout(self._settings.dropout, int(seeds[windows.start] >> 1))
                codes, truth, real, further = batch.part(windows)
                loss = loss_of(codes, truth, real, 1 / counted, dropout, further)
                found = [loss.detach(), *torch.autograd.grad(loss, by)]
                parts[number] = torch.cat([tensor.reshape(-1) for tensor in found])

        helpers = [self._pool.submit(work) for _ in range(self._helpers)]
        work()
        for helper in helpers:
            helper.result()
        if helpers and self.step + 1 < self.steps:
            # Helpers have nothing to do until the weights are updated.
            following = self.step + 1
            self._drawn = following, self._pool.submit(self._windows.batch, following)
        total = torch.zeros(1 + self._weights.numel(), device=self._fabric.device)
        for part in parts:
            total = total + part
        return total

    def _batch(self) -> Any:
        """Return the windows of this step, which a helper may have drawn."""
        drawn, self._drawn = self._drawn, None
        if drawn is not None and drawn[0] == self.step:
            return drawn[1].result()
        return self._windows.batch(self.step)

    def _loss(
        self,
        codes: _Array,
        truth: _Array,
        counted: _Array,
        factor: float,
        dropout: Dropout,
        flanked: _Array,
    ) -> Tensor:
        """Return the summed loss of windows, computed by torch; as `Snapshot.loss`."""
        device = self._fabric.device
        with self._fabric.autocast():
            read, wide = (torch.as_tensor(array, device=device) for array in (codes, flanked))
            logits = self.network(read, dropout, wide).float()
        right, real = (torch.as_tensor(array, device=device) for array in (truth, counted))
        return factor * _summed_loss(logits, right, real, self.network.architecture.exclusive)

    def _pooled(
        self,
        snapshot: Snapshot | None,
        codes: _Array,
        truth: _Array,
        counted: _Array,
        factor: float,
        dropout: Dropout,
        pieces: int,
    ) -> Tensor:
        """Return the summed loss of whole windows, by kernels if there is a snapshot."""
        device, classes = self._fabric.device, self.network.architecture.classes
        right, real = (torch.as_tensor(array, device=device) for array in (truth, counted))

        def loss(log_odds: Tensor, rows: slice) -> Tensor:
            windows = slice(rows.start // pieces, rows.stop // pieces)
            return factor * pooled_loss(log_odds, right[windows], real[rows], classes, pieces)

        if snapshot is not None:
            return snapshot.loss_by(codes, loss, dropout)
        with self._fabric.autocast():
            logits = self.network(torch.as_tensor(codes, device=device), dropout).float()
        return loss(logits, slice(0, len(codes)))

    def _update(self, gradient: Tensor, loss: float) -> float:
        norm = float(torch.linalg.vector_norm(gradient))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"step {self.step + 1} of {self.steps}: the loss is {loss} and the norm of the "
                f"gradient is {norm}; train with a lower --lr than {self._settings.learning_rate}"
            )
        gradient = gradient * min(1.0, self._settings.clip_norm / max(norm, 1e-12))
        self._weights.grad = gradient
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step()
        self.step += 1
        # A weight that is not finite stays so, so one check at the end is enough.
        if self.step == self.steps and not self._weights.isfinite().all():
            raise TrainingError(
                f"step {self.step} of {self.steps}: a weight is not finite; train with a lower "
                f"--lr than {self._settings.learning_rate}"
            )
        return loss


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _summed_loss(logits: Tensor, truth: Tensor, real: Tensor, exclusive: bool) -> Tensor:
    """Return the cross-entropy summed over the bases that count.

    Parameters
    ----------
    logits : Tensor, (B, L, O) or (B, L, 1 + O) float32
    truth : Tensor, (B, L, O) bool or float32
        Or the probability of each output; the rest is that of an exclusive network's background.
    real : Tensor, (B, L) bool
        Bases that count.
    exclusive : bool
    """
    if exclusive and truth.is_floating_point():
        background = (1 - truth.sum(dim=2, keepdim=True)).clamp(min=0)
        shares = torch.cat([background, truth], dim=2)
        return -(shares * functional.log_softmax(logits, dim=2))[real].sum()
    if exclusive:
        background = ~truth.any(dim=2, keepdim=True)
        target = torch.cat([background, truth], dim=2).int().argmax(dim=2)
        target = target.masked_fill(~real, _NO_TARGET).flatten()
        return functional.cross_entropy(
            logits.flatten(0, 1), target, reduction="sum", ignore_index=_NO_TARGET
        )
    loss = functional.binary_cross_entropy_with_logits(
        logits, truth.float(), weight=real.unsqueeze(2).float(), reduction="sum"
    )
    return loss / truth.shape[2]
