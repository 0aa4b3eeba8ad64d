"""`dnabirnn report`: one page of what was run, on what, and how good it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options as reading_options, options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.labels import Labels
    from dnabirnn.network import CallSettings
    from dnabirnn.report import Material
    from dnabirnn.scoring import Model

__all__ = ["report"]


@click.command()
@click.option("-o", "--out", required=True, metavar="HTML", help="Page; - for standard output.")
@click.option("--title", default="dnabirnn report", show_default=True, help="Of the page.")
@click.option("--date", default="", metavar="TEXT", help="Of the run, as it is to be written.")
@click.option(
    "--command-log",
    multiple=True,
    metavar="FILE",
    help="Text shown as it is, such as command lines; may be given several times.",
)
@click.option("-m", "--model", metavar="MODEL", help="Model that `dnabirnn train` wrote.")
@click.option(
    "--encoded",
    multiple=True,
    metavar="DIR",
    help="Encoded set, for the data by split; may be given several times.",
)
@click.option(
    "--log", multiple=True, metavar="CSV", help="Log of `dnabirnn train`; several may be given."
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="JSON",
    help="What `dnabirnn evaluate --out` wrote; several may be given.",
)
@click.option(
    "--curves",
    multiple=True,
    metavar="JSON",
    help="What `dnabirnn evaluate --curves` wrote; several may be given.",
)
@click.option(
    "--fasta",
    multiple=True,
    metavar="FASTA",
    help="Genome, for call lengths and pictures of regions; needs --labels.",
)
@click.option(
    "--sample",
    default="",
    metavar="NAME",
    help="Name of the genome, as its metrics are named; told where there are several.",
)
@click.option(
    "--labels",
    multiple=True,
    metavar="FILE",
    help="Labelled intervals, as `dnabirnn evaluate` takes them; may be given several times.",
)
@click.option(
    "--regions", metavar="BED", help="Regions that were evaluated; examples are taken from these."
)
@options.exclude
@options.name_prefix
@options.chrom_alias
@click.option(
    "--calls",
    multiple=True,
    metavar="BED",
    help="Calls of the genome; may be given several times.  "
    "[default: from --scores, or scored with --model]",
)
@click.option(
    "--scores",
    metavar="BED",
    help="Per-base scores, drawn where there is no --model, and called where there are no --calls.",
)
@reading_options.negatives
@reading_options.reading
@options.ignore_classes
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Regions to draw of each kind: best, worst, at random.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="Of the regions drawn at random."
)
@options.calls
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@click.pass_obj
def report(
    quiet: bool,
    /,
    out: str,
    title: str,
    date: str,
    command_log: tuple[str, ...],
    model: str | None,
    encoded: tuple[str, ...],
    log: tuple[str, ...],
    metrics: tuple[str, ...],
    curves: tuple[str, ...],
    fasta: tuple[str, ...],
    sample: str,
    labels: tuple[str, ...],
    regions: str | None,
    exclude: str | None,
    name_prefixes: tuple[str, ...],
    chrom_alias: str | None,
    calls: tuple[str, ...],
    scores: str | None,
    negatives: str | None,
    reading: Mapping[str, Any],
    ignore_classes: tuple[str, ...],
    examples: int,
    seed: int,
    threads: int,
    device: str,
    engine: str,
    precision: str,
    priors: tuple[tuple[str, float], ...],
    **rules: Any,
) -> None:
    """Write a page of what was run, on what, and how good it is.

    One HTML file that opens without a network. Every input may be left out, and its section with
    it.
    """
    from dnabirnn.files import check_target, write_text
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Aliases, read_aliases
    from dnabirnn.report import Genome, Material, gather, report_html
    from dnabirnn.scoring import load
    from dnabirnn.sequences import prefixed

    inputs = [model, *log, *metrics, *curves, *command_log, *fasta, *labels]
    read = [*inputs, *calls, regions, exclude, negatives, scores, chrom_alias]
    options.check_apart([out], read)
    check_target(out)
    given = {
        "--sample": sample,
        "--regions": regions,
        "--exclude": exclude,
        "--calls": calls,
        "--scores": scores,
        "--negatives": negatives,
        "--name-prefix": name_prefixes,
        "--chrom-alias": chrom_alias,
        **reading_options.given_reading(reading),
    }
    _check_genome(fasta, labels, [name for name, value in given.items() if value])
    if not any([*inputs, *encoded]):
        raise OptionError("nothing to report; give --model, --metrics or another input")
    material = Material.read(
        model=model,
        encoded=encoded,
        logs=log,
        metrics=metrics,
        curves=curves,
        commands=command_log,
        seed=seed,
    )
    calling = _calling(material, rules)
    material = replace(material, calling=calling, sample=sample)
    if fasta:
        loaded = (
            None
            if model is None
            else load(
                model,
                device=device,
                engine=engine,
                threads=threads,
                precision=precision,
                priors=dict(priors),
            )
        )
        files = prefixed(fasta, name_prefixes)
        aliases = Aliases([], []) if chrom_alias is None else read_aliases(chrom_alias, files)
        genome = Genome(
            files,
            aliases.labels(
                _labels(
                    loaded,
                    labels,
                    ignore_classes=ignore_classes,
                    negatives=None if negatives is None else Regions.read(negatives),
                    **reading,
                )
            ),
            loaded,
            calls,
            scores,
            aliases.regions(None if regions is None else Regions.read(regions)),
            aliases.regions(None if exclude is None else Regions.read(exclude, may_be_empty=True)),
            calling,
        )
        with ProgressBar("scored", quiet=quiet) as progress:
            gallery = gather(genome, each=examples, seed=seed, progress=progress.add)
        material = replace(material, gallery=gallery)
    write_text(out, report_html(material, title=title, date=date))


def _check_genome(fasta: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> None:
    """Raise unless the genome's options are complete."""
    if fasta and not labels:
        raise OptionError("--fasta: pictures of regions need truth too; give --labels")
    for option in (*(["--labels"] if labels else []), *others):
        if not fasta:
            raise OptionError(f"{option}: pictures of regions need the genome too; give --fasta")


def _calling(material: Material, given: Mapping[str, Any]) -> CallSettings | None:
    """How calls of the model are made, or raise for options that have none to say it of."""
    if material.model is not None:
        return options.call_settings(material.model.checkpoint, given, wanted=True)
    for name in (name for name, value in given.items() if value is not None):
        raise OptionError(
            f"--{name.replace('_', '-')}: says how calls of a model are made; give --model too"
        )
    return None


def _labels(model: Model | None, labels: Sequence[str], **reading: Any) -> Labels:
    """Truth of the model's classes, or of those that the labels have."""
    from dnabirnn.labels import load_labels, load_truth

    if model is None:
        return load_labels(labels, **reading)
    return load_truth(labels, model.checkpoint.architecture.classes, **reading)
