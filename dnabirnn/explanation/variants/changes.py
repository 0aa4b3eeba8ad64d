"""The largest gain and the largest loss of a variant, with their distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.explanation.variants.pairs import Track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.explanation.variants.alleles import Allele
    from dnabirnn.explanation.variants.pairs import Block, Pair

__all__ = ["AlleleChanges", "joined", "largest_changes"]


class AlleleChanges(NamedTuple):
    """What alleles change, by allele and output.

    Attributes
    ----------
    gain, loss : ndarray, (n, O) float32
        Largest increase and decrease of the probability of a base; 0 or more.
    gain_distance, loss_distance : ndarray, (n, O) int32
        Position of this base minus POS; 0 if the gain or loss is 0.
    gain_log_odds, loss_log_odds : ndarray, (n, O) float32
        Change of the log-odds of this base. NaN if it is compared with a base of code 4, or with
        none.
    calls_gained, calls_lost : ndarray, (n, O) int32
        Calls of one allele of which no base is called in the other; -1 for classes without calls.
    """

    gain: NDArray[np.float32]
    gain_distance: NDArray[np.int32]
    gain_log_odds: NDArray[np.float32]
    loss: NDArray[np.float32]
    loss_distance: NDArray[np.int32]
    loss_log_odds: NDArray[np.float32]
    calls_gained: NDArray[np.int32]
    calls_lost: NDArray[np.int32]

    def take(self, which: NDArray[np.int64]) -> AlleleChanges:
        """Return the changes of some alleles."""
        arrays: list[NDArray[Any]] = [array[which] for array in self]
        return AlleleChanges(*arrays)


def joined(changes: Sequence[AlleleChanges]) -> AlleleChanges:
    """Return the changes of several groups of alleles as one."""
    arrays: list[NDArray[Any]] = [np.concatenate(each) for each in zip(*changes, strict=True)]
    return AlleleChanges(*arrays)


class _Candidates(NamedTuple):
    """Changes of bases: of probabilities and of log-odds, (k, O); positions, (k,)."""

    probabilities: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    places: NDArray[np.int64]


def largest_changes(pair: Pair, allele: Allele, reach_bp: int) -> list[NDArray[np.float64]]:
    """Return gain, its distance and its change of the log-odds, and those of the loss: (O,) each.

    A base that both alleles have is compared with itself. Bases that only one allele has are
    compared as a whole: the highest probability among them with the highest among the bases that
    they replace, or of the bases on either side if they replace none. So inserting a base into a
    site that stays one, or deleting one from it, is neither a gain nor a loss; and what is a gain
    for an insertion is a loss for the deletion of the same bases. The position of an insertion is
    the base before it.
    """
    first, last = allele.at - reach_bp - pair.start, allele.end + reach_bp - pair.start
    bases = np.arange(max(first, 0), min(last, len(pair.aligned)))
    bases = bases[pair.aligned[bases] >= 0]
    now = pair.aligned[bases]
    before, after = pair.reference, pair.changed
    change = after.log_odds[now] - before.log_odds[bases]
    known = np.isfinite(change).all(axis=1)
    own = _Candidates(
        (after.probabilities[now] - before.probabilities[bases])[known],
        change[known],
        bases[known] + pair.start,
    )
    gains, losses = [own], [own]
    for block in pair.blocks:
        if not first <= block.start <= last:
            continue
        if block.new_start < block.new_end:
            gains.append(_gain(pair, block))
        if block.start < block.end:
            losses.append(_loss(pair, block))
    return [
        *_largest(gains, 1, allele),
        *_largest(losses, -1, allele),
    ]


def _highest(track: Track, start: int, end: int) -> tuple[NDArray[np.int64], Track]:
    """Return the bases with the highest probability of each output, and their numbers, (O,).

    Without a base, those on either side count; without any base at all, the probability is 0.
    """
    size, outputs = track.probabilities.shape
    bases = np.arange(start, end)
    if start == end:
        bases = np.array([base for base in (start - 1, start) if 0 <= base < size], np.int64)
    if not len(bases):
        return np.full(outputs, start), Track(np.zeros(outputs), np.full(outputs, np.nan))
    best = bases[track.probabilities[bases].argmax(axis=0)]
    columns = np.arange(outputs)
    return best, Track(track.probabilities[best, columns], track.log_odds[best, columns])


def _gain(pair: Pair, block: Block) -> _Candidates:
    """Return the gain of new bases, one row."""
    _, new = _highest(pair.changed, block.new_start, block.new_end)
    _, old = _highest(pair.reference, block.start, block.end)
    place = block.start if block.start < block.end else max(block.start - 1, 0)
    change = np.maximum(new.probabilities - old.probabilities, 0)
    return _Candidates(
        change[None], (new.log_odds - old.log_odds)[None], np.array([place + pair.start])
    )


def _loss(pair: Pair, block: Block) -> _Candidates:
    """Return the loss of removed bases: one row per base that is the highest of an output."""
    places, old = _highest(pair.reference, block.start, block.end)
    _, new = _highest(pair.changed, block.new_start, block.new_end)
    change = np.minimum(new.probabilities - old.probabilities, 0)
    rows = np.eye(len(places), dtype=np.bool_)
    return _Candidates(
        np.where(rows, change, 0),
        np.where(rows, new.log_odds - old.log_odds, 0),
        places + pair.start,
    )


def _largest(
    candidates: Sequence[_Candidates], sign: int, allele: Allele
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest change in a direction, its distance and its change of the log-odds.

    Of equal changes, the one nearest to the allele counts; of two at the same distance, the one
    with the larger change of log-odds.
    """
    p, odds, places = (
        np.concatenate(arrays) if len(candidates) > 1 else arrays[0]
        for arrays in zip(*candidates, strict=True)
    )
    if not len(places):
        zero = np.zeros(p.shape[1])
        return zero, zero, zero
    change = sign * p
    best = change.max(axis=0)
    apart = np.maximum(np.maximum(allele.at - places, places - allele.end + 1), 0)
    nearest = np.where(change == best, apart[:, None], np.iinfo(np.int64).max)
    chosen = nearest == nearest.min(axis=0)
    row = np.where(chosen, np.nan_to_num(sign * odds, nan=-np.inf), -np.inf).argmax(axis=0)
    # All chosen may have an unknown change of log-odds; then the first of them counts.
    row = np.where(np.take_along_axis(chosen, row[None], axis=0)[0], row, chosen.argmax(axis=0))
    some = best > 0
    columns = np.arange(p.shape[1])
    return (
        np.where(some, best, 0),
        np.where(some, places[row] - allele.origin, 0),
        np.where(some, odds[row, columns], 0),
    )
