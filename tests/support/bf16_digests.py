"""Print per model a digest of its scores in bfloat16; a script for `test_bf16`."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.bf16.cells import BF16_CELLS


def main() -> None:
    rng = np.random.default_rng(5)
    codes = np.stack([random_codes(rng, 150) for _ in range(40)])
    codes[3, 100:] = codes[30, 20:] = PADDING
    for cell, layers, (kmer, spread) in itertools.product(BF16_CELLS, (1, 2), ((1, 0.3), (5, 0.1))):
        checkpoint = random_checkpoint(
            cell=cell, layers=layers, hidden=40, kmer=kmer, spread=spread
        )
        scores = FusedEngine.of_checkpoint(checkpoint, "bf16").score(codes)
        print(hashlib.sha256(scores[codes != PADDING].tobytes()).hexdigest())


if __name__ == "__main__":
    main()
