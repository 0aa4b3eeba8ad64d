"""`dnabirnn mask`: mask calls in a FASTA file."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

__all__ = ["mask"]


_FASTA = (".fa", ".fasta", ".fas", ".fna", ".fsa", ".ffn", ".frn", ".mpfa", ".seq")
"""Usual endings of nucleotide FASTA files."""


@command(
    """Mask the calls in a FASTA file, in lower case or with N.

    FASTA may be plain, gzip or bgzip, or - for standard input. Headers and line widths do not
    change.
    """,
    "dnabirnn mask assembly.fa --calls calls.bed -o masked.fa.gz --at-least 10000",
)
@click.argument("fasta")
@option(
    "--calls",
    "calls_in",
    group=options.INPUT,
    required=True,
    metavar="BED",
    help="Intervals to mask: BED3 to BED12, or narrowPeak; - for standard input.",
)
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help="Masked FASTA file. A name ending in .gz is bgzip-compressed; - for standard output.",
)
@option("--hard", group=options.OUTPUT, is_flag=True, help="Write N instead of lower case.")
@option(
    "--unmask",
    group=options.OUTPUT,
    is_flag=True,
    help="Convert lower case in the input to upper case first.  [default: keep it]",
)
@options.comma_list(
    "--classes",
    group=options.INPUT,
    default=(),
    help="Only mask rows with these names in column 4. Can be repeated.  [default: all rows]",
)
@option(
    "--at-least",
    group=options.INPUT,
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="BP",
    help="Only mask intervals of at least this length in bases, after merging intervals that "
    "touch.",
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
    """Run `dnabirnn mask`."""
    from dnabirnn.files import OutputFiles
    from dnabirnn.intervals import mask_fasta, read_mask

    options.check_apart([out], [fasta, calls_in])
    check_ending("-o", out, "a FASTA file", *_FASTA)
    if fasta == calls_in == "-":
        raise OptionError(
            "--calls -: standard input is already the FASTA; give a file for one of them"
        )
    wanted = read_mask(calls_in, classes=classes, min_length_bp=at_least, hard=hard, unmask=unmask)
    with ProgressBar("masked", quiet=quiet) as progress, OutputFiles() as files:
        mask_fasta(fasta, files.open(out), wanted, progress.add)
