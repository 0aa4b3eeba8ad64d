"""Options for labels of whole sequences, and what `encode` does with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.cli import label_options
from dnabirnn.cli.command import option
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from dnabirnn.encoded import LabelledSequences
    from dnabirnn.files import PathLike

__all__ = ["GROUP", "FastaOrSequences", "are_given", "check_unused", "read", "whole_sequences"]

GROUP = "Labels of whole sequences"

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    option(
        "--positives",
        group=GROUP,
        multiple=True,
        is_eager=True,  # processed before FASTA
        metavar="[NAME=]FILE",
        help="Sequences that have a site somewhere, of class NAME: FASTA, or intervals of the "
        "genome (FASTA) as BED, narrowPeak or broadPeak. Can be repeated, for several classes.  "
        "[default of NAME: the name of the file]",
    ),
    option(
        "--sequence-labels",
        "tables",
        group=GROUP,
        multiple=True,
        is_eager=True,
        metavar="[SPLIT=]CSV",
        help="Table with the columns sequence and label, and optionally split and name: CSV or "
        "TSV. SPLIT is train, val or test. Can be repeated.",
    ),
    option(
        "--negative-label",
        group=GROUP,
        metavar="LABEL",
        help="With --sequence-labels: label of the sequences that belong to no class. Other "
        "labels are classes, or all are the class given with --class.  [default: 0]",
    ),
    option(
        "--summits",
        group=GROUP,
        is_flag=True,
        help="Read the summits of --positives from column 10, as in narrowPeak. Parts of long "
        "peaks are then drawn around the summit.",
    ),
)


class FastaOrSequences(click.Argument):
    """The FASTA files, which may be left out if labels bring their own sequences."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the files; the options that are asked for here are processed earlier."""
        others = (ctx.params.get(name) for name in ("consensus", "positives", "tables"))
        # If --held-out is not given, click has a special value for it, which is true.
        held_out = isinstance(ctx.params.get("held_out"), str)
        if (held_out or any(others)) and self.value_is_missing(value):
            return ()
        return super().process_value(ctx, value)


def whole_sequences(command: _Command) -> _Command:
    """Add the options; the command receives them as one dict, `whole`."""

    @functools.wraps(command)
    def packed(*arguments: Any, **given: Any) -> Any:
        names = ("positives", "tables", "negative_label", "summits")
        own = {name: given.pop(name) for name in names}
        return command(*arguments, whole=own, **given)

    for add in reversed(_OPTIONS):
        packed = add(packed)
    return packed  # type: ignore[return-value]


def are_given(whole: Mapping[str, Any], negatives: str | None) -> bool:
    """Return whether labels of whole sequences are given.

    Raises
    ------
    OptionError
        An option has no effect without them.
    """
    if whole["positives"] or whole["tables"]:
        return True
    for name in ("negative_label", "summits"):
        if whole[name]:
            raise OptionError(
                f"--{name.replace('_', '-')}: applies to labels of whole sequences; give "
                "--sequence-labels or --positives"
            )
    if negatives in ("shuffled", "genomic"):
        raise OptionError(f"--negatives {negatives}: applies to --positives; give positives")
    return False


def check_unused(options: Mapping[str, Any], truth: str) -> None:
    """Raise OptionError for an option, by name, that has a value but does not apply to a truth."""
    for name, value in options.items():
        if value not in (None, (), False):
            raise OptionError(f"{name}: does not apply to {truth}; remove one")


def read(
    whole: Mapping[str, Any],
    genome: Sequence[PathLike],
    negatives: str | None,
    reading: Mapping[str, Any],
    others: Mapping[str, Any],
    *,
    mask: str = "none",
    seed: int | None = None,
) -> LabelledSequences:
    """Read sequences with their classes.

    Parameters
    ----------
    whole : mapping
        The options of `whole_sequences`.
    genome : sequence of str or PathLike
    negatives : str, optional
    reading : mapping
        The options of `label_options.reading`, of which only `--class` applies.
    others : mapping of str to object
        Options that do not apply to whole sequences, with their values.
    mask : str
    seed : int, optional
    """
    from dnabirnn.encoded import read_sequences

    given = label_options.given_reading({**reading, "class_name": None})
    check_unused(dict(others) | given, "labels of whole sequences")
    if mask == "loss":
        raise OptionError(
            "--mask loss: labels are those of whole sequences, and not of bases; give none or hard"
        )
    return read_sequences(
        **whole,
        negatives=negatives,
        genome=genome,
        class_name=reading["class_name"],
        hard_mask=mask == "hard",
        seed=seed or 0,
    )
