"""Intervals as polars data frames: sort, merge, compare with contigs.

Coordinates are 0-based and half-open, in base pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import read_bed
from dnabirnn.intervals.tolerance import check_empty, check_past
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["Regions", "check_contigs", "merge", "sort_intervals"]

logger = logging.getLogger(__name__)


def sort_intervals(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort rows by contig name, start and end; equal rows keep their order."""
    return frame.sort("chrom", "start", "end", maintain_order=True)


def merge(frame: pl.DataFrame, by: Sequence[str] = ("chrom",), gap: int = 0) -> pl.DataFrame:
    """Merge intervals that overlap, touch, or are at most `gap` bases apart.

    Parameters
    ----------
    frame : polars.DataFrame
        Has the columns start, end and those of `by`.
    by : sequence of str
        Rows are merged only if they are equal in these columns, such as chrom and strand.
    gap : int
        Largest number of bases between two intervals that are merged.

    Returns
    -------
    merged : polars.DataFrame
        The first column of `by`, start, end, then the other columns of `by`; sorted by `by`, then
        start. Empty intervals are dropped.

    Examples
    --------
    >>> frame = pl.DataFrame({"chrom": ["a", "a", "a"], "start": [8, 0, 5], "end": [9, 5, 7]})
    >>> merge(frame).rows()
    [('a', 0, 7), ('a', 8, 9)]
    >>> merge(frame, gap=1).rows()
    [('a', 0, 9)]
    """
    keys = list(by)
    ordered = frame.filter(pl.col("end") > pl.col("start")).sort(*keys, "start", "end")
    # Add an offset per group, larger than any end, so that one running maximum serves all groups.
    # A window function per group takes ten times as long for 200,000 contigs.
    apart = pl.struct(keys).rle_id().cast(pl.Int64) * (pl.col("end").max() + gap + 1)
    reach = (pl.col("end") + apart).cum_max().shift(1)
    fresh = (pl.col("start") + apart > reach + gap).fill_null(True)
    return (
        ordered.with_columns(run=fresh.cum_sum())
        .group_by("run", maintain_order=True)
        .agg(*(pl.col(key).first() for key in keys), pl.col("start").first(), pl.col("end").max())
        .select(keys[0], "start", "end", *keys[1:])
    )


def check_contigs(frame: pl.DataFrame, lengths: Mapping[str, int], source: str) -> pl.DataFrame:
    """Return the rows on contigs of the FASTA.

    Parameters
    ----------
    frame : polars.DataFrame
        Has the columns of BED_SCHEMA.
    lengths : mapping
        Length of each contig of the FASTA in bases.
    source : str
        Name of the BED file, for errors.

    Returns
    -------
    known : polars.DataFrame
        Rows of other contigs are left out, and a few rows past the end of their contig are cut
        there. The numbers of both are logged as warnings.

    Raises
    ------
    LabelError
        No contig in common, many rows past the end of their contig, or a row that lies mostly past
        it.
    """
    if frame.is_empty():
        return frame
    known = frame.filter(pl.col("chrom").is_in(list(lengths)))
    check_names(frame["chrom"].unique(maintain_order=True).to_list(), lengths, source)
    if missing := frame.height - known.height:
        logger.warning(
            "%s: %d of %d rows lie on contigs that the FASTA lacks (%s); they are left out",
            source,
            missing,
            frame.height,
            shortened(
                [name for name in frame["chrom"].unique(maintain_order=True) if name not in lengths]
            ),
        )
    limits = pl.col("chrom").replace_strict(dict(lengths), return_dtype=pl.Int64)
    sized = known.with_columns(length=limits)
    past = pl.col("end") > pl.col("length")
    check_past(sized.filter(past), known.height, source)
    kept = sized.filter(~past | (pl.col("start") < pl.col("length")))
    return kept.with_columns(end=pl.min_horizontal("end", "length")).drop("length")


def check_names(bed_names: Sequence[str], fasta_names: Mapping[str, int], source: str) -> None:
    """Raise LabelError unless a file of intervals shares a contig name with the FASTA."""
    if any(name in fasta_names for name in bed_names):
        return
    raise LabelError(
        f"{source}: no contig in common with the FASTA; file has {shortened(bed_names)}, FASTA "
        f"has {shortened(list(fasta_names))}; rename the contigs of one file, or map their names "
        "with --chrom-alias"
    )


class Regions:
    """Merged intervals by contig.

    Parameters
    ----------
    frame : polars.DataFrame
        Has the columns chrom, start, end; and line, for `check_contigs`.
    source : str
        Name of the BED file, for errors.
    digests : mapping
        SHA-256 of the file, by its basename.

    Examples
    --------
    >>> regions = Regions(pl.DataFrame({"chrom": ["a", "a"], "start": [7, 2], "end": [9, 7]}))
    >>> regions.of("a").tolist(), regions.of("b").tolist()
    ([[2, 9]], [])
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        source: str = "regions",
        digests: Mapping[str, str] | None = None,
    ) -> None:
        self.frame = frame
        self.source = source
        self.digests = dict(digests or {})
        merged = merge(frame)
        spans = merged.select("start", "end").to_numpy().astype(np.int64, copy=False)
        self._spans = {
            name: spans[first : first + count]
            for name, first, count in merged.with_row_index("row")
            .group_by("chrom", maintain_order=True)
            .agg(pl.col("row").first(), pl.len())
            .iter_rows()
        }

    @classmethod
    def read(cls, path: PathLike, *, may_be_empty: bool = False) -> Regions:
        """Read regions from a BED file; a row of twelve columns is one region, from start to end.

        Only contigs and positions are checked, as nothing else is used. A file without rows is an
        error unless `may_be_empty` is set.
        """
        digests: dict[str, str] = {}
        frame = read_bed(path, span=True, digests=digests, may_be_empty=may_be_empty, tolerant=True)
        check_empty(frame, str(path))
        return cls(frame, str(path), digests)

    def at_least(self, length_bp: int) -> Regions:
        """Return the merged regions of at least this length.

        Examples
        --------
        >>> rows = {"chrom": ["a"] * 3, "start": [0, 3, 8], "end": [3, 5, 9], "line": [1, 2, 3]}
        >>> Regions(pl.DataFrame(rows)).at_least(4).of("a").tolist()
        [[0, 5]]
        """
        frame = merge(self.frame).filter(pl.col("end") - pl.col("start") >= length_bp)
        # A merged region may come from several lines; errors show the first one.
        lines = self.frame.select("chrom", "start", "line").unique(["chrom", "start"], keep="first")
        return Regions(frame.join(lines, on=["chrom", "start"]), self.source, self.digests)

    @property
    def names(self) -> list[str]:
        """Names of the contigs that have an interval."""
        return list(self._spans)

    def of(self, chrom: str) -> NDArray[np.int64]:
        """Return the intervals of a contig: (n, 2) int64, sorted and disjoint; n may be 0."""
        return self._spans.get(chrom, np.empty((0, 2), dtype=np.int64))

    def check_contigs(self, lengths: Mapping[str, int]) -> None:
        """Raise LabelError unless the regions fit contigs of these lengths; see `check_contigs`.

        The regions stay as they are: a few may end past their contig.
        """
        check_contigs(self.frame, lengths, self.source)
