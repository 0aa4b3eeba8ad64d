"""motif_classes."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MAX_CLASSES", "MotifClass", "Output"]

MAX_CLASSES = 31
"""Two strands a class and one bit for *ignore* fit 64 bits."""


class MotifClass(NamedTuple):
    """A kind of motif; stranded where its labels carry + and -."""

    name: str
    stranded: bool


class Output(NamedTuple):
    """One column of the network's answer. `strand` is "+", "-" or "."."""

    class_name: str
    strand: str

    @property
    def label(self) -> str:
        """Name for files and tables: the class, then plus, minus or both.

        Examples
        --------
        >>> Output("REP", "-").label
        'REP.minus'
        """
        return f"{self.class_name}.{ {'+': 'plus', '-': 'minus', '.': 'both'}[self.strand] }"
