"""Blocks of scores, passed from the network to a track."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["Block", "integer_scores", "lowest_probability"]


class Block(NamedTuple):
    """Scores of neighbouring bases of a contig.

    Blocks come contig by contig in the order of the FASTA, and cover each contig once, from
    its first base to its last. An empty contig gives one empty block.

    Attributes
    ----------
    name : str
        Name of the contig.
    start : int
        0-based position of the block's first base.
    probabilities : ndarray, (m, O) float32
        One column per output; 0 where the code is 4.
    codes : ndarray, (m,) uint8
    last : bool
        True for the contig's final block.
    highest : ndarray, uint32, or None
        From `dnabirnn.scoring.runs.highest_of`, if it was computed with the probabilities.
    """

    name: str
    start: int
    probabilities: NDArray[np.float32]
    codes: Codes
    last: bool
    highest: NDArray[np.uint32] | None = None


def integer_scores(probabilities: NDArray[np.float32]) -> NDArray[np.int16]:
    """Probabilities in thousandths, rounded half up.

    Examples
    --------
    >>> integer_scores(np.array([0.0, 0.0125, 0.9996], dtype=np.float32))
    array([   0,   13, 1000], dtype=int16)
    """
    return np.floor(probabilities.astype(np.float64) * MAX_SCORE + 0.5).astype(np.int16)


def lowest_probability(threshold: int) -> np.float32:
    """Return the smallest float32 p whose integer score, floor(1000 p + 0.5), reaches a threshold.

    Examples
    --------
    >>> float(lowest_probability(500)) >= 0.4995
    True
    """
    exact = (threshold - 0.5) / MAX_SCORE
    lowest = np.float32(exact)
    # Compare as float64: next to a float32, NumPy would round `exact` to float32 first.
    return lowest if float(lowest) >= exact else np.nextafter(lowest, np.float32(2))
