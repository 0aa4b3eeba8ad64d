"""Position weight matrices: the score of the best site that covers each base."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, Codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Matrix", "scan"]

# Columns that are looked up together. Their codes, read as a number in base 5, index a table.
_GROUP = 4
_LETTERS = 5
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
    width = len(log_odds)
    worst = np.float32(np.minimum(log_odds.min(axis=1), 0).sum())
    scores = np.full((2, codes.size), worst, dtype=np.float32)
    sites = codes.size - width + 1
    if sites < 1:
        return scores
    words = _words(codes)
    core = width - 2 * flank_bp
    # A site on - matches the reverse-complemented matrix on +.
    for strand, matrix in enumerate((log_odds, log_odds[::-1, ::-1])):
        found = np.zeros(sites, dtype=np.float32)
        part = np.empty(sites, dtype=np.float32)
        for number, table in enumerate(_tables(matrix)):
            first = number * _GROUP
            np.take(table, words[first : first + sites], out=part, mode="clip")
            found += part
        end = codes.size - flank_bp
        scores[strand, flank_bp:end] = _best_cover(found, core, worst)
    return scores


def _words(codes: Codes) -> NDArray[np.intp]:
    """Return, per base, the base-5 number of its code and the next three; 4 pads the end."""
    padded = np.concatenate((codes, np.full(_GROUP - 1, AMBIGUOUS, dtype=np.uint8)))
    words = np.zeros(codes.size, dtype=np.intp)
    for place in range(_GROUP):
        words *= _LETTERS
        words += padded[place : place + codes.size]
    return words


def _tables(log_odds: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the log-odds of each word at each group of columns: (5 ** 4,) per group."""
    columns = np.zeros((-(-len(log_odds) // _GROUP) * _GROUP, _LETTERS), dtype=np.float32)
    columns[: len(log_odds), :4] = log_odds
    tables = []
    for a, b, c, d in columns.reshape(-1, _GROUP, _LETTERS):
        pairs = (a[:, None] + b).ravel()[:, None] + (c[:, None] + d).ravel()
        tables.append(pairs.ravel())
    return tables


def _best_cover(found: NDArray[np.float32], width: int, worst: np.float32) -> NDArray[np.float32]:
    """Return the best score of the sites that cover each base: (n,) starts to (n + width - 1,).

    Examples
    --------
    >>> _best_cover(np.array([3, 1, 2], np.float32), 2, np.float32(0)).tolist()
    [3.0, 3.0, 2.0, 2.0]
    """
    rim = np.full(width - 1, worst, dtype=np.float32)
    best = np.concatenate((rim, found, rim))
    # The maximum over a doubled span is the maximum of two maxima, so log2(width) passes suffice.
    span = 1
    while span < width:
        step = min(span, width - span)
        best = np.maximum(best[:-step], best[step:])
        span += step
    return best
