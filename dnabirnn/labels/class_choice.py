"""Choice of the classes of labels: kept, ignored and stranded ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import polars as pl

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.intervals import few
from dnabirnn.labels.bits import IGNORED, ClassTable
from dnabirnn.motif_classes import MAX_CLASSES
from dnabirnn.names import shortened

__all__ = ["check_choices", "check_strands", "choose", "numbered", "of_classes", "strandedness"]

logger = logging.getLogger(__name__)

_NO_STRAND = (".", "?", "*")
"""Texts for a strand that is absent or unknown: of BED, GFF and Bioconductor."""


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
            f"{MAX_CLASSES} are possible; give all rows one class with --class NAME, choose "
            "classes with --classes, or merge them with --classes-map, such as 'hor_*=alpha'"
        )
    return kept, ignored


def of_classes(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of some classes. Log the number of other rows."""
    chosen = frame.filter(pl.col("name").is_in(list(names)))
    if dropped := frame.height - chosen.height:
        logger.info("left out %d of %d rows, whose classes are not chosen", dropped, frame.height)
    return chosen


def strandedness(
    frame: pl.DataFrame, kept: Sequence[str], unstranded: Sequence[str]
) -> dict[str, bool]:
    """Return whether each class is stranded: whether any of its rows has + or -.

    Raises
    ------
    LabelError
        A class that has no row with a strand, but rows with other text in its place.
    """
    found = {}
    for name in kept:
        rows = frame.filter(name=name)
        found[name] = name not in unstranded and rows.select(_has_strand().any()).item()
        if found[name] or name in unstranded:
            continue
        for row in rows.filter(~pl.col("strand").is_in(_NO_STRAND)).head(1).iter_rows(named=True):
            raise LabelError(
                f"{row['file']}, line {row['line']}: strand {row['strand']!r} is not '+', '-' or "
                f"'.'; fix it, or use --unstranded {_option(name)} if class {name!r} has no strands"
            )
    return found


def check_strands(frame: pl.DataFrame, stranded: Iterable[str], *, of_model: bool) -> None:
    """Check that at most a few rows of stranded classes have no strand.

    The bases of these rows are ignored, see `numbered`. Their number is logged as a warning.

    Parameters
    ----------
    frame : polars.DataFrame
    stranded : iterable of str
        Stranded classes.
    of_model : bool
        The classes are stranded because they are in the model.

    Raises
    ------
    LabelError
        Many rows without a strand in a stranded class.
    """
    for name in stranded:
        rows = frame.filter(name=name)
        without = rows.filter(~_has_strand())
        if without.is_empty():
            continue
        row = without.row(0, named=True)
        place, strand = f"{row['file']}, line {row['line']}", row["strand"]
        if without.height < rows.height and few(without.height, rows.height):
            logger.warning(
                "%s: %d of %d rows of class %r have no strand, the first has %r; their bases are "
                "ignored; give these rows + or -%s",
                place,
                without.height,
                rows.height,
                name,
                strand,
                "" if of_model else f", or use --unstranded {_option(name)}",
            )
            continue
        also = f" ({without.height} of {rows.height} rows have none)" if without.height > 1 else ""
        if of_model:
            own = "no strand" if strand == "." else f"strand {strand!r}"
            raise LabelError(
                f"{place}: {own}, but class {name!r} is stranded in the model; give the row + or -"
                f"{also}"
            )
        raise LabelError(
            f"{place}: class {name!r} has rows with a strand, but this one has {strand!r}; give "
            f"it one, or use --unstranded {_option(name)}{also}"
        )


def numbered(frame: pl.DataFrame, table: ClassTable) -> pl.DataFrame:
    """Return the rows with the column `class`: the number of the class in the table.

    Rows without a strand in a stranded class get the number of ignored classes. `strand` is "." in
    unstranded classes.

    Examples
    --------
    >>> from dnabirnn.motif_classes import MotifClass
    >>> table = ClassTable((MotifClass("REP", True),))
    >>> numbered(pl.DataFrame({"name": ["REP", "REP"], "strand": ["-", "?"]}), table).rows()
    [('REP', '-', 0), ('REP', '.', -1)]
    """
    numbers = dict.fromkeys(table.ignore, IGNORED)
    numbers |= {motif_class.name: number for number, motif_class in enumerate(table.classes)}
    stranded = pl.col("name").is_in([name for name, stranded in table.classes if stranded])
    number = pl.col("name").replace_strict(numbers, return_dtype=pl.Int32)
    return frame.with_columns(
        pl.when(stranded & ~_has_strand()).then(IGNORED).otherwise(number).alias("class"),
        strand=pl.when(stranded & _has_strand()).then("strand").otherwise(pl.lit(".")),
    )


def _has_strand() -> pl.Expr:
    return pl.col("strand").is_in(["+", "-"])


def _option(name: str) -> str:
    """Return a class as a shell passes it to an option: with a comma, it needs double quotes."""
    return f"'\"{name}\"'" if "," in name else name
