"""Bases of test sites that are covered by 31-mers of the training sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded import EncodedSet, K, LabelledSites, canonical_kmers
from dnabirnn.intervals import read_bed
from dnabirnn.labels import runs
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["SEEN", "write_seen"]

SEEN = "seen_31_mer"
"""Class of the rows that `write_seen` writes."""


def write_seen(encoded: Path, fasta: Sequence[Path], labels: Sequence[Path], out: Path) -> None:
    """Write a BED of the bases of test sites that 31-mers of their class's training sites cover."""
    data = EncodedSet.open(encoded)
    sites = LabelledSites(data)
    trained = {
        motif_class.name: _kmers(np.asarray(data.codes), sites.of("train", number))
        for number, motif_class in enumerate(data.classes)
    }
    rows = pl.concat([read_bed(path).select("chrom", "start", "end", "name") for path in labels])
    with out.open("w") as file:
        for record in read_fasta(*fasta):
            own = rows.filter(rows["chrom"] == record.name)
            for start, end, name in own.select("start", "end", "name").iter_rows():
                if name in trained:
                    for first, last in _seen(record.codes, start, end, trained[name]):
                        file.write(f"{record.name}\t{first}\t{last}\t{SEEN}\t0\t.\n")


def _kmers(codes: Codes, spans: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the distinct canonical k-mers that contain a base of the spans."""
    reach = K - 1
    found = [
        canonical_kmers(codes[max(0, start - reach) : end + reach]) for start, end in spans.tolist()
    ]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


def _seen(
    codes: Codes, start: int, end: int, trained: NDArray[np.uint64]
) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the stretches of a site that k-mers of the training sites cover."""
    first = max(0, start - K + 1)
    text = codes[first : end + K - 1]
    covered = np.zeros(text.size + K, np.int64)
    for begin, stop in runs(text < AMBIGUOUS).tolist():
        hits = begin + np.flatnonzero(np.isin(canonical_kmers(text[begin:stop]), trained))
        np.add.at(covered, hits, 1)
        np.add.at(covered, hits + K, -1)
    inside = covered.cumsum()[start - first : end - first] > 0
    for begin, stop in runs(inside).tolist():
        yield start + begin, start + stop
