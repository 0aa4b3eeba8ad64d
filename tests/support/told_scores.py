"""Validation sequence with given scores and labels."""

from __future__ import annotations

import numpy as np

from dnabirnn.motif_classes import MotifClass, Output
from dnabirnn.tracks.block import Block
from dnabirnn.training.validation import Validation, ValidationContig

STRANDED = (MotifClass("A", True),)
OUTPUTS = (Output("A", "+"), Output("A", "-"))


class _Told(Validation):
    """Validation sequence whose scores are told."""

    def __init__(self, scores: np.ndarray, labels: np.ndarray) -> None:
        self.classes = STRANDED
        codes = np.zeros(len(labels), np.uint8)
        self.contigs = [ValidationContig("p", codes, labels)]
        self._by_name = {contig.name: contig for contig in self.contigs}
        self._block = Block("p", 0, scores, codes, True)

    def blocks(self, *_: object) -> object:
        yield self._block


def told(sites: list[tuple[int, int, str, float]], truth: list[tuple[int, int, str]]) -> _Told:
    scores, labels = np.zeros((40_000, 2), np.float32), np.zeros(40_000, np.uint8)
    for start, end, strand, p in sites:
        scores[start:end, "+-".index(strand)] = p
    for start, end, strand in truth:
        labels[start:end] |= {"+": 2, "-": 4, "i": 1}[strand]
    return _Told(scores, labels)
