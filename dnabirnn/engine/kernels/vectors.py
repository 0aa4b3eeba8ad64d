"""SIMD vectors, which all kernels compute with, and how their data are laid out.

Why vectors. From plain loops, the compiler neither keeps a tile of a matrix product in registers
nor looks up table entries with one instruction. From explicit vectors, it does both. A `Vector`
holds as many float32 numbers as the widest registers of the processor: 16, 8 or 4. One operation on
vectors in a kernel is about one instruction. With arrays of float64, the same kernels compute in
float64, with two registers per vector; tests use this to check gradients.

Lanes. A recurrent network cannot compute the bases of one window in parallel, since each state
needs the state before it. Windows are independent, so a kernel runs `LANES` windows side by side,
one window per lane. No operation mixes lanes, so a window gets the same scores in any block.

Layout. The lane is the last axis of every array, so that one load fetches the same quantity for
neighbouring windows. `LANES` is two vectors, named a and b in the kernels: each weight that is
loaded is then used twice. For 32 lanes, the states of one base look like this::

              window  0 ........ 15   16 ....... 31
    unit 0           [  vector a   ] [  vector b   ]
    unit 1           [  vector a   ] [  vector b   ]
    ...
    unit H - 1       [  vector a   ] [  vector b   ]

Kernels get flat arrays, and count positions in numbers from the start::

    codes      (L, LANES)          base t, window w             t * LANES + w
    states     (H, LANES)          unit i, window w             i * LANES + w
    features   (L, 2, H, LANES)    base t, direction d, ...     ((t * 2 + d) * H + i) * LANES + w

Wide vectors. The gates of a unit are a long chain of operations, each of which needs the one
before. A processor could compute several units at a time, but in code written unit by unit it finds
too few independent operations. So `join` joins the vectors of several units to one wide vector, and
an operation on it becomes one instruction per register, one after the other::

    x * x      of four vectors       mul x0    mul x1    mul x2    mul x3

The results are the same as with single vectors.

Tables. The input of a first layer is one-hot, so the product of the input weights with a base is
one column of the weights. No product is computed. Instead, each row has a table of its weights for
all codes, with the bias added, and `take` looks up the entry of each lane's code. A table has 16
entries, of which 6 are used. In float32 it fits one register of AVX-512, and the 6 entries fit one
register of AVX2, so that a look-up is one permute instruction::

    table of a row   [ A  C  G  T  N  padding  -  -  ... ]     e.g. A = bias + weight of A,
    codes of lanes   [ 2  0  0  3  ... ]                            N = padding = bias
    take             [ G  A  A  T  ... ]

The operations on vectors are in `intrinsics.simd`. Their types are in `intrinsics/__init__.pyi`,
since a type checker cannot read the intrinsics of Numba.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy as np

from dnabirnn.compiled import address_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = [
    "AMX",
    "AVX512",
    "AVX512_BF16",
    "LANES",
    "LETTER_COLUMNS",
    "OUTER_COLUMNS",
    "OUTER_ROWS",
    "TABLE_ENTRIES",
    "TILE_PAIRS",
    "TILE_ROWS",
    "VECTOR",
    "aligned",
]


def _has(feature: str) -> bool:
    """Return whether Numba compiles for a processor with a feature."""
    chosen = os.environ.get("NUMBA_CPU_FEATURES")
    if chosen is not None:
        return f"+{feature}" in chosen.split(",")
    return bool(llvm.get_host_cpu_features().get(feature))


# All processors with AVX-512 but Xeon Phi have AVX512DQ, which `fraction` needs.
AVX512, _AVX2 = _has("avx512f") and _has("avx512dq"), _has("avx2")
# Instructions for products of bfloat16, see `intrinsics.bf16_tiles`.
AMX = AVX512 and _has("amx-tile") and _has("amx-bf16")
AVX512_BF16 = AVX512 and _has("avx512bf16")
VECTOR = 16 if AVX512 else 8 if _AVX2 else 4
"""Numbers per vector."""
LANES = 2 * VECTOR
"""Windows that a kernel computes side by side: two vectors."""
TABLE_ENTRIES = 16
"""Entries per table for `take`: one register of AVX-512. The first 6, one per code, are used."""
OUTER_ROWS = 4
"""Rows per tile of `outer`, see `intrinsics.tiles`."""
OUTER_COLUMNS = 4 if VECTOR == 16 else 2
"""Columns per tile of `outer`. AVX-512 has 32 registers; other processors have 16."""
TILE_ROWS, TILE_PAIRS = 16, 16
"""Rows of a tile of weights in bfloat16, and pairs per row: a register of AMX."""
LETTER_COLUMNS = 3 * VECTOR
"""Rows of a table of `letters.Letters` are filled up with zeros to a multiple of it."""
_ALIGNMENT = 64


def aligned(*shape: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return zeros aligned to a cache line, so that the load of a vector touches one line only."""
    size, number_size = math.prod(shape), np.dtype(dtype).itemsize
    room = np.zeros(size + _ALIGNMENT // number_size, dtype)
    first = -address_of(room) % _ALIGNMENT // number_size
    return room[first : first + size].reshape(shape)
