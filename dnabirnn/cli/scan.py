"""`dnabirnn scan`: the sites of motifs."""

from __future__ import annotations

import logging

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

__all__ = ["scan"]

logger = logging.getLogger(__name__)


@click.command()
@options.fasta
@click.option(
    "--motifs",
    required=True,
    metavar="FILE",
    help="Motifs in JASPAR's, MEME's or TRANSFAC's format.",
)
@options.pvalue
@options.within
@options.gc
@click.option(
    "-o", "--out", required=True, metavar="BED", help="Sites; - is standard output, .gz is bgzip."
)
@click.option(
    "--partly",
    metavar="BED",
    help="With --within: sites that lie in a peak only partly; for --exclude.",
)
@options.class_name
@click.option(
    "--classes", type=options.COMMA_LIST, default=(), help="Motifs to look for.  [default: all]"
)
@click.option(
    "--mask",
    type=click.Choice(["none", "hard"]),
    default="none",
    show_default=True,
    help="Lower case: has no meaning, or is read as N.",
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
    """Find the sites of motifs, on both strands.

    They are the labels that encode --motifs makes. A score of BED is -100 log10 of the p-value:
    400 is 0.0001.
    """
    from dnabirnn.motifs import write_sites

    if partly is not None and within is None:
        raise OptionError("--partly: sites lie partly in peaks; name these with --within")
    options.check_apart([out, partly], [*fasta, motifs, within])
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
