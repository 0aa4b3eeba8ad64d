"""Read files of labels, each in its format, and give their rows classes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import polars as pl

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.files import check_encoding, decoded, read_blocks
from dnabirnn.labels.class_map import check_map, new_names, unmatched
from dnabirnn.labels.formats.bed import read_rows
from dnabirnn.labels.formats.detect import LIKE_BED, LabelFormat, detect_format
from dnabirnn.labels.formats.dna_brnn_fastq import read_labelled_fastq
from dnabirnn.labels.formats.features import Features, Selection
from dnabirnn.labels.formats.genbank import read_embl, read_genbank
from dnabirnn.labels.formats.gff import read_gff3, read_gtf
from dnabirnn.labels.formats.repeats import read_repeatmasker, read_rmsk
from dnabirnn.names import is_printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnabirnn.files import PathLike

    Reader = Callable[[Iterable[bytes], str, Selection], Features]

__all__ = ["Annotation", "ReadingOptions", "read_annotation"]

logger = logging.getLogger(__name__)

_READERS: dict[LabelFormat, Reader] = {
    **{form: partial(read_rows, form=form) for form in LIKE_BED},
    LabelFormat.GFF3: read_gff3,
    LabelFormat.GTF: read_gtf,
    LabelFormat.GENBANK: read_genbank,
    LabelFormat.EMBL: read_embl,
    LabelFormat.REPEATMASKER: read_repeatmasker,
    LabelFormat.RMSK: read_rmsk,
    LabelFormat.FASTQ: read_labelled_fastq,
}
_HEAD_BYTES = 1 << 16
_WITH_TYPES = (LabelFormat.GFF3, LabelFormat.GTF, LabelFormat.GENBANK, LabelFormat.EMBL)
_FLAT = (LabelFormat.GENBANK, LabelFormat.EMBL)
_WITH_PARTS = (LabelFormat.BED, LabelFormat.GAPPED_PEAK, LabelFormat.GFF3, *_FLAT)


class ReadingOptions(TypedDict, total=False):
    """Options for reading files of labels.

    Attributes
    ----------
    class_name : str, optional
        Class of all rows.
    class_column : str, optional
        Column, attribute or qualifier with the class of a row, depending on the format.
    classes_map : mapping
        New names of classes, by their names in the files. Classes with the same new name become one
        class.
    feature_types : sequence of str
        Types of features to read, in formats that have types. By default all except landmarks,
        which are features that describe a whole contig.
    label_format : str, optional
        Value of `LabelFormat`, for all files. By default the format is detected from the name and
        content of each file.
    span : bool
        Label features of several parts from start to end.
    """

    class_name: str | None
    class_column: str | None
    classes_map: Mapping[str, str]
    feature_types: Sequence[str]
    label_format: str | None
    span: bool


class _File(NamedTuple):
    """Content of one file."""

    source: str
    form: LabelFormat
    features: Features


@dataclass(frozen=True)
class Annotation:
    """Rows of all files of labels.

    Attributes
    ----------
    frame : polars.DataFrame
        Columns of BED_SCHEMA, and file. `name` is the class.
    digests : mapping
        SHA-256 of each file, by its basename.
    lengths : mapping
        Length of each contig for which a file gives one, and the name of that file.
    aliases : mapping
        Contig name in `frame`, by other names of the contig.
    reading : mapping
        Settings with which the files were read, as written to a manifest.
    absent : sequence of str
        Messages about names in `feature_types` and `classes_map` that no row has.
    """

    frame: pl.DataFrame
    digests: Mapping[str, str]
    lengths: Mapping[str, tuple[int, str]]
    aliases: Mapping[str, str]
    reading: Mapping[str, object]
    absent: Sequence[str]


def read_annotation(
    paths: Iterable[PathLike],
    *,
    class_name: str | None = None,
    class_column: str | None = None,
    classes_map: Mapping[str, str] | None = None,
    feature_types: Sequence[str] = (),
    label_format: str | None = None,
    span: bool = False,
) -> Annotation:
    """Read files of labels.

    Parameters
    ----------
    paths : iterable of str or PathLike
        Files, each plain, gzip or bgzip; "-" is standard input.
    class_name, class_column, classes_map, feature_types, label_format, span
        See `ReadingOptions`.

    Returns
    -------
    annotation : Annotation

    Raises
    ------
    LabelError
        A file that cannot be read, or whose format is unknown; a row without a class; no row.
    OptionError
        Options that contradict one another, or that apply to none of the files.
    """
    mapping = dict(classes_map or {})
    check_map(mapping, class_name)
    _check_options(class_name, class_column)
    selection = Selection(class_column, class_name, tuple(feature_types), span)
    digests: dict[str, str] = {}
    found = [_read(path, selection, label_format, digests) for path in paths]
    if not found:
        raise LabelError("no labels given; name a file with --labels")
    forms = [file.form for file in found]
    _check_used(forms, selection)
    frame = pl.concat(_classed(file, class_name) for file in found)
    if frame.is_empty():
        raise LabelError(_no_intervals(found, selection))
    aliases = _aliases(found)
    # Two files may name one contig differently. `Labels` looks up rows by one name per contig, so
    # without this it would miss the rows of one of the files.
    if aliases:
        frame = frame.with_columns(pl.col("chrom").replace(aliases))
    present = frame["name"].unique().to_list()
    return Annotation(
        frame.with_columns(pl.col("name").replace(new_names(present, mapping))),
        digests,
        _lengths(found, aliases),
        aliases,
        _reading(forms, selection, mapping),
        [*_absent(found, selection), *unmatched(present, mapping)],
    )


def _check_options(class_name: str | None, class_column: str | None) -> None:
    """Raise for options that contradict one another."""
    if class_column is not None and not class_column.strip():
        raise OptionError(
            "--class-column: the name is empty; give the number or the name of a column"
        )
    if class_name is not None:
        if class_name.strip() in ("", ".") or not is_printable(class_name):
            raise OptionError(
                f"--class {class_name!r}: not a class name; give one of printable characters"
            )
        if class_column is not None:
            raise OptionError(
                "--class and --class-column: both set the class of a row; give only one of them"
            )


def _check_used(forms: Sequence[LabelFormat], selection: Selection) -> None:
    """Raise for options that apply to none of the files."""
    for option, given, useful in (
        ("--feature-type", bool(selection.feature_types), _WITH_TYPES),
        ("--span", selection.span, _WITH_PARTS),
    ):
        if given and not set(forms) & set(useful):
            raise OptionError(
                f"{option}: applies to {', '.join(useful)}, and the labels are "
                f"{', '.join(dict.fromkeys(forms))}; leave it out"
            )


def _read(
    path: PathLike, selection: Selection, label_format: str | None, digests: dict[str, str]
) -> _File:
    """Read a file in its format."""
    source = str(path)
    blocks = read_blocks(path, LabelError, digests)
    head = _head(blocks)
    if not head:
        raise LabelError(f"{source}: no intervals; the file is empty: give labels with rows")
    form = _format(label_format, source, head, selection)
    features = _READERS[form](chain([head], blocks), source, selection)
    if form is not LabelFormat.BED:
        chosen = f"class {selection.class_name}" if selection.class_name else features.place
        logger.info(
            "%s: read as %s, %d intervals, class by %s", source, form, features.frame.height, chosen
        )
    if features.landmarks:
        logger.info(
            "%s: left out %d features that describe a whole contig; --feature-type includes them",
            source,
            features.landmarks,
        )
    return _File(source, form, features)


def _head(blocks: Iterator[bytes]) -> bytes:
    """Read the beginning of a file, long enough to contain its first row."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD_BYTES:
            break
    return head


