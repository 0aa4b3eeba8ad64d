"""Position weight matrices: the score of the best site that covers each base."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.engine import best_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["Matrix", "scan"]

_LARGEST = np.nextafter(np.float32(1), np.float32(0))
_SMALLEST = np.float32(1e-11)
"""Above the lowest bin of `dnabirnn.evaluation.metrics`, whose edge is at odds of 1.8e-12."""


class Matrix(NamedTuple):
    """Matrix of a class, and the map from its scores to probabilities.

    Attributes
    ----------
    log_odds : ndarray, (W, 4) float32
        Natural logarithm of the share of each base divided by its share in the background.
    flank_bp : int
        Columns at either end that are scored but lie outside the site.
    slope, intercept : float
        The probability is the logistic function of slope * score + intercept.
    threshold : int
        Smallest integer score, 1 to 1000, at which a base is called.
    """

    log_odds: NDArray[np.float32]
    flank_bp: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    threshold: int = 500

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of scores: increasing with the score, never 0 or 1."""
        odds = np.clip(self.slope * scores.astype(np.float64) + self.intercept, -80, 80)
        p = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return np.clip(p, _SMALLEST, _LARGEST)


def scan(codes: Codes, log_odds: NDArray[np.float32], flank_bp: int = 0) -> NDArray[np.float32]:
    """Return the best log-odds of any site that covers each base, on either strand.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Code 4 adds 0 to the log-odds of a site.
    log_odds : ndarray, (W, 4) float32
        Matrix of a site on +.
    flank_bp : int
        Columns at either end that add to the score of a site but lie outside it.

    Returns
    -------
    scores : ndarray, (2, L) float32
        Row 0 is +, row 1 is -. Only sites that lie wholly on the sequence count. A base that no
        site covers gets the score of the worst possible site.

    Examples
    --------
    >>> from dnabirnn.alphabet import encode
    >>> log_odds = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]]) - np.log(0.25)
    >>> plus, minus = scan(encode("TACTT"), log_odds.astype(np.float32)).astype(float).round(1)
    >>> plus.tolist()
    [-1.8, 2.1, 2.1, -1.8, -1.8]
    """
    worst = np.minimum(log_odds.min(axis=1), 0).sum()
    return best_scores(codes, log_odds, flank_bp, float(worst))
