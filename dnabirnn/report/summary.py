"""Summary of calls: how many, how long, and what share of each contig, side by side."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.files import OutputFiles, file_name, write_table
from dnabirnn.names import shortened
from dnabirnn.tracks import read_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.files import PathLike

__all__ = [
    "GROUPS",
    "SUMMARY_SCHEMA",
    "VALUES",
    "contig_sizes",
    "sample_names",
    "summarize_calls",
    "summary_text",
    "wide_summary",
    "write_summary",
]

GROUPS = ("contig", "class", "strand")
"""What the calls of a sample can be grouped by."""
VALUES = {
    "calls": pl.Int64,
    "bases": pl.Int64,
    "share": pl.Float64,
    "longest": pl.Int64,
    "n50": pl.Int64,
}
"""Figures of a group, with their types; see `summarize_calls`."""
SUMMARY_SCHEMA = pl.Schema({"sample": pl.String, **dict.fromkeys(GROUPS, pl.String), **VALUES})
"""Columns of a summary by contig, class and strand."""

_INDEX = re.compile(r"\.(?:fai|tsv|txt|sizes|len|genome)$", re.IGNORECASE)


def summarize_calls(
    calls: Mapping[str, pl.DataFrame],
    sizes: Mapping[str, Mapping[str, int]] | None = None,
    by: Sequence[str] = GROUPS,
) -> pl.DataFrame:
    """Summarize the calls of one or more samples.

    Parameters
    ----------
    calls : mapping of str to polars.DataFrame
        Calls of each sample, as from `dnabirnn.read_calls`.
    sizes : mapping of str to mapping, optional
        Length of each contig, in bases, by sample. A sample without sizes has no shares.
    by : sequence of str
        What the calls of a sample are grouped by, of `GROUPS`. By contig, a contig without calls
        has no row. Otherwise, every sample has a row for every group that any sample has.

    Returns
    -------
    summary : polars.DataFrame
        Columns sample, those of `by`, and:

        ======= ======= ===============================================================
        column  dtype
        ======= ======= ===============================================================
        calls   Int64   number of calls
        bases   Int64   bases in calls; a base in several calls of the group counts once
        share   Float64 `bases` by the length of the contig, or of all contigs of the
                        sample; null if it is unknown
        longest Int64   length of the longest call in bases; null without calls
        n50     Int64   largest length such that calls of it or longer have half of the
                        sum of all lengths; null without calls
        ======= ======= ===============================================================

        Samples are in the given order, contigs in the order of the sizes (or by name), classes and
        strands in alphabetical order.

    Raises
    ------
    TrackError
        A call on a contig that the sizes lack, or past the end of its contig.

    Examples
    --------
    >>> calls = pl.DataFrame({"chrom": ["1"] * 2, "start": [0, 50], "end": [10, 80],
    ...     "class": ["REP"] * 2, "strand": ["+", "-"]})
    >>> summarize_calls({"k12": calls}, {"k12": {"1": 100}}, by=["class"]).row(0)
    ('k12', 'REP', 2, 40, 0.4, 30, 30)
    """
    if unknown := [name for name in by if name not in GROUPS]:
        raise OptionError(f"--by {unknown[0]}: not one of {', '.join(GROUPS)}; give these names")
    by = [name for name in GROUPS if name in by]
    sizes = sizes or {}
    frames = [pl.DataFrame(schema={**SUMMARY_SCHEMA, "order": pl.Int64})]
    for order, (sample, own) in enumerate(calls.items()):
        known = sizes.get(sample)
        if known is not None:
            _check_places(own, known, sample)
        figures = _grouped(own, by).with_columns(sample=pl.lit(sample), order=pl.lit(order))
        frames.append(_with_shares(figures, known, by))
    summary = pl.concat(frames, how="diagonal_relaxed")
    if "contig" not in by:
        summary = _filled(summary, list(calls), sizes, by)
    keys = ["order", *(["place"] if "place" in summary.columns else []), *by]
    return summary.sort(keys, nulls_last=True, maintain_order=True).select(
        pl.col(name).cast(SUMMARY_SCHEMA[name]) for name in ("sample", *by, *VALUES)
    )


def _grouped(calls: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the figures of each group of one sample, without shares."""
    frame = calls.select(
        "class", "strand", "start", "end", contig="chrom", length=pl.col("end") - pl.col("start")
    ).sort("contig", "start", "end")
    # Bases before the largest end so far are in an earlier call of the group.
    within = ["contig", *(name for name in by if name != "contig")]
    reached = pl.col("end").cum_max().shift(1).over(within).fill_null(0)
    covered = (pl.col("end") - pl.max_horizontal("start", reached)).clip(lower_bound=0)
    frame = frame.with_columns(covered=covered)
    lengths = pl.col("length").sort(descending=True)
    half = lengths.cum_sum() * 2 >= pl.col("length").sum()
    figures = [
        pl.len().cast(pl.Int64).alias("calls"),
        pl.col("covered").sum().alias("bases"),
        pl.col("length").max().alias("longest"),
        lengths.filter(half).first().alias("n50"),
    ]
    return frame.group_by(by).agg(figures) if by else frame.select(figures)


def _with_shares(
    figures: pl.DataFrame, sizes: Mapping[str, int] | None, by: Sequence[str]
) -> pl.DataFrame:
    """Add the share of the contig, or of the sample, and the place of the contig in the sizes."""
    if sizes is None:
        return figures.with_columns(share=pl.lit(None, pl.Float64))
    if "contig" not in by:
        # A column: polars multiplies by the inverse of a single number, which is less exact.
        total = pl.repeat(sum(sizes.values()) or None, figures.height, dtype=pl.Int64, eager=True)
        return figures.with_columns(share=pl.col("bases") / total)
    table = pl.DataFrame(
        {"contig": list(sizes), "total": list(sizes.values())},
        schema={"contig": pl.String, "total": pl.Int64},
    ).with_row_index("place")
    joined = figures.join(table, on="contig", how="left")
    return joined.with_columns(share=pl.col("bases") / pl.col("total")).drop("total")


