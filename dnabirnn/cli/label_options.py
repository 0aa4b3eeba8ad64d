"""Options that say what labels are and how they are read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.cli.options import COMMA_LIST
from dnabirnn.errors import OptionError
from dnabirnn.labels import LabelFormat

__all__ = ["given_reading", "labels", "labels_or_motifs", "negatives", "reading"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    _Renamed = click.ParamType[tuple[tuple[str, str], ...]]
else:  # generic only from click 8.4 on
    _Renamed = click.ParamType


class _Renames(_Renamed):
    """Pairs of an old and a new name, with commas between them."""

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
        for text in filter(None, (text.strip() for text in value.split(","))):
            old, equals, new = (part.strip() for part in text.rpartition("="))
            if not (old and equals and new):
                self.fail(f"{text!r} is no OLD=NEW, such as ALR/Alpha=alpha", param, ctx)
            pairs.append((old, new))
        return tuple(pairs)


_LABELS: dict[str, Any] = {
    "multiple": True,
    "metavar": "FILE",
    "help": "Labelled intervals: BED, narrowPeak, broadPeak, GFF3, GTF, GenBank, EMBL, "
    "RepeatMasker's .out, rmsk, dna-brnn's FASTQ. May be given several times.",
}
labels = click.option("--labels", required=True, **_LABELS)
labels_or_motifs = click.option("--labels", **_LABELS)
_READING = (
    click.option(
        "--label-format",
        type=click.Choice([form.value for form in LabelFormat], case_sensitive=False),
        help="Format of the labels.  [default: told from name and content]",
    ),
    click.option(
        "--class", "class_name", metavar="NAME", help="Class of every row, whatever the file says."
    ),
    click.option(
        "--class-column",
        metavar="COLUMN",
        help="Where a row's class is told: of BED, a column's number or name; of GFF3 and GTF, "
        "type, source or an attribute; of GenBank and EMBL, type or a qualifier; of repeats, "
        "repName, repClass or repFamily.  [default: column 4; type; repClass]",
    ),
    click.option(
        "--classes-map",
        type=_Renames(),
        multiple=True,
        metavar="OLD=NEW,..",
        help="New names of classes, before any other option speaks of them; several of one name "
        "become one class. Repeat it.",
    ),
    click.option(
        "--feature-type",
        "feature_types",
        type=COMMA_LIST,
        multiple=True,
        metavar="TYPE,..",
        help="Types of features to take from GFF3, GTF, GenBank and EMBL. Repeat it.  "
        "[default: all but those of whole contigs]",
    ),
    click.option(
        "--span",
        is_flag=True,
        help="Label features of several parts (BED's blocks, GFF3's rows of one ID, a join of "
        "GenBank) from start to end.",
    ),
    click.option(
        "--label-flank-ignore",
        "flank_bp",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="BP",
        help="Bases that count nowhere, on each side of each end of what is labelled.",
    ),
)
negatives = click.option(
    "--negatives",
    metavar="BED",
    help="Where bases without a label are known to be of no class; elsewhere they count nowhere.  "
    "[default: everywhere]",
)


def reading(command: _Command) -> _Command:
    """Options that say how labels are read; the command gets them as one dict, `reading`.

    It is what `load_labels` and `load_truth` take, `flank_bp` included.
    """

    @functools.wraps(command)
    def packed(*arguments: Any, **given: Any) -> Any:
        names = ("class_name", "class_column", "label_format", "span", "flank_bp")
        own = {name: given.pop(name) for name in names}
        own["feature_types"] = [name for names in given.pop("feature_types") for name in names]
        own["classes_map"] = _renamed(given.pop("classes_map"))
        return command(*arguments, reading=own, **given)

    for option in reversed(_READING):
        packed = option(packed)
    return packed  # type: ignore[return-value]


def _renamed(pairs: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    renamed: dict[str, str] = {}
    for old, new in (pair for own in pairs for pair in own):
        if renamed.setdefault(old, new) != new:
            raise OptionError(
                f"--classes-map: {old!r} is to be {renamed[old]!r} and {new!r}; give it one name"
            )
    return renamed


def given_reading(own: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `reading` that were given, by the names that users know."""
    names = {
        "class_name": "class",
        "feature_types": "feature-type",
        "flank_bp": "label-flank-ignore",
    }
    return {
        f"--{names.get(key, key.replace('_', '-'))}": value for key, value in own.items() if value
    }
