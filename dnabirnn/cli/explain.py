"""`dnabirnn explain`: importance of bases for sites."""

from __future__ import annotations

from typing import Any

import click

from dnabirnn.cli import mutate, options
from dnabirnn.cli.command import command, option
from dnabirnn.errors import OptionError

__all__ = ["explain"]


@command(
    """Compute how important each base is for the sites around it.

    The importance of a base is minus the mean effect of its three substitutions on the log-odds of
    a site, summed over the site. With --method, it is computed from gradients instead. A base
    refers to the site that covers it, or to the nearest one within reach. Other bases have no
    value. Genome browsers draw the values as letters.
    """,
    "dnabirnn explain genome.fa -m model.safetensors --calls calls.bed -o importance.bw",
)
@options.fasta
@options.name_prefix
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help="bigWig file, ending in .bw. One file per class and strand is written.",
)
@option(
    "--method",
    group=mutate.EFFECTS,
    type=click.Choice(["mutagenesis", "gradient", "integrated-gradients"]),
    default="mutagenesis",
    show_default=True,
    help="mutagenesis: the mean effect of the three substitutions. gradient: the gradient of the "
    "base, minus the mean over the four letters. integrated-gradients: the gradient along the path "
    "from the mean of 20 shuffled sequences, times the difference from it. Gradients are computed "
    "by torch.",
)
@mutate.calls
@options.regions
@mutate.reach
@mutate.shard
@options.chrom_alias
@options.circular
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@options.dry_run
@click.pass_obj
def explain(quiet: bool, /, out: str, method: str, dry_run: bool, **given: Any) -> None:
    """Run `dnabirnn explain`."""
    from dnabirnn.explanation import EffectFormat, effect_format

    if effect_format(out) is not EffectFormat.BIGWIG:
        raise OptionError(
            f"{out}: importance is written as bigWig; end the name in .bw, or write effects with "
            "`dnabirnn mutate`"
        )
    mutate.explained(quiet, out, given, dry_run=dry_run, method=method)
