"""Print, as JSON, how the Triton engine differs from torch; a script for `test_triton_engine`.

The environment variable TRITON_INTERPRET=1 must be set.
"""

from __future__ import annotations

import json

import numpy as np
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.engine.choose import make_engine
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint

A, B, C = MotifClass("A", True), MotifClass("B", False), MotifClass("C", True)


def models() -> dict[str, Checkpoint]:
    """Models of each kind, by name."""
    found = {}
    shapes = [
        {"kmer": 5, "hidden": 32},
        {"kmer": 1, "hidden": 5, "tied": False},
        {"kmer": 3, "hidden": 17, "layers": 2, "exclusive": True},
        {"kmer": 1, "hidden": 8, "layers": 2, "tied": False},
    ]
    for cell in (Cell.RNN, Cell.GRU, Cell.LSTM):
        for shape in shapes:
            found[f"{cell} {shape}"] = random_checkpoint((A, B), cell=cell, spread=0.2, **shape)  # type: ignore[arg-type]
    found["no class with strands"] = random_checkpoint((B,), spread=0.2)
    found["64 units"] = random_checkpoint((A,), hidden=64, spread=0.1)
    found["many classes"] = random_checkpoint(
        tuple(MotifClass(f"M{n}", bool(n % 2)) for n in range(11)), spread=0.2
    )
    for exclusive in (False, True):
        shape = {"exclusive": exclusive, "spread": 0.2, "kmer": 3}
        matrices = (MatrixShape(7, 1), None)
        found[f"matrix, exclusive {exclusive}"] = random_checkpoint(
            (A, B), matrices=matrices, **shape
        )  # type: ignore[arg-type]
        alone = [random_checkpoint((A, B), seed=s, hidden=5 + 20 * s, **shape) for s in (0, 1)]  # type: ignore[arg-type]
        found[f"two networks, exclusive {exclusive}"] = combined(alone)
    apart = [random_checkpoint((one,), seed=s, spread=0.2) for s, one in enumerate((A, B, C))]
    found["networks with a class each"] = combined(apart, (A, B, C))
    return found


def batch(rng: np.random.Generator, windows: int) -> np.ndarray:
    """Windows of all lengths up to 14, and two of padding alone at the end."""
    codes = np.full((windows + 2, 14), PADDING, np.uint8)
    for row, size in zip(codes, (14, 1, 2, *rng.integers(1, 14, windows - 3)), strict=False):
        row[:size] = random_codes(rng, int(size), ambiguous=0.1)
    return codes


def main() -> None:
    rng = np.random.default_rng(0)
    for number, (name, checkpoint) in enumerate(models().items()):
        codes = batch(rng, 20 if number else 70)  # a program of the kernel has 64
        ours = make_engine(checkpoint, "triton", "cpu")
        theirs = make_engine(checkpoint, "torch", "cpu")
        scores, expected = ours.score(codes), theirs.score(codes)
        known = codes < AMBIGUOUS
        told = {
            "name": name,
            "device": ours.device,
            "difference": float(np.abs(scores - expected)[codes != PADDING].max()),
            "spread": float(expected[known].std(axis=0).min()),
            "unknown": float(np.abs(scores[codes == AMBIGUOUS]).max()),
            "shape": scores.shape == expected.shape,
        }
        if number == 0:
            difference = np.abs(ours.log_odds(codes) - theirs.log_odds(codes))[known]
            told["log_odds"] = float(difference.max())
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
