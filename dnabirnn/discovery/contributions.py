"""Contributions of the bases in and around targets, read in a frame of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.discovery.targets import around, outputs_of
from dnabirnn.explanation import Mutagenesis, effects, near_targets

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.discovery.targets import Target
    from dnabirnn.explanation import EffectBlock
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["Explained", "explain_targets"]


class Explained(NamedTuple):
    """A target and its surroundings, with the contributions of bases.

    The frame is the strand of the target. A target without strand is turned so that its content,
    and not the strand that the FASTA shows, decides: the opposite strand then gives the same.

    Attributes
    ----------
    target : int
        Index of the target.
    turned : bool
        Whether the frame is the minus strand.
    start : int
        0-based position of the leftmost base on the contig; may be negative.
    codes : ndarray, (m,) uint8
        In the frame; code 4 also beyond the contig.
    contributions : ndarray, (m, 4) float32
        In the frame: change of the score of the target by each letter, compared with the mean of
        the other three; 0 for code 4. That of the base itself is its importance, as in
        `dnabirnn.explanation`.
    """

    target: int
    turned: bool
    start: int
    codes: Codes
    contributions: NDArray[np.float32]

    def place(self, start: int, width: int, minus: bool) -> tuple[int, int, bool]:
        """Return start, end and strand (True for minus) on the contig of bases of the frame."""
        if self.turned:
            start, minus = len(self.codes) - start - width, not minus
        return self.start + start, self.start + start + width, minus


def explain_targets(
    contigs: Iterable[Contig],
    model: Model,
    targets: Sequence[Target],
    reach_bp: int,
    circular: Container[str] = (),
    shares: Sequence[NDArray[np.float64]] | None = None,
) -> Iterator[Explained]:
    """Yield targets with the contributions of the bases in them and within reach of them.

    The contribution of a letter is the change of the log-odds, summed over the target, that it
    would cause there, minus the mean of these changes over the other three letters.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    model : Model
    targets : sequence of Target
        Sorted as `choose_targets` returns them.
    reach_bp : int
    circular : container of str
        Names of circular contigs.
    shares : sequence of ndarray, (w, S), optional
        How much each base of a target counts, on the S strands of its class; see `pooled_shares`.
        By default, all bases count the same, on the strand of the target.
    """
    sums = _Sums(model, targets, reach_bp, shares)
    codes: dict[str, Codes] = {}

    def watched() -> Iterator[Contig]:
        for contig in contigs:
            if sums.numbers(contig.name):
                codes[contig.name] = contig.codes
                yield contig

    def wanted(name: str, length: int) -> NDArray[np.int64]:
        outputs = len(model.outputs)
        return near_targets(name, length, sums.spans, outputs, reach_bp, name in circular)

    def finished(name: str) -> Iterator[Explained]:
        of_contig = codes.pop(name)
        for number in sums.numbers(name):
            target = targets[number]
            start, end = target.start - reach_bp, target.end + reach_bp
            bases = around(of_contig, start, end, name in circular)
            strand = model.outputs[target.output].strand
            yield _framed(number, strand, start, bases, sums.pop(number))

    before = ""
    for block in effects(watched(), model, Mutagenesis(reach_bp, profiles=True), wanted, circular):
        if before and block.name != before:
            yield from finished(before)
        before = block.name
        length = len(codes[before])
        for turn in (-length, 0, length) if before in circular else (0,):
            sums.add(block, turn)
    if before:
        yield from finished(before)


class _Sums:
    """Changes of the scores of targets by the substitutions around them, block by block.

    Parameters
    ----------
    model : Model
    targets : sequence of Target
        Sorted by start within a contig.
    reach_bp : int
    shares : sequence of ndarray, optional
    """

    def __init__(
        self,
        model: Model,
        targets: Sequence[Target],
        reach_bp: int,
        shares: Sequence[NDArray[np.float64]] | None,
    ) -> None:
        self._targets, self._reach_bp, self._shares = targets, reach_bp, shares
        self._outputs = [outputs_of(model, number) for number in range(len(model.outputs))]
        self._numbers: dict[str, list[int]] = {}
        for number, target in enumerate(targets):
            self._numbers.setdefault(target.contig, []).append(number)
        self._starts = {
            name: np.array([targets[number].start for number in own])
            for name, own in self._numbers.items()
        }
        self._longest = max((one.end - one.start for one in targets), default=0)
        self._sums: dict[int, NDArray[np.float64]] = {}

    def numbers(self, name: str) -> list[int]:
        """Return the indexes of the targets of a contig."""
        return self._numbers.get(name, [])

    def spans(self, name: str, output: int) -> NDArray[np.int64]:
        """Return the targets of a contig for an output: (n, 2) int64."""
        own = [self._targets[number] for number in self.numbers(name)]
        rows = [(one.start, one.end) for one in own if one.output == output]
        return np.array(rows, np.int64).reshape(-1, 2)

    def add(self, block: EffectBlock, turn: int) -> None:
        """Add the effects of a block on the targets near it, which are moved by `turn` bases."""
        first = block.start - turn - self._reach_bp - self._longest
        last = block.start - turn + len(block.codes) + self._reach_bp
        near = np.searchsorted(self._starts[block.name], [first, last])
        for number in self._numbers[block.name][int(near[0]) : int(near[1])]:
            target = self._targets[number]
            sums, start, end = self._of(number), target.start + turn, target.end + turn
            if self._shares is None:
                _add(sums, block, [target.output], start, end, np.ones((end - start, 1)))
            else:
                of_class = self._outputs[target.output]
                _add(sums, block, of_class, start, end, self._shares[number])

    def pop(self, number: int) -> NDArray[np.float64]:
        """Return the sums of a target, (m, 4), and forget them; the first row is at its reach."""
        sums = self._of(number)
        del self._sums[number]
        return sums

    def _of(self, number: int) -> NDArray[np.float64]:
        target = self._targets[number]
        size = target.end - target.start + 2 * self._reach_bp
        return self._sums.setdefault(number, np.zeros((size, 4)))


def _add(
    sums: NDArray[np.float64],
    block: EffectBlock,
    outputs: Sequence[int],
    start: int,
    end: int,
    shares: NDArray[np.float64],
) -> None:
    """Add the effects of a block on a target to `sums` (m, 4).

    Parameters
    ----------
    sums : ndarray, (m, 4) float64
    block : EffectBlock
    outputs : sequence of int
        S outputs that count.
    start, end : int
        The target, of w bases.
    shares : ndarray, (w, S) float64
    """
    reach_bp = (len(sums) - (end - start)) // 2
    left = start - reach_bp
    first = max(block.start, left)
    last = min(block.start + len(block.codes), left + len(sums))
    if first >= last:
        return
    every = block.substitutions.profiles[first - block.start : last - block.start]
    places = np.arange(first, last)[:, None]
    # Each base acts on the bases within reach; the target has these, or fewer.
    if end - start < every.shape[2]:
        targets = np.arange(start, end) + np.zeros_like(places)
    else:
        targets = places + np.arange(-reach_bp, reach_bp + 1)
    columns = targets - places + reach_bp
    inside = (columns >= 0) & (columns < every.shape[2]) & (targets >= start) & (targets < end)
    columns = np.where(inside, columns, 0)[:, None]
    bases = np.where(inside, targets - start, 0)
    found = np.zeros((last - first, 4))
    for output, own in zip(outputs, shares.T, strict=True):
        kept = np.take_along_axis(every[..., output], columns, axis=2)
        kept = kept * np.where(inside, own[bases], 0)[:, None]
        # Columns that the opposite strand exchanges are added first: it then has equal sums.
        found += (kept + kept[..., ::-1]).sum(axis=2) / 2
    sums[first - left : last - left] += found


def _framed(
    number: int, strand: str, start: int, bases: Codes, sums: NDArray[np.float64]
) -> Explained:
    """Return a target in its frame."""
    changes = np.where((bases < AMBIGUOUS)[:, None], sums, 0.0)
    mean = ((changes[:, 0] + changes[:, 3]) + (changes[:, 1] + changes[:, 2])) / 4
    found = ((changes - mean[:, None]) * (4 / 3)).astype(np.float32)
    opposite = reverse_complement(bases), np.ascontiguousarray(found[::-1, ::-1])
    turned = strand == "-"
    if strand == ".":
        turned = (opposite[0].tobytes(), opposite[1].tobytes()) < (bases.tobytes(), found.tobytes())
    if turned:
        bases, found = opposite
    return Explained(number, turned, start, bases, found)
