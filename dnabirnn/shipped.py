"""Models that come with the package, by name."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["find_model", "shipped_models"]

_FOLDER = Path(__file__).parent / "models"
_ENDING = ".safetensors"


def shipped_models() -> dict[str, Path]:
    """Files of the models that ship, by name."""
    return {path.name.removesuffix(_ENDING): path for path in sorted(_FOLDER.glob(f"*{_ENDING}"))}


def find_model(path: str | os.PathLike[str]) -> Path:
    """The file of a model: a path, or, where there is no such file, the name of one that ships.

    Examples
    --------
    >>> find_model("no/such.safetensors")
    PosixPath('no/such.safetensors')
    """
    if os.path.exists(path):
        return Path(path)
    return shipped_models().get(str(path), Path(path))