def _filled(
    summary: pl.DataFrame,
    samples: Sequence[str],
    sizes: Mapping[str, Mapping[str, int]],
    by: Sequence[str],
) -> pl.DataFrame:
    """Add rows of zeros, so that every sample has every group."""
    rows = pl.DataFrame(
        {
            "sample": samples,
            "order": range(len(samples)),
            "empty": [0.0 if sizes.get(sample) else None for sample in samples],
        },
        schema={"sample": pl.String, "order": pl.Int64, "empty": pl.Float64},
    )
    if by:
        rows = rows.join(summary.select(by).unique(), how="cross")
    return (
        rows.join(summary.drop("order"), on=["sample", *by], how="left")
        .with_columns(
            pl.col("calls", "bases").fill_null(0), share=pl.col("share").fill_null(pl.col("empty"))
        )
        .drop("empty")
    )


def _check_places(calls: pl.DataFrame, sizes: Mapping[str, int], sample: str) -> None:
    """Raise for a call on an unknown contig or past the end of its contig."""
    reach = calls.group_by("chrom", maintain_order=True).agg(pl.col("end").max())
    for chrom, end in reach.iter_rows():
        if chrom not in sizes:
            raise TrackError(
                f"{sample}: calls on {chrom}, which --sizes lacks ({shortened(list(sizes))}); give "
                "the sizes of the assembly that was scored"
            )
        if end > sizes[chrom]:
            raise TrackError(
                f"{sample}: a call on {chrom} ends at {end}, but the contig has {sizes[chrom]} "
                "bases in --sizes; give the sizes of the assembly that was scored"
            )


def sample_names(paths: Sequence[PathLike]) -> list[str]:
    """Return a name for each file of calls: the name of the file without endings if it is unique.

    Otherwise, with its endings, or with the folders that are needed.

    Examples
    --------
    >>> sample_names(["calls/k12.bed", "calls/o157.calls.gff3.gz"])
    ['k12', 'o157']
    >>> sample_names(["a/calls.bed", "b/calls.bed"]), sample_names(["a.bed", "a.tsv"])
    (['a/calls', 'b/calls'], ['a.bed', 'a.tsv'])
    """
    named = [os.fspath(path) for path in paths]
    folders = [path.split(os.sep)[:-1] for path in named]
    bases = ["standard input" if path == "-" else file_name(path) for path in named]
    short = [_without_endings(base) for base in bases]
    for depth in range(max(map(len, folders), default=0) + 1):
        for last in (short, bases):
            names = [
                "/".join([*filter(None, folder[len(folder) - depth :]), name])
                for folder, name in zip(folders, last, strict=True)
            ]
            if len(set(names)) == len(names):
                return names
    raise OptionError(f"{shortened(named)}: a file is given twice; give each file of calls once")


def _without_endings(base: str) -> str:
    name = re.sub(r"\.b?gz$", "", base, flags=re.IGNORECASE)
    name = os.path.splitext(name)[0] or name
    return re.sub(r"\.calls$", "", name) or name


def contig_sizes(path: PathLike) -> dict[str, int]:
    """Return the length of each contig of an assembly.

    Parameters
    ----------
    path : str or PathLike
        A chrom.sizes or .fai file (recognized by its name: .fai, .sizes, .tsv, .txt, .len or
        .genome), or sequences in any format of `dnabirnn.read_fasta`. If the index `path.fai` is
        not older than the sequences, it is read in their place.

    Raises
    ------
    OptionError, FastaError
        A file that cannot be read.
    """
    name = os.fspath(path)
    if _INDEX.search(file_name(name)):
        return read_sizes(name)
    from dnabirnn.sequences import contig_lengths

    return contig_lengths(name)


def wide_summary(summary: pl.DataFrame, value: str) -> pl.DataFrame:
    """Put samples side by side: one column per sample, with one of its figures.

    Parameters
    ----------
    summary : polars.DataFrame
        Result of `summarize_calls`.
    value : str
        Of `VALUES`.
    """
    by = [name for name in GROUPS if name in summary.columns]
    if not by:
        return summary.select(pl.lit(value).alias("figure"), "sample", value).pivot(
            "sample", index="figure", values=value, aggregate_function=None
        )
    wide = summary.pivot("sample", index=by, values=value, aggregate_function=None)
    samples = [name for name in wide.columns if name not in by]
    return wide.with_columns(pl.col(samples).fill_null(0)) if value in ("calls", "bases") else wide


def summary_text(summary: pl.DataFrame) -> str:
    """Format a summary as aligned text for a terminal.

    Numbers have separators of thousands. Shares are percentages. An unknown value is a dash.
    """
    words = [name for name, kind in summary.schema.items() if kind == pl.String]
    rows = [
        list(summary.columns),
        *([_cell(value) for value in row] for row in summary.iter_rows()),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in words else cell.rjust(width)
            for cell, width, name in zip(row, widths, summary.columns, strict=True)
        ).rstrip()
        for row in rows
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:.4%}" if isinstance(value, float) else f"{value:,}"


def write_summary(summary: pl.DataFrame, path: PathLike) -> None:
    """Write a summary as TSV, CSV or Parquet, as the name says; "-" is TSV.

    Raises
    ------
    OutputError
        As for `OutputFiles.open`.
    """
    with OutputFiles() as files:
        write_table(summary, path, files.open(path))
