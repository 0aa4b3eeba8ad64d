"""Labelled intervals of a genome, and the labels of its bases."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import check_names, check_past, few, lies_past
from dnabirnn.labels.bits import (
    IGNORE_BIT,
    IGNORED,
    ClassTable,
    LabelRows,
    ignore_flanks,
    ignore_outside,
    paint,
)
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.intervals import Regions
    from dnabirnn.motif_classes import MotifClass

__all__ = ["Labels", "Origin"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Files that labels were read from.

    Attributes
    ----------
    digests : mapping
        SHA-256 of each file, by its basename.
    reading : mapping
        Settings with which the files were read, as written to a manifest.
    lengths : mapping
        Length of each contig for which a file gives one, and the name of that file.
    aliases : mapping
        Contig name in the rows, by other names of the contig.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    lengths: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


class Labels:
    """Labelled intervals of all contigs, with their classes.

    Parameters
    ----------
    table : ClassTable
    frame : polars.DataFrame
        Columns chrom, start, end, class (Int32, -1 for ignored classes), strand ("." in an
        unstranded class), file, line.
    origin : Origin, optional
    flank_bp : int
        Number of bases to ignore on each side of each boundary of labelled bases.
    negatives : Regions, optional
        Known negatives: regions in which a base without a label has no class. Elsewhere, bases
        without a label are ignored. By default the whole genome.

    Attributes
    ----------
    table, frame, origin, flank_bp, negatives
        As given.
    """

    def __init__(
        self,
        table: ClassTable,
        frame: pl.DataFrame,
        origin: Origin | None = None,
        *,
        flank_bp: int = 0,
        negatives: Regions | None = None,
    ) -> None:
        self.table = table
        self.frame = frame
        self.origin = origin or Origin()
        self.flank_bp = flank_bp
        self.negatives = negatives
        ordered = frame.sort("chrom", maintain_order=True)
        bits = _bits_of_rows(ordered)
        self._rows = LabelRows(ordered["start"].to_numpy(), ordered["end"].to_numpy(), bits)
        self._places = ordered.select("file", "line")
        self._slices: dict[str, slice] = {}
        self._reach: dict[str, int] = {}  # largest end on each contig
        of_contigs = ordered.with_row_index("row").group_by("chrom", maintain_order=True)
        for chrom, first, count, reach in of_contigs.agg(
            pl.col("row").first(), pl.len(), pl.col("end").max()
        ).iter_rows():
            self._slices[chrom] = slice(first, first + count)
            self._reach[chrom] = reach

    @property
    def classes(self) -> tuple[MotifClass, ...]:
        """Classes in the order of their bits."""
        return self.table.classes

    @property
    def names(self) -> list[str]:
        """Contigs that have a row, with the names in the files."""
        return list(self._slices)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by its basename."""
        return dict(self.origin.digests)

    def paint(
        self, chrom: str, length: int, excluded: NDArray[np.int64] | None = None
    ) -> NDArray[np.unsignedinteger]:
        """Return the labels of a contig's bases, with the ignore bit on uncertain ones.

        Parameters
        ----------
        chrom : str
        length : int
            Length of the contig, in bases.
        excluded : ndarray, (n, 2) int64, optional
            Intervals whose bases are ignored in addition.

        Returns
        -------
        labels : ndarray, (length,) of `table.dtype`

        Raises
        ------
        LabelError
            As for `of`.
        """
        labels = paint(self.of(chrom, length), length, self.table, excluded)
        if self.negatives is not None:
            ignore_outside(labels, self.negatives.of(chrom))
        if self.flank_bp:
            ignore_flanks(labels, self.flank_bp)
        return labels

    def of(self, chrom: str, length: int) -> LabelRows:
        """Return the rows of a contig.

        Parameters
        ----------
        chrom : str
        length : int
            Length of the contig, in bases.

        Returns
        -------
        rows : LabelRows
            A row past the contig's end is cut there, and may be empty. A row that lies mostly past
            it is left out. `check_contigs` counts both.

        Raises
        ------
        LabelError
            Many rows past the contig's end, or a file that gives another length for the contig.
        """
        own = self._own_name(chrom)
        self._check_length(own, length)
        part = self._slices.get(own, slice(0, 0))
        starts, ends, bits = self._rows
        rows = LabelRows(starts[part], ends[part], bits[part])
        past = rows.ends > length
        if not past.any():
            return rows
        if not few(int(past.sum()), self.frame.height):
            check_past(self._past(own, chrom, length), self.frame.height, "", leave_out=True)
        sized = pl.DataFrame({"start": rows.starts, "end": rows.ends, "length": length})
        kept = sized.select(~lies_past()).to_series().to_numpy()
        starts, ends = (np.minimum(places[kept], length) for places in rows[:2])
        return LabelRows(starts, ends, rows.bits[kept])

    def check_contigs(self, lengths: Mapping[str, int]) -> None:
        """Compare contig names with those of a FASTA.

        Log warnings with the number of rows on contigs that the FASTA lacks, and the number of rows
        past the end of their contig, which are cut or left out.

        Raises
        ------
        LabelError
            No name in common, another length of a contig, or many rows past the end of their
            contig.
        """
        source = ", ".join(self.frame["file"].unique(maintain_order=True))
        matched = self._matched(lengths)
        if not matched:
            check_names(self.names, lengths, source)
        lost = [name for name in self.names if name not in matched]
        if lost:
            count = sum(self._slices[name].stop - self._slices[name].start for name in lost)
            logger.warning(
                "%s: %d of %d rows lie on contigs that the FASTA lacks (%s); they are left out",
                source,
                count,
                self.frame.height,
                shortened(lost),
            )
        past = []
        for own, name in matched.items():
            self._check_length(own, lengths[name])
            if self._reach[own] > lengths[name]:
                past.append(self._past(own, name, lengths[name]))
        if past:
            kept = sum(self._slices[own].stop - self._slices[own].start for own in matched)
            check_past(pl.concat(past), kept, source, leave_out=True)

    def renamed(self, lengths: Mapping[str, int]) -> Labels:
        """Return the labels with the contig names of a FASTA, cut at the ends of its contigs.

        Rows that lie mostly past the end of their contig are left out.

        Raises
        ------
        LabelError
            Two contigs of the FASTA are the same contig in the labels.
        """
        matched = self._matched(lengths)
        other = {own: name for own, name in matched.items() if own != name}
        limits = {n: lengths[n] for own, n in matched.items() if self._reach[own] > lengths[n]}
        if not other and not limits:
            return self
        frame = self.frame.with_columns(pl.col("chrom").replace(other))
        if limits:
            limit = pl.col("chrom").replace_strict(limits, default=None, return_dtype=pl.Int64)
            sized = frame.with_columns(length=limit)
            inside = (pl.col("start") < pl.col("length")) & ~lies_past()
            frame = sized.filter(inside.fill_null(True)).with_columns(
                end=pl.min_horizontal("end", "length")
            )
            frame = frame.drop("length")
        return Labels(
            self.table,
            frame,
            Origin(self.digests, self.origin.reading),
            flank_bp=self.flank_bp,
            negatives=self.negatives,
        )

    def _check_length(self, own: str, length: int) -> None:
        """Raise LabelError if a file gives another length for a contig than the FASTA."""
        known, source = self.origin.lengths.get(own, (length, ""))
        if known != length:
            raise LabelError(
                f"{source}: {own} has {known} bases, but {length} in the FASTA; use the assembly "
                "that the labels were made for"
            )

    def _past(self, own: str, chrom: str, length: int) -> pl.DataFrame:
        """Return the rows past the end of a contig, for `check_past`."""
        part = self._slices[own]
        starts, ends, _ = self._rows
        return (
            self._places[part]
            .with_columns(
                pl.lit(chrom).alias("chrom"),
                pl.Series("start", starts[part]),
                pl.Series("end", ends[part]),
                pl.lit(length, pl.Int64).alias("length"),
            )
            .filter(pl.col("end") > length)
        )

    def _own_name(self, chrom: str) -> str:
        """Return the name in the labels of a contig of a FASTA."""
        if chrom in self._slices or chrom in self.origin.lengths:
            return chrom
        return self.origin.aliases.get(chrom, chrom)

    def _matched(self, lengths: Mapping[str, int]) -> dict[str, str]:
        """Return the contigs that have a row, with their names in the FASTA."""
        matched: dict[str, str] = {}
        for name in lengths:
            own = self._own_name(name)
            if own not in self._slices:
                continue
            if own in matched:
                raise LabelError(
                    f"{self.origin.lengths[own][1]}: {own} is both {matched[own]} and {name} in "
                    "the FASTA; remove one of them"
                )
            matched[own] = name
        return matched


def _bits_of_rows(frame: pl.DataFrame) -> NDArray[np.uint64]:
    strand = pl.col("strand").replace_strict({"+": 1, "-": 2, ".": 3}, return_dtype=pl.UInt64)
    columns = frame.select("class", strand)
    numbers = columns["class"].to_numpy().astype(np.int64)
    shifts = np.maximum(1 + 2 * numbers, 0).astype(np.uint64)
    bits = columns["strand"].to_numpy().astype(np.uint64) << shifts
    return np.where(numbers == IGNORED, np.uint64(IGNORE_BIT), bits)
