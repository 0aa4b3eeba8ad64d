"""Motifs that a model has learned, with the sites that they were found in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.motifs import Motif

__all__ = ["Discovery", "FoundMotif"]


@dataclass(frozen=True)
class FoundMotif:
    """Motif that a model reads in the targets of a class.

    Attributes
    ----------
    class_name : str
        Class of the targets.
    motif : Motif
        Counts of the bases of the sites, (W, 4). Its name is that of the class, "_" and the rank of
        the motif in the class, from 1, such as "CTCF_1".
    importance : ndarray, (W, 4) float32
        Sum of the importance of the bases of the sites, by base, divided by the number of sites.
        Importance is counted for the output of the target: positive where a base supports it.
    sites : DataFrame
        One row per site: contig (String), start, end (Int64, 0-based, half-open, W bases), strand
        ("+" or "-", of the motif as `motif` shows it), target (Int64, row of `Discovery.targets`),
        and importance (Float64, summed over the bases of the site). Sorted by contig in the order
        of the FASTA, then start.
    """

    class_name: str
    motif: Motif
    importance: NDArray[np.float32]
    sites: pl.DataFrame

    def logo(self) -> str:
        """Return the logo of information above that of importance, as the text of an SVG file."""
        from dnabirnn.discovery.logos import importance_panel, information_panel, logo_svg

        panels = [information_panel(self.motif, self.motif.name), importance_panel(self.importance)]
        return logo_svg(panels)


class Discovery(NamedTuple):
    """Motifs found in the targets of a model.

    Attributes
    ----------
    motifs : sequence of FoundMotif
        By class in the order of the model, then by falling sum of the importance of their sites.
    targets : DataFrame
        The intervals that were explained, in the order of the FASTA: contig (String), start, end
        (Int64), strand (String; "+", "-" or "."), class (String).
    reach_bp : int
        Bases on either side of a target that were searched too.
    """

    motifs: Sequence[FoundMotif]
    targets: pl.DataFrame
    reach_bp: int
