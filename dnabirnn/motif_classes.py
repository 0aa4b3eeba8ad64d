"""Classes of motifs, the outputs of a network, and the scale of integer scores."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MAX_CLASSES", "MAX_SCORE", "MotifClass", "Output"]

MAX_CLASSES = 31
"""Two strands per class and one bit for *ignore* fit into 64 bits."""
MAX_SCORE = 1000
"""Largest integer score; an integer score is `round(1000 p)`."""


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
