"""Corrections of labels: a review that someone has looked through, applied."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import read_blocks
from dnabirnn.intervals import fields, first_error, text_frames, whole_number
from dnabirnn.labels.bits import IGNORED
from dnabirnn.labels.labels import Labels, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import MotifClass

__all__ = ["ACTIONS", "Corrections", "read_corrections"]

logger = logging.getLogger(__name__)

ACTIONS = ("add", "flip", "remove", "ignore", "keep")
"""What column 9 of a review can say: label these bases, label this strand instead of the other,
remove this label, leave these bases out, or change nothing."""
_COLUMNS = ("chrom", "start", "end", "class", "score", "strand", "reason", "evidence", "action")
_OTHER = {"+": "-", "-": "+"}
_REMEDY = "give a review of `dnabirnn review`"


class Corrections:
    """Changes of labels.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns chrom, start, end, class, strand, action, line.
    source : str
        Name of the file.
    digests : mapping
        SHA-256 of the file, by its basename.
    """

    def __init__(self, frame: pl.DataFrame, source: str, digests: Mapping[str, str]) -> None:
        self.frame = frame
        self.source = source
        self.digests = dict(digests)

    def of(self, labels: Labels) -> Labels:
        """Return the corrected labels.

        Changes are made in the order of the file. They apply to bases: a label of which a part is
        removed keeps the rest.

        Raises
        ------
        LabelError
            A class that the labels do not have; a strand that does not fit the class; a label to
            flip or to remove that is not there.
        """
        known = set(labels.names)
        numbers = {motif_class.name: i for i, motif_class in enumerate(labels.classes)}
        rows: dict[tuple[str, int, str], list[tuple[int, int, str, int]]] = {}
        for chrom, start, end, number, strand, file, line in labels.frame.select(
            "chrom", "start", "end", "class", "strand", "file", "line"
        ).iter_rows():
            rows.setdefault((chrom, number, strand), []).append((start, end, file, line))
        for row in self.frame.iter_rows(named=True):
            self._apply(row, rows, numbers, labels.classes, labels.origin.aliases, known)
        frame = pl.DataFrame(
            [(*key[:1], *row[:2], *key[1:], *row[2:]) for key, own in rows.items() for row in own],
            schema=labels.frame.select(
                "chrom", "start", "end", "class", "strand", "file", "line"
            ).schema,
            orient="row",
        )
        origin = labels.origin
        counts = self.frame["action"].value_counts().sort("action").rows()
        logger.info(
            "%s: corrections: %s", self.source, ", ".join(f"{n} {action}" for action, n in counts)
        )
        return Labels(
            labels.table,
            frame,
            Origin(
                {**origin.digests, **self.digests}, origin.reading, origin.lengths, origin.aliases
            ),
            flank_bp=labels.flank_bp,
            negatives=labels.negatives,
        )

    def _apply(
        self,
        row: Mapping[str, object],
        rows: dict[tuple[str, int, str], list[tuple[int, int, str, int]]],
        numbers: Mapping[str, int],
        classes: tuple[MotifClass, ...],
        aliases: Mapping[str, str],
        known: set[str],
    ) -> None:
        """Make one change in the rows."""
        action, place = row["action"], f"{self.source}, line {row['line']}"
        chrom, name, strand = (str(row[key]) for key in ("chrom", "class", "strand"))
        start, end, line = int(str(row["start"])), int(str(row["end"])), int(str(row["line"]))
        if chrom not in known:
            chrom = aliases.get(chrom, chrom)
        if action == "keep":
            return
        if action == "ignore":
            rows.setdefault((chrom, IGNORED, "."), []).append((start, end, self.source, line))
            return
        if name not in numbers:
            raise LabelError(
                f"{place}: class {name!r}: the labels have {', '.join(numbers)}; give the labels "
                "that were reviewed"
            )
        number = numbers[name]
        strand = strand if classes[number].stranded else "."
        if strand not in (_OTHER if classes[number].stranded else (".",)):
            raise LabelError(f"{place}: class {name} has strands; write + or - in column 6")
        if action == "flip" and strand == ".":
            raise LabelError(f"{place}: class {name} has no strands to flip; write keep instead")
        if action in ("flip", "remove"):
            key = (chrom, number, _OTHER[strand] if action == "flip" else strand)
            rest = _without(rows.get(key, []), start, end)
            if rest == rows.get(key, []):
                raise LabelError(
                    f"{place}: no label of {name} on strand {key[2]} at {chrom}:{start}-{end}; "
                    "give the labels that were reviewed"
                )
            rows[key] = rest
        if action in ("add", "flip"):
            rows.setdefault((chrom, number, strand), []).append((start, end, self.source, line))


def _without(
    rows: list[tuple[int, int, str, int]], start: int, end: int
) -> list[tuple[int, int, str, int]]:
    """Return rows without the bases of an interval.

    Examples
    --------
    >>> _without([(0, 9, "f", 1), (20, 30, "f", 2)], 5, 25)
    [(0, 5, 'f', 1), (25, 30, 'f', 2)]
    """
    rest = []
    for first, last, file, line in rows:
        if last <= start or first >= end:
            rest.append((first, last, file, line))
            continue
        if first < start:
            rest.append((first, start, file, line))
        if last > end:
            rest.append((end, last, file, line))
    return rest


def read_corrections(path: PathLike) -> Corrections:
    """Read a review that `dnabirnn review` wrote and someone has looked through.

    Parameters
    ----------
    path : str or PathLike
        BED6 with the further columns reason, evidence and action; plain, gzip or bgzip. Rows may be
        deleted, and actions changed to another of `ACTIONS`.

    Raises
    ------
    LabelError
        A file that is missing or not text; a row with fewer than nine columns, an unknown action or
        strand, or without bases.
    """
    source = str(path)
    digests: dict[str, str] = {}
    blocks = read_blocks(path, LabelError, digests)
    lines = pl.concat(
        [
            pl.DataFrame(schema={"text": pl.String, "line": pl.UInt32}),
            *text_frames(blocks, source, "a review, plain, gzip or bgzip"),
        ]
    )
    text = pl.col("text")
    lines = lines.filter((text.str.strip_chars() != "") & ~text.str.starts_with("#"))
    columns = lines.select("line", fields(text, len(_COLUMNS)).alias("f")).unnest("f")
    named = {name: pl.col(f"c{i}") for i, name in enumerate(_COLUMNS)}
    frame = columns.with_columns(
        chrom=named["chrom"],
        start=whole_number("c1"),
        end=whole_number("c2"),
        strand=named["strand"],
        action=named["action"].str.strip_chars().str.to_lowercase(),
        **{"class": named["class"]},
    )
    first_error(
        frame,
        {
            f"fewer than nine columns; {_REMEDY}": pl.col("c8").is_null(),
            f"start {{c1!r}} is not a position; {_REMEDY}": ~(pl.col("start") >= 0).fill_null(
                False
            ),
            f"end {{c2!r}} is not after the start {{c1!r}}; {_REMEDY}": ~(
                pl.col("end") > pl.col("start")
            ).fill_null(False),
            "strand {c5!r} is not '+', '-' or '.'; fix it": ~pl.col("strand").is_in(
                ["+", "-", "."]
            ),
            f"action {{c8!r}} is not one of {', '.join(ACTIONS)}; write one of them": ~pl.col(
                "action"
            ).is_in(ACTIONS),
        },
        source,
    )
    wanted = ("chrom", "start", "end", "class", "strand", "action", "line")
    return Corrections(frame.select(wanted), source, digests)
