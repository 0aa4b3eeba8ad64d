"""Kernels that scan sequence with position weight matrices.

The score of a site is the sum of one log-odds per column, looked up by the code of a base. The
score of a base is the largest score of the sites that cover it, or a lower limit.

Two layouts share the code. Number `e` of a flat array of codes is the code of one base, and the
next base of the same sequence is number `e + stride`: 1 for a sequence by itself, and `LANES` for a
block of windows side by side. A vector has the codes of 16 neighbouring numbers::

    codes    [ e       ... e + 15 ]                    column 0
             [ e + stride      ... e + stride + 15 ]   column 1, and so on
    found    [ sites that start at the bases of e ... e + 15 ]

A site on the - strand reads the same columns in the same order, from its 5' end, with the
complement of each code. So both strands add the same numbers in the same order, and the scores of
the opposite strand are equal to the last bit.

The largest score over `core` neighbouring sites comes from doubling: the maximum over a span is the
maximum of two shorter ones, so log2(core) passes are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.intrinsics import (
    fma,
    like,
    load,
    load_codes,
    maximum,
    store,
    take,
    zeros,
)
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, VECTOR, aligned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture

__all__ = ["Matrices", "best_scores", "matrix_terms", "pack_matrices", "room"]

# Log-odds of padding: no site reaches over the end of a sequence.
_OUTSIDE = np.float32(-1e30)


class Matrices(NamedTuple):
    """Packed matrices of all classes, in the order of the classes.

    Attributes
    ----------
    tables : ndarray, (sum of 2 * W * TABLE_ENTRIES,) float32
        Log-odds by code, per class with a matrix, strand (+, -) and column.
    widths, flanks : ndarray, (classes,) int64
        Columns of each matrix, 0 without one, and columns at either end outside the site.
    maps : ndarray, (classes, 3) float32
        Slope, lower limit of the score, and shift, with the trained factor.
    columns, strands : ndarray, (classes,) int64
        First column of the head (see `head.Head`) and number of strands of each class.
    """

    tables: NDArray[np.float32]
    widths: NDArray[np.int64]
    flanks: NDArray[np.int64]
    maps: NDArray[np.float32]
    columns: NDArray[np.int64]
    strands: NDArray[np.int64]

    @property
    def reach(self) -> int:
        """Number of bases on either side that the term of a base can depend on."""
        return max(int(self.widths.max(initial=0)) - 1, 0)


def pack_matrices(architecture: Architecture, weights: Mapping[str, Any]) -> Matrices:
    """Pack the matrices of a network."""
    dtype = weights["head.weight"].dtype
    tables, maps, widths, flanks = [], [], [], []
    for number in range(len(architecture.classes)):
        shape = architecture.matrix(number)
        widths.append(shape.width if shape else 0)
        flanks.append(shape.flank_bp if shape else 0)
        maps.append(np.zeros(3, dtype))
        if shape:
            log_odds = weights[f"matrix.{number}.log_odds"]
            tables += [_table(log_odds), _table(log_odds[:, ::-1])]
            slope, least, shift = weights[f"matrix.{number}.map"]
            with np.errstate(over="ignore"):  # of a fit that diverges, which then says so
                factor = np.exp(weights[f"matrix.{number}.scale"][0])
            maps[-1] = np.array([factor * slope, least, factor * shift], dtype)
    strands = [1 + stranded for _, stranded in architecture.classes]
    first = int(architecture.exclusive) + np.cumsum([0, *strands[:-1]])
    flat = np.concatenate(tables) if tables else np.zeros(0)
    packed = aligned(flat.size, dtype=dtype)
    packed[:] = flat
    return Matrices(
        packed,
        np.array(widths, np.int64),
        np.array(flanks, np.int64),
        np.array(maps, dtype),
        np.asarray(first, np.int64),
        np.array(strands, np.int64),
    )


def _table(log_odds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the entries of a matrix (W, 4): (W * TABLE_ENTRIES,); 0 for code 4."""
    entries = np.zeros((len(log_odds), TABLE_ENTRIES), log_odds.dtype)
    entries[:, :4] = log_odds
    entries[:, PADDING] = _OUTSIDE
    return entries.reshape(-1)


def room(bases: int, widths: Sequence[int] | NDArray[np.int64]) -> int:
    """Return the bases that the work space of a scan needs."""
    return bases + max(map(int, widths), default=0)


