"""Circular contigs: their names, and the sequence beyond their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from dnabirnn.alphabet import Codes

__all__ = ["Circular", "with_flanks"]

_ALL = "all"


class _Named(Protocol):
    @property
    def name(self) -> str:
        """First word of the header."""


_Contig = TypeVar("_Contig", bound=_Named)


class Circular:
    """Set of the names of circular contigs.

    Parameters
    ----------
    names : iterable of str
        Names of contigs, or "all".

    Raises
    ------
    OptionError
        No name, or "all" together with other names.

    Attributes
    ----------
    all : bool
        Whether all contigs are circular.

    Examples
    --------
    >>> circular = Circular(["plasmid"])
    >>> "plasmid" in circular, "chromosome" in circular
    (True, False)
    >>> "chromosome" in Circular(["all"])
    True
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset([names] if isinstance(names, str) else names)
        self.all = _ALL in self._names
        if not self._names or (self.all and len(self._names) > 1):
            raise OptionError(
                f"--circular {','.join(sorted(self._names))}: give names of contigs, or all"
            )

    def __contains__(self, name: object) -> bool:
        return self.all or name in self._names

    def check_contigs(self, lengths: Container[str]) -> None:
        """Raise OptionError for a name that is not among the contigs."""
        if self.all:
            return
        for name in sorted(name for name in self._names if name not in lengths):
            raise OptionError(
                f"--circular {name}: no such contig; give contig names as they are in the output, "
                "or all"
            )

    def checked(self, contigs: Iterable[_Contig]) -> Iterator[_Contig]:
        """Yield the contigs unchanged; check the names after the last one."""
        names = set()
        for contig in contigs:
            if contig.name in self._names:
                names.add(contig.name)
            yield contig
        self.check_contigs(names)


def with_flanks(codes: Codes, flank_bp: int) -> Codes:
    """Return a circular contig, linearized, with the sequence beyond its ends on both sides.

    ::

        contig               a b c d e
        result (F = 2)   d e a b c d e a b

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        One base or more.
    flank_bp : int
        Length F of each flank; it may exceed L, so that the contig is repeated.

    Returns
    -------
    codes : ndarray, (F + L + F,) uint8
        The reverse complement of the contig gives the reverse complement of this array.

    Examples
    --------
    >>> with_flanks(np.array([0, 1, 2], dtype=np.uint8), 4).tolist()
    [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    """
    length = len(codes)
    left = codes[np.arange(-flank_bp, 0) % length]
    right = codes[np.arange(length, length + flank_bp) % length]
    return np.concatenate((left, codes, right))
