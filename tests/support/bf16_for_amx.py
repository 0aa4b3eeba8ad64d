"""Compile the kernels for AMX, and print which of its instructions they have.

A script for `test_bf16`. It runs nothing, so that it needs no such processor.
"""

from __future__ import annotations

import json

import numpy as np
from random_models import random_checkpoint

from dnabirnn.compiled.arguments import kinds_of
from dnabirnn.compiled.compile import compile_kernel
from dnabirnn.engine.fused_engine import FusedEngine, _Buffers
from dnabirnn.engine.kernels.bf16.cells import BF16_CELLS
from dnabirnn.engine.kernels.vectors import AMX, LANES

LENGTH = 10
# Bytes of instructions. That of a load depends on the registers of its address.
CODES = {
    "ldtilecfg": ["c4e27849"],
    "tileloadd": ["c4e27b4b", "c4827b4b", "c4a27b4b", "c4c27b4b"],
    "tdpbf16ps": ["c4e2625cc2", "c4e25a5cca"],
    "tilestored": ["c4e27a4b", "c4827a4b", "c4a27a4b", "c4c27a4b"],
}


def main() -> None:
    assert AMX
    for cell, kernels in BF16_CELLS.items():
        engine = FusedEngine.of_checkpoint(random_checkpoint(cell=cell, layers=2), "bf16")
        (network,) = engine.networks
        buffers = _Buffers(network, LENGTH)
        arguments = (
            np.zeros(LENGTH * LANES, np.uint8),
            buffers.places,
            LENGTH,
            False,
            True,
            *network.layers[0].forward,
            network.hidden,
            buffers.features[1],
            buffers.features[0],
            network.head.forward,
            network.head.rows,
            buffers.answers,
            buffers.memory,
            None,
        )
        code, complete = compile_kernel(kernels.run._function, kinds_of(arguments), arguments)
        found = {
            name: sum(code.data.count(bytes.fromhex(one)) for one in bits)
            for name, bits in CODES.items()
        }
        # Both halves of the lanes are multiplied equally often.
        first, second = (code.data.count(bytes.fromhex(one)) for one in CODES["tdpbf16ps"])
        found["tdpbf16ps"] *= first == second
        print(json.dumps({"cell": cell.value, "complete": complete, **found}))


if __name__ == "__main__":
    main()
