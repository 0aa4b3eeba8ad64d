"""`dnabirnn discover`: the motifs that a model has learned."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import mutate, options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.missing_packages import check_packages
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.discovery import Comparison, Discovery
    from dnabirnn.explanation import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import Motif
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Circular

__all__ = ["discover"]

logger = logging.getLogger(__name__)

_SEARCH = "Search"
_TABLES = (".tsv", ".csv", ".parquet", ".txt")


@command(
    """Find the motifs that a model reads in its calls and around them.

    Stretches of bases that matter for the calls are cut out, aligned and clustered. Each motif is
    written as a matrix, which `dnabirnn scan` and `dnabirnn encode --motifs` read. Motifs are named
    after their class, with a number: those that matter most come first.
    """,
    "dnabirnn discover genome.fa -m model.safetensors --calls calls.bed -o motifs.meme "
    "--table motifs.tsv --grammar grammar.tsv",
)
@options.fasta
@options.name_prefix
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="FILE",
    help="Motifs, in the format of the ending: .meme, .jaspar or .transfac.",
)
@option(
    "--format",
    "form",
    group=options.OUTPUT,
    type=click.Choice(["meme", "jaspar", "transfac"]),
    help="Format of the motifs.  [default: from the file name]",
)
@option(
    "--sites",
    group=options.OUTPUT,
    metavar="BED",
    help="Sites of the motifs: BED6 with the name of the motif, the importance of the site, and "
    "the call or region that it is in or near.",
)
@option(
    "--table",
    group=options.OUTPUT,
    metavar="FILE",
    help="Figures of the motifs, such as the number of sites and the share of calls that they "
    "explain: TSV, CSV or Parquet, as the name says.",
)
@option(
    "--grammar",
    group=options.OUTPUT,
    metavar="FILE",
    help="Orientations and spacings of pairs of motifs that are more frequent than by chance, with "
    "q-values: TSV, CSV or Parquet.",
)
@option(
    "--logos",
    group=options.OUTPUT,
    metavar="DIR",
    help="Folder for logos, one SVG file per motif.",
)
@option(
    "--json",
    "summary",
    group=options.OUTPUT,
    metavar="FILE",
    help="All of it in one file, which `dnabirnn report --discovered` shows.",
)
@option(
    "--database",
    group=options.MOTIFS,
    metavar="FILE",
    help="Known motifs to compare with, such as JASPAR's in MEME format. Needs the package "
    'memelite: pip install "dnabirnn[discover]".',
)
@option(
    "--matches",
    group=options.OUTPUT,
    metavar="FILE",
    help="With --database: its motifs that resemble those found, with q-values: TSV, CSV or "
    "Parquet.",
)
@option(
    "--calls",
    group=options.INPUT,
    metavar="FILE",
    help="Calls of this model, from `dnabirnn score --calls` or `dnabirnn call`, in any format of "
    "calls; - for BED on standard input. Motifs are searched in them and within reach of them.",
)
@option(
    "--regions",
    group=options.INPUT,
    metavar="BED",
    help="Regions instead of calls: the best interval of each is explained, if it reaches the "
    "threshold of a class.  [default: calls of the model, made as by `dnabirnn score --calls`; "
    "for models of whole sequences, every record is a region]",
)
@option(
    "--reach",
    group=_SEARCH,
    default="auto",
    show_default=True,
    metavar="BP",
    help="Bases on either side of a call in which motifs are searched too. auto measures it on a "
    "sample: the distance within which 99 % of the importance lies, 200 at most. For models of "
    "whole sequences, it is the length of these, 100 at most.",
)
@option(
    "--max-sites",
    group=_SEARCH,
    type=int,
    default=2000,
    show_default=True,
    help="Largest number of targets of a class that are explained, a sample if there are more. "
    "Targets are calls, or the best interval of each region.",
)
@option(
    "--min-sites",
    group=_SEARCH,
    type=int,
    default=20,
    show_default=True,
    help="Smallest number of sites of a motif.",
)
@option(
    "--max-motifs",
    group=_SEARCH,
    type=int,
    default=10,
    show_default=True,
    help="Largest number of motifs of a class.",
)
@option(
    "--allow-empty",
    group=_SEARCH,
    is_flag=True,
    help="If there is no call or no motif, write files without motifs, and warn.",
)
@options.calls
@options.chrom_alias
@options.circular
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@click.pass_obj
def discover(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    name_prefixes: tuple[str, ...],
    model: str,
    out: str,
    form: str | None,
    sites: str | None,
    table: str | None,
    grammar: str | None,
    logos: str | None,
    summary: str | None,
    database: str | None,
    matches: str | None,
    calls: str | None,
    regions: str | None,
    reach: str,
    max_sites: int,
    min_sites: int,
    max_motifs: int,
    allow_empty: bool,
    chrom_alias: str | None,
    circular: tuple[str, ...] | None,
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **rules: Any,
) -> None:
    """Run `dnabirnn discover`."""
    from dnabirnn.discovery import (
        DiscoveryFiles,
        DiscoveryOptions,
        check_outputs,
        contigs_around,
        find_motifs,
        write_discovery,
    )
    from dnabirnn.explanation import AUTO, check_reach, load
    from dnabirnn.files import is_stream
    from dnabirnn.sequences import Circular, prefixed

    read = [*fasta, model, calls, regions, chrom_alias, database]
    options.check_apart([out, sites, table, grammar, summary, matches], read)
    if logos is not None:
        check_packages("matplotlib")
    if any(map(is_stream, fasta)):
        raise OptionError(
            "FASTA: is read several times, which standard input and pipes do not allow; give a file"
        )
    if regions is not None and calls is not None:
        raise OptionError("--regions and --calls: give one of them")
    if chrom_alias is not None and regions is None:
        raise OptionError("--chrom-alias: only applies to --regions; give --regions too")
    if matches is not None and database is None:
        raise OptionError("--matches: needs known motifs to compare with; give --database")
    wanted = DiscoveryFiles(
        motifs=out,
        form=form,
        sites=sites,
        table=table,
        grammar=grammar,
        matches=matches,
        logos=logos,
        summary=summary,
    )
    check_outputs(wanted)
    check_ending("--sites", sites, "a BED file", ".bed")
    for name, path in (("--table", table), ("--grammar", grammar), ("--matches", matches)):
        check_ending(name, path, "a table", *_TABLES)
    search = DiscoveryOptions(max_sites, min_sites, max_motifs)
    known = None if database is None else _read_database(database)
    files = prefixed(fasta, name_prefixes)
    loaded = load(
        model,
        device=device,
        engine=engine,
        threads=threads,
        precision=precision,
        priors=dict(priors),
    )
    reach_bp = None
    if reach != AUTO:
        reach_bp = check_reach(reach, loaded.checkpoint.scoring_window.length_bp)
    circles = None if circular is None else Circular(circular)
    logger.info("computing on %s, threads: %d", loaded.engine.device, loaded.threads)
    targets = mutate.read_sites(loaded, files, regions, calls, chrom_alias)
    if targets is None:
        targets = _own_targets(loaded, files, rules, circles, quiet=quiet)
    else:
        _check_rules(rules)
    discovery = find_motifs(
        contigs_around(targets, loaded, files, reach_bp, circles),
        loaded,
        targets,
        reach_bp,
        search,
        circles or (),
        allow_empty=allow_empty,
    )
    comparison = None
    if known is not None:
        comparison = _compared(discovery, known, str(database), threads)
    kind = "calls" if targets.calls else "regions"
    write_discovery(discovery, replace(wanted, kind=kind), comparison)
    for line in _lines(discovery, comparison, out):
        logger.info("%s", line)


def _read_database(path: str) -> list[Motif]:
    from dnabirnn.discovery import check_tomtom
    from dnabirnn.motifs import read_motifs

    check_tomtom()
    return read_motifs(path)


def _check_rules(rules: Mapping[str, Any]) -> None:
    """Raise for options of calls that are not made."""
    for name in _given(rules):
        raise OptionError(
            f"--{name.replace('_', '-')}: sets how calls are made, but --calls or --regions gives "
            "what is explained; remove one of the two"
        )


def _given(rules: Mapping[str, Any]) -> list[str]:
    """Return the names of options of calls that are given."""
    return [name for name, value in rules.items() if value not in (None, ())]


def _own_targets(
    model: Model,
    fasta: Sequence[PathLike],
    rules: Mapping[str, Any],
    circles: Circular | None,
    *,
    quiet: bool,
) -> Sites:
    from dnabirnn.discovery import own_targets
    from dnabirnn.explanation import Sites

    if model.checkpoint.sequences is not None and not _given(rules):
        return Sites.everything()
    settings = options.call_settings(model.checkpoint, rules, wanted=True)
    with ProgressBar("scored", quiet=quiet) as progress:
        return own_targets(model, fasta, settings, circles, progress.add)


def _compared(
    discovery: Discovery, known: Sequence[Motif], source: str, threads: int
) -> Comparison:
    from dnabirnn.discovery import Comparison, compare_motifs

    motifs = [found.motif for found in discovery.motifs]
    return Comparison(compare_motifs(motifs, known, threads=threads), known, source)


def _lines(discovery: Discovery, comparison: Comparison | None, out: str) -> list[str]:
    """Return a line per motif, for the log."""
    from dnabirnn.discovery import motif_table

    best = {}
    if comparison is not None:
        for row in comparison.table.reverse().to_dicts():  # the first of each motif is kept
            best[row["name"]] = f", like {row['match_name']} (q {row['qvalue']:.2g})"
    lines = [
        f"{row['name']}: {row['consensus']}, {row['sites']} sites in {row['explained']:.1%} of the "
        f"targets{best.get(row['name'], '')}"
        for row in motif_table(discovery).to_dicts()
    ]
    noun = "motif" if len(lines) == 1 else "motifs"
    return [*lines, f"{out}: {len(lines)} {noun}"]
