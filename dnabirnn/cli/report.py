"""`dnabirnn report`: write an HTML report about a run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import label_options, options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.missing_packages import check_packages
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnabirnn.labels import Labels
    from dnabirnn.network import CallSettings
    from dnabirnn.report import Material
    from dnabirnn.scoring import Model

__all__ = ["report"]

_RUN = "Parts of the report"


@command(
    """Write an HTML report about a run.

    The report is one file that opens without a network connection. All inputs are optional; each
    adds its section.
    """,
    "dnabirnn report -m sites.safetensors --encoded sites.enc --log sites.log.csv "
    "--metrics metrics.json -o report.html",
)
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="HTML",
    help="Report to write; - for standard output.",
)
@option(
    "--title",
    group=options.OUTPUT,
    default="dnabirnn report",
    show_default=True,
    help="Title of the page.",
)
@option(
    "--date",
    group=options.OUTPUT,
    default="",
    metavar="TEXT",
    help="Date of the run, shown as given.  [default: no date]",
)
@option(
    "--command-log",
    group=_RUN,
    multiple=True,
    metavar="FILE",
    help="Text file to show, such as the command lines of the run. Long command lines are broken "
    "before options. Can be repeated.",
)
@option(
    "-m",
    "--model",
    group=_RUN,
    metavar="MODEL",
    help="Model file written by `dnabirnn train`, or the name of a model listed by `dnabirnn "
    "models`.",
)
@option(
    "--encoded",
    group=_RUN,
    multiple=True,
    metavar="DIR",
    help="Encoded set, for a table of the data per split. Can be repeated.",
)
@option(
    "--log",
    group=_RUN,
    multiple=True,
    metavar="CSV",
    help="Training log written by `dnabirnn train`. Can be repeated.",
)
@option(
    "--metrics",
    group=_RUN,
    multiple=True,
    metavar="JSON",
    help="Metrics written by `dnabirnn evaluate --out`. Can be repeated.",
)
@option(
    "--curves",
    group=_RUN,
    multiple=True,
    metavar="JSON",
    help="Curves written by `dnabirnn evaluate --curves`. Can be repeated.",
)
@option(
    "--assembly",
    "assemblies",
    group=_RUN,
    multiple=True,
    metavar="FILE",
    help="Calls of an assembly, in any format of calls, with or without labels: for the summary of "
    "calls, and figures of where they lie. Can be repeated.",
)
@option(
    "--sizes",
    group=_RUN,
    multiple=True,
    metavar="FILE",
    help="Contig lengths of the assemblies: a chrom.sizes or .fai file, or the sequences. Give it "
    "once for all, or once per --assembly, in their order.",
)
@option(
    "--discovered",
    group=_RUN,
    multiple=True,
    metavar="JSON",
    help="Motifs written by `dnabirnn discover --json`. Can be repeated.",
)
@option(
    "--link",
    "links",
    group=_RUN,
    multiple=True,
    metavar="FILE",
    help="File to link from the report, such as calls and scores. Can be repeated.",
)
@option(
    "--fasta",
    group=options.INPUT,
    multiple=True,
    metavar="FASTA",
    help="Genome, for call lengths and pictures of regions. Needs --labels. Can be repeated.",
)
@option(
    "--sample",
    group=options.INPUT,
    default="",
    metavar="NAME",
    help="Name of the genome, as in the names of the metrics files; shown if there are several.",
)
@label_options.labels_or_motifs
@option(
    "--regions",
    group=options.INPUT,
    metavar="BED",
    help="Regions that were evaluated. Examples are chosen from these.",
)
@options.exclude
@options.name_prefix
@options.chrom_alias
@option(
    "--calls",
    group=options.INPUT,
    multiple=True,
    metavar="FILE",
    help="Calls of the genome, in any format of calls. Can be repeated.  [default: called from "
    "--scores, or scored with --model]",
)
@option(
    "--scores",
    group=options.INPUT,
    metavar="BED",
    help="Per-base scores of the genome. They are drawn if there is no --model, and called if "
    "there are no --calls.",
)
@label_options.negatives
@label_options.corrections
@label_options.reading
@options.ignore_classes
@option(
    "--examples",
    group=options.OUTPUT,
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Number of regions to draw of each kind: best, worst, and chosen at random.",
)
@option(
    "--seed",
    group=options.OUTPUT,
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed for the regions chosen at random.",
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
    assemblies: tuple[str, ...],
    sizes: tuple[str, ...],
    discovered: tuple[str, ...],
    links: tuple[str, ...],
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
    corrections: str | None,
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
    """Run `dnabirnn report`."""
    from dnabirnn.files import check_target, is_stream, write_text
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import Aliases, read_aliases, read_corrections
    from dnabirnn.report import Genome, Material, gather, report_html
    from dnabirnn.scoring import load
    from dnabirnn.sequences import prefixed

    inputs = [model, *log, *metrics, *curves, *command_log, *assemblies, *discovered]
    inputs += [*fasta, *labels]
    read = [
        *inputs,
        *sizes,
        *links,
        *calls,
        regions,
        exclude,
        negatives,
        corrections,
        scores,
        chrom_alias,
    ]
    options.check_apart([out], read)
    check_packages("jinja2", "matplotlib")
    check_target(out)
    check_ending("-o", out, "an HTML report", ".html", ".htm", ".xhtml")
    given = {
        "--sample": sample,
        "--regions": regions,
        "--exclude": exclude,
        "--calls": calls,
        "--scores": scores,
        "--negatives": negatives,
        "--corrections": corrections,
        "--name-prefix": name_prefixes,
        "--chrom-alias": chrom_alias,
        **label_options.given_reading(reading),
    }
    _check_genome(fasta, labels, [name for name, value in given.items() if value])
    if not any([*inputs, *encoded]):
        raise OptionError(
            "nothing to report; give --model, --metrics or another part of the report"
        )
    if (len(sizes) > 1 and len(sizes) != len(assemblies)) or (sizes and not assemblies):
        raise OptionError(
            f"--sizes: {len(sizes)} files for {len(assemblies)} files of --assembly; give one for "
            "all, or one per assembly"
        )
    for link in links:
        if not os.path.exists(link):
            raise OptionError(f"--link {link}: no such file; check the path")
    folder = "." if is_stream(out) else os.path.dirname(out) or "."
    material = Material.read(
        model=model,
        encoded=encoded,
        logs=log,
        metrics=metrics,
        curves=curves,
        commands=command_log,
        seed=seed,
        assemblies=assemblies,
        sizes=sizes,
        discovered=discovered,
        beside=folder,
        links=[os.path.relpath(link, folder) for link in links],
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
        marked = aliases.labels(
            _labels(
                loaded,
                labels,
                ignore_classes=ignore_classes,
                negatives=None if negatives is None else Regions.read(negatives),
                **reading,
            )
        )
        marked = marked if corrections is None else read_corrections(corrections).of(marked)
        genome = Genome(
            files,
            marked,
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
    """Raise unless the options of the genome are complete."""
    if fasta and not labels:
        raise OptionError("--fasta: pictures of regions also need labels; give --labels")
    for name in (*(["--labels"] if labels else []), *others):
        if not fasta:
            raise OptionError(
                f"{name}: only applies to pictures of regions, which need the genome; give --fasta"
            )


def _calling(material: Material, given: Mapping[str, Any]) -> CallSettings | None:
    """Return how calls are made; raise for such options if there is no model."""
    if material.model is not None:
        return options.call_settings(material.model.checkpoint, given, wanted=True)
    for name in (name for name, value in given.items() if value not in (None, ())):
        raise OptionError(
            f"--{name.replace('_', '-')}: only applies to the calls of a model; give --model"
        )
    return None


def _labels(model: Model | None, labels: Sequence[str], **reading: Any) -> Labels:
    """Return labels of the model's classes, or of all classes if there is no model."""
    from dnabirnn.labels import load_labels, load_truth

    if model is None:
        return load_labels(labels, **reading)
    return load_truth(labels, model.checkpoint.architecture.classes, **reading)
