"""Contributions of the bases in and around targets, read in a frame of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.discovery.targets import around
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
    """
    by_contig: dict[str, list[int]] = {}
    for number, target in enumerate(targets):
        by_contig.setdefault(target.contig, []).append(number)
    outputs = len(model.outputs)
    sums: dict[int, NDArray[np.float64]] = {}

    def watched() -> Iterator[Contig]:
        for contig in contigs:
            if contig.name in by_contig:
                lengths[contig.name] = contig.codes
                yield contig

    lengths: dict[str, Codes] = {}

    def spans(name: str, output: int) -> NDArray[np.int64]:
        own = [targets[number] for number in by_contig.get(name, [])]
        rows = [(one.start, one.end) for one in own if one.output == output]
        return np.array(rows, np.int64).reshape(-1, 2)

    def wanted(name: str, length: int) -> NDArray[np.int64]:
        return near_targets(name, length, spans, outputs, reach_bp, name in circular)

    def finished(name: str) -> Iterator[Explained]:
        codes = lengths.pop(name)
        for number in by_contig[name]:
            yield _framed(
                number, targets[number], codes, sums.pop(number), model, reach_bp, name in circular
            )

    mutagenesis = Mutagenesis(reach_bp, profiles=True)
    before = ""
    for block in effects(watched(), model, mutagenesis, wanted, circular):
        if before and block.name != before:
            yield from finished(before)
        before = block.name
        length = len(lengths[block.name])
        for number in by_contig[block.name]:
            target = targets[number]
            if number not in sums:
                sums[number] = np.zeros((target.end - target.start + 2 * reach_bp, 4))
            turns = (-length, 0, length) if block.name in circular else (0,)
            for turn in turns:
                _add(sums[number], block, target, turn, reach_bp)
    if before:
        yield from finished(before)


def _add(
    sums: NDArray[np.float64], block: EffectBlock, target: Target, turn: int, reach_bp: int
) -> None:
    """Add the effects of a block on a target to `sums` (m, 4), whose rows begin at its reach."""
    left = target.start + turn - reach_bp
    first = max(block.start, left)
    last = min(block.start + len(block.codes), left + len(sums))
    if first >= last:
        return
    profiles = block.substitutions.profiles[first - block.start : last - block.start]
    profiles = profiles[..., target.output]  # (n, 4, columns)
    places = np.arange(first, last)
    columns = target.start + turn - places[:, None] + np.arange(target.end - target.start)
    columns = columns + reach_bp  # (n, w)
    inside = (columns >= 0) & (columns < profiles.shape[2])
    columns = np.where(inside, columns, 0)
    kept = np.take_along_axis(profiles, columns[:, None], axis=2).astype(np.float64)
    kept = np.where(inside[:, None], kept, 0)
    # Bases at the same distance from both ends are added first: the opposite strand has equal sums.
    sums[first - left : last - left] += (kept + kept[..., ::-1]).sum(axis=2) / 2


def _framed(
    number: int,
    target: Target,
    codes: Codes,
    sums: NDArray[np.float64],
    model: Model,
    reach_bp: int,
    circular: bool,
) -> Explained:
    start = target.start - reach_bp
    bases = around(codes, start, target.end + reach_bp, circular)
    changes = np.where((bases < AMBIGUOUS)[:, None], sums, 0.0)
    changes = np.nan_to_num(changes)
    mean = ((changes[:, 0] + changes[:, 3]) + (changes[:, 1] + changes[:, 2])) / 4
    found = ((changes - mean[:, None]) * (4 / 3)).astype(np.float32)
    opposite = reverse_complement(bases), np.ascontiguousarray(found[::-1, ::-1])
    strand = model.outputs[target.output].strand
    turned = strand == "-"
    if strand == ".":
        turned = (opposite[0].tobytes(), opposite[1].tobytes()) < (bases.tobytes(), found.tobytes())
    if turned:
        bases, found = opposite
    return Explained(number, turned, start, bases, found)
