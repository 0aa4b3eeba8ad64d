"""`dnabirnn encode`: FASTA and labels to an encoded set."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options as reading_options, options
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.labels import Aliases, Labels

__all__ = ["encode"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@options.name_prefix
@reading_options.labels_or_motifs
@click.option(
    "--motifs",
    metavar="FILE",
    help="Motifs in JASPAR's, MEME's or TRANSFAC's format, whose sites are the labels; in place of "
    "--labels.",
)
@options.pvalue
@options.within
@options.gc
@click.option("-o", "--out", required=True, metavar="DIR", help="Folder of the encoded set.")
@reading_options.reading
@reading_options.negatives
@click.option("--classes", type=options.COMMA_LIST, help="Classes to keep.  [default: all]")
@options.ignore_classes
@click.option(
    "--unstranded",
    type=options.COMMA_LIST,
    multiple=True,
    metavar="CLASS",
    help="Classes whose strands carry no meaning.",
)
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
@options.dry_run
@click.pass_obj
def encode(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    name_prefixes: tuple[str, ...],
    labels: tuple[str, ...],
    motifs: str | None,
    pvalue: float | None,
    within: str | None,
    gc: float | None,
    out: str,
    reading: Mapping[str, Any],
    negatives: str | None,
    classes: tuple[str, ...] | None,
    ignore_classes: tuple[str, ...],
    unstranded: tuple[tuple[str, ...], ...],
    split: str | None,
    val_chroms: tuple[str, ...],
    test_chroms: tuple[str, ...],
    split_fractions: tuple[str, ...] | None,
    mask: str,
    exclude: str | None,
    chrom_alias: str | None,
    dry_run: bool,
) -> None:
    """Encode FASTA files and labels for training.

    Labels are intervals, or the sites of motifs.
    """
    from dnabirnn.encoded import (
        ENCODING_REMEDIES,
        EncodingPlan,
        FractionSplit,
        data_warnings,
        encode_genome,
        split_plan,
        summary_table,
    )
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_labels, read_aliases
    from dnabirnn.sequences import prefixed

    files = prefixed(fasta, name_prefixes)
    fractions = None if split_fractions is None else options.fractions(split_fractions)
    aliases = None if chrom_alias is None else read_aliases(chrom_alias, files)
    plan = split_plan(split, val_chroms, test_chroms, fractions, aliases)
    flat = [name for names in unstranded for name in names]
    searched = {"pvalue": pvalue, "within": within, "gc": gc}
    _check_source(labels, motifs, searched, reading, negatives)
    origin = None
    if motifs is None:
        loaded = load_labels(
            labels,
            classes=classes,
            ignore_classes=ignore_classes,
            unstranded=flat,
            negatives=None if negatives is None else Regions.read(negatives),
            **reading,
        )
        loaded = loaded if aliases is None else aliases.labels(loaded)
    else:
        searched |= {"class_name": reading["class_name"], "hard_mask": mask == "hard"}
        chosen = (classes, ignore_classes, flat)
        loaded, origin = _of_motifs(files, motifs, searched, aliases, chosen, quiet)
    excluded = None if exclude is None else Regions.read(exclude, may_be_empty=True)
    excluded = excluded if aliases is None else aliases.regions(excluded)
    with ProgressBar("looked at", quiet=quiet) as progress:
        split_by = plan or FractionSplit()
        ahead = EncodingPlan(files, loaded, out, mask, split_by, excluded, progress.add)
        go_on = look_ahead(ahead, ENCODING_REMEDIES, dry_run=dry_run)
    if not go_on:
        return
    with ProgressBar("encoded", quiet=quiet) as progress:
        encoded = encode_genome(
            files,
            loaded,
            out,
            split=plan,
            mask=mask,
            exclude=excluded,
            origin=origin,
            progress=progress.add,
        )
    if not quiet:
        click.echo(summary_table(encoded.manifest["summary"]), err=True)
    for warning in data_warnings(encoded):
        logger.warning("%s", warning)


def _check_source(
    labels: tuple[str, ...],
    motifs: str | None,
    searched: dict[str, Any],
    reading: Mapping[str, Any],
    negatives: str | None,
) -> None:
    """Raise unless labels come from one source, and its options from no other."""
    if not labels and motifs is None:
        raise OptionError(
            "no labels: name intervals with --labels BED, or motifs with --motifs FILE"
        )
    if labels and motifs is not None:
        raise OptionError(
            "--labels and --motifs: each gives the labels; choose one, or make a BED of the motifs "
            "with `dnabirnn scan` and give both as --labels"
        )
    if motifs is not None:
        given = [*reading_options.given_reading({**reading, "class_name": None})]
        for option in [*given, *(["--negatives"] if negatives is not None else [])]:
            raise OptionError(
                f"{option}: says how intervals are read, and the labels are sites of motifs; "
                "leave it, or make a BED of the motifs with `dnabirnn scan`"
            )
    for name, value in searched.items():
        if motifs is None and value is not None:
            raise OptionError(f"--{name}: says how motifs are searched; name them with --motifs")


def _of_motifs(
    fasta: Sequence[PathLike],
    motifs: str,
    searched: dict[str, Any],
    aliases: Aliases | None,
    chosen: tuple[Sequence[str] | None, Sequence[str], Sequence[str]],
    quiet: bool,
) -> tuple[Labels, dict[str, Any]]:
    """Labels from motifs, and what the manifest tells of them."""
    from dnabirnn.motifs import motif_labels

    classes, ignore_classes, unstranded = chosen
    names = [*classes, *ignore_classes] if classes else ()
    search = options.motif_search(motifs, fasta, names=names, **searched)
    if aliases is not None:
        search = dataclasses.replace(search, within=aliases.regions(search.within))
    with ProgressBar("searched", quiet=quiet) as progress:
        labels = motif_labels(
            fasta,
            search,
            classes=classes,
            ignore_classes=ignore_classes,
            unstranded=unstranded,
            progress=progress.add,
        )
    return labels, search.origin()
