"""Check the sizes that a bigWig or bigBed declares against the file, before it is read.

pybigtools allocates the memory that a file declares. If that fails, Rust aborts the process and no
error can be reported. The tables are those of Kent et al. 2010, doi:10.1093/bioinformatics/btq351.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["check_sizes"]

_MAGICS = (0x888FFC26, 0x8789F2EB)
_HEADER = "IHHQQQHHQQIQ"
_CONTIGS = "IIIIQQ"
_INDEX = "IIQIIIIQII"
_NODE = "BBH"
_LEAF_BYTES, _INNER_BYTES = 32, 24
_LONGEST_NAME = 1 << 12
# A block has about a thousand rows, so this is far more than any block needs.
_MOST_BLOCK_BYTES = 1 << 26


def check_sizes(path: PathLike) -> None:
    """Raise ValueError for a bigWig or bigBed that declares more than it contains.

    A file that does not begin like either passes: the reader reports it.
    """
    with open(path, "rb") as file:
        magic = file.read(4)
        order = next((o for o in "<>" if magic in [struct.pack(f"{o}I", m) for m in _MAGICS]), None)
        if order is not None:
            _Sizes(file, order).check()


class _Sizes:
    """Reader of the sizes and offsets in a bigWig or bigBed.

    Parameters
    ----------
    file : binary file
    order : str
        Byte order, "<" or ">".
    """

    def __init__(self, file: BinaryIO, order: str) -> None:
        self._file = file
        self._order = order
        self._size = os.fstat(file.fileno()).st_size

    def check(self) -> None:
        """Check the header, the table of contigs, and the index of the rows."""
        header = self._numbers(0, _HEADER)
        zooms, contigs_at, index_at, block_bytes = header[2], header[3], header[5], header[10]
        if block_bytes > _MOST_BLOCK_BYTES:
            raise ValueError(f"blocks of {block_bytes:,} bytes")
        self._bytes(struct.calcsize(f"<{_HEADER}"), 24 * zooms)
        _, _, name_bytes, value_bytes, count, _ = self._numbers(contigs_at, _CONTIGS)
        if name_bytes > _LONGEST_NAME or value_bytes != 8 or count * 8 > self._size:
            raise ValueError(f"{count:,} contigs with names of {name_bytes:,} bytes")
        self._check_nodes(index_at + struct.calcsize(f"<{_INDEX}"))

    def _check_nodes(self, root: int) -> None:
        """Check that the nodes of the index and the blocks that they point to lie in the file.

        An index that leads to one node twice is damaged, and following it might never end.
        """
        waiting, seen = [root], {root}
        while waiting:
            place = waiting.pop()
            leaf, _, count = self._numbers(place, _NODE)
            width = _LEAF_BYTES if leaf else _INNER_BYTES
            items = self._bytes(place + struct.calcsize(f"<{_NODE}"), width * count)
            form = f"{self._order}IIIIQ{'Q' if leaf else ''}"
            for *_, first, last in struct.iter_unpack(form, items):
                if leaf:
                    self._check_place(first, last)
                elif last in seen:
                    raise ValueError(f"an index that returns to byte {last}")
                else:
                    seen.add(last)
                    waiting.append(last)

    def _check_place(self, at: int, count: int) -> None:
        if at + count > self._size:
            raise ValueError(f"{count:,} bytes declared at {at:,}, in a file of {self._size:,}")

    def _bytes(self, at: int, count: int) -> bytes:
        self._check_place(at, count)
        self._file.seek(at)
        return self._file.read(count)

    def _numbers(self, at: int, form: str) -> tuple[int, ...]:
        form = f"{self._order}{form}"
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))
