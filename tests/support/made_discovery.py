"""Discoveries made by hand: sites of two motifs in targets, with or without a fixed spacing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from dnabirnn.discovery import Discovery, FoundMotif
from dnabirnn.motifs.motif import Motif, built_in_motifs

__all__ = ["Planted", "made_discovery", "mirrored", "with_sites"]

TARGETS = {
    "contig": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "class": pl.String,
}
SITES = {
    "contig": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "target": pl.Int64,
    "importance": pl.Float64,
}
_STEP, _SPAN, _FLANK = 2_000, 300, 100
_WIDTHS = (15, 10)
_OTHER = {"+": "-", "-": "+"}


class Planted(NamedTuple):
    """How sites are placed.

    Attributes
    ----------
    targets : int
    copies : int
        Sites of each motif per target.
    spacing : int, optional
        Distance of the second motif from the first, on the other strand, in a share of the targets.
    share : float
    anchored : bool
        Targets are the sites of the first motif, and else 300 bp with sites anywhere in them.
    centred : bool
        Sites are near the middle of their targets.
    stranded : bool
        Targets have strands.
    """

    targets: int = 200
    copies: int = 1
    spacing: int | None = None
    share: float = 0.5
    anchored: bool = False
    centred: bool = False
    stranded: bool = True


def with_sites(name, motif, sites, targets, reach_bp=_FLANK, class_name="X"):
    """Make a discovery of one motif from rows of sites and of targets."""
    found = FoundMotif(
        class_name,
        Motif(name, name, motif),
        motif.astype(np.float32),
        pl.DataFrame(sites, schema=SITES, orient="row"),
    )
    return Discovery([found], pl.DataFrame(targets, schema=TARGETS, orient="row"), reach_bp)


def made_discovery(seed: int, planted: Planted) -> Discovery:
    """Make a discovery of two motifs: the first columns of CTCF's, and of YY1's, of class X."""
    rng = np.random.default_rng(seed)
    matrices = [
        motif.counts[:width] for motif, width in zip(built_in_motifs(), _WIDTHS, strict=True)
    ]
    targets, rows = [], ([], [])
    span = _WIDTHS[0] if planted.anchored else _SPAN
    for number in range(planted.targets):
        start, strand = _STEP * number + 500, str(rng.choice(["+", "-"]))
        targets.append(("c", start, start + span, strand if planted.stranded else ".", "X"))
        for _ in range(planted.copies):
            for own, (place, side) in zip(rows, _pair(rng, planted, span), strict=True):
                width = _WIDTHS[0 if own is rows[0] else 1]
                if strand == "-":
                    place, side = span - place - width, _OTHER[side]
                left = start + place
                own.append(("c", left, left + width, side, number, float(rng.random())))
    found = [
        FoundMotif(
            "X",
            Motif(f"X_{i}", f"X_{i}", matrix),
            matrix.astype(np.float32),
            pl.DataFrame(own, schema=SITES, orient="row"),
        )
        for i, (matrix, own) in enumerate(zip(matrices, rows, strict=True), 1)
    ]
    return Discovery(found, pl.DataFrame(targets, schema=TARGETS, orient="row"), _FLANK)


def _pair(rng, planted, span):
    """Return place and strand of a site of each motif, in the frame of the target."""
    around = _FLANK if planted.anchored else 0
    first = (0, "+")
    if not planted.anchored:
        first = (_place(rng, planted, 0, span - _WIDTHS[0]), str(rng.choice(["+", "-"])))
    second = (
        _place(rng, planted, -around, span + around - _WIDTHS[1]),
        str(rng.choice(["+", "-"])),
    )
    if planted.spacing is not None and rng.random() < planted.share:
        place, strand = first
        ahead = place + planted.spacing
        behind = place + _WIDTHS[0] - planted.spacing - _WIDTHS[1]
        second = (ahead if strand == "+" else behind, _OTHER[strand])
    return first, second


def _place(rng, planted, low, high):
    if planted.centred:
        return int(np.clip(rng.normal((low + high) / 2, 15), low, high))
    return int(rng.integers(low, high))


def mirrored(discovery: Discovery, length: int) -> Discovery:
    """Return the same sites on the reverse complement of a contig of this length."""
    turned = {"+": "-", "-": "+", ".": "."}

    def flipped(frame):
        return frame.with_columns(
            start=length - pl.col("end"),
            end=length - pl.col("start"),
            strand=pl.col("strand").replace_strict(turned),
        )

    motifs = [
        FoundMotif(one.class_name, one.motif, one.importance, flipped(one.sites))
        for one in discovery.motifs
    ]
    return Discovery(motifs, flipped(discovery.targets), discovery.reach_bp)
