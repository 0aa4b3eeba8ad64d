"""Figures of motifs: one row per motif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from dnabirnn.discovery.found_motif import Discovery, FoundMotif

__all__ = ["MOTIF_SCHEMA", "explained_share", "motif_table"]

MOTIF_SCHEMA: dict[str, type[pl.DataType]] = {
    "class": pl.String,
    "name": pl.String,
    "consensus": pl.String,
    "width": pl.Int64,
    "sites": pl.Int64,
    "information": pl.Float64,
    "explained": pl.Float64,
    "importance": pl.Float64,
    "distance": pl.Float64,
    "same_strand": pl.Float64,
}


def motif_table(discovery: Discovery) -> pl.DataFrame:
    """Return the figures of motifs.

    Parameters
    ----------
    discovery : Discovery

    Returns
    -------
    table : polars.DataFrame
        One row per motif, in their order: class, name, consensus (IUPAC), width in bp, sites,
        information in bits (for a background of equal shares), explained (share of the targets of
        the class with a site), importance (mean of the sites, in log-odds summed over the target),
        distance (median, in bp, from the middle of a site to the middle of its target), same_strand
        (share of sites on the strand of their target; null for targets without strand).
    """
    rows = [_row(motif, discovery.targets) for motif in discovery.motifs]
    return pl.DataFrame(rows, schema=MOTIF_SCHEMA, orient="row")


def _row(found: FoundMotif, targets: pl.DataFrame) -> tuple[Any, ...]:
    sites, motif = found.sites, found.motif
    places = sites["target"].to_numpy()
    own = targets[places]
    of_class = (targets["class"] == found.class_name).sum()
    middles = sites.select(middle=(pl.col("start") + pl.col("end")) / 2)["middle"].to_numpy()
    aims = own.select(middle=(pl.col("start") + pl.col("end")) / 2)["middle"].to_numpy()
    stranded = (own["strand"] != ".").to_numpy()
    same = (sites["strand"] == own["strand"]).to_numpy()[stranded]
    return (
        found.class_name,
        motif.name,
        motif.consensus,
        motif.width_bp,
        sites.height,
        float(motif.bits.sum()),
        len(np.unique(places)) / of_class if of_class else None,
        sites["importance"].mean(),
        float(np.median(np.abs(middles - aims))) if len(middles) else None,
        float(same.mean()) if same.size else None,
    )


def explained_share(discovery: Discovery, class_name: str) -> float | None:
    """Return the share of the targets of a class with a site of any motif; None without targets."""
    of_class = int((discovery.targets["class"] == class_name).sum())
    if not of_class:
        return None
    places = [motif.sites["target"] for motif in discovery.motifs if motif.class_name == class_name]
    return pl.concat(places).n_unique() / of_class if places else 0.0
