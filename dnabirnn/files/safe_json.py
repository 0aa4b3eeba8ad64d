"""JSON of files that anyone may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnabirnn.files.read import PathLike

__all__ = ["MOST_BYTES", "parse_json", "read_json"]

MOST_BYTES = 1 << 28
"""A hundred times the manifest of an assembly in 20,000 contigs."""


def parse_json(text: str | bytes) -> Any:
    """Value of a JSON text.

    Raises
    ------
    ValueError
        No JSON, or values in one another so deeply that Python gives up.

    Examples
    --------
    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its values lie too deeply in one another") from None


def read_json(path: PathLike) -> Any:
    """Value of a JSON file.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        As for `parse_json`; a file that is none, such as a pipe; one that is far too large.
    """
    file = Path(path)
    if file.exists() and not file.is_file():
        raise ValueError("no regular file")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes, where {MOST_BYTES:,} are the most")
    with file.open("rb") as stream:
        return parse_json(stream.read(size))
