"""Rows of a track of scores or of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnabirnn.motif_classes import Output

__all__ = [
    "CALL_COLUMNS",
    "COLUMNS",
    "NOTHING",
    "CallColumn",
    "Rows",
    "joined",
    "output_ranks",
    "texts_of",
]

COLUMNS = ("chrom", "start", "end", "class", "score", "strand")
"""Columns of a row of scores or of a call, in the order of BED6."""


class CallColumn(NamedTuple):
    """Further column of calls.

    Attributes
    ----------
    kind : str
        "integer", "number" or "text".
    about : str
        What it is, for the description of the columns of a bigBed.
    """

    kind: str
    about: str


CALL_COLUMNS = {
    "evidence": CallColumn("integer", "Evidence in thousandths of a nat"),
    "period": CallColumn("integer", "Period of a tandem array in bases, or 0"),
    "copies": CallColumn("number", "Length of the array in periods, or 0"),
    "evalue": CallColumn("number", "Calls of this evidence or more expected by chance"),
    "qvalue": CallColumn("number", "Least false discovery rate at which this is called"),
    "note": CallColumn("text", "Why no low q-value is possible, or a dot"),
}
"""Columns that calls can have besides those of BED6, in the order in which they are written."""

NOTHING = "."
"""Text of an empty column."""


def texts_of(rows: Rows, name: str) -> list[str]:
    """Return a further column of calls as text."""
    assert rows.extra is not None
    values = rows.extra[name].tolist()
    if CALL_COLUMNS[name].kind == "number":
        return [f"{value:.6g}" for value in values]
    return [str(value) or NOTHING for value in values]


class Rows(NamedTuple):
    """Rows of one contig, as in BED6: runs of equal score, or calls.

    Rows of one output ascend and do not overlap. Rows of different outputs may be in any order.

    Attributes
    ----------
    chrom : str
        Name of the contig.
    output : ndarray, (n,) uint8
        Number of each row's output: its column in the network's probabilities.
    start, end : ndarray, (n,) int64
    score : ndarray, (n,) int16
        0 to 1000.
    frontier : int
        Rows of this contig that come later start at or after this position.
    last : bool
        True for the last rows of the contig. They may be empty.
    summit : ndarray, (n,) int64, optional
        Position of each call's highest score, if it was requested.
    extra : mapping of str to ndarray, (n,), optional
        Further columns of calls, by their names in `CALL_COLUMNS`.
    """

    chrom: str
    output: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.int16]
    frontier: int
    last: bool
    summit: NDArray[np.int64] | None = None
    extra: Mapping[str, NDArray[Any]] | None = None

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Rows:
        """Return some of the rows, by mask, indices or slice."""
        return self._replace(
            output=self.output[which],
            start=self.start[which],
            end=self.end[which],
            score=self.score[which],
            summit=None if self.summit is None else self.summit[which],
            extra=self.extra and {name: of[which] for name, of in self.extra.items()},
        )

    def at_least(self, score: int) -> Rows:
        """Return the rows with at least this score, as in a track with that `--min-score`."""
        return self.take(self.score >= score)

    def by_output(self) -> Iterator[tuple[int, Rows]]:
        """Yield the rows of each output that has any."""
        order = np.argsort(self.output, kind="stable")
        ends = np.flatnonzero(np.diff(self.output[order], append=-1)) + 1
        begin = 0
        for end in ends.tolist():
            rows = self.take(order[begin:end])
            yield int(rows.output[0]), rows
            begin = end


def joined(pieces: Sequence[Rows]) -> Rows:
    """Concatenate rows of one contig. `frontier` and `last` are those of the last piece."""
    if len(pieces) == 1:
        return pieces[0]
    summits = [piece.summit for piece in pieces if piece.summit is not None]
    extras = [piece.extra for piece in pieces if piece.extra]
    return pieces[-1]._replace(
        output=np.concatenate([piece.output for piece in pieces]),
        start=np.concatenate([piece.start for piece in pieces]),
        end=np.concatenate([piece.end for piece in pieces]),
        score=np.concatenate([piece.score for piece in pieces]),
        summit=np.concatenate(summits) if summits else None,
        extra={name: np.concatenate([e[name] for e in extras]) for name in extras[0]}
        if extras
        else None,
    )


def output_ranks(outputs: Sequence[Output]) -> NDArray[np.uint8]:
    """Return the rank of each output in a track's row order: class as text, then "+", "-", ".".

    Examples
    --------
    >>> from dnabirnn.motif_classes import Output
    >>> output_ranks([Output("b", "."), Output("a", "+"), Output("a", "-")])
    array([2, 0, 1], dtype=uint8)
    """
    order = sorted(range(len(outputs)), key=lambda i: tuple(outputs[i]))
    return np.argsort(order).astype(np.uint8)
