"""Columns of a table of scores or of calls, with their types."""

from __future__ import annotations

import polars as pl

from dnabirnn.tracks.rows import COLUMNS

__all__ = ["ROW_SCHEMA"]

ROW_SCHEMA = pl.Schema(
    zip(COLUMNS, (pl.String, pl.Int64, pl.Int64, pl.String, pl.Int16, pl.String), strict=True)
)
"""Columns of a table of scores or calls. They are those of BED6."""
