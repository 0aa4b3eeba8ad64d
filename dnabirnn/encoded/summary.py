"""Summary of an encoded set: bases, positives and intervals by class and split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded.splits import SPLITS, SplitInterval
from dnabirnn.labels import IGNORE_BIT, IGNORED, Labels, output_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["count", "summary_table"]

_CHUNK_BASES = 1 << 22


class Bases(Protocol):
    """Source of codes, labels and case of stretches of contigs."""

    def codes(self, piece: SplitInterval) -> Codes:
        """Codes, (m,) uint8."""
        ...

    def labels(self, piece: SplitInterval) -> NDArray[np.unsignedinteger]:
        """Labels, (m,)."""
        ...

    def masked(self, piece: SplitInterval) -> int:
        """Count the bases whose letter is lower case."""
        ...


def count(
    bases: Bases, splits: Mapping[str, Sequence[SplitInterval]], labels: Labels
) -> dict[str, Any]:
    """Count the contents of an encoded set, for its manifest.

    Parameters
    ----------
    bases : Bases
    splits : mapping
        Pieces of each split.
    labels : Labels
        Used for the number of intervals, which is that of rows in the label files.

    Returns
    -------
    summary : dict
        "splits": for each split, its number of bases, and the numbers of ambiguous (code 4),
        ignored and masked (lower-case) bases. "classes": for each class, strand and split, the
        number of labelled bases that are neither ignored nor ambiguous, and the number of
        intervals that share a base with the split.
    """
    outputs = [
        (motif_class.name, strand)
        for motif_class in labels.classes
        for strand in ("+-" if motif_class.stranded else ".")
    ]
    intervals = _intervals(labels, splits)
    by_split: dict[str, dict[str, int]] = {}
    classes: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for split in SPLITS:
        numbers, positives = _of_split(bases, splits[split], output_masks(labels.classes))
        by_split[split] = numbers
        for number, (name, strand) in enumerate(outputs):
            classes.setdefault(name, {}).setdefault(strand, {})[split] = {
                "bases": positives[number],
                "intervals": intervals.get((split, name, strand), 0),
            }
    return {"splits": by_split, "classes": classes}


def _of_split(
    bases: Bases, pieces: Sequence[SplitInterval], masks: Sequence[int]
) -> tuple[dict[str, int], list[int]]:
    """Count the bases of a split, and its positive bases for each output."""
    numbers = dict.fromkeys(("bases", "ambiguous", "ignored", "masked"), 0)
    positives = [0] * len(masks)
    for piece in _chunks(pieces):
        labels = bases.labels(piece)
        ambiguous = bases.codes(piece) == AMBIGUOUS
        ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
        numbers["bases"] += piece.end - piece.start
        numbers["ambiguous"] += int(np.count_nonzero(ambiguous))
        numbers["ignored"] += int(np.count_nonzero(ignored))
        numbers["masked"] += bases.masked(piece)
        labels = labels[~(ambiguous | ignored) & (labels != 0)]
        for number, mask in enumerate(masks):
            positives[number] += int(np.count_nonzero(labels & labels.dtype.type(mask)))
    return numbers, positives


def _chunks(pieces: Sequence[SplitInterval]) -> Iterator[SplitInterval]:
    for contig, first, last in pieces:
        for start in range(first, last, _CHUNK_BASES):
            yield SplitInterval(contig, start, min(start + _CHUNK_BASES, last))


def _intervals(
    labels: Labels, splits: Mapping[str, Sequence[SplitInterval]]
) -> dict[tuple[str, str, str], int]:
    """Number of rows of each split, class and strand that share a base with the split."""
    rows = labels.frame.filter((pl.col("class") != IGNORED) & (pl.col("end") > pl.col("start")))
    # Contigs get offsets so large that they cannot overlap. One binary search then serves all.
    farthest = int(rows.select(pl.col("end").max()).item() or 0)
    apart = 1 + max([farthest, *(piece.end for name in SPLITS for piece in splits[name])])
    number = {chrom: i for i, chrom in enumerate(rows["chrom"].unique())}
    offsets = rows["chrom"].replace_strict(number, return_dtype=pl.Int64).to_numpy() * apart
    starts, ends = rows["start"].to_numpy() + offsets, rows["end"].to_numpy() + offsets
    found: dict[tuple[str, str, str], int] = {}
    for split in SPLITS:
        places = [
            (start + number[contig] * apart, end + number[contig] * apart)
            for contig, start, end in splits[split]
            if contig in number
        ]
        pieces = np.array(sorted(places), dtype=np.int64).reshape(-1, 2)
        # The first piece that ends after a row's start is the first one that can share a base.
        first = np.searchsorted(pieces[:, 1], starts, side="right")
        piece_starts = np.append(pieces[:, 0], np.iinfo(np.int64).max)
        inside = rows.filter(piece_starts[first] < ends)
        for class_number, strand, rows_inside in (
            inside.group_by("class", "strand").len().iter_rows()
        ):
            found[split, labels.classes[class_number].name, strand] = rows_inside
    return found


def summary_table(summary: Mapping[str, Any]) -> str:
    """Format the result of `count` as aligned text for a terminal.

    Parameters
    ----------
    summary : mapping
        `EncodedSet.manifest["summary"]`.

    Returns
    -------
    table : str
        Lines of text, without a newline after the last.
    """
    splits = summary["splits"]
    rows = [["split", "bases", "ambiguous", "ignored", "masked"]]
    for split in SPLITS:
        numbers = splits[split]
        share = numbers["masked"] / numbers["bases"] if numbers["bases"] else 0.0
        rows.append(
            [split]
            + [f"{numbers[key]:,}" for key in ("bases", "ambiguous", "ignored")]
            + [f"{share:.1%}"]
        )
    head = ["class", "strand"]
    for split in SPLITS:
        head += [f"{split} intervals", "bases"]
    by_class = [head]
    for name, strands in summary["classes"].items():
        for strand, numbers in strands.items():
            row = [name, strand]
            for split in SPLITS:
                row += [f"{numbers[split]['intervals']:,}", f"{numbers[split]['bases']:,}"]
            by_class.append(row)
    return "\n".join([*_aligned(rows, 1), "", *_aligned(by_class, 2)])


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Align columns: the first `left` columns to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
