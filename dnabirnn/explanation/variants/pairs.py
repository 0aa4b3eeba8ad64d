"""Both alleles of a variant side by side: the probabilities of all bases near it.

Substitutions leave every base where it is. Both alleles are then read in the scoring windows of the
contig, as `score` reads them, and the numbers are those of scoring the changed contig.

An insertion or deletion would move the windows behind it, and with them scores that have nothing to
do with it. Both alleles are then read in one window, centred on the variant: the flanks are the
same, and only what is between them differs::

    reference     [ a a a a a a a X X b b b b b b b ]
    alternative   [ a a a a a a a b b b b b b b ]

A haplotype is a contig with several changes. It is read in the windows of the contig if all changes
near the variant are substitutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.errors import ScoreError
from dnabirnn.explanation.whole_windows import probabilities_of
from dnabirnn.network import PROBABILITY_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation.layout import Layout
    from dnabirnn.explanation.variants.alleles import Allele, Edit
    from dnabirnn.scoring import Model

__all__ = ["Pair", "Pairs", "apply_edits"]


class Track(NamedTuple):
    """Neighbouring bases of one allele.

    Attributes
    ----------
    probabilities : ndarray, (m, O) float64
        0 at bases of code 4.
    log_odds : ndarray, (m, O) float64
        NaN at bases of code 4.
    """

    probabilities: NDArray[np.float64]
    log_odds: NDArray[np.float64]


class Block(NamedTuple):
    """Bases that only one allele has, or that differ in number; half-open, from the first base."""

    start: int
    end: int
    new_start: int
    new_end: int


class Pair(NamedTuple):
    """Both alleles near a variant.

    Attributes
    ----------
    start : int
        Position of the first base of the reference allele.
    reference, changed : Track
    aligned : ndarray, (m,) int64
        Base of the changed allele that each base of the reference allele is; -1 for bases of
        blocks.
    blocks : list of Block
    """

    start: int
    reference: Track
    changed: Track
    aligned: NDArray[np.int64]
    blocks: list[Block]


class _Reading(NamedTuple):
    """Windows to read for some bases: one, or two whose probabilities are averaged.

    Attributes
    ----------
    texts : list of (key, ndarray)
        Windows with equal keys are equal, and read once.
    parts : list of slice
        Where the bases are in each window.
    """

    texts: list[tuple[object, Codes]]
    parts: list[slice]


class _Plan(NamedTuple):
    """What to read for a pair: of each allele, bases from left to right."""

    start: int
    reference: list[_Reading]
    changed: list[_Reading]
    aligned: NDArray[np.int64]
    blocks: list[Block]


class Pairs:
    """Reader of both alleles, for any network and engine.

    Parameters
    ----------
    model : Model
    around_bp : int
        Bases on either side of a variant that are needed.
    """

    def __init__(self, model: Model, around_bp: int) -> None:
        self._engine, self._around_bp = model.engine, around_bp
        shape = model.checkpoint.architecture
        self._window_bp = model.checkpoint.scoring_window.length_bp
        self._exclusive = shape.exclusive
        self._strands = [1 + stranded for _, stranded in shape.classes]

    def of(self, layout: Layout, alleles: Sequence[Allele]) -> Iterator[Pair]:
        """Yield the pairs of some alleles of a contig, which are read together."""
        plans = [self._plan(layout, allele) for allele in alleles]
        texts: dict[object, Codes] = {}
        for plan in plans:
            for reading in (*plan.reference, *plan.changed):
                texts.update(reading.texts)
        scored = dict(zip(texts, self._log_odds(list(texts.values()), layout.name), strict=True))
        for plan in plans:
            yield Pair(
                plan.start,
                self._track(plan.reference, texts, scored),
                self._track(plan.changed, texts, scored),
                plan.aligned,
                plan.blocks,
            )

    def reference(self, layout: Layout, spans: Iterable[tuple[int, int]]) -> Iterator[Track]:
        """Yield what `score` gives for intervals of a contig."""
        readings = [_in_grid(layout, start, end, (), None) for start, end in spans]
        texts: dict[object, Codes] = {}
        for parts in readings:
            for reading in parts:
                texts.update(reading.texts)
        scored = dict(zip(texts, self._log_odds(list(texts.values()), layout.name), strict=True))
        for parts in readings:
            yield self._track(parts, texts, scored)

    def span(self, layout: Layout, at: int, end: int) -> tuple[int, int]:
        """Return the bases around a change; a circular contig has none twice."""
        around = self._around_bp
        if layout.circular:
            around = max(min(around, (len(layout.codes) - (end - at)) // 2), 0)
            return at - around, end + around
        return max(at - around, 0), min(end + around, len(layout.codes))

    def _plan(self, layout: Layout, allele: Allele) -> _Plan:
        start, end = self.span(layout, allele.at, allele.end)
        if all(edit.is_substitution for edit in allele.edits):
            reference = _in_grid(layout, start, end, (), None)
            changed = _in_grid(layout, start, end, allele.edits, id(allele))
            return _Plan(start, reference, changed, np.arange(end - start), [])
        return self._centred(layout, allele, start, end)

    def _centred(self, layout: Layout, allele: Allele, start: int, end: int) -> _Plan:
        """Plan to read both alleles in one window each."""
        codes, length = layout.codes, len(layout.codes)
        replaced = max([allele.end - allele.at, *(len(edit.codes) for edit in allele.edits)])
        # A window of the length of a scoring window, unless the variant fills half of it.
        flank = max((self._window_bp - replaced) // 2, self._window_bp // 4)
        left, right = allele.at - flank, allele.end + flank
        if layout.circular:
            most = max((length - (allele.end - allele.at)) // 2 + layout.flank_bp, 0)
            left, right = max(left, allele.at - most), min(right, allele.end + most)
            text = codes[np.arange(left, right) % length]
        else:
            left, right = max(left, 0), min(right, length)
            text = codes[left:right]
        edits = _copies(allele.edits, length if layout.circular else 0, left, right)
        new, aligned, blocks = apply_edits(text, left, edits)
        # Only the part that is needed.
        start, end = max(start, left), min(end, right)
        first, last = start - left, end - left
        # At the start of a contig, bases that are inserted before the first one belong to it.
        new_first = _place_of(first, aligned, blocks, len(new)) if first else 0
        new_last = _place_of(last, aligned, blocks, len(new))
        own = aligned[first:last]
        inside = [
            Block(b.start - first, b.end - first, b.new_start - new_first, b.new_end - new_first)
            for b in blocks
            if first <= b.start and b.end <= last and new_first <= b.new_start
        ]
        return _Plan(
            start,
            [_Reading([(("centred", id(allele)), text)], [slice(first, last)])],
            [_Reading([(("changed", id(allele)), new)], [slice(new_first, new_last)])],
            np.where(own >= 0, own - new_first, -1),
            inside,
        )

    def _log_odds(self, texts: list[Codes], name: str) -> Iterator[NDArray[np.float32]]:
        """Yield the log-odds (L, M) of windows.

        The shape of a batch depends only on the length of its windows.
        """
        found: dict[int, NDArray[np.float32]] = {}
        by_length: dict[int, list[int]] = {}
        unit = -(-self._window_bp // 16) * 16
        for number, text in enumerate(texts):
            by_length.setdefault(max(-(-len(text) // unit), 1) * unit, []).append(number)
        for length, numbers in by_length.items():
            size = self._engine.batch_windows(length)
            for first in range(0, len(numbers), size):
                some = numbers[first : first + size]
                batch = np.full((size, length), PADDING, np.uint8)
                for row, number in zip(batch, some, strict=False):
                    row[: len(texts[number])] = texts[number]
                log_odds = self._engine.log_odds(batch)
                for row, number in zip(log_odds, some, strict=False):
                    found[number] = row[: len(texts[number])]
        for number, text in enumerate(texts):
            if not np.isfinite(found[number][text < AMBIGUOUS]).all():
                raise ScoreError(
                    f"record {name!r}: the log-odds are not finite numbers; the model's weights "
                    "are too large: train it again, with a lower --lr"
                )
            yield found[number]

    def _track(
        self,
        readings: Sequence[_Reading],
        texts: dict[object, Codes],
        scored: dict[object, NDArray[np.float32]],
    ) -> Track:
        tracks = []
        for reading in readings:
            keys = [key for key, _ in reading.texts]
            parts = list(zip(keys, reading.parts, strict=True))
            codes = texts[keys[0]][reading.parts[0]]
            tracks.append(self._numbers([scored[key][part] for key, part in parts], codes))
        if not tracks:
            nothing = np.zeros((0, sum(self._strands)))
            return Track(nothing, nothing)
        return Track(*(np.concatenate(arrays) for arrays in zip(*tracks, strict=True)))

    def _numbers(self, log_odds: list[NDArray[np.float32]], codes: Codes) -> Track:
        """Return the numbers of bases that one window keeps, or two, which are averaged."""
        both = [probabilities_of(one, self._strands, exclusive=self._exclusive) for one in log_odds]
        p = np.mean([one.clip(*PROBABILITY_BOUNDS) for one, _ in both], axis=0)
        if len(both) == 1:
            odds = log_odds[0][:, int(self._exclusive) :].astype(np.float64)
        else:
            odds = np.log(both[0][0] + both[1][0]) - np.log(both[0][1] + both[1][1])
        unknown = codes >= AMBIGUOUS
        if unknown.any():
            p, odds = p.copy(), odds.copy()
            p[unknown], odds[unknown] = 0, np.nan
        return Track(p, odds)


def _in_grid(
    layout: Layout, start: int, end: int, edits: Sequence[Edit], of: object
) -> list[_Reading]:
    """Plan to read bases of a contig, with substitutions, in its scoring windows.

    Positions beyond the ends of a circular contig are those across its origin.
    """
    length, flank, found = len(layout.codes), layout.flank_bp, []
    place = start
    while place < end:
        turn = place // length if layout.circular else 0
        last = min(end, (turn + 1) * length) if layout.circular else end
        for segment in layout.segments(place - turn * length + flank, last - turn * length + flank):
            texts: list[tuple[object, Codes]] = []
            for window in segment.windows:
                text = layout.codes_of(window)
                moved = [
                    edit._replace(at=edit.at + flank + shift)
                    for shift in layout.shifts
                    for edit in edits
                    if window.start <= edit.at + flank + shift < window.end
                ]
                key: object = (id(layout), window.start, window.end)
                if moved:
                    text, _, _ = apply_edits(text, window.start, sorted(moved, key=_at))
                    key = (key, of)
                texts.append((key, text))
            parts = [
                slice(segment.start - window.start, segment.end - window.start)
                for window in segment.windows
            ]
            found.append(_Reading(texts, parts))
        place = last
    return found


def _at(edit: Edit) -> tuple[int, int]:
    return edit.at, edit.removed


def _copies(edits: Sequence[Edit], length: int, left: int, right: int) -> list[Edit]:
    """Return the edits in an interval; a length other than 0 is that of a circular contig."""
    if not length:
        return list(edits)
    turns = range(-(-left // length) - 2, right // length + 2)
    every = (edit._replace(at=edit.at + turn * length) for turn in turns for edit in edits)
    return sorted(
        (edit for edit in every if edit.at + edit.removed >= left and edit.at <= right), key=_at
    )


def apply_edits(
    text: Codes, start: int, edits: Iterable[Edit]
) -> tuple[Codes, NDArray[np.int64], list[Block]]:
    """Return a part of a contig with edits, and how its bases are aligned to those of the contig.

    Parameters
    ----------
    text : ndarray, (L,) uint8
    start : int
        Position of its first base.
    edits : iterable of Edit
        Sorted and apart. Of an edit that begins before the part, only the bases that it removes
        count.

    Returns
    -------
    codes : ndarray, (M,) uint8
    aligned : ndarray, (L,) int64
        Base of `codes` that each base of `text` is; -1 for bases of blocks.
    blocks : list of Block

    Examples
    --------
    >>> from dnabirnn.explanation.variants.alleles import Edit
    >>> text = np.array([0, 1, 2, 3], np.uint8)
    >>> codes, aligned, blocks = apply_edits(text, 10, [Edit(12, 1, np.array([0, 0], np.uint8))])
    >>> codes.tolist(), aligned.tolist(), [tuple(block) for block in blocks]
    ([0, 1, 0, 0, 3], [0, 1, -1, 4], [(2, 3, 2, 4)])
    """
    pieces, aligned = [], np.arange(len(text))
    blocks: list[Block] = []
    place = shift = 0
    for edit in edits:
        low, high = edit.at - start, edit.at - start + edit.removed
        if high < 0 or low > len(text) or (edit.removed and (high == 0 or low == len(text))):
            continue
        given = edit.codes if low >= 0 else edit.codes[:0]
        low, high = max(low, 0), min(high, len(text))
        pieces += [text[place:low], given]
        place = high
        if not edit.is_substitution:
            blocks.append(Block(low, high, low + shift, low + shift + len(given)))
            more = len(given) - (high - low)
            aligned[low:high] = -1
            aligned[high:] += more
            shift += more
    return np.concatenate([*pieces, text[place:]]), aligned, blocks


def _place_of(place: int, aligned: NDArray[np.int64], blocks: Sequence[Block], length: int) -> int:
    """Return where a base of the reference allele is in the changed allele.

    A base that the changed allele lacks is where the block begins.
    """
    if place >= len(aligned):
        return length
    if aligned[place] >= 0:
        return int(aligned[place])
    return next(block.new_start for block in blocks if block.start <= place < block.end)
