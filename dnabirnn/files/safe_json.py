"""Read JSON from files that may be damaged or hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnabirnn.files.read import PathLike

__all__ = ["MOST_BYTES", "parse_json", "read_json"]

MOST_BYTES = 1 << 28
"""Limit of JSON files: a hundred times the manifest of an assembly with 20,000 contigs."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text.

    Raises
    ------
    ValueError
        The text is not JSON, or its values are nested too deeply for Python.

    Examples
    --------
    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def read_json(path: PathLike) -> Any:
    """Read and parse a JSON file.

    Raises
    ------
    OSError
        A file that cannot be read.
    ValueError
        As for `parse_json`; a path that is not a regular file, such as a pipe; a file that is far
        too large.
    """
    file = Path(path)
    if file.exists() and not file.is_file():
        raise ValueError("not a regular file")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes, but at most {MOST_BYTES:,} are allowed")
    with file.open("rb") as stream:
        return parse_json(stream.read(size))
