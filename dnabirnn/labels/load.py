"""Labels: what files of intervals say of classes, strands and bases."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import merge
from dnabirnn.labels.bits import (
    IGNORED,
    ClassTable,
)
from dnabirnn.labels.class_choice import check_choices, choose, of_classes, strandedness
from dnabirnn.labels.formats.read import Annotation, ReadingOptions, read_annotation
from dnabirnn.labels.labels import Labels, Origin
from dnabirnn.motif_classes import MotifClass
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from dnabirnn.files import PathLike
    from dnabirnn.intervals import Regions

__all__ = ["load_labels", "load_truth"]

logger = logging.getLogger(__name__)


def load_labels(
    paths: Iterable[PathLike],
    *,
    classes: Sequence[str] | None = None,
    ignore_classes: Sequence[str] = (),
    unstranded: Sequence[str] = (),
    flank_bp: int = 0,
    negatives: Regions | None = None,
    **reading: Unpack[ReadingOptions],
) -> Labels:
    """Labels of files, in any of the formats of `dnabirnn.labels.formats.detect.LabelFormat`.

    Parameters
    ----------
    paths : iterable of str or PathLike
        Each plain, gzip or bgzip; "-" is standard input.
    classes : sequence of str, optional
        Classes to keep, in this order. By default all, in alphabetical order.
    ignore_classes : sequence of str
        Classes whose bases count neither for nor against any class.
    unstranded : sequence of str
        Classes whose strands carry no meaning.
    flank_bp, negatives
        See `Labels`.
    **reading
        See `dnabirnn.labels.formats.read.ReadingOptions`.

    Returns
    -------
    labels : Labels
        A class is stranded if its rows carry + or -.

    Raises
    ------
    LabelError
        A row without a class; more than 31 classes; a class with rows both of a strand and
        of none; a class or type that was asked for and has no row; a file that cannot be read.
    OptionError
        A class that is asked for twice, or both kept and ignored; options of reading that
        contradict one another, or that no file has a use for.
    """
    check_choices(classes, ignore_classes)
    annotation = read_annotation(paths, **reading)
    for message in annotation.absent:
        raise LabelError(message)
    frame = annotation.frame
    kept, ignored = choose(frame, classes, ignore_classes, unstranded)
    frame = of_classes(frame, (*kept, *ignored))
    stranded = strandedness(frame.filter(pl.col("name").is_in(kept)), set(unstranded))
    table = ClassTable(tuple(MotifClass(name, stranded[name]) for name in kept), ignored)
    return _numbered(frame, table, annotation, flank_bp, negatives)


def load_truth(
    paths: Iterable[PathLike],
    classes: Sequence[MotifClass],
    *,
    ignore_classes: Sequence[str] = (),
    flank_bp: int = 0,
    negatives: Regions | None = None,
    **reading: Unpack[ReadingOptions],
) -> Labels:
    """Labels to hold a model against: its classes, whether or not they have rows.

    Parameters
    ----------
    paths : iterable of str or PathLike
        As in `load_labels`.
    classes : sequence of MotifClass
        The model's. Rows of other classes are left out, and counted in a log line.
    ignore_classes : sequence of str
        Classes whose bases are not counted. One without a row is told of in a logged warning: it
        may be mistyped, or lie on contigs that these files leave out. So is a type of feature, or
        a class to be renamed.
    flank_bp, negatives
        See `Labels`.
    **reading
        See `dnabirnn.labels.formats.read.ReadingOptions`.

    Returns
    -------
    labels : Labels

    Raises
    ------
    LabelError
        No row of any of the classes; a row without a strand in a class that is stranded in the
        model; a file that cannot be read.
    OptionError
        A class that is both in the model and ignored; options of reading as in `load_labels`.
    """
    names = [motif_class.name for motif_class in classes]
    check_choices(names, ignore_classes)
    annotation = read_annotation(paths, **reading)
    for message in annotation.absent:
        logger.warning("%s", message)
    frame = annotation.frame
    present = frame["name"].unique().sort().to_list()
    if not set(names) & set(present):
        raise LabelError(
            f"no row has a class of the model ({shortened(names)}); the labels have "
            f"{shortened(present)}; name one for all rows with --class NAME"
        )
    for name in sorted(set(ignore_classes) - set(present)):
        logger.warning(
            "--ignore-classes: no row has class %r; the labels have %s", name, shortened(present)
        )
    frame = of_classes(frame, (*names, *ignore_classes))
    for name in [c.name for c in classes if c.stranded]:
        for row in frame.filter(name=name, strand=".").head(1).iter_rows(named=True):
            raise LabelError(
                f"{row['file']}, line {row['line']}: no strand, but class {name!r} is stranded in "
                "the model; give the row + or -"
            )
    table = ClassTable(tuple(classes), tuple(ignore_classes))
    return _numbered(frame, table, annotation, flank_bp, negatives)


def _numbered(
    frame: pl.DataFrame,
    table: ClassTable,
    annotation: Annotation,
    flank_bp: int,
    negatives: Regions | None,
) -> Labels:
    """Labels of rows whose `name` is a class of the table."""
    numbers = dict.fromkeys(table.ignore, IGNORED)
    numbers |= {motif_class.name: number for number, motif_class in enumerate(table.classes)}
    flat = [name for name, stranded in table.classes if not stranded]
    frame = frame.select(
        "chrom",
        "start",
        "end",
        pl.col("name").replace_strict(numbers, return_dtype=pl.Int32).alias("class"),
        pl.when(pl.col("name").is_in(flat)).then(pl.lit(".")).otherwise("strand").alias("strand"),
        "file",
        "line",
    )
    told = {**annotation.told, "flank_ignore_bp": flank_bp, "negatives": negatives is not None}
    origin = Origin(annotation.digests, told, annotation.lengths, annotation.aliases)
    _warn_of_flanks(frame.filter(pl.col("class") != IGNORED), flank_bp)
    return Labels(table, frame, origin, flank_bp=flank_bp, negatives=negatives)


def _warn_of_flanks(frame: pl.DataFrame, flank_bp: int) -> None:
    """Tell how many intervals are nothing but flanks."""
    joined = merge(frame, ("chrom", "class", "strand"))
    short = joined.filter(pl.col("end") - pl.col("start") <= 2 * flank_bp).height
    if short:
        logger.warning(
            "--label-flank-ignore %d: %d of %d intervals have %d bases or fewer, and are ignored "
            "whole",
            flank_bp,
            short,
            joined.height,
            2 * flank_bp,
        )
