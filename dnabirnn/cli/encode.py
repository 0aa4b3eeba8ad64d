"""`dnabirnn encode`: encode FASTA files and labels for training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options, options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.cli.streams import tell
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.labels import Aliases, Labels

__all__ = ["encode"]

logger = logging.getLogger(__name__)

_SPLITS = "Training, validation and test sequence"


@command(
    """Encode FASTA files and labels for training.

    Labels are intervals (--labels) or the sites of motifs (--motifs). The output is a folder, the
    encoded set, that `dnabirnn train` reads.
    """,
    "dnabirnn encode genome.fa --labels sites.bed -o sites.enc --val-chroms chr2",
)
@options.fasta
@options.name_prefix
@label_options.labels_or_motifs
@option(
    "--motifs",
    group=options.MOTIFS,
    metavar="FILE",
    help="Motif matrices, in JASPAR, HOMER, HOCOMOCO, MEME, TRANSFAC or a similar format. Their "
    "sites become the labels, in place of --labels.",
)
@options.pvalue
@options.within
@options.gc
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="DIR",
    help="Folder for the encoded set.",
)
@label_options.reading
@label_options.negatives
@options.comma_list(
    "--classes",
    group=options.LABELS,
    help="Classes to keep. Can be repeated.  [default: all]",
)
@options.ignore_classes
@options.comma_list(
    "--unstranded",
    group=options.LABELS,
    default=(),
    metavar="CLASS",
    help="Classes whose strand is ignored. Can be repeated.",
)
@option(
    "--split",
    group=_SPLITS,
    metavar="BED",
    help="Regions named train, val or test in column 4.",
)
@options.comma_list(
    "--val-chroms",
    group=_SPLITS,
    default=(),
    help="Contigs for validation. Can be repeated.",
)
@options.comma_list(
    "--test-chroms",
    group=_SPLITS,
    default=(),
    help="Contigs for testing. Can be repeated.",
)
@options.comma_list(
    "--split-fractions",
    group=_SPLITS,
    metavar="A,B,C",
    help="Fractions of the sequence for training, validation and testing, assigned in blocks.  "
    "[default: 0.8,0.1,0.1]",
)
@option(
    "--mask",
    group=options.INPUT,
    type=click.Choice(["none", "loss", "hard"]),
    default="none",
    show_default=True,
    help="Meaning of lower-case letters: none (no meaning), loss (left out of loss and metrics) or "
    "hard (read as N).",
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
    unstranded: tuple[str, ...],
    split: str | None,
    val_chroms: tuple[str, ...],
    test_chroms: tuple[str, ...],
    split_fractions: tuple[str, ...] | None,
    mask: str,
    exclude: str | None,
    chrom_alias: str | None,
    dry_run: bool,
) -> None:
    """Run `dnabirnn encode`."""
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
    searched = {"pvalue": pvalue, "within": within, "gc": gc}
    _check_source(labels, motifs, searched, reading, negatives)
    origin = None
    if motifs is None:
        loaded = load_labels(
            labels,
            classes=classes,
            ignore_classes=ignore_classes,
            unstranded=unstranded,
            negatives=None if negatives is None else Regions.read(negatives),
            **reading,
        )
        loaded = loaded if aliases is None else aliases.labels(loaded)
    else:
        searched |= {"class_name": reading["class_name"], "hard_mask": mask == "hard"}
        chosen = (classes, ignore_classes, unstranded)
        loaded, origin = _of_motifs(files, motifs, searched, aliases, chosen, quiet)
    excluded = None if exclude is None else Regions.read(exclude, may_be_empty=True)
    excluded = excluded if aliases is None else aliases.regions(excluded)
    with ProgressBar("surveyed", quiet=quiet) as progress:
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
        tell(summary_table(encoded.manifest["summary"]))
    for warning in data_warnings(encoded):
        logger.warning("%s", warning)


def _check_source(
    labels: tuple[str, ...],
    motifs: str | None,
    searched: dict[str, Any],
    reading: Mapping[str, Any],
    negatives: str | None,
) -> None:
    """Raise unless labels come from one source, and all options belong to that source."""
    if not labels and motifs is None:
        raise OptionError(
            "no labels; give intervals with --labels FILE, or motifs with --motifs FILE"
        )
    if labels and motifs is not None:
        raise OptionError(
            "--labels and --motifs: both define the labels; give only one, or write the motif "
            "sites to a BED file with `dnabirnn scan` and give both files as --labels"
        )
    if motifs is not None:
        given = [*label_options.given_reading({**reading, "class_name": None})]
        for name in [*given, *(["--negatives"] if negatives is not None else [])]:
            raise OptionError(
                f"{name}: applies to label files, but the labels come from --motifs; remove it, or "
                "write the motif sites to a BED file with `dnabirnn scan`"
            )
    for name, value in searched.items():
        if motifs is None and value is not None:
            raise OptionError(f"--{name}: applies to motifs only; give them with --motifs")


def _of_motifs(
    fasta: Sequence[PathLike],
    motifs: str,
    searched: dict[str, Any],
    aliases: Aliases | None,
    chosen: tuple[Sequence[str] | None, Sequence[str], Sequence[str]],
    quiet: bool,
) -> tuple[Labels, dict[str, Any]]:
    """Return labels from motifs, and their origin for the manifest."""
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
