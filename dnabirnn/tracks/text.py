"""Write rows of scores and calls as text: BED, bedGraph, GFF3, narrowPeak and TSV."""

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
    """Writer of rows, one contig after another."""

    def add(self, rows: Rows) -> None:
        """Add the next rows."""

    def close(self) -> None:
        """Write all rows that are still held."""


class Ordered:
    """Buffer that puts the rows of all outputs in order of start, end, class and strand.

    It serves both tracks of scores (`find_runs`) and calls (`calling.Caller`). Rows of different
    outputs arrive unordered, but each `Rows` has a frontier: later rows of the contig start at or
    after it. So rows that start before the frontier can be released, and the others are held::

        ---- released ----|---- held ----
                       frontier              position in the contig ->

    Parameters
    ----------
    outputs : sequence of Output
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._ranks = output_ranks(outputs)
        self._held: list[Rows] = []
        self._held_from = 0

    def add(self, rows: Rows) -> Rows | None:
        """Add the next rows. Return those that can be written, or None."""
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
    """Writer of the rows of all outputs as lines of one file, in the order of `Ordered`.

    Parameters
    ----------
    file : binary file
    outputs : sequence of Output
    layout : Layout
    header : str
        Lines at the beginning of the file.
    """

    def __init__(
        self, file: BinaryIO, outputs: Sequence[Output], layout: Layout, header: str = ""
    ) -> None:
        file.write(header.encode())
        self._file = file
        self._layout = layout
        self._lines = Lines(file, layout.tails, layout.finals)
        self._ordered = Ordered(outputs)

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        ready = self._ordered.add(rows)
        if ready is None:
            return
        layout = self._layout
        placed = ready._replace(
            chrom=layout.before(ready.chrom),
            start=ready.start + layout.first if layout.first else ready.start,
        )
        if layout.whole is not None:
            self._write(placed, layout.whole(ready))
            return
        numbers = None if layout.numbers is None else layout.numbers(ready)
        tail = ready.output.astype(np.uint32) * (MAX_SCORE + 1) + ready.score
        self._lines.add(placed, tail, numbers)

    def _write(self, rows: Rows, texts: Sequence[str]) -> None:
        """Write calls with further columns: far fewer than scores, so without the kernel."""
        places = zip(rows.start.tolist(), rows.end.tolist(), texts, strict=True)
        lines = "".join(f"{rows.chrom}\t{start}\t{end}\t{text}\n" for start, end, text in places)
        self._file.write(lines.encode())

    def close(self) -> None:
        """Write the buffered lines. The file stays open."""
        self._lines.flush()


class BedTrack(TextTrack):
    """Writer of rows as BED6.

    Parameters
    ----------
    file : binary file
    outputs : sequence of Output
    """

    def __init__(self, file: BinaryIO, outputs: Sequence[Output]) -> None:
        super().__init__(file, outputs, layout_of(TrackFormat.BED, outputs))


class BedGraphTracks:
    """Writer of rows of `find_runs(..., min_score=0)` as bedGraph, one file per output.

    Values are probabilities with three decimals. Bases of code 4 have no row.

    Parameters
    ----------
    files : sequence of binary files
        One per output, in the order of the model's outputs. `formats.track_path` gives their names.
    """

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        tails = [f"{score / MAX_SCORE:.3f}" for score in range(MAX_SCORE + 1)]
        self._lines = [Lines(file, tails) for file in files]

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        for output, own in rows.by_output():
            self._lines[output].add(own, own.score.astype(np.uint32))

    def close(self) -> None:
        """Write the buffered lines. The files stay open."""
        for lines in self._lines:
            lines.flush()
