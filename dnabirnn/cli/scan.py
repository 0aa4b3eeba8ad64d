"""`dnabirnn scan`: find the sites of motifs."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

__all__ = ["scan"]

logger = logging.getLogger(__name__)


@command(
    """Find the sites of motifs on both strands.

    The sites are the labels that `dnabirnn encode --motifs` uses. The BED score is -100 log10 of
    the p-value: 400 stands for 0.0001.
    """,
    "dnabirnn scan genome.fa --motifs MA0139.1.jaspar -o sites.bed --pvalue 1e-5",
)
@options.fasta
@option(
    "--motifs",
    group=options.MOTIFS,
    required=True,
    metavar="FILE",
    help="Motif matrices, in JASPAR, HOMER, HOCOMOCO, MEME, TRANSFAC or a similar format.",
)
@options.pvalue
@options.within
@options.gc
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="BED",
    help="Sites. A name ending in .gz is bgzip-compressed; - for standard output.",
)
@option(
    "--partly",
    group=options.OUTPUT,
    metavar="BED",
    help="With --within: also write the sites that are partly inside a peak, for `dnabirnn encode "
    "--exclude`.",
)
@options.class_name
@options.comma_list(
    "--classes",
    group=options.MOTIFS,
    default=(),
    help="Names of the motifs to search for. Can be repeated.  [default: all]",
)
@option(
    "--mask",
    group=options.INPUT,
    type=click.Choice(["none", "hard"]),
    default="none",
    show_default=True,
    help="Meaning of lower-case letters: none (no meaning) or hard (read as N).",
)
@click.pass_obj
def scan(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    motifs: str,
    pvalue: float | None,
    within: str | None,
    gc: float | None,
    out: str,
    partly: str | None,
    class_name: str | None,
    classes: tuple[str, ...],
    mask: str,
) -> None:
    """Run `dnabirnn scan`."""
    from dnabirnn.motifs import write_sites

    if partly is not None and within is None:
        raise OptionError("--partly: needs peaks; give them with --within")
    options.check_apart([out, partly], [*fasta, motifs, within])
    check_ending("-o", out, "a BED file", ".bed", ".bed6")
    check_ending("--partly", partly, "a BED file", ".bed", ".bed6")
    search = options.motif_search(
        motifs,
        fasta,
        pvalue=pvalue,
        within=within,
        gc=gc,
        class_name=class_name,
        names=classes,
        hard_mask=mask == "hard",
    )
    with ProgressBar("searched", quiet=quiet) as progress:
        count = write_sites(fasta, search, out, partly, progress.add)
    logger.info("%s: %d sites at --pvalue %g --gc %g", out, count, search.pvalue, search.gc)
