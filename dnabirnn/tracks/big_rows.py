"""Rows of bigWig and bigBed, and the stretches of one value that they make up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["BigRows", "Runs", "depths", "file_key", "joined_rows"]


class BigRows(NamedTuple):
    """Rows of one or more contigs.

    The rows of a contig ascend by start; in a bigWig, they do not overlap.

    Attributes
    ----------
    contig : ndarray, (n,) int64
        Number of each row's contig. Ascends.
    start, end : ndarray, (n,) int64
    value : ndarray, (n,) float32, optional
        Of bigWig.
    rest : list of bytes, optional
        Of bigBed: the columns after the third, and a zero byte.
    """

    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.float32] | None = None
    rest: list[bytes] | None = None


def joined_rows(pieces: Sequence[BigRows]) -> BigRows:
    """Concatenate rows."""
    wig = pieces[0].value is not None
    return BigRows(
        np.concatenate([piece.contig for piece in pieces]),
        np.concatenate([piece.start for piece in pieces]),
        np.concatenate([piece.end for piece in pieces]),
        np.concatenate([piece.value for piece in pieces if piece.value is not None])
        if wig
        else None,
        None if wig else [one for piece in pieces for one in piece.rest or []],
    )


class Runs(NamedTuple):
    """Stretches without overlaps: value of a bigWig, or number of rows of a bigBed there."""

    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.float64]


def file_key(contig: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return contig and place as one number, which ascends along the file."""
    return contig << 32 | place


def depths(source: Iterable[BigRows]) -> Iterator[Runs]:
    """Yield how many rows cover each stretch. Rows ascend by start, and may overlap."""
    starts = ends = np.empty(0, np.int64)
    for rows in source:
        if not rows.start.size:
            continue
        starts = np.concatenate([starts, file_key(rows.contig, rows.start)])
        ends = np.concatenate([ends, file_key(rows.contig, rows.end)])
        # Later rows start here or after it, so what is before it is known.
        frontier = starts[-1]
        yield _depth(starts, np.minimum(ends, frontier))
        ends = ends[ends > frontier]
        starts = np.full(ends.size, frontier)
    yield _depth(starts, ends)


def _depth(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Runs:
    places = np.concatenate([starts, ends])
    order = np.argsort(places, kind="stable")
    places = places[order]
    depth = np.cumsum(np.where(order < starts.size, 1, -1))
    # Between two neighbouring places; nothing is covered between contigs.
    covered = np.flatnonzero((np.diff(places) > 0) & (depth[:-1] > 0))
    first, last = places[covered], places[covered + 1]
    return Runs(
        first >> 32, first & 0xFFFFFFFF, last & 0xFFFFFFFF, depth[covered].astype(np.float64)
    )
