"""Options of E-values and q-values of calls, and of what else is added to calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import option
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.scoring import Assessment

_Function = TypeVar("_Function", bound=Callable[..., Any])

__all__ = ["assessment_of", "max_evalue", "max_q", "with_assessment"]

_ASSESSMENT = (
    option(
        "--qvalue",
        group=options.CALLS,
        is_flag=True,
        help="Also search decoys, and add E-values and q-values to the calls: how many such calls, "
        "and what share of false ones, the composition of your sequence gives by chance.",
    ),
    option(
        "--decoys",
        group=options.CALLS,
        type=click.Choice(["shuffle", "reverse"]),
        help="With --qvalue: shuffle keeps the pairs of bases in blocks of 5 kb; reverse keeps "
        "hairpins and tandem repeats, and is for diagnosis.  [default: shuffle]",
    ),
    option(
        "--decoy-share",
        group=options.CALLS,
        type=float,
        metavar="SHARE",
        help="With --qvalue: share of the sequence that decoys are made from, above 0 to 1.  "
        "[default: 1 up to 20 Mb and for pipes, or else 0.25]",
    ),
    option(
        "--decoy-seed",
        group=options.CALLS,
        type=click.IntRange(min=0),
        metavar="N",
        help="With --qvalue: random seed of the decoys.  [default: 0]",
    ),
)
max_q = option(
    "--max-q",
    group=options.CALLS,
    type=float,
    metavar="Q",
    help="Write only calls with a q-value up to Q, such as 0.05.",
)
max_evalue = option(
    "--max-evalue",
    group=options.CALLS,
    type=float,
    metavar="E",
    help="Write only calls with an E-value up to E.",
)


_PERIODS = option(
    "--periods",
    group=options.CALLS,
    is_flag=True,
    help="Add columns to the calls: the period of a tandem array, and its number of copies.",
)


def with_assessment(command: _Function) -> _Function:
    """Add these options to a command; `assessment_of` reads them."""
    for add in reversed((*_ASSESSMENT, max_q, max_evalue, _PERIODS)):
        command = add(command)
    return command


def assessment_of(
    fasta: Sequence[PathLike],
    *,
    qvalue: bool,
    decoys: str | None,
    share: float | None,
    seed: int | None,
    max_q: float | None,
    max_evalue: float | None,
) -> Assessment | None:
    """Return how calls are assessed, or None without `--qvalue`.

    Raises
    ------
    OptionError
        A value out of range, or an option that has no effect.
    """
    from dnabirnn.scoring import Assessment, DecoyKind, Decoys, Limits

    if not qvalue:
        given = {
            "--decoys": decoys,
            "--decoy-share": share,
            "--decoy-seed": seed,
            "--max-q": max_q,
            "--max-evalue": max_evalue,
        }
        for name, value in given.items():
            if value is not None:
                raise OptionError(f"{name}: only applies to q-values; add --qvalue")
        return None
    limits = Limits(max_q, max_evalue)
    limits.check()
    used = _decoy_share(fasta) if share is None else share
    return Assessment(Decoys(DecoyKind(decoys or DecoyKind.SHUFFLE), used, seed or 0), limits)


def _decoy_share(fasta: Sequence[PathLike]) -> float:
    """Return the share of the genome that decoys are made from by default."""
    from dnabirnn.files import is_stream
    from dnabirnn.scoring import SMALL_GENOME_BP
    from dnabirnn.sequences import contig_lengths

    if any(map(is_stream, fasta)):  # can be read only once
        return 1.0
    return 1.0 if sum(contig_lengths(*fasta).values()) <= SMALL_GENOME_BP else 0.25
