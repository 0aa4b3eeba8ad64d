"""Options that select labels and set how they are read, or how repeats are planted."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.cli.command import option
from dnabirnn.cli.options import LABELS, comma_list, comma_separated, unquoted
from dnabirnn.errors import OptionError
from dnabirnn.labels import LabelFormat

__all__ = [
    "REPEATS",
    "corrections",
    "divergence",
    "given_reading",
    "labels",
    "labels_or_motifs",
    "labels_or_sequences",
    "negatives",
    "negatives_or_drawn",
    "percentages",
    "reading",
]

REPEATS = "Repeats"
_DIVERGENCE = "0-25"

_Command = TypeVar("_Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    _Renamed = click.ParamType[tuple[tuple[str, str], ...]]
else:  # generic only from click 8.4 on
    _Renamed = click.ParamType


class _Renames(_Renamed):
    """Comma-separated pairs of an old and a new name. Either may be in double quotes."""

    name = "OLD=NEW"

    def convert(
        self,
        value: str | tuple[tuple[str, str], ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[tuple[str, str], ...]:
        if isinstance(value, tuple):
            return value
        pairs = []
        for text in map(unquoted, comma_separated(value)):
            old, equals, new = (unquoted(part.strip()) for part in text.rpartition("="))
            if not (old and equals and new):
                self.fail(f"{text!r} is not OLD=NEW, such as ALR/Alpha=alpha", param, ctx)
            pairs.append((old, new))
        return tuple(pairs)


_LABELS: dict[str, Any] = {
    "group": LABELS,
    "multiple": True,
    "metavar": "FILE",
    "help": "Labelled intervals: BED, narrowPeak, broadPeak, GFF3, GTF, GenBank, EMBL, "
    "RepeatMasker .out, UCSC rmsk, or dna-brnn FASTQ. Can be repeated.",
}
labels = option("--labels", required=True, **_LABELS)
labels_or_motifs = labels_or_sequences = option("--labels", **_LABELS)
_READING = (
    option(
        "--label-format",
        group=LABELS,
        type=click.Choice([form.value for form in LabelFormat], case_sensitive=False),
        help="Format of the label files.  [default: detected from name and content]",
    ),
    option(
        "--class",
        "class_name",
        group=LABELS,
        metavar="NAME",
        help="Use this class for all rows or motifs.  [default: as named in the file]",
    ),
    option(
        "--class-column",
        group=LABELS,
        metavar="COLUMN",
        help="Column or attribute that holds the class of a row. BED: number or name of a column; "
        "GFF3 and GTF: type, source or an attribute; GenBank and EMBL: type or a qualifier; "
        "repeats: repName, repClass or repFamily.  [default: column 4 of BED, type of features, "
        "repClass of repeats]",
    ),
    option(
        "--classes-map",
        group=LABELS,
        type=_Renames(),
        multiple=True,
        metavar="OLD=NEW,..",
        help="Rename classes before all other options apply. In an old name, * stands for any "
        "text: hor_*=alpha. A name with a comma needs double quotes. Several classes may get the "
        "same new name. Can be repeated.",
    ),
    comma_list(
        "--feature-type",
        "feature_types",
        group=LABELS,
        default=(),
        metavar="TYPE,..",
        help="Feature types to read from GFF3, GTF, GenBank and EMBL. Can be repeated.  [default: "
        "all types except those of whole contigs]",
    ),
    option(
        "--span",
        group=LABELS,
        is_flag=True,
        help="Label features that have several parts (BED blocks, GFF3 rows with the same ID, "
        "GenBank joins) from start to end.  [default: label each part]",
    ),
    option(
        "--label-flank-ignore",
        "flank_bp",
        group=LABELS,
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="BP",
        help="Number of bases to ignore on each side of both ends of a label.",
    ),
)
_KNOWN_NEGATIVES = (
    "Known negatives: unlabelled bases in these regions belong to no class, and other unlabelled "
    "bases are ignored.  [default: all unlabelled bases belong to no class]"
)
negatives = option("--negatives", group=LABELS, metavar="BED", help=_KNOWN_NEGATIVES)
negatives_or_drawn = option(
    "--negatives",
    group=LABELS,
    metavar="BED|FASTA|shuffled|genomic",
    help="With --positives: sequences without a site, as a file; or, one for each positive, "
    "`shuffled`: shuffles that keep pairs of neighboring bases, or `genomic`: stretches of the "
    "genome with the same length and GC content. With --labels: "
    f"{_KNOWN_NEGATIVES[0].lower()}{_KNOWN_NEGATIVES[1:]}",
)

corrections = option(
    "--corrections",
    group=LABELS,
    metavar="BED",
    help="Review of the labels, from `dnabirnn review`, whose actions in column 9 (add, flip, "
    "remove, ignore or keep) are applied to the labels.",
)

divergence = option(
    "--divergence",
    group=REPEATS,
    metavar="%-%",
    help="Smallest and largest percentage of bases that are substituted in an array or a copy.  "
    f"[default: {_DIVERGENCE}]",
)


def reading(command: _Command) -> _Command:
    """Add the options that set how labels are read.

    The command receives them as one dict, `reading`: the keyword arguments of `load_labels` and
    `load_truth`, including `flank_bp`.
    """

    @functools.wraps(command)
    def packed(*arguments: Any, **given: Any) -> Any:
        names = ("class_name", "class_column", "label_format", "feature_types", "span", "flank_bp")
        own = {name: given.pop(name) for name in names}
        own["classes_map"] = _renamed(given.pop("classes_map"))
        return command(*arguments, reading=own, **given)

    for add in reversed(_READING):
        packed = add(packed)
    return packed  # type: ignore[return-value]


def _renamed(pairs: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    renamed: dict[str, str] = {}
    for old, new in (pair for own in pairs for pair in own):
        if renamed.setdefault(old, new) != new:
            raise OptionError(
                f"--classes-map: {old!r} is renamed to both {renamed[old]!r} and {new!r}; "
                "give one name"
            )
    return renamed


def given_reading(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `reading` that are given, by their command-line names."""
    names = {
        "class_name": "class",
        "feature_types": "feature-type",
        "flank_bp": "label-flank-ignore",
    }
    return {
        f"--{names.get(key, key.replace('_', '-'))}": value for key, value in own.items() if value
    }


def percentages(text: str | None) -> tuple[float, float]:
    """Return the fractions of `--divergence`: "0-25", or "10" for one percentage."""
    number = r"(\d{1,3}(?:\.\d{1,6})?)"
    match = re.fullmatch(f"{number}(?:-{number})?", (_DIVERGENCE if text is None else text).strip())
    if match is None:
        raise OptionError(
            f"--divergence {text}: must be the smallest and the largest percentage of substituted "
            "bases, like 0-25"
        )
    return float(match[1]) / 100, float(match[2] or match[1]) / 100
