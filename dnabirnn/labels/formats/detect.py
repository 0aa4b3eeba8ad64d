"""Format detection: the format of labels, from a file's name and its first rows."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from enum import StrEnum

from dnabirnn.errors import LabelError

__all__ = ["LabelFormat", "detect_format"]


class LabelFormat(StrEnum):
    """Format that labels can be read from. The value is its name for `--label-format`."""

    BED = "bed"
    NARROW_PEAK = "narrowPeak"
    BROAD_PEAK = "broadPeak"
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
    (r"##gff-version\s+3", LabelFormat.GFF3),
    (r"##gff-version\s+[12]", LabelFormat.GTF),
    (r"LOCUS {3,}\S|\S+\.SEQ\s+Genetic Sequence Data Bank", LabelFormat.GENBANK),
    (r"ID   \S+;|ID   \S+ .*BP\.", LabelFormat.EMBL),
    (r"@(?!(?:HD|SQ|RG|PG|CO)\t)\S", LabelFormat.FASTQ),
    (r"\s*(?:SW|bit)\s+perc\b|There were no repetitive sequences", LabelFormat.REPEATMASKER),
    (r"#?(?:bin\t)?swScore\t", LabelFormat.RMSK),
)
"""Patterns of lines with which only files of one format begin."""

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
_OUT_ROW = r"\s*\d+(?:\s+\d+\.\d+){3}\s+\S+\s+\d+\s+\d+\s+\(\d+\)\s+[+C]\s"
_REMEDY = "give the format with --label-format"


def detect_format(name: str, head: str) -> LabelFormat:
    r"""Detect the format of a file of labels.

    A line with which only one format begins decides. Otherwise the ending of the name and the first
    row must agree. If the row fits several formats, or none, the ending decides.

    Parameters
    ----------
    name : str
        Name of the file. "-" gives no information.
    head : str
        Beginning of the file, with at least its first row.

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
    if "\0" in head:
        raise LabelError(f"{name}: not a text file; give labels in one of {_known()}")
    lines = [line.rstrip("\r") for line in head.removeprefix("\ufeff").split("\n") if line.strip()]
    row = next((line for line in lines if not re.match(_COMMENT, line)), "")
    comments = lines[: lines.index(row)] if row else lines
    for line in (*comments, row):
        for pattern, form in _HEADERS:
            if re.match(pattern, line):
                return form
    for pattern, other in _OTHERS:
        if re.match(pattern, lines[0] if lines else ""):
            raise LabelError(f"{name}: is {other}, not labels; give one of {_known()}")
    named, hinted = _named(name)
    fitting = _fitting(row) if row else [named or hinted or LabelFormat.BED]
    if not fitting and not (named or hinted):
        raise LabelError(
            f"{name}: its first row is not one of {_known()}; {_REMEDY}, or convert the file"
        )
    if named is not None and fitting and named not in fitting:
        raise LabelError(
            f"{name}: is {named} by its name, but {fitting[0]} by its first row; rename it, or "
            f"{_REMEDY}"
        )
    return named or (fitting[0] if fitting else hinted) or LabelFormat.BED


def _known() -> str:
    return ", ".join(LabelFormat)


def _named(name: str) -> tuple[LabelFormat | None, LabelFormat | None]:
    """Return the format that a name states, and the one that it only suggests."""
    base = os.path.basename(name).lower().removesuffix(".gz").removesuffix(".bgz")
    ending = base.rpartition(".")[2]
    if re.search(r"rmsk[^.]*(\.(txt|tsv))?$", base):
        return LabelFormat.RMSK, None
    return _ENDINGS.get(ending), _HINTS.get(ending)


def _fitting(row: str) -> list[LabelFormat]:
    """Return the formats that a row fits, the most likely first."""
    columns = row.split("\t")
    if re.match(_OUT_ROW, row):
        return [LabelFormat.REPEATMASKER]
    if len(columns) in (16, 17) and all(map(_is_whole, columns[:4])):
        return [LabelFormat.RMSK]
    if len(columns) == 9 and all(map(_is_whole, columns[3:5])) and not _is_whole(columns[1]):
        return _gff_fitting(columns[8])
    words = columns if len(columns) > 1 else row.split()
    if not any(map(_is_whole, words[1:3])):
        return []
    # One number is enough: if the other is wrong, the BED reader reports it.
    peak = {9: LabelFormat.BROAD_PEAK, 10: LabelFormat.NARROW_PEAK}.get(len(words))
    if peak is None or not _is_peak(words):
        return [LabelFormat.BED, LabelFormat.NARROW_PEAK, LabelFormat.BROAD_PEAK]
    return [peak, LabelFormat.BED]


def _gff_fitting(attributes: str) -> list[LabelFormat]:
    if re.match(r"\s*[^\s=;\"]+=", attributes):
        return [LabelFormat.GFF3]
    if re.match(r'\s*[^\s=;"]+\s+("|\S+\s*;)', attributes):
        return [LabelFormat.GTF]
    return [LabelFormat.GFF3, LabelFormat.GTF]


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", text) is not None


def _is_peak(words: Sequence[str]) -> bool:
    """Return whether columns 7 and later are signal, p, q and summit, and not those of BED.

    In BED, columns 7 and 8 are `thickStart` and `thickEnd`, which lie in the interval.
    """
    try:
        signal = [float(word) for word in words[6:9]]
    except ValueError:
        return False
    if not all(map(_is_whole, words[1:3])) or not all(map(_is_whole, words[9:])):
        return False
    start, end = float(words[1]), float(words[2])
    thick = all(_is_whole(word) and start <= float(word) <= end for word in words[6:8])
    return not thick and all(map(math.isfinite, signal))
