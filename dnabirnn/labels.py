"""Labels: what BED files say of classes, strands and bases."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dnabirnn.architecture import MAX_CLASSES, MotifClass
from dnabirnn.bits import (
    IGNORE_BIT,
    IGNORED,
    ClassTable,
    Rows,
    class_bits,
    intervals_of,
    label_dtype,
    output_masks,
    overlaps,
    paint,
    runs,
    targets,
)
from dnabirnn.errors import LabelError, OptionError
from dnabirnn.intervals import check_names, past_end, read_bed, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.inputs import PathLike

__all__ = [
    "IGNORED",
    "IGNORE_BIT",
    "ClassTable",
    "Labels",
    "Rows",
    "class_bits",
    "intervals_of",
    "label_dtype",
    "load_labels",
    "load_truth",
    "output_masks",
    "overlaps",
    "paint",
    "runs",
    "targets",
]

logger = logging.getLogger(__name__)


class Labels:
    """Labelled intervals of all contigs, and their classes.

    Parameters
    ----------
    table : ClassTable
    frame : polars.DataFrame
        Columns chrom, start, end, class (Int32, -1 for ignored classes), strand ("." in an
        unstranded class), file, line.
    digests : mapping
        SHA-256 of each file, by its basename.

    Attributes
    ----------
    table, frame, digests
        As given.
    """

    def __init__(
        self, table: ClassTable, frame: pl.DataFrame, digests: Mapping[str, str] | None = None
    ) -> None:
        self.table = table
        self.frame = frame
        self.digests = dict(digests or {})
        ordered = frame.sort("chrom", maintain_order=True)
        bits = _bits_of_rows(ordered)
        self._rows = Rows(ordered["start"].to_numpy(), ordered["end"].to_numpy(), bits)
        self._places = ordered.select("file", "line")
        self._slices = {
            chrom: slice(first, first + count)
            for chrom, first, count in ordered.with_row_index("row")
            .group_by("chrom", maintain_order=True)
            .agg(pl.col("row").first(), pl.len())
            .iter_rows()
        }

    @property
    def classes(self) -> tuple[MotifClass, ...]:
        """Classes in the order of their bits."""
        return self.table.classes

    @property
    def names(self) -> list[str]:
        """Contigs that have a row."""
        return list(self._slices)

    def of(self, chrom: str, length: int) -> Rows:
        """Rows of a contig.

        Parameters
        ----------
        chrom : str
        length : int
            Bases of the contig.

        Raises
        ------
        LabelError
            A row past the contig's end.
        """
        part = self._slices.get(chrom, slice(0, 0))
        starts, ends, bits = self._rows
        rows = Rows(starts[part], ends[part], bits[part])
        past = np.flatnonzero(rows.ends > length)
        if past.size:
            first = int(past[0])
            file, line = self._places.row(part.start + first)
            start, end = int(rows.starts[first]), int(rows.ends[first])
            raise past_end(file, line, chrom, start, end, length)
        return rows

    def check_contigs(self, lengths: Mapping[str, int]) -> None:
        """Compare names with the contigs of a FASTA.

        Rows of contigs that the FASTA lacks are counted in a logged warning.

        Raises
        ------
        LabelError
            No name in common.
        """
        source = ", ".join(self.frame["file"].unique(maintain_order=True))
        check_names(self.names, lengths, source)
        lost = [name for name in self.names if name not in lengths]
        if lost:
            count = sum(self._slices[name].stop - self._slices[name].start for name in lost)
            logger.warning(
                "%s: %d of %d rows lie on contigs that the FASTA lacks (%s); they are left out",
                source,
                count,
                self.frame.height,
                shortened(lost),
            )


def _bits_of_rows(frame: pl.DataFrame) -> NDArray[np.uint64]:
    strand = pl.col("strand").replace_strict({"+": 1, "-": 2, ".": 3}, return_dtype=pl.UInt64)
    columns = frame.select("class", strand)
    numbers = columns["class"].to_numpy().astype(np.int64)
    shifts = np.maximum(1 + 2 * numbers, 0).astype(np.uint64)
    bits = columns["strand"].to_numpy().astype(np.uint64) << shifts
    return np.where(numbers == IGNORED, np.uint64(IGNORE_BIT), bits)


def load_labels(
    paths: Iterable[PathLike],
    *,
    class_name: str | None = None,
    classes: Sequence[str] | None = None,
    ignore_classes: Sequence[str] = (),
    unstranded: Sequence[str] = (),
    span: bool = False,
) -> Labels:
    """Labels of BED files.

    Parameters
    ----------
    paths : iterable of str or PathLike
        BED3 to BED12; see `read_bed`.
    class_name : str, optional
        Class of all rows. By default a row's class is its fourth column.
    classes : sequence of str, optional
        Classes to keep, in this order. By default all, in alphabetical order.
    ignore_classes : sequence of str
        Classes whose bases count neither for nor against any class.
    unstranded : sequence of str
        Classes whose strands carry no meaning.
    span : bool
        Label rows of twelve columns from start to end, not by block.

    Returns
    -------
    labels : Labels
        A class is stranded if its rows carry + or -.

    Raises
    ------
    LabelError
        A row without a class; more than 31 classes; a class with rows both of a strand and
        of none; a class that was asked for and has no row; a file that is no BED.
    OptionError
        A class that is asked for twice, or both kept and ignored.
    """
    _check_choices(classes, ignore_classes)
    frame, digests = _read(paths, class_name, span)
    kept, ignored = _choose(frame, classes, ignore_classes, unstranded)
    frame = _of_classes(frame, (*kept, *ignored))
    stranded = _strandedness(frame.filter(pl.col("name").is_in(kept)), set(unstranded))
    table = ClassTable(tuple(MotifClass(name, stranded[name]) for name in kept), ignored)
    return _numbered(frame, table, digests)


def load_truth(
    paths: Iterable[PathLike],
    classes: Sequence[MotifClass],
    *,
    class_name: str | None = None,
    ignore_classes: Sequence[str] = (),
    span: bool = False,
) -> Labels:
    """Labels to hold a model against: its classes, whether or not they have rows.

    Parameters
    ----------
    paths : iterable of str or PathLike
        BED3 to BED12; see `read_bed`.
    classes : sequence of MotifClass
        The model's. Rows of other classes are left out, and counted in a log line.
    class_name : str, optional
        Class of all rows. By default a row's class is its fourth column.
    ignore_classes : sequence of str
        Classes whose bases are not counted. One without a row is told of in a logged warning: it
        may be mistyped, or lie on contigs that these files leave out.
    span : bool
        Label rows of twelve columns from start to end, not by block.

    Returns
    -------
    labels : Labels

    Raises
    ------
    LabelError
        No row of any of the classes; a row without a strand in a class that is stranded in the
        model; a file that is no BED.
    OptionError
        A class that is both in the model and ignored.
    """
    names = [motif_class.name for motif_class in classes]
    _check_choices(names, ignore_classes)
    frame, digests = _read(paths, class_name, span)
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
    frame = _of_classes(frame, (*names, *ignore_classes))
    for name in [c.name for c in classes if c.stranded]:
        for row in frame.filter(name=name, strand=".").head(1).iter_rows(named=True):
            raise LabelError(
                f"{row['file']}, line {row['line']}: no strand, but class {name!r} is stranded in "
                "the model; give the row + or -"
            )
    return _numbered(frame, ClassTable(tuple(classes), tuple(ignore_classes)), digests)


def _read(
    paths: Iterable[PathLike], class_name: str | None, span: bool
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows of all files with their classes, and the digests of the files."""
    digests: dict[str, str] = {}
    frames = [
        read_bed(path, span, digests=digests).with_columns(file=pl.lit(str(path))) for path in paths
    ]
    if not frames:
        raise LabelError("no labels given; name a BED file with --labels")
    return _named(pl.concat(frames), class_name), digests


