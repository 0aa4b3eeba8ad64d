"""Targets of a search for which no calls or regions are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.explanation import Sites
from dnabirnn.intervals import Regions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output
    from dnabirnn.scoring import Model

__all__ = ["default_sites", "sites_of_calls"]


def default_sites(model: Model, *fasta: PathLike, circular: Iterable[str] = ()) -> Sites:
    """Return the calls of a model; if it learned labels of whole sequences, each record.

    Parameters
    ----------
    model : Model
    *fasta : str or PathLike
        Files as for `Model.contigs`.
    circular : iterable of str
        Names of circular contigs.
    """
    if model.checkpoint.sequences is not None:
        return Sites.everything()
    return sites_of_calls(model.calls(*fasta, circular=circular), model.outputs)


def sites_of_calls(calls: pl.DataFrame, outputs: Iterable[Output]) -> Sites:
    """Return calls as targets.

    Parameters
    ----------
    calls : DataFrame
        Has the columns chrom, start, end, class and strand, as from `Model.calls`.
    outputs : iterable of Output
    """
    lines = calls.with_row_index("line", offset=1)
    by_output = [
        Regions(calls.filter((pl.col("class") == name) & (pl.col("strand") == strand)))
        for name, strand in outputs
    ]
    return Sites(by_output, Regions(lines, "calls"), calls=True)
