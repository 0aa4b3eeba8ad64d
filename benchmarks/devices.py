"""Speed of scoring and training on a GPU, compared with the rate of its matrix product."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from benchmarks.material import model_of
from benchmarks.measure import seconds_of
from benchmarks.speed import flops_per_base
from benchmarks.training import encoded_set
from dnabirnn.engine import PRECISIONS
from dnabirnn.network import DEFAULT_KMER, Architecture, Cell, Network
from dnabirnn.scoring import Model
from dnabirnn.training import Fit, FitSettings, Hardware, Sampler, SamplingSettings, launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnabirnn.encoded import EncodedSet

__all__ = ["devices"]

_SCORED_BP, _WINDOW_BP = 50_000_000, 200
_STEPS = 10


class _Contig(NamedTuple):
    name: str
    codes: Any


def devices() -> Iterator[dict[str, Any]]:
    """Yield one row per engine, hidden size, precision and case; one per engine without a GPU.

    Scoring is that of a contig in memory: to probabilities on the host, and to the runs that are
    written to a track. `share_of_floor` compares the speed with that of the recurrence's matrix
    products alone, at the rate of the device's product of large square matrices of the same
    precision. Training counts three times the products of scoring: the backward pass has twice
    those of the forward pass.
    """
    if not torch.cuda.is_available():
        for engine, case in (("torch", "scoring and training"), ("triton", "scoring")):
            told = {"device": "no GPU here", "engine": engine, "case": case}
            yield told | {"mbs": "not measured"}
        return
    name = torch.cuda.get_device_name()
    codes = np.random.default_rng(0).integers(0, 4, _SCORED_BP, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        encoded = encoded_set(Path(folder))
        for hidden in (32, 64, 128):
            for precision in PRECISIONS:
                flops = flops_per_base(Cell.GRU, hidden, 1)
                floor = _flops(precision) / flops / 1e6
                shown = {"device": name, "hidden": hidden, "precision": precision}
                for engine in ("torch", "triton"):
                    if (engine, precision) == ("triton", "bf16"):
                        continue  # it has none
                    for case, mbs in _scoring(hidden, engine, precision, codes):
                        row = shown | {"engine": engine, "case": case, "mbs": mbs}
                        yield row | {"share_of_floor": mbs / floor}
                for windows in (64, 1024, 8192):
                    mbs = _training(encoded, hidden, precision, windows)
                    case = f"training, {windows} windows per step"
                    row = shown | {"engine": "torch", "case": case, "mbs": mbs}
                    yield row | {"share_of_floor": 3 * mbs / floor}


def _scoring(hidden: int, engine: str, precision: str, codes: Any) -> Iterator[tuple[str, float]]:
    """Yield cases of scoring a contig in memory, with their speed in Mb/s."""
    checkpoint = model_of(hidden=hidden, kmer=DEFAULT_KMER)
    model = Model(checkpoint, device="cuda", engine=engine, precision=precision)
    contig = _Contig("c", codes)

    def probabilities() -> None:
        for _ in model.blocks([contig]):
            pass

    def runs() -> None:
        for _ in model.runs([contig], min_score=100):
            pass

    for case, function in (("scoring", probabilities), ("scoring to runs", runs)):
        yield case, _SCORED_BP / seconds_of([function], 3)[0] / 1e6


def _training(encoded: EncodedSet, hidden: int, precision: str, windows: int) -> float:
    """Return the speed of training steps, in Mb/s of the bases in their windows."""
    fabric = launch(Hardware("cuda", precision=precision))
    network = Network(Architecture(encoded.classes, Cell.GRU, hidden))
    sampler = Sampler(encoded, SamplingSettings(_WINDOW_BP, windows))
    fit = Fit(fabric, network, sampler, FitSettings(), fused=False, precision=precision)

    def steps() -> None:
        for _ in range(_STEPS):
            fit.advance()

    seconds = seconds_of([steps], 3)[0]
    fit.close()
    return _STEPS * fit.step_bp / seconds / 1e6


def _flops(precision: str) -> float:
    """Return the rate of a product of 4096 x 4096 matrices on the device, in FLOP/s."""
    launch(Hardware("cuda", precision=precision))
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(4096, 4096, device="cuda", dtype=kind) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)
        torch.cuda.synchronize()

    return 2 * 4096**3 / seconds_of([product], 20)[0]