def _numbered(frame: pl.DataFrame, table: ClassTable, digests: Mapping[str, str]) -> Labels:
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
    return Labels(table, frame, digests)


def _check_choices(classes: Sequence[str] | None, ignore_classes: Sequence[str]) -> None:
    for option, names in (("--classes", classes or ()), ("--ignore-classes", ignore_classes)):
        for name in names:
            if list(names).count(name) > 1:
                raise OptionError(f"{option}: {name!r} is there twice; name it once")
    if both := sorted(set(classes or ()) & set(ignore_classes)):
        raise OptionError(
            f"class {both[0]!r} is in --classes and in --ignore-classes; leave it out of one"
        )


def _named(frame: pl.DataFrame, class_name: str | None) -> pl.DataFrame:
    """Give every row a class, or raise for the first that has none."""
    if class_name is not None:
        if class_name.strip() in ("", ".") or not class_name.isprintable():
            raise OptionError(f"--class {class_name!r}: give a name of printable characters")
        return frame.with_columns(name=pl.lit(class_name))
    nameless = pl.col("name").fill_null("").str.strip_chars().is_in(["", "."])
    for row in frame.filter(nameless).head(1).iter_rows(named=True):
        raise LabelError(
            f"{row['file']}, line {row['line']}: no class in the fourth column; name one for "
            "all rows with --class NAME"
        )
    return frame


def _choose(
    frame: pl.DataFrame,
    classes: Sequence[str] | None,
    ignore_classes: Sequence[str],
    unstranded: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the classes that are kept and of those that are ignored."""
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
        raise LabelError("every class of the labels is ignored; leave one for the network")
    if len(kept) > MAX_CLASSES:
        raise LabelError(
            f"{frame['file'][0]}: {len(kept)} classes ({shortened(kept, 3)}), at most "
            f"{MAX_CLASSES} are possible; give all rows one with --class NAME, or choose with "
            "--classes"
        )
    return kept, ignored


def _of_classes(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    chosen = frame.filter(pl.col("name").is_in(list(names)))
    if dropped := frame.height - chosen.height:
        logger.info("%d of %d rows are of classes not chosen", dropped, frame.height)
    return chosen


def _strandedness(frame: pl.DataFrame, unstranded: set[str]) -> dict[str, bool]:
    """Whether each class is stranded; raises where a class has rows with a strand and without."""
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
