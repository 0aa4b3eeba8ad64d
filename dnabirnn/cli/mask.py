"""`dnabirnn mask`: calls to a masked FASTA."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

__all__ = ["mask"]


@click.command()
@click.argument("fasta")
@click.option(
    "--calls",
    "calls_in",
    required=True,
    metavar="BED",
    help="What is to be masked: BED3 to BED12, or narrowPeak.",
)
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help="Masked FASTA, .gz at the end for bgzip; - for standard output.",
)
@click.option("--hard", is_flag=True, help="N in place of lower case.")
@click.option(
    "--unmask",
    is_flag=True,
    help="Forget the lower case of the FASTA first.  [default: it stays]",
)
@click.option(
    "--classes", type=options.COMMA_LIST, default=(), help="Only rows of these, by column 4."
)
@click.option(
    "--at-least",
    type=click.IntRange(min=0),
    default=0,
    metavar="BP",
    help="Only intervals of so many bases or more, once those that touch are one.",
)
@click.pass_obj
def mask(
    quiet: bool,
    /,
    fasta: str,
    calls_in: str,
    out: str,
    hard: bool,
    unmask: bool,
    classes: tuple[str, ...],
    at_least: int,
) -> None:
    """Mask the calls in a FASTA: lower case, or N.

    FASTA may be plain, gzip or bgzip, or - for standard input. Headers and line widths stay.
    """
    from dnabirnn.files import OutputFiles
    from dnabirnn.intervals import mask_fasta, read_mask

    options.check_apart([out], [fasta, calls_in])
    if fasta == calls_in == "-":
        raise OptionError("--calls -: standard input is the FASTA; name a file for one of them")
    wanted = read_mask(calls_in, classes=classes, min_length_bp=at_least, hard=hard, unmask=unmask)
    with ProgressBar("masked", quiet=quiet) as progress, OutputFiles() as outputs:
        mask_fasta(fasta, outputs.open(out), wanted, progress.add)
