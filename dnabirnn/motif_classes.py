"""Motif classes, network outputs, and the scale of integer scores."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MAX_CLASSES", "MAX_SCORE", "MotifClass", "Output"]

MAX_CLASSES = 31
"""Largest number of classes: 64 bits hold two bits per class (its strands) and one for *ignore*."""
MAX_SCORE = 1000
"""Largest integer score; the integer score of probability p is `round(1000 p)`."""


class MotifClass(NamedTuple):
    """A class of motif; `stranded` if its labels have strands + and -."""

    name: str
    stranded: bool


class Output(NamedTuple):
    """One output column of the network; `strand` is "+", "-" or "."."""

    class_name: str
    strand: str

    @property
    def label(self) -> str:
        """Name for files and tables: the class, a dot, then plus, minus or both.

        Examples
        --------
        >>> Output("REP", "-").label
        'REP.minus'
        """
        return f"{self.class_name}.{ {'+': 'plus', '-': 'minus', '.': 'both'}[self.strand] }"
