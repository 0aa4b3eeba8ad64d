"""dnabirnn: the probability, for every base of a DNA sequence, that it belongs to a motif.

>>> import dnabirnn
>>> model = dnabirnn.load("rep.safetensors")  # doctest: +SKIP
>>> model.score("GCCGGATGCGGCGTGAACGCCTTATCCGGC").shape  # doctest: +SKIP
(30, 2)

Names are loaded when they are first used: importing the package imports neither numpy nor torch.
`docs/architecture.md` describes the subpackages.
"""

from typing import Any

import lazy_loader

_load, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dnabirnn")
    return _load(name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
