"""`dnabirnn encode`: encode FASTA files and labels for training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options, options, sequence_options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.cli.streams import tell
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.labels import Aliases, Labels
    from dnabirnn.motifs import MaskedGenome
    from dnabirnn.sequences import Background, Record

__all__ = ["encode"]

logger = logging.getLogger(__name__)

_SPLITS = "Training, validation and test sequence"
_BACKGROUND = "Other backgrounds"


@command(
    """Encode FASTA files and labels for training.

    Labels are intervals (--labels) or the sites of motifs (--motifs). The output is a folder, the
    encoded set, that `dnabirnn train` reads.

    Without labels, --consensus plants repeats in simulated sequence, as `dnabirnn simulate` does.
    FASTA files, which may then be left out, are the genome between the repeats.

    If only whole sequences are known to have a site, and not where, they are given with --positives
    and --negatives, or with --sequence-labels. FASTA files are then the genome of intervals.

    With --background, training sites are also pasted into other sequence, so that the model works
    in genomes of another base composition.
    """,
    "dnabirnn encode genome.fa --labels sites.bed -o sites.enc --val-chroms chr2",
)
@click.argument(
    "fasta", cls=sequence_options.FastaOrSequences, nargs=-1, required=True, metavar="FASTA..."
)
@options.name_prefix
@label_options.labels_or_motifs
@option(
    "--motifs",
    group=options.MOTIFS,
    metavar="FILE",
    help="Motif matrices, in JASPAR, HOMER, HOCOMOCO, MEME, TRANSFAC or a similar format. Their "
    "sites become the labels, in place of --labels.",
)
@option(
    "--consensus",
    group=label_options.REPEATS,
    is_eager=True,  # processed before FASTA
    metavar="FASTA",
    help="Consensus sequences of repeats to plant in simulated sequence, in place of --labels. The "
    "class of a record is its name up to the first '#' or '/'.",
)
@sequence_options.whole_sequences
@label_options.divergence
@option(
    "--length",
    group=label_options.REPEATS,
    type=options.BASES,
    help="Length of the simulated sequence in bases.  [default: 4M]",
)
@option(
    "--seed",
    group=label_options.REPEATS,
    type=click.IntRange(0, 2**63 - 1),
    help="Random seed of the simulation, of --background, or of --negatives. The same seed gives "
    "the same set.  "
    "[default: 0]",
)
@option(
    "--background",
    "backgrounds",
    group=_BACKGROUND,
    multiple=True,
    metavar="FASTA",
    help="Also train on copies of the training sites in this sequence, which must hold no sites of "
    "the classes: all of it that is not pasted is a negative. `markov`, or such as `markov:30,65`, "
    "is random sequence of these GC contents in percent. Can be repeated.",
)
@option(
    "--background-share",
    group=_BACKGROUND,
    type=float,
    metavar="SHARE",
    help="Share of the training sequence that this sequence makes up, up to 0.9.  [default: 0.2]",
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
@label_options.negatives_or_drawn
@label_options.corrections
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
    "[default: 0.8,0.1,0.1; with --consensus, the last of ten contigs is for validation]",
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
    consensus: str | None,
    whole: Mapping[str, Any],
    divergence: str | None,
    length: int | None,
    seed: int | None,
    backgrounds: tuple[str, ...],
    background_share: float | None,
    pvalue: float | None,
    within: str | None,
    gc: float | None,
    out: str,
    reading: Mapping[str, Any],
    negatives: str | None,
    corrections: str | None,
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
        DEFAULT_SHARE,
        ENCODING_REMEDIES,
        EncodingPlan,
        FractionSplit,
        SequenceSplit,
        SplitPlan,
        data_warnings,
        encode_genome,
        read_backgrounds,
        sequence_counts,
        sequence_table,
        split_plan,
        summary_table,
    )
    from dnabirnn.files import listed
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import load_labels, read_aliases, read_corrections
    from dnabirnn.sequences import prefixed

    searched = {"pvalue": pvalue, "within": within, "gc": gc}
    simulated = {"divergence": divergence, "length": length, "seed": seed}
    others: dict[str, Any] = {
        "--labels": labels,
        "--motifs": motifs,
        "--classes": classes,
        "--ignore-classes": ignore_classes,
        "--name-prefix": name_prefixes,
        "--corrections": corrections,
        "--exclude": exclude,
        "--chrom-alias": chrom_alias,
        "--background": backgrounds,
        **{f"--{name}": value for name, value in searched.items()},
    }
    are_whole = sequence_options.are_given(whole, negatives)
    if are_whole:
        others |= {"--consensus": consensus, "--unstranded": unstranded, "--split": split}
        others |= {f"--{name}": value for name, value in simulated.items() if name != "seed"}
    elif consensus is None:
        _check_source(labels, motifs, searched, reading, negatives, corrections)
        for name, value in simulated.items():
            if value is not None and not (name == "seed" and backgrounds):
                raise OptionError(f"--{name}: applies to repeats only; give them with --consensus")
    else:
        others |= {"--negatives": negatives} | label_options.given_reading(reading)
        for name, given in others.items():
            if given not in (None, ()):
                raise OptionError(f"{name}: does not apply to --consensus; remove one")
    if background_share is not None and not backgrounds:
        raise OptionError("--background-share: applies to --background only; give one")
    files = prefixed(fasta, name_prefixes)
    fractions = None if split_fractions is None else options.fractions(split_fractions)
    aliases = None if chrom_alias is None else read_aliases(chrom_alias, files)
    plan: SplitPlan = split_plan(split, val_chroms, test_chroms, fractions, aliases)
    origin = records = sequences = None
    if are_whole:
        sequences = sequence_options.read(
            whole, files, negatives, reading, others, mask=mask, seed=seed
        )
        loaded, records = sequences.labels(), sequences.records
        plan = SequenceSplit(sequences, plan)
        origin = {"inputs": {kind: listed(own) for kind, own in sequences.digests.items()}}
    elif consensus is not None:
        loaded, records, origin = _of_consensus(files, consensus, simulated, unstranded, quiet)
        if not (split or val_chroms or test_chroms or fractions):
            plan = split_plan(None, [records[-1].name])
    elif motifs is None:
        loaded = load_labels(
            labels,
            classes=classes,
            ignore_classes=ignore_classes,
            unstranded=unstranded,
            negatives=None if negatives is None else Regions.read(negatives),
            **reading,
        )
        loaded = loaded if aliases is None else aliases.labels(loaded)
        loaded = loaded if corrections is None else read_corrections(corrections).of(loaded)
    else:
        searched |= {"class_name": reading["class_name"], "hard_mask": mask == "hard"}
        chosen = (classes, ignore_classes, unstranded)
        loaded, origin = _of_motifs(files, motifs, searched, aliases, chosen, quiet)
    excluded = None if exclude is None else Regions.read(exclude, may_be_empty=True)
    excluded = excluded if aliases is None else aliases.regions(excluded)
    added = None
    if backgrounds:
        share = DEFAULT_SHARE if background_share is None else background_share
        added = read_backgrounds(backgrounds, share, seed or 0, hard_mask=mask == "hard")
    with ProgressBar("surveyed", quiet=quiet) as progress:
        ahead = EncodingPlan(
            files,
            loaded,
            out,
            mask,
            plan or FractionSplit(),
            excluded,
            progress.add,
            records,
            added,
        )
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
            records=records,
            backgrounds=added,
            whole_sequences=None if sequences is None else sequences.description(),
            progress=progress.add,
        )
    if added is not None:
        background = encoded.manifest["background"]
        logger.info(
            "%d contigs added to the train split: %d copies of sites in %s",
            len(background["contigs"]),
            background["sites"],
            ", ".join(background["sources"]),
        )
    if not quiet and sequences is not None:
        tell(sequence_table(sequence_counts(sequences, encoded.manifest["splits"])))
    elif not quiet:
        tell(summary_table(encoded.manifest["summary"]))
    for warning in data_warnings(encoded):
        logger.warning("%s", warning)


def _check_source(
    labels: tuple[str, ...],
    motifs: str | None,
    searched: dict[str, Any],
    reading: Mapping[str, Any],
    negatives: str | None,
    corrections: str | None,
) -> None:
    """Raise unless labels come from one source, and all options belong to that source."""
    if not labels and motifs is None:
        raise OptionError(
            "no labels; give intervals with --labels FILE, motifs with --motifs FILE, or sequences "
            "that have a site somewhere with --positives FILE"
        )
    if labels and motifs is not None:
        raise OptionError(
            "--labels and --motifs: both define the labels; give only one, or write the motif "
            "sites to a BED file with `dnabirnn scan` and give both files as --labels"
        )
    if motifs is not None:
        given = [*label_options.given_reading({**reading, "class_name": None})]
        given += ["--negatives"] * (negatives is not None)
        given += ["--corrections"] * (corrections is not None)
        for name in given:
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


def _of_consensus(
    genome: Sequence[PathLike],
    consensus: str,
    simulated: Mapping[str, Any],
    unstranded: Sequence[str],
    quiet: bool,
) -> tuple[Labels, list[Record], dict[str, Any]]:
    """Return labels, sequence and their origin for the manifest, simulated from a library."""
    import numpy as np

    from dnabirnn.files import listed
    from dnabirnn.motifs import (
        MaskedGenome,
        RepeatSettings,
        read_consensus,
        repeat_labels,
        simulate_repeats,
    )
    from dnabirnn.sequences import Record, built_in_background

    given = {"length_bp": simulated["length"], "seed": simulated["seed"]}
    given = {name: value for name, value in given.items() if value is not None}
    settings = RepeatSettings(
        divergence=label_options.percentages(simulated["divergence"]), **given
    )
    digests: dict[str, dict[str, str]] = {"consensus": {}, "fasta": {}}
    library = read_consensus(consensus, digests["consensus"])
    with ProgressBar("simulated", settings.length_bp, quiet) as progress:
        between: Background | MaskedGenome = built_in_background()
        if genome:
            between = MaskedGenome(genome, library, digests["fasta"])
        contigs = list(simulate_repeats(library, between, settings, progress.add))
    labels = repeat_labels(contigs, library, source=consensus, unstranded=unstranded)
    records = [Record(c.name, c.codes, np.zeros(c.codes.size, np.bool_)) for c in contigs]
    origin = {
        "inputs": {kind: listed(files) for kind, files in digests.items()},
        "consensus": dataclasses.asdict(settings),
    }
    return labels, records, origin
