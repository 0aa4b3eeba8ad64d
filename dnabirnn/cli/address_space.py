"""Little address space, as limited by `ulimit -v`: use less of it, or refuse to start.

With too little, libraries end the process without a Python exception, or hang. What is reserved
counts, not what is used, and most of it is reserved for threads.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

import click

from dnabirnn.errors import ResourceError

__all__ = ["save_address_space", "with_room"]

# Peaks of VmPeak of commands after `save_address_space`, with 2 cores and small inputs, and a tenth
# more. By what is loaded: numpy; compiled kernels; polars; kernels and polars, or Parquet; plots
# too; torch too.
_NUMPY_KIB = 200_000
_KERNELS_KIB = 370_000
_POLARS_KIB = 450_000
_SCORES_KIB = 680_000
_PLOTS_KIB = 780_000
_TORCH_KIB = 1_400_000
_NEEDED_KIB = {
    **dict.fromkeys(("encode", "mask", "scan"), _POLARS_KIB),
    **dict.fromkeys(
        ("score", "call", "explain", "mutate", "variants", "prior", "review"), _SCORES_KIB
    ),
    **dict.fromkeys(("discover", "evaluate", "report"), _PLOTS_KIB),
    **dict.fromkeys(("train", "selfcheck"), _TORCH_KIB),
}
_MERGING_KIB = {
    "parquet": _SCORES_KIB,
    **dict.fromkeys(("bw", "bigwig", "bb", "bigbed"), _KERNELS_KIB),
}
_EVIDENCE_ENDING = ".evidence"  # of files beside the calls of shards

_STACK_KIB = 8 << 10
"""Reserved for the thread that OpenBLAS, which numpy loads, starts for each further core."""
_AMPLE_KIB = 8 << 20
"""With this limit, 64 cores can have what they reserve."""
_M_ARENA_MAX = -8
"""Of `mallopt` in glibc: the number of heaps, which is 8 per core otherwise, of 64 MiB each."""


def _limit_kib() -> int | None:
    """Return the limit of `ulimit -v`, or None if there is none."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit < 0 or limit == resource.RLIM_INFINITY else limit >> 10


def save_address_space() -> None:
    """Let the libraries of this process reserve less, if there is a limit. Results stay the same.

    Must run before threads are started, and before polars is loaded.
    """
    limit = _limit_kib()
    if limit is None or limit >= _AMPLE_KIB:
        return
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    with suppress(AttributeError, ImportError, MemoryError, OSError, TypeError):
        import ctypes

        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)  # only glibc has it


def with_room(command: click.Command) -> click.Command:
    """Return the command, which first checks that there is address space for its libraries."""
    callback = command.callback
    assert callback is not None

    @wraps(callback)
    def checked(*arguments: Any, **options: Any) -> Any:
        limit = _limit_kib()
        needed = _needed_kib(str(command.name), options) + _STACK_KIB * max(0, _cores() - 2)
        loaded = "numpy" in sys.modules  # by a script that runs commands
        if limit is not None and limit < needed and not loaded:
            raise ResourceError(
                f"out of memory: the limit of `ulimit -v` is {limit:,} KiB, and this command needs "
                f"{needed:,} KiB of address space or more; raise the limit"
            )
        return callback(*arguments, **options)

    copied = copy.copy(command)
    copied.callback = checked
    return copied


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


def _needed_kib(name: str, options: Mapping[str, Any]) -> int:
    if options.get("engine") in ("torch", "triton"):
        return _TORCH_KIB
    if name == "encode" and options["backgrounds"]:
        return _SCORES_KIB
    if name == "merge":
        form = options["form"] or os.path.splitext(options["out"])[1].lower().removeprefix(".")
        if any(os.path.exists(f"{shard}{_EVIDENCE_ENDING}") for shard in options["shards"]):
            return _SCORES_KIB
        return _MERGING_KIB.get(form, _NUMPY_KIB)
    return _NEEDED_KIB.get(name, _NUMPY_KIB)
