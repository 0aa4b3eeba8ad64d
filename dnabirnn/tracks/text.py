"""Rows of scores and calls -> lines of text: BED, bedGraph, GFF3 and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.tracks.formats import TrackFormat
from dnabirnn.tracks.layouts import Layout, layout_of
from dnabirnn.tracks.lines import Lines
from dnabirnn.tracks.rows import Rows, joined, output_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.motif_classes import Output

__all__ = ["BedGraphTracks", "BedTrack", "Ordered", "TextTrack", "Track"]


class Track(Protocol):
    """What rows of any contigs are written to, contig after contig."""

    def add(self, rows: Rows) -> None:
        """Take the next rows."""

    def close(self) -> None:
        """Write what is held back."""


class Ordered:
    """Rows of all outputs, ordered by start, end, class and strand within a contig.

    For a track of scores (`find_runs`) and for calls (`calling.Caller`) alike. A row waits as
    long as one that belongs before it may still come.

    Parameters
    ----------
    outputs : sequence of Output
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._ranks = output_ranks(outputs)
        self._held: list[Rows] = []
        self._held_from = 0

    def add(self, rows: Rows) -> Rows | None:
        """Take the next rows; those whose turn it is, if any."""
        if rows.start.size:
            first = int(rows.start.min())
            self._held_from = min(first, self._held_from) if self._held else first
            self._held.append(rows)
        if self._held and (rows.last or rows.frontier > self._held_from):
            return self._release(rows.frontier, rows.last)
        return None

    def _release(self, frontier: int, last: bool) -> Rows:
        rows = joined(self._held)
        rows = rows.take(np.lexsort((self._ranks[rows.output], rows.end, rows.start)))
        n_ready = rows.start.size if last else int(np.searchsorted(rows.start, frontier))
        ready, rest = rows.take(slice(n_ready)), rows.take(slice(n_ready, None))
        self._held = [rest] if rest.start.size else []
        self._held_from = int(rest.start[0]) if self._held else 0
        return ready


class TextTrack:
    """Rows of all outputs as lines of one file, in the order of `Ordered`.

    Parameters
    ----------
    file : binary file
    outputs : sequence of Output
    layout : Layout
    header : str
        What the file begins with.
    """

    def __init__(
        self, file: BinaryIO, outputs: Sequence[Output], layout: Layout, header: str = ""
    ) -> None:
        file.write(header.encode())
        self._layout = layout
        self._lines = Lines(file, layout.tails, layout.finals)
        self._ordered = Ordered(outputs)

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        ready = self._ordered.add(rows)
        if ready is None:
            return
        layout = self._layout
        placed = ready._replace(
            chrom=layout.before(ready.chrom),
            start=ready.start + layout.first if layout.first else ready.start,
        )
        numbers = None if layout.numbers is None else layout.numbers(ready)
        tail = ready.output.astype(np.uint32) * (MAX_SCORE + 1) + ready.score
        self._lines.add(placed, tail, numbers)

    def close(self) -> None:
        """Write what is buffered; the file stays open."""
        self._lines.flush()


class BedTrack(TextTrack):
    """Rows as BED6.

    Parameters
    ----------
    file : binary file
    outputs : sequence of Output
    """

    def __init__(self, file: BinaryIO, outputs: Sequence[Output]) -> None:
        super().__init__(file, outputs, layout_of(TrackFormat.BED, outputs))


class BedGraphTracks:
    """Rows of `find_runs(..., min_score=0)` as bedGraph, a file an output.

    p has three decimals; bases of code 4 have no row.

    Parameters
    ----------
    files : sequence of binary files
        One an output, in the order of the model's outputs; `formats.track_path` names them.
    """

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        tails = [f"{score / MAX_SCORE:.3f}" for score in range(MAX_SCORE + 1)]
        self._lines = [Lines(file, tails) for file in files]

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        for output, own in rows.by_output():
            self._lines[output].add(own, own.score.astype(np.uint32))

    def close(self) -> None:
        """Write what is buffered; the files stay open."""
        for lines in self._lines:
            lines.flush()