def _format(
    label_format: str | None, source: str, head: bytes, selection: Selection
) -> LabelFormat:
    check_encoding(head, source, LabelError)
    if label_format is None:
        text, _ = decoded(head, source, LabelError, f"labels in one of {', '.join(LabelFormat)}")
        chosen = selection.class_name is not None or selection.class_column is not None
        return detect_format(source, text, class_chosen=chosen)
    for form in LabelFormat:
        if form.lower() == label_format.lower():
            return form
    raise OptionError(f"--label-format {label_format!r}: not one of {', '.join(LabelFormat)}")


def _classed(file: _File, class_name: str | None) -> pl.DataFrame:
    """Return the rows with their class and file. Raise for the first row without a class."""
    source, _, features = file
    frame = features.frame.with_columns(file=pl.lit(source))
    if class_name is not None:
        return frame.with_columns(name=pl.lit(class_name))
    nameless = pl.col("name").fill_null("").str.strip_chars().is_in(["", "."])
    for row in frame.filter(nameless).head(1).iter_rows(named=True):
        raise LabelError(
            f"{source}, line {row['line']}: no class in {features.place}; give all rows one class "
            "with --class NAME, or choose its column with --class-column"
        )
    wrong = [name for name in frame["name"].unique() if not is_printable(name)]
    for row in frame.filter(pl.col("name").is_in(wrong)).head(1).iter_rows(named=True):
        raise LabelError(
            f"{source}, line {row['line']}: class {row['name']!r} has a character that cannot be "
            "printed; remove it"
        )
    return frame


def _no_intervals(found: Sequence[_File], selection: Selection) -> str:
    """Return the message for files without a single interval."""
    sources, types = ", ".join(file.source for file in found), _types(found)
    if selection.feature_types and types:
        wanted = ", ".join(selection.feature_types)
        return f"{sources}: no feature of type {wanted}; the labels have {shortened(sorted(types))}"
    return f"{sources}: no intervals; give labels with rows"


def _absent(found: Sequence[_File], selection: Selection) -> list[str]:
    """Return messages about types that an option names and no feature has."""
    types = _types(found)
    return [
        f"--feature-type: no feature has type {name!r}; the labels have {shortened(sorted(types))}"
        for name in selection.feature_types
        if name not in types
    ]


def _types(found: Sequence[_File]) -> frozenset[str]:
    return frozenset().union(*(file.features.types for file in found))


def _aliases(found: Sequence[_File]) -> dict[str, str]:
    """Return the aliases of contigs, without those that several contigs share."""
    names = {name for file in found if file.form in _FLAT for name in file.features.lengths}
    owners: dict[str, set[str]] = {}
    for _, _, features in found:
        for other, own in features.owners.items():
            owners.setdefault(other, set()).update(own)
    return {
        other: own.pop() for other, own in owners.items() if len(own) == 1 and other not in names
    }


def _lengths(found: Sequence[_File], aliases: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return lengths of contigs and the file of each. Raise if two files disagree."""
    lengths: dict[str, tuple[int, str]] = {}
    for source, _, features in found:
        for name, length in features.lengths.items():
            name = aliases.get(name, name)
            other, file = lengths.setdefault(name, (length, source))
            if other != length:
                raise LabelError(
                    f"{source}: {name} has {length} bases, but {other} in {file}; give labels of "
                    "one assembly"
                )
    return lengths


def _reading(
    forms: Sequence[LabelFormat], selection: Selection, mapping: Mapping[str, str]
) -> dict[str, object]:
    return {
        "class": selection.class_name,
        "class_column": selection.class_column,
        "classes_map": dict(mapping),
        "feature_types": list(selection.feature_types),
        "formats": [form.value for form in forms],
        "span": selection.span,
    }
