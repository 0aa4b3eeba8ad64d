"""Models that are shipped with the package, by name."""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dnabirnn.files import is_address

if TYPE_CHECKING:
    from dnabirnn.files import PathLike


__all__ = ["find_model", "shipped_models"]

_FOLDER = Path(__file__).parents[1] / "models"
_ENDING = ".safetensors"
logger = logging.getLogger(__name__)


def shipped_models() -> dict[str, Path]:
    """Return the paths of the shipped models, by name."""
    return {path.name.removesuffix(_ENDING): path for path in sorted(_FOLDER.glob(f"*{_ENDING}"))}


def find_model(path: PathLike) -> PathLike:
    """Return the path or the address of a model file.

    If the path does not exist, or is a folder, it can be the name of a shipped model. A file of
    that name takes precedence, with a warning.

    Examples
    --------
    >>> find_model("no/such.safetensors")
    PosixPath('no/such.safetensors')
    """
    shipped = shipped_models().get(os.fspath(path))
    # A folder is never a model: `-o satellites/scores.bed` makes one of that name.
    if shipped is None or (os.path.exists(path) and not os.path.isdir(path)):
        if shipped is not None:
            _warn_of_file(os.path.abspath(path))
        return path if is_address(path) else Path(path)
    return shipped


@cache
def _warn_of_file(path: str) -> None:
    """Warn, once per file, that it is used instead of the shipped model of that name."""
    logger.warning(
        "%s: this file is used, not the model of that name that comes with dnabirnn; rename the "
        "file to use that model",
        path,
    )
