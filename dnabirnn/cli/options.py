"""Options that several commands share, with the same name, meaning and help everywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.cli.command import option
from dnabirnn.engine import ENGINES
from dnabirnn.errors import OptionError
from dnabirnn.tracks import FORMAT_NAMES, TrackFormat

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.motifs import MotifSearch
    from dnabirnn.network import CallSettings, Checkpoint

_Function = TypeVar("_Function", bound=Callable[..., Any])

if TYPE_CHECKING:
    _Names = click.ParamType[tuple[str, ...]]
    _Pair = click.ParamType[tuple[str, float]]
    _Number = click.ParamType[int]
else:  # generic only from click 8.4 on
    _Names = _Number = _Pair = click.ParamType

__all__ = [
    "BASES",
    "CALLS",
    "CALL_FORMATS",
    "COMPUTING",
    "INPUT",
    "LABELS",
    "MOTIFS",
    "OUTPUT",
    "SCORE_FORMATS",
    "call_form",
    "call_settings",
    "calls",
    "check_apart",
    "chrom_alias",
    "circular",
    "class_name",
    "comma_list",
    "comma_separated",
    "device",
    "dry_run",
    "email",
    "engine",
    "exclude",
    "fasta",
    "fractions",
    "gc",
    "ignore_classes",
    "index",
    "merge_form",
    "model",
    "motif_search",
    "name_prefix",
    "precision",
    "prior",
    "pvalue",
    "regions",
    "so_type",
    "threads",
    "unquoted",
    "within",
]


class _ByClass(_Pair):
    """A class and a number. Without a class, its name is empty."""

    def __init__(self, name: str, example: str) -> None:
        self.name, self._example = name, example

    def convert(
        self,
        value: str | tuple[str, float],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, number = value.rpartition("=")
        try:
            return unquoted(name.strip()), float(number)
        except ValueError:
            self.fail(f"{value!r} is not {self.name}, such as {self._example}", param, ctx)


_QUOTED = r'"(?:[^"]|"")*"'
_ITEM = re.compile(rf"(?:{_QUOTED}(?=\s*(?:[=,]|$))|[^,])+")


def comma_separated(text: str) -> list[str]:
    """Split text at commas, except those in double quotes; quotes are kept, see `unquoted`.

    Examples
    --------
    >>> comma_separated('a, "b,c",5"x,"d,e"=f')
    ['a', '"b,c"', '5"x', '"d,e"=f']
    """
    return [item.strip() for item in _ITEM.findall(text) if item.strip()]


def unquoted(item: str) -> str:
    """Remove the double quotes around an item, as in CSV files: two quotes in it stand for one.

    Examples
    --------
    >>> unquoted('"a,b"'), unquoted('"5"" cap"'), unquoted('5"')
    ('a,b', '5" cap', '5"')
    """
    return item[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, item) else item


class _CommaList(_Names):
    """Names with commas between them. A name in double quotes may contain commas."""

    name = "a,b"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(filter(None, map(unquoted, comma_separated(value))))


class _Bases(_Number):
    """A number of bases; k, M and G stand for thousands, millions and billions."""

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
            self.fail(f"{value!r} is not a number of bases; write it like 30M", param, ctx)


BASES = _Bases()

INPUT = "Input"
OUTPUT = "Output"
LABELS = "Labels"
MOTIFS = "Motifs"
CALLS = "Calls"
COMPUTING = "Computation"


def comma_list(
    *names: str, default: tuple[str, ...] | None = None, **attributes: Any
) -> Callable[[_Function], _Function]:
    """Add an option for names with commas between them; if it is repeated, all of them count.

    The command receives a tuple of names, or `default` if the option is not given.
    """

    def joined(
        ctx: click.Context, param: click.Parameter, lists: tuple[tuple[str, ...], ...]
    ) -> tuple[str, ...] | None:
        return tuple(name for names in lists for name in names) if lists else default

    return option(*names, type=_CommaList(), multiple=True, callback=joined, **attributes)


fasta = click.argument("fasta", nargs=-1, required=True, metavar="FASTA...")
name_prefix = option(
    "--name-prefix",
    "name_prefixes",
    group=INPUT,
    multiple=True,
    metavar="PREFIX",
    help="Text to put before the contig names of a FASTA file, such as HG002#1#. Give it once for "
    "all files, or once per file, in their order.",
)
chrom_alias = option(
    "--chrom-alias",
    group=INPUT,
    metavar="FILE",
    help="Table of contig names: one column per naming scheme, such as UCSC's chromAlias.txt, "
    "UCSC's table chromAlias, or NCBI's assembly_report.txt. BED and label files may then use any "
    "of these names.",
)
model = option(
    "-m",
    "--model",
    group=INPUT,
    required=True,
    metavar="MODEL",
    help="Model file written by `dnabirnn train`, or the name of a model listed by `dnabirnn "
    "models`.",
)
dry_run = option(
    "--dry-run",
    group=COMPUTING,
    is_flag=True,
    help="Read all inputs, print an estimate of memory, disk and time, and stop.",
)
class_name = option(
    "--class",
    "class_name",
    group=MOTIFS,
    metavar="NAME",
    help="Use this class for all rows or motifs.  [default: as named in the file]",
)
ignore_classes = comma_list(
    "--ignore-classes",
    group=LABELS,
    default=(),
    help="Classes to ignore: their bases count as neither positive nor negative. Can be repeated.",
)
regions = option(
    "--regions",
    group=INPUT,
    metavar="BED",
    help="Restrict the output to these regions. The network still reads the sequence around them, "
    "so scores are those of the whole contig.",
)
circular = comma_list(
    "--circular",
    group=INPUT,
    metavar="NAMES",
    help="Circular contigs, or `all`. Scores near an end then use the sequence across the origin. "
    "Can be repeated.",
)
exclude = option(
    "--exclude",
    group=INPUT,
    metavar="BED",
    help="Bases to leave out of loss and metrics.",
)
pvalue = option(
    "--pvalue",
    group=MOTIFS,
    type=float,
    metavar="P",
    help="Largest p-value of a site, per motif and strand.  [default: 0.0001]",
)
gc = option(
    "--gc",
    group=MOTIFS,
    type=float,
    metavar="SHARE",
    help="GC content, 0 to 1, of the random sequence that p-values refer to.  [default: GC content "
    "of the input]",
)
within = option(
    "--within",
    group=MOTIFS,
    metavar="BED",
    help="Peaks. Sites inside a peak are positive, sites partly inside are ignored, and all other "
    "sites are negative.",
)
threads = option(
    "--threads",
    group=COMPUTING,
    type=click.IntRange(min=1),
    default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    show_default="all cores",
    help="Number of CPU cores to use. Results do not depend on it.",
)
device = option(
    "--device",
    group=COMPUTING,
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Device: cpu, cuda, cuda:N, or auto (CUDA if available).",
)
engine = option(
    "--engine",
    group=COMPUTING,
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="Implementation of the network: fused (compiled kernels, CPU), torch (any device), triton "
    "(one kernel per direction, GPU; scores only), or auto (fused on a CPU, else torch).",
)
precision = option(
    "--precision",
    group=COMPUTING,
    type=click.Choice(["f32", "tf32", "bf16"]),
    default="f32",
    show_default=True,
    help="Floating-point precision. tf32 and bf16 are faster and less exact: tf32 on GPUs, bf16 on "
    "GPUs, and for scores also on CPUs with AMX or AVX512-BF16.",
)


def _check_pairs(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, float], ...]
) -> tuple[tuple[str, float], ...]:
    """Raise if a class has two values."""
    last = dict(pairs)
    for name, value in pairs:
        if last[name] is not value and last[name] != value:  # NaN differs from itself
            whose = f"{name!r} has" if name else "there are"
            raise OptionError(
                f"{param.opts[0]}: {whose} the values {value:g} and {last[name]:g}; give one"
            )
    return pairs


prior = option(
    "--prior",
    "priors",
    group=CALLS,
    type=_ByClass("CLASS=SHARE", "REP=0.002"),
    multiple=True,
    callback=_check_pairs,
    metavar="CLASS=SHARE",
    help="Expected share of bases per strand that belong to CLASS in your sequence, 0 to 1, if it "
    "differs from the share that the model was calibrated for. Can be repeated.",
)


def _format(text: str, names: Sequence[str]) -> Callable[[_Function], _Function]:
    return option(
        "--format",
        "form",
        group=OUTPUT,
        type=click.Choice(names),
        help=f"{text}  [default: from the file name]",
    )


SCORE_FORMATS = [form.value for form in TrackFormat if form.traits.scores]
CALL_FORMATS = [form.value for form in TrackFormat if form.traits.calls]

call_form = _format("Format of the calls.", CALL_FORMATS)
merge_form = _format("Format of the shards.", FORMAT_NAMES)
index = option(
    "--index",
    group=OUTPUT,
    is_flag=True,
    help="Also write a tabix index of text output that ends in .gz. Needs the package pysam.",
)
email = option(
    "--email",
    group=OUTPUT,
    metavar="ADDRESS",
    help="Contact address in the track hub.  [default: nobody@example.org]",
)
so_type = option(
    "--so-type",
    group=OUTPUT,
    metavar="TERM",
    help="Sequence Ontology term for the calls in GFF3.  [default: sequence_feature]",
)
_CALLS = (
    option(
        "--method",
        group=CALLS,
        type=click.Choice(["threshold", "mss", "evidence"]),
        help="How calls are made: threshold (runs of bases at or above the threshold), mss "
        "(maximal scoring segments) or evidence (segments of maximum evidence).  [default: from "
        "the model, per class]",
    ),
    option(
        "--threshold",
        group=CALLS,
        type=_ByClass("P or CLASS=P", "REP=0.5"),
        multiple=True,
        callback=_check_pairs,
        metavar="[CLASS=]P",
        help="Probability at or above which a base counts as its class; with CLASS=, for this "
        "class only. Can be repeated. Classes that the model has not learned have no calls "
        "without it.  [default: from the model, per class]",
    ),
    option(
        "--fdr",
        group=CALLS,
        type=float,
        metavar="RATE",
        help="Use the thresholds that had this false discovery rate of calls on validation "
        "sequence: 0.01, 0.05 or 0.1. Classes that cannot keep to it have no calls.",
    ),
    option(
        "--min-length",
        group=CALLS,
        type=int,
        metavar="BP",
        help="Shortest call, in bases.  [default: from the model, per class]",
    ),
    option(
        "--merge-gap",
        group=CALLS,
        type=int,
        metavar="BP",
        help="Largest gap between two calls that are merged, in bases.  [default: from the model, "
        "per class]",
    ),
)


def calls(command: _Function) -> _Function:
    """Add the options that set how calls are made; `call_settings` reads them."""
    for add in reversed(_CALLS):
        command = add(command)
    return command


def call_settings(checkpoint: Checkpoint, given: Mapping[str, Any], wanted: bool) -> CallSettings:
    """Return settings from the options of `calls`; an option without effect is an error."""
    from dnabirnn.network import CallSettings, call_settings as settings

    unused = [name for name, value in given.items() if value not in (None, ())]
    if unused and not wanted:
        raise OptionError(
            f"--{unused[0].replace('_', '-')}: sets how calls are made, but no calls are "
            "requested; add --calls FILE"
        )
    if not wanted:
        return CallSettings(checkpoint.calls)
    by_class = dict(given["threshold"])
    everywhere = by_class.pop("", None)
    if everywhere is not None and given["fdr"] is None:
        names = [motif_class.name for motif_class in checkpoint.architecture.classes]
        by_class = dict.fromkeys(names, everywhere) | by_class
    return settings(
        checkpoint,
        given["method"],
        threshold=everywhere if everywhere is not None and given["fdr"] is not None else by_class,
        fdr=given["fdr"],
        min_length_bp=given["min_length"],
        merge_gap_bp=given["merge_gap"],
    )


def motif_search(
    motifs: str,
    fasta: Sequence[PathLike],
    *,
    pvalue: float | None,
    within: str | None,
    **given: Any,
) -> MotifSearch:
    """Return a search from the options `pvalue` and `within`, and others of `read_search`."""
    from dnabirnn.motifs import PVALUE, read_search

    wanted = PVALUE if pvalue is None else pvalue
    return read_search(motifs, fasta, pvalue=wanted, within_path=within, **given)


def check_apart(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """Raise for an output that is also an input, which would be overwritten.

    Parameters
    ----------
    outputs, inputs : iterable of str or None
        Paths; None for options that are not given.

    Raises
    ------
    OptionError
    """
    read = [path for path in inputs if path is not None and os.path.isfile(path)]
    for out in outputs:
        if out is None or not os.path.isfile(out):
            continue
        if any(os.path.samefile(out, path) for path in read):
            raise OptionError(f"{out}: is also an input of this command; give another output")


def fractions(texts: tuple[str, ...]) -> tuple[float, ...]:
    """Return the numbers of `--split-fractions`."""
    try:
        return tuple(float(text) for text in texts)
    except ValueError as error:
        raise OptionError(
            f"--split-fractions {','.join(texts)}: must be three numbers, like 0.8,0.1,0.1"
        ) from error
