"""Write rows of scores and calls as Parquet, in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from dnabirnn.errors import OutputError
from dnabirnn.tracks.formats import TrackFormat
from dnabirnn.tracks.layouts import layout_of
from dnabirnn.tracks.rows import NOTHING
from dnabirnn.tracks.schema import schema_of
from dnabirnn.tracks.text import TextTrack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.rows import Rows

__all__ = ["ParquetTrack", "sink"]

# Rows per row group. With polars' default, 30 million rows took 350 MB of memory.
_GROUP_ROWS = 1 << 17


class ParquetTrack:
    """Writer of the rows of all outputs as one table, in the order of `Ordered`.

    polars can write Parquet in pieces if it reads the rows from a file, but not if they arrive one
    block at a time. So rows are first written to a temporary file, as text.

    Parameters
    ----------
    path : Path
    outputs : sequence of Output
    spool : binary file
        Temporary file for the rows. Must have a name, under which it is opened again.
    columns : sequence of str
        Further columns of calls.
    """

    def __init__(
        self,
        path: Path,
        outputs: Sequence[Output],
        spool: BinaryIO,
        columns: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._spool = spool
        self._schema = schema_of(columns)
        layout = layout_of(TrackFormat.TSV, outputs, columns=columns)
        self._track = TextTrack(spool, outputs, layout)

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        self._track.add(rows)

    def close(self) -> None:
        """Write the file."""
        self._track.close()
        self._spool.flush()
        # Opened here, because polars takes only names that are UTF-8.
        with open(self._spool.name, "rb") as spool:
            rows = pl.scan_csv(
                spool, separator="\t", has_header=False, quote_char=None, schema=self._schema
            )
            if "note" in self._schema:
                rows = rows.with_columns(pl.col("note").replace(NOTHING, None))
            sink(rows, self._path)


def sink(rows: pl.LazyFrame, path: Path) -> None:
    """Write a table of rows in pieces, in the order of its rows.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    try:
        with path.open("wb") as file:
            rows.sink_parquet(file, row_group_size=_GROUP_ROWS, maintain_order=True)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as cause:
        raise OutputError(
            f"{path.parent}: Parquet could not be written ({cause}); make room or write elsewhere"
        ) from cause
