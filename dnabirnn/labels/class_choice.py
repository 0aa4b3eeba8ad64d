"""Choice of the classes of labels: kept, ignored and stranded ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import polars as pl

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.motif_classes import MAX_CLASSES
from dnabirnn.names import shortened

__all__ = ["check_choices", "choose", "of_classes", "strandedness"]

logger = logging.getLogger(__name__)


def check_choices(classes: Sequence[str] | None, ignore_classes: Sequence[str]) -> None:
    """Raise OptionError for a class that is named twice."""
    for option, names in (("--classes", classes or ()), ("--ignore-classes", ignore_classes)):
        for name in names:
            if list(names).count(name) > 1:
                raise OptionError(f"{option}: {name!r} is given twice; give it once")
    if both := sorted(set(classes or ()) & set(ignore_classes)):
        raise OptionError(
            f"class {both[0]!r} is in both --classes and --ignore-classes; leave it out of one"
        )


def choose(
    frame: pl.DataFrame,
    classes: Sequence[str] | None,
    ignore_classes: Sequence[str],
    unstranded: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the kept classes and those of the ignored classes."""
    present = frame["name"].unique().sort().to_list()
    ignored = tuple(ignore_classes)
    wanted = {
        "--classes": classes or (),
        "--ignore-classes": ignored,
        "--unstranded": unstranded,
    }
    known = set(present)
    for option, names in wanted.items():
        for name in names:
            if name not in known:
                raise LabelError(
                    f"{option}: no row has class {name!r}; the labels have {shortened(present)}"
                )
    kept = tuple(classes) if classes else tuple(n for n in present if n not in set(ignored))
    if not kept:
        raise LabelError(
            "every class of the labels is ignored; keep at least one, see --ignore-classes"
        )
    if len(kept) > MAX_CLASSES:
        raise LabelError(
            f"{frame['file'][0]}: {len(kept)} classes ({shortened(kept, 3)}), at most "
            f"{MAX_CLASSES} are possible; give all rows one class with --class NAME, or choose "
            "classes with --classes"
        )
    return kept, ignored


def of_classes(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of some classes. Log the number of other rows."""
    chosen = frame.filter(pl.col("name").is_in(list(names)))
    if dropped := frame.height - chosen.height:
        logger.info("left out %d of %d rows, whose classes are not chosen", dropped, frame.height)
    return chosen


def strandedness(frame: pl.DataFrame, unstranded: set[str]) -> dict[str, bool]:
    """Return whether each class is stranded. Raise if only some rows of a class have a strand."""
    without = pl.col("strand") == "."
    counts = frame.group_by("name").agg(without.any().alias("some"), without.all().alias("all"))
    stranded = {}
    for name, some, every in counts.iter_rows():
        stranded[name] = not every and name not in unstranded
        if stranded[name] and some:
            row = frame.filter((pl.col("name") == name) & without).row(0, named=True)
            raise LabelError(
                f"{row['file']}, line {row['line']}: class {name!r} has rows with a strand, but "
                f"this one has '.'; give it one, or use --unstranded {name}"
            )
    return stranded
