"""Whether this process can compute products of bfloat16 on its CPU.

Linux gives a process the registers of AMX only if it asks for them. A kernel that uses them without
permission is killed. Permission holds for all threads, and may be refused, such as by old kernels
of Linux, by some sandboxes, or because a thread has too small a stack for signals.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from dnabirnn.network import Ensemble

if TYPE_CHECKING:
    from dnabirnn.network import Architecture

__all__ = ["bf16_instructions", "lack_of_bf16"]

# arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), see x86/xstate.rst of Linux.
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA = 158, 0x1023, 18


def lack_of_bf16(architecture: Architecture | Ensemble) -> str | None:
    """Return why compiled kernels cannot compute a model in bfloat16 here; None if they can.

    Must be called before the kernels run, since it asks for permission to use AMX.
    """
    from dnabirnn.engine.kernels.bf16.cells import BF16_CELLS
    from dnabirnn.engine.kernels.vectors import AMX, AVX512_BF16

    members = architecture.members if isinstance(architecture, Ensemble) else (architecture,)
    for member in members:
        if member.cell not in BF16_CELLS:
            return f"kernels of {member.cell} have no bf16"
    if AMX:
        return _refusal_of_amx()
    return None if AVX512_BF16 else "this processor has neither AMX nor AVX512-BF16"


def bf16_instructions() -> str | None:
    """Return the instructions for bfloat16 that this process can use, "AMX" or "AVX512-BF16"."""
    from dnabirnn.engine.kernels.vectors import AMX, AVX512_BF16

    if AMX:
        return "AMX" if _refusal_of_amx() is None else None
    return "AVX512-BF16" if AVX512_BF16 else None


@cache
def _refusal_of_amx() -> str | None:
    """Ask for permission to use AMX, once per process; return why it is refused."""
    if not sys.platform.startswith("linux"):
        return "AMX is used on Linux only"
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if not system.syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA):
            return None
    except (OSError, AttributeError) as error:
        return f"this process cannot ask for permission to use AMX ({error})"
    return f"Linux refuses permission to use AMX ({os.strerror(ctypes.get_errno())})"
