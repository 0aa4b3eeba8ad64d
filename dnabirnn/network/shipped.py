"""Models that come with the package, by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnabirnn.files import PathLike


__all__ = ["find_model", "shipped_models"]

_FOLDER = Path(__file__).parents[1] / "models"
_ENDING = ".safetensors"


def shipped_models() -> dict[str, Path]:
    """Files of the models that ship, by name."""
    return {path.name.removesuffix(_ENDING): path for path in sorted(_FOLDER.glob(f"*{_ENDING}"))}


def find_model(path: PathLike) -> Path:
    """The file of a model: a path, or, where there is no such file, the name of one that ships.

    Examples
    --------
    >>> find_model("no/such.safetensors")
    PosixPath('no/such.safetensors')
    """
    if os.path.exists(path):
        return Path(path)
    return shipped_models().get(str(path), Path(path))
