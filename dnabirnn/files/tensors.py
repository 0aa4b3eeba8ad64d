"""Read safetensors files (https://github.com/huggingface/safetensors), with checks.

A file holds the length of a JSON header, the header, and the arrays end to end. The library checks
that the header fits the file. This module checks the sizes before, and the types and values of the
arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files.read import PathLike

__all__ = ["Contents", "load_arrays", "look"]

# Far above the size of any network of this kind and of its training state.
_MAX_HEADER_BYTES = 1 << 24
_MAX_BYTES = 1 << 31


class Contents(NamedTuple):
    """Metadata and shapes in the header of a file.

    Attributes
    ----------
    metadata : mapping of str to str
    shapes : mapping of str to tuple of int
        Shape of each array.
    """

    metadata: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def look(path: PathLike) -> Contents:
    """Read the metadata and shapes of a file, but no array.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        A file that is not a safetensors file, is damaged, or is far too large.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    if file.exists() and not file.is_file():
        raise ValueError("not a regular file")
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
    if header_bytes > min(size, _MAX_HEADER_BYTES):
        raise ValueError("not a safetensors header")
    if size > _MAX_BYTES:
        raise ValueError(f"{size:,} bytes, but at most {_MAX_BYTES:,} are allowed")
    try:
        with safe_open(file, framework="numpy") as tensors:
            shapes = {
                name: tuple(tensors.get_slice(name).get_shape())
                for name in tensors.keys()  # noqa: SIM118
            }
            return Contents(tensors.metadata() or {}, shapes)
    except (SafetensorError, TypeError) as error:
        raise ValueError(_reason(error)) from error


def load_arrays(
    path: PathLike, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32]]:
    """Read arrays; all must be finite float32 with the given shapes.

    Parameters
    ----------
    path : str or PathLike
    shapes : mapping of str to tuple of int
        Shapes of all arrays of the file, as returned by `look`.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        An array of another type, or with values that are not finite; a file that has changed
        since `look`.
    """
    from safetensors import SafetensorError, safe_open

    arrays: dict[str, NDArray[np.float32]] = {}
    try:
        with safe_open(path, framework="numpy") as tensors:
            for name, shape in shapes.items():
                known = tensors.get_slice(name).get_dtype() == "F32"
                if not known or not np.isfinite(array := tensors.get_tensor(name)).all():
                    raise ValueError(f"weight {name} is not an array of finite float32")
                if array.shape != shape:
                    raise ValueError(f"weight {name} changed while it was read")
                arrays[name] = array
    except (SafetensorError, TypeError) as error:
        raise ValueError(_reason(error)) from error
    return arrays


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
