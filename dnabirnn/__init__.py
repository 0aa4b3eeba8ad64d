"""dnabirnn: the probability, for every base of a DNA sequence, that it belongs to a motif.

>>> import dnabirnn
>>> model = dnabirnn.load("rep.safetensors")  # doctest: +SKIP
>>> model.score("GCCGGATGCGGCGTGAACGCCTTATCCGGC").shape  # doctest: +SKIP
(30, 2)

Names are loaded when they are first used: importing the package imports neither numpy nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnabirnn.alphabet import decode, encode, one_hot, reverse_complement
    from dnabirnn.bed import read_bed
    from dnabirnn.errors import DnabirnnError
    from dnabirnn.fasta import read_fasta
    from dnabirnn.model import Model, load

__all__ = [
    "DnabirnnError",
    "Model",
    "decode",
    "encode",
    "load",
    "one_hot",
    "read_bed",
    "read_fasta",
    "reverse_complement",
]

_MODULES = {
    "DnabirnnError": "errors",
    "Model": "model",
    "decode": "alphabet",
    "encode": "alphabet",
    "load": "model",
    "one_hot": "alphabet",
    "read_bed": "bed",
    "read_fasta": "fasta",
    "reverse_complement": "alphabet",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dnabirnn")
    if name in _MODULES:
        return getattr(import_module(f"dnabirnn.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'dnabirnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
