"""Print the width of a vector, and per model a digest of its scores; a script for `test_forms`."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
from random_models import CELLS, random_checkpoint, random_codes

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.vectors import VECTOR
from dnabirnn.network.architecture import MatrixShape


def main() -> None:
    rng = np.random.default_rng(5)
    codes = np.stack([random_codes(rng, 150) for _ in range(40)])
    codes[3, 100:] = codes[30, 20:] = PADDING
    print(VECTOR)
    shapes = itertools.product(CELLS, (1, 2), (False, True), (5, 32), (0.2, 3.0, 30.0))
    with_kmers = itertools.product(CELLS, (1, 2), (False,), (5, 32), (0.2, 3.0))
    cases = [(1, *shape) for shape in shapes] + [(5, *shape) for shape in with_kmers]
    # Weights of 30 drive all gates to their limits.
    for kmer, cell, layers, exclusive, hidden, spread in cases:
        checkpoint = random_checkpoint(
            cell=cell, layers=layers, exclusive=exclusive, hidden=hidden, spread=spread, kmer=kmer
        )
        scores = FusedEngine.of_checkpoint(checkpoint).score(codes)
        digest = hashlib.sha256(scores[codes != PADDING].tobytes()).hexdigest()
        print(kmer, cell.value, layers, exclusive, hidden, spread, digest)
    # Sites of a matrix do not reach into padding.
    for shapes in ((MatrixShape(7, 1), None), (None, MatrixShape(12, 0))):
        scores = FusedEngine.of_checkpoint(random_checkpoint(matrices=shapes)).score(codes)
        print(shapes, hashlib.sha256(scores[codes != PADDING].tobytes()).hexdigest())


if __name__ == "__main__":
    main()
