"""Contigs with known scores, in blocks as the network gives them; and rows as tuples."""

from __future__ import annotations

import io
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import strategies as st

from dnabirnn.motif_classes import Output
from dnabirnn.tracks.block import Block
from dnabirnn.tracks.text import BedTrack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.tracks.rows import Rows

# Neither the classes nor, by text, their strands come in the order of the rows.
OUTPUTS = (Output("b", "+"), Output("b", "-"), Output("a", "."), Output("B", "+"))


class Contig(NamedTuple):
    name: str
    scores: NDArray[np.int16]  # (L, O)
    codes: NDArray[np.uint8]  # (L,)


def contig(name: str, *columns: Sequence[int], n_at: Sequence[int] = ()) -> Contig:
    scores = np.array(columns, dtype=np.int16).T
    codes = np.zeros(len(scores), dtype=np.uint8)
    codes[list(n_at)] = 4
    return Contig(name, scores, codes)


def blocks(contigs: Iterable[Contig], cuts: Sequence[int] = ()) -> Iterator[Block]:
    """Blocks of contigs, cut at the same places in each."""
    for name, scores, codes in contigs:
        length = len(codes)
        edges = [0, *sorted({cut for cut in cuts if 0 < cut < length}), length]
        for start, end in pairwise(edges):
            probabilities = (scores[start:end] / 1000).astype(np.float32)
            probabilities[codes[start:end] == 4] = 0
            yield Block(name, start, probabilities, codes[start:end], end == length)


def naive(contigs: Iterable[Contig], min_score: int, *, single_base: bool = False) -> list[tuple]:
    """Rows of BED6, base by base."""
    rows = []
    for name, scores, codes in contigs:
        found = []
        for (class_name, strand), column in zip(OUTPUTS, scores.T, strict=False):
            keys = [
                (None, i) if code == 4 or s < min_score else (int(s), i if single_base else 0)
                for i, (s, code) in enumerate(zip(column, codes, strict=True))
            ]
            place = 0
            for (score, _), group in groupby(keys):
                start, place = place, place + len(list(group))
                if score is not None:
                    found.append((name, start, place, class_name, score, strand))
        rows += sorted(found, key=lambda row: (row[1], row[2], row[3], row[5]))
    return rows


def text(rows: Iterable[tuple]) -> bytes:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def bed(rows: Iterable[Rows]) -> bytes:
    file = io.BytesIO()
    track = BedTrack(file, OUTPUTS)
    for piece in rows:
        track.add(piece)
    track.close()
    return file.getvalue()


def tuples(rows: Iterable[Rows]) -> list[tuple]:
    """Rows of contigs in the order of a track."""
    found: list[tuple] = []
    for chrom, output, start, end, score, *_ in rows:
        for o, *values in zip(output, start, end, score, strict=True):
            begin, stop, value = map(int, values)
            found.append((chrom, begin, stop, OUTPUTS[o].class_name, value, OUTPUTS[o].strand))
    order = {name: i for i, name in enumerate(dict.fromkeys(row[0] for row in found))}
    return sorted(found, key=lambda row: (order[row[0]], row[1], row[2], row[3], row[5]))


RUNS = st.lists(
    st.tuples(st.sampled_from([0, 1, 99, 100, 500, 1000]), st.integers(1, 8)), max_size=12
)


@st.composite
def genomes(draw: st.DrawFn) -> list[Contig]:
    found = []
    for i in range(draw(st.integers(1, 3))):
        length = draw(st.integers(0, 25))
        scores = np.zeros((length, 4), dtype=np.int16)
        for column in scores.T:
            runs = [score for score, times in draw(RUNS) for _ in range(times)][:length]
            column[: len(runs)] = runs
        n_at = draw(st.sets(st.integers(0, 24), max_size=4))
        codes = np.where(np.isin(np.arange(length), list(n_at)), 4, 0).astype(np.uint8)
        found.append(Contig(f"c{i}", scores, codes))
    return found


CUTS = st.lists(st.integers(1, 24), max_size=6)
