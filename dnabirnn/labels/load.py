"""Load labels for training, and truth for evaluation, from files of intervals."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import merge
from dnabirnn.labels.bits import IGNORED, ClassTable
from dnabirnn.labels.class_choice import (
    check_choices,
    check_strands,
    choose,
    numbered,
    of_classes,
    strandedness,
)
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
    """Load labels from files in any format of `dnabirnn.labels.formats.detect.LabelFormat`.

    Parameters
    ----------
    paths : iterable of str or PathLike
        Files, each plain, gzip or bgzip; "-" is standard input.
    classes : sequence of str, optional
        Classes to keep, in this order. By default all, in alphabetical order.
    ignore_classes : sequence of str
        Classes whose bases are excluded from training and evaluation.
    unstranded : sequence of str
        Classes whose strands are ignored.
    flank_bp, negatives
        See `Labels`.
    **reading
        See `dnabirnn.labels.formats.read.ReadingOptions`.

    Returns
    -------
    labels : Labels
        Labels. A class is stranded if its rows have + or -. A few rows of such a class may have
        none; their bases are ignored.

    Raises
    ------
    LabelError
        A row without a class; more than 31 classes; a class of which many rows, but not all, have
        no strand; a requested class or feature type that has no row; a file that cannot be read.
    OptionError
        A class that is given twice, or both kept and ignored; reading options that contradict one
        another, or that apply to none of the files.
    """
    check_choices(classes, ignore_classes)
    annotation = read_annotation(paths, **reading)
    for message in annotation.absent:
        raise LabelError(message)
    frame = annotation.frame
    kept, ignored = choose(frame, classes, ignore_classes, unstranded)
    frame = of_classes(frame, (*kept, *ignored))
    stranded = strandedness(frame, kept, unstranded)
    check_strands(frame, [name for name in kept if stranded[name]], of_model=False)
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
    """Load labels to compare a model with.

    They have the classes of the model, whether or not a class has rows.

    Parameters
    ----------
    paths : iterable of str or PathLike
        As in `load_labels`.
    classes : sequence of MotifClass
        Classes of the model. Rows of other classes are left out, and their number is logged.
    ignore_classes : sequence of str
        Classes whose bases are not counted. A warning is logged for a class without a row: its name
        may be mistyped, or its rows may be on contigs that these files leave out. The same applies
        to feature types and to classes to rename.
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
        No row of any of the classes; many rows without a strand in a class that is stranded in the
        model; a file that cannot be read.
    OptionError
        A class that is both in the model and ignored; reading options as in `load_labels`.
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
            f"{shortened(present)}; give all rows one class with --class NAME"
        )
    for name in sorted(set(ignore_classes) - set(present)):
        logger.warning(
            "--ignore-classes: no row has class %r; the labels have %s", name, shortened(present)
        )
    frame = of_classes(frame, (*names, *ignore_classes))
    check_strands(frame, [c.name for c in classes if c.stranded], of_model=True)
    table = ClassTable(tuple(classes), tuple(ignore_classes))
    return _numbered(frame, table, annotation, flank_bp, negatives)


def _numbered(
    frame: pl.DataFrame,
    table: ClassTable,
    annotation: Annotation,
    flank_bp: int,
    negatives: Regions | None,
) -> Labels:
    """Return the labels of rows whose `name` is a class of the table."""
    frame = numbered(frame, table).select(
        "chrom", "start", "end", "class", "strand", "file", "line"
    )
    reading = {
        **annotation.reading,
        "flank_ignore_bp": flank_bp,
        "negatives": negatives is not None,
    }
    origin = Origin(annotation.digests, reading, annotation.lengths, annotation.aliases)
    _warn_about_flanks(frame.filter(pl.col("class") != IGNORED), flank_bp)
    return Labels(table, frame, origin, flank_bp=flank_bp, negatives=negatives)


def _warn_about_flanks(frame: pl.DataFrame, flank_bp: int) -> None:
    """Log the number of intervals that consist of flanks only."""
    joined = merge(frame, ("chrom", "class", "strand"))
    short = joined.filter(pl.col("end") - pl.col("start") <= 2 * flank_bp).height
    if short:
        logger.warning(
            "--label-flank-ignore %d: %d of %d intervals have %d bases or fewer and are ignored "
            "completely",
            flank_bp,
            short,
            joined.height,
            2 * flank_bp,
        )
