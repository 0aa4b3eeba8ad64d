"""Safetensors files: looked at before they are read.

https://github.com/huggingface/safetensors: the length of a JSON header, the header, the arrays end
to end. The library checks that the header fits the file; what the arrays are is checked by us.
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

# Far above any network of this kind, and any state of its training.
_MOST_HEADER_BYTES = 1 << 24
_MOST_BYTES = 1 << 31


class Contents(NamedTuple):
    """What a file says of itself.

    Attributes
    ----------
    metadata : mapping of str to str
    shapes : mapping of str to tuple of int
        Of each array.
    """

    metadata: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def look(path: PathLike) -> Contents:
    """Metadata and shapes of a file, none of whose arrays is read.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        No safetensors file, or a damaged one, or one that is far too large.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    if file.exists() and not file.is_file():
        raise ValueError("no regular file")
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
    if header_bytes > min(size, _MOST_HEADER_BYTES):
        raise ValueError("no safetensors header")
    if size > _MOST_BYTES:
        raise ValueError(f"{size:,} bytes, where {_MOST_BYTES:,} are the most")
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
    """Read arrays, all of which must be of finite float32 and of known shapes.

    Parameters
    ----------
    path : str or PathLike
    shapes : mapping of str to tuple of int
        Of all arrays of the file, which `look` has told.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        An array of another type, or one with values that are not finite; a file that has changed.
    """
    from safetensors import SafetensorError, safe_open

    arrays: dict[str, NDArray[np.float32]] = {}
    try:
        with safe_open(path, framework="numpy") as tensors:
            for name, shape in shapes.items():
                known = tensors.get_slice(name).get_dtype() == "F32"
                if not known or not np.isfinite(array := tensors.get_tensor(name)).all():
                    raise ValueError(f"weight {name} is no array of finite float32")
                if array.shape != shape:
                    raise ValueError(f"weight {name} has changed while it was read")
                arrays[name] = array
    except (SafetensorError, TypeError) as error:
        raise ValueError(_reason(error)) from error
    return arrays


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
