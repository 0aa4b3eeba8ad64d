"""Columns of tables of scores, calls, effects and variants, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.tracks.rows import CALL_COLUMNS, COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EFFECT_SCHEMA", "ROW_SCHEMA", "VARIANT_SCHEMA", "schema_of"]

ROW_SCHEMA = pl.Schema(
    zip(COLUMNS, (pl.String, pl.Int64, pl.Int64, pl.String, pl.Int16, pl.String), strict=True)
)
"""Columns of a table of scores or calls. They are those of BED6."""

EFFECT_SCHEMA: dict[str, type[pl.DataType]] = {
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "ref": pl.String,
    "alt": pl.String,
    "class": pl.String,
    "strand": pl.String,
    "gain": pl.Float32,
    "gain_distance": pl.Int32,
    "gain_log_odds": pl.Float32,
    "loss": pl.Float32,
    "loss_distance": pl.Int32,
    "loss_log_odds": pl.Float32,
    "reach": pl.Int32,
    "log_odds_beyond": pl.Float32,
}
"""Columns of a table of effects: one row per change of the sequence and output."""

VARIANT_SCHEMA: dict[str, type[pl.DataType]] = {
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "id": pl.String,
    "ref": pl.String,
    "alt": pl.String,
    "haplotype": pl.Int32,
    "class": pl.String,
    "strand": pl.String,
    "gain": pl.Float32,
    "gain_distance": pl.Int32,
    "gain_log_odds": pl.Float32,
    "loss": pl.Float32,
    "loss_distance": pl.Int32,
    "loss_log_odds": pl.Float32,
    "calls_gained": pl.Int32,
    "calls_lost": pl.Int32,
    "max_distance": pl.Int32,
}
"""Columns of a table of variants: one row per alternative allele, haplotype and output."""
_KINDS = {"integer": pl.Int64, "number": pl.Float64, "text": pl.String}


def schema_of(columns: Sequence[str]) -> pl.Schema:
    """Return the schema of a table of calls with further columns, named as in `CALL_COLUMNS`.

    Examples
    --------
    >>> schema_of(["evidence"])["evidence"]
    Int64
    """
    further = [(name, _KINDS[CALL_COLUMNS[name].kind]()) for name in columns]
    return pl.Schema([*ROW_SCHEMA.items(), *further])
