"""Sequences of a genome: cut out, and drawn as negatives.

A negative is drawn for each positive, with the same length and about the same GC content, because a
network would otherwise learn the composition of peaks, and not their motifs. For each positive,
`_DRAWN` windows are drawn at random from the whole genome. Windows that overlap a positive, or have
a larger share of N than it, are left out. The window whose GC content is nearest is taken, unless
another positive has taken it. Where lower case is read as N, masked bases do not count in the GC
content, and the share of masked bases is matched as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded.sequences.labelled import LabelledSequence, Place
from dnabirnn.errors import LabelError, OptionError
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.intervals import Regions
    from dnabirnn.sequences import Record

__all__ = ["Interval", "cut_out", "draw_negatives"]

_DRAWN = 20


class Interval(NamedTuple):
    """Interval of a genome to cut out, 0-based and half-open.

    Attributes
    ----------
    contig : str
    start, end : int
    classes : frozenset of str
    summit : int, optional
        0-based position of the summit from the start.
    line : str
        Its file and line, for errors.
    """

    contig: str
    start: int
    end: int
    classes: frozenset[str]
    summit: int | None = None
    line: str = ""

    @property
    def name(self) -> str:
        """Name of the sequence."""
        return f"{self.contig}:{self.start}-{self.end}"


def cut_out(genome: Iterable[Record], wanted: Sequence[Interval]) -> Iterator[LabelledSequence]:
    """Yield the sequences of intervals, in the order of the genome and then as given.

    Parameters
    ----------
    genome : iterable of Record
        With case. Contigs are read one at a time.
    wanted : sequence of Interval

    Raises
    ------
    LabelError
        An interval is empty, or lies on no contig or past the end of it.
    """
    by_contig: dict[str, list[Interval]] = {}
    for one in wanted:
        by_contig.setdefault(one.contig, []).append(one)
    known = []
    for name, codes, lower in genome:
        known.append(name)
        assert lower is not None, "read with case=True"
        for one in by_contig.pop(name, ()):
            if not one.start < one.end <= len(codes):
                raise LabelError(
                    f"{one.line}: {one.name} is empty or ends after the end of the contig at "
                    f"{len(codes)}; use the assembly that the file was made for"
                )
            part = slice(one.start, one.end)
            place = Place(name, one.start)
            yield LabelledSequence(
                one.name,
                codes[part].copy(),
                lower[part].copy(),
                one.classes,
                place=place,
                summit=one.summit,
            )
    for one in (intervals[0] for intervals in by_contig.values()):
        raise LabelError(
            f"{one.line}: no contig {one.contig!r}; the FASTA has {shortened(known)}; use the "
            "assembly that the file was made for"
        )


def draw_negatives(
    genome: Iterable[Record],
    lengths: Mapping[str, int],
    positives: Sequence[LabelledSequence],
    taken: Regions,
    seed: int,
    *,
    hard_mask: bool = False,
) -> list[Interval]:
    """Draw an interval for each positive, with its length and about its GC content.

    Parameters
    ----------
    genome : iterable of Record
        With case if `hard_mask`, and not masked. Contigs are read one at a time.
    lengths : mapping of str to int
        Length of each contig in bases.
    positives : sequence of LabelledSequence
    taken : Regions
        Intervals of the positives.
    seed : int
    hard_mask : bool
        The positives were read with lower case as N, and negatives will be.

    Returns
    -------
    drawn : list of Interval
        Sorted by contig, in the order of `lengths`, and start.

    Raises
    ------
    OptionError
        No interval outside the positives could be found for a positive.
    """
    random = np.random.default_rng(seed)
    sizes = np.array([len(one.codes) for one in positives])
    wanted_gc, most_n = np.array([_composition(one.codes) for one in positives]).T
    ends = np.cumsum([*lengths.values()])
    bases = (random.random((len(positives), _DRAWN)) * ends[-1]).astype(np.int64)
    contig = np.searchsorted(ends, bases, side="right")  # (n, drawn)
    starts = bases - np.concatenate([[0], ends[:-1]])[contig]
    away = np.full(bases.shape, np.inf)
    for number, record in enumerate(genome):
        rows, columns = np.nonzero(contig == number)
        first, last = starts[rows, columns], starts[rows, columns] + sizes[rows]
        inside = last <= len(record.codes)
        rows, columns, first, last = rows[inside], columns[inside], first[inside], last[inside]
        gc, unknown = _compositions(record.codes, first, last)
        free = ~_overlap(first, last, taken.of(record.name)) & (unknown <= most_n[rows])
        if hard_mask:
            assert record.lower is not None, "read with case=True"
            codes = np.where(record.lower, np.uint8(AMBIGUOUS), record.codes)
            gc, unknown = _compositions(codes, first, last)
        distance = np.abs(gc - wanted_gc[rows])
        if hard_mask:
            distance += np.abs(unknown - most_n[rows])
        away[rows, columns] = np.where(free, distance, np.inf)
    names, found, used = [*lengths], [], set()
    for row in range(len(positives)):
        for column in np.argsort(away[row], kind="stable").tolist():
            start = int(starts[row, column])
            one = Interval(names[contig[row, column]], start, start + int(sizes[row]), frozenset())
            if np.isfinite(away[row, column]) and one not in used:
                used.add(one)
                found.append(one)
                break
        else:
            raise OptionError(
                f"--negatives genomic: no stretch of {sizes[row]} bases outside the positives was "
                f"found in {_DRAWN} draws; give --negatives shuffled, or a file"
            )
    order = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda one: (order[one.contig], one.start))


def _composition(codes: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the share of G and C among known bases, and the share of unknown bases."""
    known = max(int(np.count_nonzero(codes < AMBIGUOUS)), 1)
    gc = np.count_nonzero((codes == 1) | (codes == 2)) / known
    return gc, float(np.mean(codes == AMBIGUOUS))


def _compositions(
    codes: Codes, first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the composition of stretches of a contig, as `_composition` does for one."""
    gc, unknown = (
        np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        for mask in ((codes == 1) | (codes == 2), codes == AMBIGUOUS)
    )
    lacking = unknown[last] - unknown[first]
    known = np.maximum(last - first - lacking, 1)
    return (gc[last] - gc[first]) / known, lacking / np.maximum(last - first, 1)


def _overlap(
    first: NDArray[np.int64], last: NDArray[np.int64], taken: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which stretches share a base with one of some sorted, disjoint intervals."""
    after = np.searchsorted(taken[:, 1], first, side="right")
    starts = np.append(taken[:, 0], np.iinfo(np.int64).max)
    return np.asarray(starts[after] < last)
