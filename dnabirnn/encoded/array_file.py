"""One-dimensional .npy files that grow."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ArrayFile"]


class ArrayFile:
    """One-dimensional .npy file that grows; its header is rewritten at the end."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype, self.size = path, dtype, 0
        self.digest = hashlib.sha256()
        self.file: BinaryIO = path.open("wb")
        self._write_header()

    def _write_header(self) -> None:
        self.file.seek(0)
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.size,),
        }
        np.lib.format.write_array_header_1_0(self.file, header)
        self.start = self.file.tell()

    def append(self, values: NDArray[Any]) -> None:
        """Add values at the end."""
        data = np.ascontiguousarray(values, dtype=self.dtype).view(np.uint8).data
        self.digest.update(data)
        self.file.write(data)
        self.size += len(values)

    def reopen(self) -> None:
        """Open the closed file again, to append to it."""
        self.file = self.path.open("r+b")
        self.file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Write the final header, and close the file."""
        before = self.start
        self._write_header()
        assert self.start == before, "numpy leaves room in a header for a larger shape"
        self.file.close()

    def read(self, first: int, end: int) -> NDArray[Any]:
        """Read values from the closed file; pages of a memory map would stay in memory."""
        with self.path.open("rb") as file:
            file.seek(self.start + first * self.dtype.itemsize)
            return np.frombuffer(file.read((end - first) * self.dtype.itemsize), self.dtype)
