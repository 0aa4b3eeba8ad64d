"""Speed of the kernels with narrower vectors, compared with torch held to the same instructions.

Numba and torch's libraries choose instructions by what the processor has. Environment variables
make both use fewer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WIDTHS", "environment", "forms", "widest"]

WIDTHS = {"avx512": 16, "avx2": 8, "four": 4}
"""Numbers per vector of each form."""
_LEFT_OUT = {"avx512": (), "avx2": ("avx512", "avx10"), "four": ("avx512", "avx10", "avx2")}


def environment(form: str) -> dict[str, str]:
    """Return the variables that make Numba compile a form, on processors that have more."""
    features = [
        ("-" if not there or any(name in feature for name in _LEFT_OUT[form]) else "+") + feature
        for feature, there in llvm.get_host_cpu_features().items()
    ]
    return {"NUMBA_CPU_FEATURES": ",".join(features)}


def widest() -> int:
    """Return the numbers per vector that this processor has."""
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512dq") else 8 if features.get("avx2") else 4


_TORCH = {
    "avx512": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "four": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
}


def forms() -> Iterator[dict[str, Any]]:
    """Yield one row per form, cell and hidden size, on one thread; see `benchmarks.speed`."""
    for form, width in WIDTHS.items():
        if width > widest():
            continue
        for cell in ("gru", "lstm", "rnn"):
            for hidden in (32, 64):
                yield {"form": form} | _measured(form, cell, hidden)


def _measured(form: str, cell: str, hidden: int) -> dict[str, Any]:
    """Measure one row in a process of its own, which compiles for the form."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.forms", cell, str(hidden)],
        env=os.environ | environment(form) | _TORCH[form],
        check=True,
        capture_output=True,
        text=True,
    )
    row: dict[str, Any] = json.loads(done.stdout)
    # The floor is the rate of a matrix product, which cannot be held to AVX2 on all processors.
    return {key: value for key, value in row.items() if "floor" not in key}


def main() -> None:
    """Print the row of a cell and hidden size as JSON."""
    from benchmarks.speed import speed_of
    from dnabirnn.network import Cell

    cell, hidden = sys.argv[1:]
    print(json.dumps(speed_of(Cell(cell), int(hidden), 1, 1)))


if __name__ == "__main__":
    main()
