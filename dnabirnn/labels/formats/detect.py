"""Format detection: the format of labels, from a file's name and its first rows."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from dnabirnn.errors import LabelError
from dnabirnn.files import file_name
from dnabirnn.labels.formats.foreign import foreign_format

__all__ = ["LIKE_BED", "LabelFormat", "detect_format"]

logger = logging.getLogger(__name__)

_FLAT_HEAD = 1 << 12


class LabelFormat(StrEnum):
    """Format that labels can be read from. The value is its name for `--label-format`."""

    BED = "bed"
    NARROW_PEAK = "narrowPeak"
    BROAD_PEAK = "broadPeak"
    GAPPED_PEAK = "gappedPeak"
    GFF3 = "gff3"
    GTF = "gtf"
    GENBANK = "genbank"
    EMBL = "embl"
    REPEATMASKER = "repeatmasker"
    RMSK = "rmsk"
    FASTQ = "fastq"


_ENDINGS = {
    "bed": LabelFormat.BED,
    "narrowpeak": LabelFormat.NARROW_PEAK,
    "broadpeak": LabelFormat.BROAD_PEAK,
    "gappedpeak": LabelFormat.GAPPED_PEAK,
    "gff3": LabelFormat.GFF3,
    "gtf": LabelFormat.GTF,
    "gb": LabelFormat.GENBANK,
    "gbk": LabelFormat.GENBANK,
    "gbff": LabelFormat.GENBANK,
    "genbank": LabelFormat.GENBANK,
    "embl": LabelFormat.EMBL,
    "fq": LabelFormat.FASTQ,
    "fastq": LabelFormat.FASTQ,
}
"""Formats by file name ending. Rows that contradict the ending are an error."""
_HINTS = {"gff": LabelFormat.GFF3, "out": LabelFormat.REPEATMASKER}
"""Formats by an ending that other formats use too. They count only if the rows do not decide."""

_HEADERS = (
    (r"\s*(?:SW|bit)\s+perc\b|There were no repetitive sequences", LabelFormat.REPEATMASKER),
    (r"#?(?:bin\t)?swScore\t", LabelFormat.RMSK),
)
"""Patterns of lines with which only files of one format begin."""
_STATEMENTS = (
    (r"##gff-version\s+3", LabelFormat.GFF3),
    (r"##gff-version\s+[12]", LabelFormat.GTF),
    (r"(?i)track\s.*\btype=\W?narrowPeak\b", LabelFormat.NARROW_PEAK),
    (r"(?i)track\s.*\btype=\W?broadPeak\b", LabelFormat.BROAD_PEAK),
    (r"(?i)track\s.*\btype=\W?gappedPeak\b", LabelFormat.GAPPED_PEAK),
    (r"(?i)track\s.*\btype=\W?bed(?:Detail)?\b", LabelFormat.BED),
)
"""Patterns of comments that state a format. Programs that convert a file may leave them as they
were, so rows can contradict them."""

_OTHERS = (
    (r">", "FASTA"),
    (r"@(HD|SQ|RG|PG|CO)\t", "SAM"),
    (r"##fileformat=VCF", "VCF"),
    (r"(fixed|variable)Step\s", "wiggle"),
    (r"<", "XML or HTML"),
    (r"[{\[]", "JSON"),
)
"""Patterns of first lines of files that hold no labels, and the names of their formats."""

_COMMENT = r"#|(?:track|browser)(?!\t[0-9])(?:\s|$)"
_OUT_ROW = r"\s*\d+(?:\.\d+)?(?:\s+\d+(?:\.\d+)?){3}\s+\S+\s+\d+\s+\d+\s+\(\d+\)\s+[+C-]\s"
_GFF3_ATTRIBUTES = r"\s*[^\s=;\"]+="
_GTF_ATTRIBUTES = r'\s*[^\s=;"]+\s+("|\S+\s*;)'
_BEDGRAPH = r"(?i)track\s.*\btype=\W?bedGraph\b"
_PEAKS = {9: LabelFormat.BROAD_PEAK, 10: LabelFormat.NARROW_PEAK}
"""Peak formats by their number of columns."""
LIKE_BED = (LabelFormat.BED, *_PEAKS.values(), LabelFormat.GAPPED_PEAK)
"""BED, and formats that begin with its columns."""
_REMEDY = "give the format with --label-format"
_MOST_ROWS = 200
"""Rows from which a format is detected: enough to meet the usual rows of a file."""


class _Fit(NamedTuple):
    """Formats that rows fit, the most likely first; another that they look like, if in doubt."""

    formats: Sequence[LabelFormat]
    doubt: LabelFormat | None = None


def detect_format(name: str, head: str, *, class_chosen: bool = False) -> LabelFormat:
    r"""Detect the format of a file of labels.

    A line with which only one format begins decides. Otherwise comments that state a format, the
    ending of the name, and the rows are compared. Rows decide between comments and the name. If
    they fit several formats, or none, the comment or the ending decides. A doubt that remains is
    logged as a warning.

    Parameters
    ----------
    name : str
        Name of the file. "-" gives no information.
    head : str
        Beginning of the file, with at least its first row.
    class_chosen : bool
        The class, or its column, is given by an option, so that BED and peaks give the same labels.

    Returns
    -------
    form : LabelFormat

    Raises
    ------
    LabelError
        A name and rows that contradict one another, or an unknown format.

    Examples
    --------
    >>> detect_format("-", "##gff-version 3\n").value
    'gff3'
    >>> detect_format("peaks.narrowPeak.gz", "chr1\t1\t9\tp1\t0\t.\t5.1\t-1\t-1\t4\n").value
    'narrowPeak'
    """
    from dnabirnn.sequences import is_embl, is_genbank  # loads NumPy

    if "\0" in head:
        raise LabelError(f"{name}: not a text file; give labels in one of {_known()}")
    for is_form, form in ((is_genbank, LabelFormat.GENBANK), (is_embl, LabelFormat.EMBL)):
        if is_form(head[:_FLAT_HEAD].removeprefix("\ufeff").encode()):
            return form
    lines = [line.rstrip("\r") for line in head.removeprefix("\ufeff").split("\n") if line.strip()]
    rows = [line for line in lines if not re.match(_COMMENT, line)][: _MOST_ROWS + 1]
    if len(rows) > 1 and not head.endswith("\n"):
        rows.pop()  # it may be cut
    row = rows[0] if rows else ""
    comments = lines[: lines.index(row)] if rows else lines
    for line in (*comments, row):
        for pattern, form in _HEADERS:
            if re.match(pattern, line):
                return form
    named, hinted = _named(name)
    chosen_bed = class_chosen and named is LabelFormat.BED
    fit = _fitting(rows[:_MOST_ROWS]) if rows else _Fit([])
    foreign = foreign_format(name, comments, rows, positions_only=chosen_bed)
    if foreign and (not fit.formats or fit.formats[0] in LIKE_BED):
        raise LabelError(f"{name}: is {foreign}; if it is another format, {_REMEDY}")
    if _is_fastq(rows, fit):
        return LabelFormat.FASTQ
    _check_other(name, lines, fit)
    stated = _stated(comments)
    if stated is not None:
        return _weighed(name, stated, named, fit, class_chosen)
    if not rows:
        return named or hinted or LabelFormat.BED
    if not fit.formats and not (named or hinted):
        raise LabelError(
            f"{name}: its first row is not one of {_known()}; {_REMEDY}, or convert the file"
        )
    if named is not None and fit.formats and named not in fit.formats:
        raise LabelError(
            f"{name}: is {named} by its name, but {fit.formats[0]} by its first row; rename it, or "
            f"{_REMEDY}"
        )
    form = named or (fit.formats[0] if fit.formats else hinted) or LabelFormat.BED
    if form is LabelFormat.BED and not class_chosen and _is_bedgraph(name, comments, rows):
        logger.warning(
            "%s: is bedGraph, whose fourth column is a value, and that is read as the class: if "
            "that is wrong, give all rows one class with --class",
            name,
        )
    if named is None and fit.doubt is not None:
        _warn(name, form, f"its rows fit {form} and {fit.doubt}", fit.doubt, class_chosen)
    elif named is LabelFormat.BED and fit.formats and fit.formats[0] is not named:
        reason = f"is {named} by its name, but {fit.formats[0]} by its rows"
        _warn(name, named, reason, fit.formats[0], class_chosen)
    return form


def _known() -> str:
    return ", ".join(LabelFormat)


def _stated(comments: Iterable[str]) -> LabelFormat | None:
    """Return the format that the comments before the first row state."""
    for line in comments:
        for pattern, form in _STATEMENTS:
            if re.match(pattern, line):
                return form
    return None


def _weighed(
    name: str, stated: LabelFormat, named: LabelFormat | None, fit: _Fit, class_chosen: bool
) -> LabelFormat:
    """Return the format of a file with a comment that states one."""
    if not fit.formats:
        return stated
    other = stated
    if stated in fit.formats:
        form = stated
        if named is None or named is stated or named not in fit.formats:
            return form
        if fit.doubt is not None:
            form = fit.formats[0]
        other = named if form is stated else stated
        reason = f"is {stated} by its header, but {named} by its name"
    elif named is None or named in fit.formats:
        form = named or fit.formats[0]
        reason = f"is {stated} by its header, but {form} by its rows"
    else:
        raise LabelError(
            f"{name}: is {stated} by its header, but {fit.formats[0]} by its first row; {_REMEDY}"
        )
    _warn(name, form, reason, other, class_chosen)
    return form


def _warn(
    name: str, form: LabelFormat, reason: str, other: LabelFormat, class_chosen: bool
) -> None:
    """Warn of a format that is in doubt, unless it makes no difference."""
    if class_chosen and form in LIKE_BED and other in LIKE_BED:
        return
    classes = {
        LabelFormat.BED: ", with the class in column 4",
        LabelFormat.NARROW_PEAK: ", with one class for all rows",
        LabelFormat.BROAD_PEAK: ", with one class for all rows",
        LabelFormat.GAPPED_PEAK: ", with one class for all rows",
    }
    logger.warning(
        "%s: %s; read as %s%s: if that is wrong, give --label-format %s",
        name,
        reason,
        form,
        classes.get(form, ""),
        other,
    )


def _is_fastq(rows: Sequence[str], fit: _Fit) -> bool:
    """Return whether rows begin like FASTQ. A contig of another format may be called "@..."."""
    if not rows or not re.match(r"@(?!(?:HD|SQ|RG|PG|CO)\t)\S", rows[0]):
        return False
    return not fit.formats or re.fullmatch(r"[A-Za-z.*-]+", "".join(rows[1:2]).strip()) is not None


def _check_other(name: str, lines: Sequence[str], fit: _Fit) -> None:
    """Raise for a file of a format without labels, unless its first two lines are rows."""
    for pattern, other in _OTHERS:
        if re.match(pattern, lines[0] if lines else "") and not (
            fit.formats and all("\t" in line for line in lines[:2])
        ):
            raise LabelError(f"{name}: is {other}, not labels; give one of {_known()}")


def _is_bedgraph(name: str, comments: Iterable[str], rows: Sequence[str]) -> bool:
    """Return whether column 4, the last, is a value: of bedGraph by name or header, or decimal."""
    base = file_name(name).lower().removesuffix(".gz").removesuffix(".bgz")
    values = [words[3] for words in map(str.split, rows) if len(words) == 4]
    if len(values) < len(rows) or any(_number(value) is None for value in values):
        return False
    said = base.endswith((".bedgraph", ".bdg", ".bg")) or any(
        re.match(_BEDGRAPH, line) for line in comments
    )
    return said or any("." in value for value in values)


def _named(name: str) -> tuple[LabelFormat | None, LabelFormat | None]:
    """Return the format that a name states, and the one that it only suggests."""
    base = file_name(name).lower().removesuffix(".gz").removesuffix(".bgz")
    ending = base.rpartition(".")[2]
    if re.search(r"rmsk[^.]*(\.(txt|tsv))?$", base):
        return LabelFormat.RMSK, None
    return _ENDINGS.get(ending), _HINTS.get(ending)


def _fitting(rows: Sequence[str]) -> _Fit:
    """Return the formats that rows fit. The first row decides on the family of formats."""
    rows = [line.rstrip(" \t") for line in rows]
    row = rows[0]
    columns = row.split("\t")
    if re.match(_OUT_ROW, row):
        return _Fit([LabelFormat.REPEATMASKER])
    if (
        len(columns) in (16, 17)
        and all(map(_is_whole, columns[:4]))
        and columns[-8] in ("+", "-")  # in BED, this column is one of those that users add
    ):
        return _Fit([LabelFormat.RMSK])
    if _is_gff(columns):
        return _gff_fitting(rows)
    tabbed = len(columns) > 1
    words = columns if tabbed else row.split()
    # One number is enough: if the other is wrong, the BED reader reports it.
    if not any(map(_is_whole, words[1:3])):
        return _Fit([])
    if len(words) not in _PEAKS:
        return _Fit(LIKE_BED)
    split = [line.split("\t") if tabbed else line.split() for line in rows]
    return _peak_fitting([each for each in split if len(each) == len(words)])


def _is_gff(columns: Sequence[str]) -> bool:
    """Return whether a row has the columns of GFF. Other tools append columns."""
    return (
        len(columns) >= 8
        and all(map(_is_whole, columns[3:5]))
        and not all(map(_is_whole, columns[1:3]))  # as in BED
        and columns[6] in ("+", "-", ".", "?", *(("*", "") if len(columns) == 9 else ()))
    )


def _gff_fitting(rows: Sequence[str]) -> _Fit:
    """Return the formats that column 9 of rows fits: key=value; or key "value";."""
    attributes = ["".join(line.split("\t")[8:9]) for line in rows]
    gff3 = sum(re.match(_GFF3_ATTRIBUTES, text) is not None for text in attributes)
    gtf = sum(re.match(_GTF_ATTRIBUTES, text) is not None for text in attributes)
    both = (
        [LabelFormat.GTF, LabelFormat.GFF3] if gtf > gff3 else [LabelFormat.GFF3, LabelFormat.GTF]
    )
    if gff3 and gtf:
        return _Fit(both, both[1])
    return _Fit(both[:1] if gff3 or gtf else both)


def _peak_fitting(rows: Sequence[Sequence[str]]) -> _Fit:
    """Return the formats that rows of nine or ten columns fit: BED, or peaks of this width."""
    peak = _PEAKS[len(rows[0])]
    votes = [_is_peak(words) for words in rows]
    if all(vote is False for vote in votes):
        coloured = any("," in words[8] for words in rows)
        return _Fit([LabelFormat.BED] if coloured else LIKE_BED)
    names = [words[3] for words in rows if words[3] not in ("", ".")]
    if votes.count(True) > votes.count(False):
        # The name of a peak has a number. Names that rows share, or without a number, are classes.
        shared = len(set(names)) <= len(names) // 2
        plain = not any(re.search(r"\d", name) for name in names)
        classes = len(names) > 1 and (shared or plain)
        return _Fit([peak, LabelFormat.BED], LabelFormat.BED if classes else None)
    if not names:
        return _Fit([peak, LabelFormat.BED], LabelFormat.BED)
    return _Fit([LabelFormat.BED, peak], peak)


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", text) is not None


def _number(text: str) -> float | None:
    """Return a finite number, or None for other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_peak(words: Sequence[str]) -> bool | None:
    """Return whether columns 7 and later are signal, p, q and summit, or those of BED.

    In BED, columns 7 and 8 are `thickStart` and `thickEnd`, which lie in the interval or are 0, and
    column 9 is a colour. None if whole numbers may be either, such as counts.
    """
    if words[5] not in ("+", "-", ".", "?") or (words[4] != "." and _number(words[4]) is None):
        return False
    signal = [_number(word) for word in words[6:9]]
    if None in signal or not all(map(_is_whole, (*words[1:3], *words[9:]))):
        return False
    if not all(map(_is_whole, words[6:9])) or any(word.startswith("-") for word in words[6:9]):
        return True
    start, end = float(words[1]), float(words[2])
    thick = all(start <= float(word) <= end for word in words[6:8])
    empty = len(words) == 9 and words[6:9] == ["0"] * 3
    return False if thick or empty else None
