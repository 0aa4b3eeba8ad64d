"""Write what a discovery has found: motifs, sites, tables, logos, and all of it as JSON."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.discovery.grammar import grammar_table
from dnabirnn.discovery.table import explained_share, motif_table
from dnabirnn.errors import OutputError
from dnabirnn.files import OutputFiles, check_target, failures_of, is_stream, write_table
from dnabirnn.intervals import write_bed
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.motifs import motif_format, motifs_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.discovery.found_motif import Discovery
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import Motif

__all__ = [
    "DISCOVERY_FORMAT",
    "DISCOVERY_VERSION",
    "Comparison",
    "DiscoveryFiles",
    "check_outputs",
    "site_rows",
    "write_discovery",
]

_DIGITS = 6
DISCOVERY_FORMAT = "dnabirnn discovery"
DISCOVERY_VERSION = 1


class Comparison(NamedTuple):
    """Matches of motifs in a database.

    Attributes
    ----------
    table : polars.DataFrame
        As from `compare_motifs`.
    database : sequence of Motif
    source : str
        Name of the file of the database.
    """

    table: pl.DataFrame
    database: Sequence[Motif]
    source: str


@dataclass(frozen=True, kw_only=True)
class DiscoveryFiles:
    """Files to write; those that are None are not written.

    Attributes
    ----------
    motifs : str or PathLike
        Motifs.
    form : str, optional
        Format of the motifs; from the name by default.
    sites : str or PathLike, optional
        Sites, as BED.
    table, grammar, matches : str or PathLike, optional
        Tables, in the format of their name: .csv, .parquet, else TSV. `matches` needs a comparison.
    logos : str or PathLike, optional
        Folder of one SVG file per motif. Other files in it are kept.
    summary : str or PathLike, optional
        All of it as JSON.
    kind : str
        What the targets are: "calls" or "regions".
    """

    motifs: PathLike
    form: str | None = None
    sites: PathLike | None = None
    table: PathLike | None = None
    grammar: PathLike | None = None
    matches: PathLike | None = None
    logos: PathLike | None = None
    summary: PathLike | None = None
    kind: str = "calls"


def check_outputs(wanted: DiscoveryFiles) -> None:
    """Raise if a file cannot be written, before any work is done.

    Raises
    ------
    OptionError
        If the format of the motifs is not clear.
    OutputError
        If a file cannot be written.
    """
    motif_format(wanted.motifs, wanted.form)
    given = (wanted.motifs, wanted.sites, wanted.table, wanted.grammar, wanted.matches)
    paths = [path for path in (*given, wanted.summary) if path is not None]
    for number, path in enumerate(paths):
        check_target(path)
        if any(_is_same(path, other) for other in paths[:number]):
            raise OutputError(f"{path}: two outputs have this name; give each a different one")
    if wanted.logos is not None:
        _check_folder(Path(wanted.logos))


def _is_same(path: PathLike, other: PathLike) -> bool:
    return os.path.realpath(path) == os.path.realpath(other) != os.devnull


def write_discovery(
    discovery: Discovery, wanted: DiscoveryFiles, comparison: Comparison | None = None
) -> None:
    """Write the files of a discovery: all of them are complete, or none exists.

    Parameters
    ----------
    discovery : Discovery
    wanted : DiscoveryFiles
    comparison : Comparison, optional

    Raises
    ------
    OptionError
        If the format of the motifs is not clear.
    OutputError
        If a file cannot be written.
    """
    form = motif_format(wanted.motifs, wanted.form)
    needed = wanted.grammar is not None or wanted.summary is not None
    grammar = grammar_table(discovery) if needed else None
    made = _made_folder(wanted.logos)
    try:
        with OutputFiles() as files:  # the first is renamed last
            text = motifs_text([found.motif for found in discovery.motifs], form)
            files.open(wanted.motifs).write(text.encode())
            if wanted.sites is not None:
                rows = StringIO()
                _write_sites(site_rows(discovery), rows)
                files.open(wanted.sites).write(rows.getvalue().encode())
            tables = [
                (wanted.table, motif_table(discovery)),
                (wanted.grammar, grammar),
                (wanted.matches, None if comparison is None else comparison.table),
            ]
            for path, table in tables:
                if path is not None and table is not None:
                    write_table(table, path, files.open(path), digits=_DIGITS)
            if wanted.logos is not None:
                for name, found in zip(_file_names(discovery), discovery.motifs, strict=True):
                    files.open(Path(wanted.logos, name)).write(found.logo().encode())
            if wanted.summary is not None:
                plain = _plain(discovery, grammar, comparison, wanted)
                files.open(wanted.summary).write(f"{json.dumps(plain, indent=1)}\n".encode())
    except BaseException:
        if made is not None:
            with suppress(OSError):
                made.rmdir()
        raise


def site_rows(discovery: Discovery) -> pl.DataFrame:
    """Return the sites of all motifs as rows of a BED file.

    Returns
    -------
    rows : polars.DataFrame
        In the order of the FASTA's contigs, then by start, end, name and strand: chrom, start, end,
        name (of the motif), score (thousandths of the largest importance among the sites of the
        motif, 0 for negative ones), strand, importance, target (CONTIG:START-END).
    """
    schema = {
        **{"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "name": pl.String},
        **{"score": pl.Int64, "strand": pl.String, "importance": pl.Float64, "target": pl.String},
    }
    targets = discovery.targets
    names = targets.select(pl.format("{}:{}-{}", "contig", "start", "end").alias("target"))
    order = {name: i for i, name in enumerate(targets["contig"].unique(maintain_order=True))}
    frames = [pl.DataFrame(schema=schema)]
    for found in discovery.motifs:
        largest = pl.max_horizontal(pl.col("importance").max(), pl.lit(1e-300))
        score = (MAX_SCORE * pl.col("importance") / largest).round().clip(0, MAX_SCORE)
        frames.append(
            found.sites.with_columns(
                pl.col("contig").alias("chrom"),
                pl.lit(found.motif.name).alias("name"),
                score.cast(pl.Int64).alias("score"),
                names["target"].gather(found.sites["target"]).alias("target"),
            ).select(pl.col(name).cast(kind) for name, kind in schema.items())
        )
    rank = pl.col("chrom").replace_strict(order, return_dtype=pl.Int64)
    return pl.concat(frames).sort(rank, "start", "end", "name", "strand")


def _write_sites(rows: pl.DataFrame, file: StringIO) -> None:
    """Write BED6 with two further columns."""
    first = StringIO()
    write_bed(rows, first)
    rest = rows.select(pl.col("importance").round(4), "target")
    further = rest.write_csv(separator="\t", include_header=False, quote_style="never")
    for six, two in zip(first.getvalue().splitlines(), further.splitlines(), strict=True):
        file.write(f"{six}\t{two}\n")


def _check_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.exists():
        raise OutputError(f"{folder}: is a file; name a folder")
    if not folder.parent.is_dir():
        raise OutputError(f"{folder}: there is no folder {folder.parent}; create it first")


def _made_folder(path: PathLike | None) -> Path | None:
    """Make the folder of logos; return it if it did not exist."""
    if path is None or os.path.isdir(path):
        return None
    folder = Path(path)
    _check_folder(folder)
    with failures_of(str(path)):
        folder.mkdir()
    return folder


def _file_names(discovery: Discovery) -> list[str]:
    """Return the names of SVG files; names that are the same but for odd characters get numbers."""
    names: list[str] = []
    for found in discovery.motifs:
        plain = re.sub(r"[^\w.+-]|^\.", "_", found.motif.name)
        number, name = 1, f"{plain}.svg"
        while name.lower() in map(str.lower, names):
            number += 1
            name = f"{plain}.{number}.svg"
        names.append(name)
    return names


def _plain(
    discovery: Discovery,
    grammar: pl.DataFrame | None,
    comparison: Comparison | None,
    wanted: DiscoveryFiles,
) -> dict[str, Any]:
    """Return all that was found as values of JSON."""
    targets = discovery.targets["class"]
    classes = list(dict.fromkeys([*(m.class_name for m in discovery.motifs), *targets]))
    rows = motif_table(discovery).to_dicts()
    matches: list[dict[str, Any]] = []
    if comparison is not None:
        known = {(motif.identifier, motif.name): motif for motif in comparison.database}
        matches = [
            {
                **row,
                "counts": known[row["match"], row["match_name"]].frequencies.round(6).tolist(),
            }
            for row in comparison.table.to_dicts()
        ]
    folder = os.path.dirname(os.path.abspath(wanted.summary or "."))
    files = {"motifs": wanted.motifs, "sites": wanted.sites}
    return {
        "format": DISCOVERY_FORMAT,
        "version": DISCOVERY_VERSION,
        "kind": wanted.kind,
        "reach": discovery.reach_bp,
        "classes": [
            {
                "class": name,
                "targets": int((targets == name).sum()),
                "explained": explained_share(discovery, name),
            }
            for name in classes
        ],
        "motifs": [
            {
                **row,
                "counts": found.motif.counts.round(6).tolist(),
                "importance_of_bases": _numbers(found.importance),
            }
            for row, found in zip(rows, discovery.motifs, strict=True)
        ],
        "grammar": [] if grammar is None else grammar.to_dicts(),
        "database": None if comparison is None else comparison.source,
        "matches": matches,
        "files": {
            kind: os.path.relpath(path, folder)
            for kind, path in files.items()
            if path is not None and not is_stream(path)
        },
    }


def _numbers(importance: NDArray[np.float32]) -> list[list[float]]:
    """Return importance as values of JSON, which has no NaN."""
    return [[round(value, 5) for value in row] for row in np.nan_to_num(importance).tolist()]