@inlined
def _best_sites(
    codes: Codes,
    stride: int,
    bases: int,
    table: NDArray[np.float32],
    at: int,
    width: int,
    core: int,
    reverse: bool,
    least: np.float32,
    found: NDArray[np.float32],
) -> None:
    """Write the best score of the sites that cover each base, from the first one that has any.

    Number `e` of `found` is for base `e // stride + flank`. `codes` and `found` may be read and
    written for one vector more than the bases.
    """
    sites, rim = bases - width + 1, (core - 1) * stride
    lowest = like(zeros(found), least)
    for e in range(0, sites * stride, VECTOR):
        score = zeros(found)
        for column in range(width):
            place = e + (width - 1 - column if reverse else column) * stride
            score = score + take(table, at + column * TABLE_ENTRIES, load_codes(codes, place))
        store(found, rim + e, maximum(lowest, score))
    found[:rim] = least
    found[rim + sites * stride : 2 * rim + sites * stride] = least
    span, left = 1, sites + 2 * (core - 1)
    while span < core:
        step = min(span, core - span)
        span, left = span + step, left - step
        for e in range(0, left * stride, VECTOR):
            store(found, e, maximum(load(found, e), load(found, e + step * stride)))


@kernel
def matrix_terms(
    codes: Codes,
    first: int,
    count: int,
    tables: NDArray[np.float32],
    widths: NDArray[np.int64],
    flanks: NDArray[np.int64],
    maps: NDArray[np.float32],
    columns: NDArray[np.int64],
    strands: NDArray[np.int64],
    all_columns: int,
    found: NDArray[np.float32],
    terms: NDArray[np.float32],
) -> None:
    """Compute what the matrices add to the log-odds of a block of windows.

    Parameters
    ----------
    codes : ndarray, (L' * LANES,) uint8
        Windows, with flanks where they have any.
    first, count : int
        First base and number of bases for which terms are needed.
    tables, widths, flanks, maps, columns, strands
        As in `Matrices`.
    all_columns : int
        C, the number of columns of the head.
    found : ndarray, (room(L') * LANES + VECTOR,) float32
        Scratch space.
    terms : ndarray, (count * C * LANES,) float32
        Output: slope * max(score, lower limit) + shift, of each strand of a stranded class, and of
        the better strand of other classes. 0 in columns without a matrix.
    """
    bases, at = codes.size // LANES, 0
    terms[:] = 0
    for k in range(widths.size):
        width, flank = widths[k], flanks[k]
        slope, least, shift = maps[k, 0], maps[k, 1], maps[k, 2]
        for strand in range(2 if width else 0):
            if bases >= width:
                _best_sites(
                    codes,
                    LANES,
                    bases,
                    tables,
                    at,
                    width,
                    width - 2 * flank,
                    strand == 1,
                    least,
                    found,
                )
            at += width * TABLE_ENTRIES
            column = columns[k] + (strand if strands[k] == 2 else 0)
            last = bases - 2 * flank if bases >= width else 0
            for t in range(count):
                place, out = first + t - flank, (t * all_columns + column) * LANES
                for v in range(0, LANES, VECTOR):
                    score = like(zeros(found), least)
                    if 0 <= place < last:
                        score = load(found, place * LANES + v)
                    term = fma(like(score, slope), score, like(score, shift))
                    if strand == 1 and strands[k] == 1:
                        term = maximum(term, load(terms, out + v))
                    store(terms, out + v, term)


@kernel
def _scan(
    codes: Codes,
    bases: int,
    table: NDArray[np.float32],
    width: int,
    core: int,
    reverse: bool,
    least: np.float32,
    found: NDArray[np.float32],
) -> None:
    _best_sites(codes, 1, bases, table, 0, width, core, reverse, least, found)


def best_scores(
    codes: Codes, log_odds: NDArray[np.float32], flank_bp: int, least: float
) -> NDArray[np.float32]:
    """Return the best score of any site that covers each base of a sequence, on either strand.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Code 4 adds 0 to the score of a site.
    log_odds : ndarray, (W, 4) float32
        Matrix of a site on +.
    flank_bp : int
        Columns at either end that add to the score of a site but lie outside it.
    least : float
        Lower limit, and score of a base that no site covers.

    Returns
    -------
    scores : ndarray, (2, L) float32
        Row 0 is +, row 1 is -. Only sites that lie wholly on the sequence count.
    """
    bases, width = codes.size, len(log_odds)
    scores = np.full((2, bases), least, np.float32)
    if bases < width:
        return scores
    padded = np.full(bases + VECTOR, PADDING, np.uint8)
    padded[:bases] = codes
    found = aligned(room(bases, [width]) + VECTOR)
    for strand, matrix in enumerate((log_odds, log_odds[:, ::-1])):
        table, core = aligned(width * TABLE_ENTRIES), width - 2 * flank_bp
        table[:] = _table(matrix)
        _scan(padded, bases, table, width, core, strand == 1, np.float32(least), found)
        scores[strand, flank_bp : bases - flank_bp] = found[: bases - 2 * flank_bp]
    return scores
