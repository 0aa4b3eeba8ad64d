"""Models that are shipped with the package, by name."""

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
    """Return the paths of the shipped models, by name."""
    return {path.name.removesuffix(_ENDING): path for path in sorted(_FOLDER.glob(f"*{_ENDING}"))}


def find_model(path: PathLike) -> Path:
    """Return the path of a model file.

    If the path does not exist, it can be the name of a shipped model.

    Examples
    --------
    >>> find_model("no/such.safetensors")
    PosixPath('no/such.safetensors')
    """
    if os.path.exists(path):
        return Path(path)
    return shipped_models().get(str(path), Path(path))
