"""`dnabirnn encode`: FASTA and labels to an encoded set."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import Progress

__all__ = ["encode"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.name_prefix
@options.labels
@click.option("-o", "--out", required=True, metavar="DIR", help="Folder of the encoded set.")
@options.class_name
@click.option("--classes", type=options.COMMA_LIST, help="Classes to keep.  [default: all]")
@options.ignore_classes
@click.option(
    "--unstranded",
    type=options.COMMA_LIST,
    multiple=True,
    metavar="CLASS",
    help="Classes whose strands carry no meaning.",
)
@options.span
@click.option("--split", metavar="BED", help="Regions named train, val or test in column 4.")
@click.option("--val-chroms", type=options.COMMA_LIST, default=(), help="Contigs to validate on.")
@click.option("--test-chroms", type=options.COMMA_LIST, default=(), help="Contigs to test on.")
@click.option(
    "--split-fractions",
    type=options.COMMA_LIST,
    metavar="A,B,C",
    help="Shares of train, val and test, in blocks.  [default: 0.8,0.1,0.1]",
)
@click.option(
    "--mask",
    type=click.Choice(["none", "loss", "hard"]),
    default="none",
    show_default=True,
    help="Lower case: has no meaning, leaves loss and metrics, or becomes N.",
)
@options.exclude
@options.chrom_alias
@click.pass_obj
def encode(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    name_prefixes: tuple[str, ...],
    labels: tuple[str, ...],
    out: str,
    class_name: str | None,
    classes: tuple[str, ...] | None,
    ignore_classes: tuple[str, ...],
    unstranded: tuple[tuple[str, ...], ...],
    span: bool,
    split: str | None,
    val_chroms: tuple[str, ...],
    test_chroms: tuple[str, ...],
    split_fractions: tuple[str, ...] | None,
    mask: str,
    exclude: str | None,
    chrom_alias: str | None,
) -> None:
    """Encode FASTA files and labels for training."""
    from dnabirnn import encoding
    from dnabirnn.aliases import read_aliases
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_labels
    from dnabirnn.leakage import data_warnings
    from dnabirnn.records import prefixed
    from dnabirnn.splits import split_plan
    from dnabirnn.summary import summary_table

    files = prefixed(fasta, name_prefixes)
    fractions = None if split_fractions is None else options.fractions(split_fractions)
    aliases = None if chrom_alias is None else read_aliases(chrom_alias, files)
    plan = split_plan(split, val_chroms, test_chroms, fractions, aliases)
    loaded = load_labels(
        labels,
        class_name=class_name,
        classes=classes,
        ignore_classes=ignore_classes,
        unstranded=[name for names in unstranded for name in names],
        span=span,
    )
    excluded = None if exclude is None else Regions.read(exclude)
    if aliases is not None:
        loaded, excluded = aliases.labels(loaded), aliases.regions(excluded)
    with Progress("encoded", quiet=quiet) as progress:
        encoded = encoding.encode(
            files, loaded, out, split=plan, mask=mask, exclude=excluded, progress=progress.add
        )
    if not quiet:
        click.echo(summary_table(encoded.manifest["summary"]), err=True)
    for warning in data_warnings(encoded):
        logger.warning("%s", warning)
