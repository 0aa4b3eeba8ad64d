"""Options that several commands share: one name, one meaning."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.engine import ENGINES
from dnabirnn.errors import OptionError
from dnabirnn.tracks import FORMAT_NAMES

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import MotifSearch
    from dnabirnn.network import CallSettings, Checkpoint

_Command = TypeVar("_Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    _Names = click.ParamType[tuple[str, ...]]
    _Pair = click.ParamType[tuple[str, float]]
    _Number = click.ParamType[int]
else:  # generic only from click 8.4 on
    _Names = _Number = _Pair = click.ParamType

__all__ = [
    "BASES",
    "COMMA_LIST",
    "call_settings",
    "calls",
    "check_apart",
    "chrom_alias",
    "circular",
    "class_name",
    "device",
    "dry_run",
    "email",
    "engine",
    "exclude",
    "fasta",
    "form",
    "fractions",
    "gc",
    "ignore_classes",
    "index",
    "model",
    "motif_search",
    "name_prefix",
    "precision",
    "prior",
    "pvalue",
    "regions",
    "so_type",
    "threads",
    "within",
]


class _Share(_Pair):
    """A class and its share."""

    name = "CLASS=SHARE"

    def convert(
        self,
        value: str | tuple[str, float],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, share = value.rpartition("=")
        try:
            return name, float(share)
        except ValueError:
            self.fail(f"{value!r} is no CLASS=SHARE, such as REP=0.002", param, ctx)


class _CommaList(_Names):
    """Names with commas between them."""

    name = "a,b"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


class _Bases(_Number):
    """A number of bases, k, M or G for thousands, millions and billions."""

    name = "bases"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        scale = {"k": 1e3, "m": 1e6, "g": 1e9}.get(value[-1:].lower())
        try:
            return round(float(value[:-1]) * scale if scale else float(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no number of bases; write it like 30M", param, ctx)


COMMA_LIST = _CommaList()
BASES = _Bases()

fasta = click.argument("fasta", nargs=-1, required=True, metavar="FASTA...")
name_prefix = click.option(
    "--name-prefix",
    "name_prefixes",
    multiple=True,
    metavar="PREFIX",
    help="Put before the names of contigs, such as HG002#1#; once for all FASTA files, or once "
    "for each.",
)
chrom_alias = click.option(
    "--chrom-alias",
    metavar="FILE",
    help="Names of contigs in columns, such as UCSC's chromAlias.txt: intervals may use any.",
)
model = click.option(
    "-m",
    "--model",
    required=True,
    metavar="MODEL",
    help="Model that `dnabirnn train` wrote, or the name of one that ships.",
)
dry_run = click.option(
    "--dry-run",
    is_flag=True,
    help="Read all inputs, print what memory, disk and time the run takes, and stop.",
)
class_name = click.option(
    "--class", "class_name", metavar="NAME", help="Class of every row, whatever the file says."
)
ignore_classes = click.option(
    "--ignore-classes",
    type=COMMA_LIST,
    default=(),
    help="Classes whose bases count neither for nor against any class.",
)
regions = click.option(
    "--regions",
    metavar="BED",
    help="Count or write only these; what the network reads is the whole contig all the same.",
)
circular = click.option(
    "--circular",
    type=COMMA_LIST,
    metavar="NAMES",
    help="Contigs that are circles, or all: windows run across their origin.",
)
exclude = click.option(
    "--exclude", metavar="BED", help="Bases that count neither in loss nor in metrics."
)
pvalue = click.option(
    "--pvalue",
    type=float,
    metavar="P",
    help="Most chance that a site of random bases has, a motif and a strand.  [default: 0.0001]",
)
gc = click.option(
    "--gc",
    type=float,
    metavar="SHARE",
    help="Share of G and C in those random bases.  [default: that of the sequences]",
)
within = click.option(
    "--within",
    metavar="BED",
    help="Peaks: sites wholly in one are bound, those only partly in one count neither for nor "
    "against, all others are background.",
)
threads = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    show_default="all cores",
    help="Cores to use; they change nothing but the time.",
)
device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto (CUDA where there is one), cpu, cuda or cuda:N.",
)
engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What computes the network.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["f32", "tf32", "bf16"]),
    default="f32",
    show_default=True,
    help="Of the arithmetic; tf32 and bf16 are faster on GPUs, and less exact.",
)
prior = click.option(
    "--prior",
    "priors",
    type=_Share(),
    multiple=True,
    metavar="CLASS=SHARE",
    help="Share of the bases of a strand that a class has where the model is used, if not that "
    "of the sequence it was calibrated on. Repeat it.",
)
form = click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    help="What the output is written as.  [default: by the end of its name]",
)
index = click.option(
    "--index", is_flag=True, help="Add a tabix index to text that ends in .gz (needs pysam)."
)
email = click.option(
    "--email",
    metavar="ADDRESS",
    help="Of whoever answers for the hub.  [default: nobody@example.org]",
)
so_type = click.option(
    "--so-type",
    metavar="TERM",
    help="What a call is in GFF3, in the words of the Sequence Ontology.  "
    "[default: sequence_feature]",
)
_CALLS = (
    click.option(
        "--method",
        type=click.Choice(["threshold", "mss"]),
        help="Runs of bases that reach the threshold, or maximal scoring segments.  "
        "[default: threshold]",
    ),
    click.option(
        "--threshold",
        type=float,
        metavar="P",
        help="Probability from which a base speaks for its class.  [default: the model's]",
    ),
    click.option(
        "--fdr",
        type=float,
        metavar="RATE",
        help="Thresholds with which no more than this share of the calls is false, as far as "
        "validation sequence tells: 0.01, 0.05 or 0.1.",
    ),
    click.option(
        "--min-length", type=int, metavar="BP", help="Shortest call.  [default: the model's]"
    ),
    click.option(
        "--merge-gap", type=int, metavar="BP", help="Longest gap in a call.  [default: the model's]"
    ),
)


def calls(command: _Command) -> _Command:
    """Options that say how calls are made; `call_settings` reads them."""
    for option in reversed(_CALLS):
        command = option(command)
    return command


def call_settings(checkpoint: Checkpoint, given: Mapping[str, Any], wanted: bool) -> CallSettings:
    """Settings from the options of `calls`; an option that would have no effect is an error."""
    from dnabirnn.network import CallMethod, call_settings as settings

    unused = [name for name, value in given.items() if value is not None]
    if unused and not wanted:
        raise OptionError(
            f"--{unused[0].replace('_', '-')}: says how calls are made, and none are asked for; "
            "name a file for them with --calls"
        )
    rules = checkpoint.calls
    if given["fdr"] is not None:
        if given["threshold"] is not None:
            raise OptionError("--fdr and --threshold: each sets the threshold; give one of them")
        rules = checkpoint.rules_at(given["fdr"])
    return settings(
        rules,
        given["method"] or CallMethod.THRESHOLD,
        given["threshold"],
        given["min_length"],
        given["merge_gap"],
    )


def motif_search(
    motifs: str,
    fasta: Sequence[PathLike],
    *,
    pvalue: float | None,
    within: str | None,
    **given: Any,
) -> MotifSearch:
    """Search from the options `pvalue` and `within`, and what else `read_search` takes."""
    from dnabirnn.motifs import PVALUE, read_search

    wanted = PVALUE if pvalue is None else pvalue
    return read_search(motifs, fasta, pvalue=wanted, within_path=within, **given)


def check_apart(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """Raise for an output that is one of the files a command reads: it would be lost.

    Parameters
    ----------
    outputs, inputs : iterable of str or None
        Paths; None for options that were not given.

    Raises
    ------
    OptionError
    """
    read = [path for path in inputs if path is not None and os.path.isfile(path)]
    for out in outputs:
        if out is None or not os.path.isfile(out):
            continue
        if any(os.path.samefile(out, path) for path in read):
            raise OptionError(f"{out}: is read by this command too; give another output")


def fractions(texts: tuple[str, ...]) -> tuple[float, ...]:
    """Numbers of `--split-fractions`."""
    try:
        return tuple(float(text) for text in texts)
    except ValueError as error:
        raise OptionError(
            f"--split-fractions {','.join(texts)}: must be three numbers, like 0.8,0.1,0.1"
        ) from error
