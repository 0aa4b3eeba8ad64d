"""Speed of training steps: compiled kernels, and a bare loop of torch's autograd."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from benchmarks.bare_torch import CELLS
from benchmarks.material import write_genome
from benchmarks.measure import seconds_of
from dnabirnn.encoded import encode_genome
from dnabirnn.labels import load_labels
from dnabirnn.network import Architecture, Cell, Network
from dnabirnn.training import Fit, FitSettings, Sampler, SamplingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnabirnn.encoded import EncodedSet

__all__ = ["encoded_set", "train"]

_WINDOW_BP, _WINDOWS = 200, 64
_BATCHES = (32, 64, 128, 256)
_STEPS, _REPEATS = 4, 6


class _Bare:
    """Training steps of torch on a fixed batch: one-hot, layers, head, loss, gradient, AdamW."""

    def __init__(self, cell: str, hidden: int, layers: int, windows: int) -> None:
        torch.manual_seed(0)
        self._layers = CELLS[cell](4, hidden, layers, batch_first=True, bidirectional=True)
        self._head = nn.Linear(2 * hidden, 2)
        self._parameters = [*self._layers.parameters(), *self._head.parameters()]
        self._optimizer = torch.optim.AdamW(self._parameters)
        self._codes = torch.randint(0, 4, (windows, _WINDOW_BP))
        self._truth = torch.rand(windows, _WINDOW_BP, 2).round()
        self._one_hot = torch.eye(4)
        self.step_bp = windows * _WINDOW_BP

    def advance(self) -> None:
        features = self._layers(self._one_hot[self._codes])[0]
        features = nn.functional.dropout(features, 0.1)
        loss = nn.functional.binary_cross_entropy_with_logits(self._head(features), self._truth)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()


def train(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one row per cell, shape and number of threads: Mb/s, ratios, and shares of time."""
    shapes = ((32, 1),) if quick else ((16, 1), (32, 1), (32, 2), (64, 1), (128, 1))
    with tempfile.TemporaryDirectory() as folder:
        encoded = encoded_set(Path(folder))
        for cell in (Cell.GRU, Cell.LSTM, Cell.RNN):
            for hidden, layers in shapes:
                yield from _rows(encoded, cell, hidden, layers)


def _rows(encoded: EncodedSet, cell: Cell, hidden: int, layers: int) -> Iterator[dict[str, Any]]:
    fits = {threads: _fit(encoded, cell, hidden, layers, threads) for threads in (1, 2)}
    for threads, fit in fits.items():
        torch.set_num_threads(threads)
        loops = [_Bare(cell.value, hidden, layers, windows) for windows in _BATCHES]
        times = seconds_of([loop.advance for loop in loops], 2)
        bare = min(zip(loops, times, strict=True), key=lambda found: found[1] / found[0].step_bp)[0]
        steps = [partial(_repeat, each.advance) for each in (fit, fits[1], bare)]
        fused_s, one_s, bare_s = (s / _STEPS for s in seconds_of(steps, _REPEATS))
        torch.set_num_threads(1)
        fused, torch_mbs = fit.step_bp / fused_s / 1e6, bare.step_bp / bare_s / 1e6
        yield {
            "cell": cell.value,
            "hidden": hidden,
            "layers": layers,
            "threads": threads,
            "fused_mbs": fused,
            "torch_mbs": torch_mbs,
            "torch_windows": bare.step_bp // _WINDOW_BP,
            "ratio": fused / torch_mbs,
            "of_one_thread": one_s / fused_s,
            **(_shares(fit, fused_s) if threads == 1 else {}),
        }
    for fit in fits.values():
        fit.close()


def _repeat(step: Any) -> None:
    for _ in range(_STEPS):
        step()


def _shares(fit: Fit, step_s: float) -> dict[str, float]:
    """Return the shares of a step's time for drawing windows, and for the optimiser."""
    gradient, loss = fit._gradient()
    sampling_s, optimiser_s = seconds_of(
        [lambda: fit._sampler.batch(fit.step), lambda: fit._update(gradient, loss)], 20
    )
    return {"sampling": sampling_s / step_s, "optimiser": optimiser_s / step_s}


def _fit(encoded: EncodedSet, cell: Cell, hidden: int, layers: int, threads: int) -> Fit:
    torch.manual_seed(0)
    network = Network(Architecture(encoded.classes, cell, hidden, layers))
    sampler = Sampler(encoded, SamplingSettings(_WINDOW_BP, _WINDOWS))
    fabric = Fabric(accelerator="cpu", devices=1)
    return Fit(fabric, network, sampler, FitSettings(), threads)


def encoded_set(folder: Path) -> EncodedSet:
    """Encode a random genome of 1 Mb with one stranded site of 40 bp per kilobase."""
    fasta = write_genome(folder / "genome.fa", [1_000_000])
    strands = np.random.default_rng(0).choice(["+", "-"], 1000)
    rows = (f"c0\t{k}400\t{k}440\tM\t0\t{strand}\n" for k, strand in enumerate(strands))
    (folder / "sites.bed").write_text("".join(rows))
    return encode_genome([fasta], load_labels([folder / "sites.bed"]), folder / "set")
