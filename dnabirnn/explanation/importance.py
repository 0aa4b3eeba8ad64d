"""Importance of bases for sites: what a site loses on average if a base changes.

The importance of a base for an interval is minus the mean, over its three substitutions, of the
change of the log-odds summed over the interval. It is computed for each output. The interval is
fixed: the same bases are summed for all substitutions.

With several intervals, such as the calls of a genome, each base has the interval that covers it as
its target, or else the nearest one within the reach. A base as near to one as to another has the
mean of both importances, so that the opposite strand has the mirrored values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from dnabirnn.explanation.changes import mapped
from dnabirnn.explanation.stream import Mutagenesis, effects

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation.stream import EffectBlock
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = [
    "ImportanceBlock",
    "SiteEffects",
    "TargetsOf",
    "copies",
    "find_targets",
    "importance_blocks",
    "near_targets",
    "site_effects",
]

TargetsOf: TypeAlias = "Callable[[str, int], NDArray[np.int64]]"
"""Function that returns the intervals of a contig, (n, 2), sorted and disjoint, for an output."""


class ImportanceBlock(NamedTuple):
    """Importance of neighbouring bases of a contig.

    Attributes
    ----------
    name : str
        Name of the contig.
    start : int
        0-based position of the first base.
    codes : ndarray, (m,) uint8
    importance : ndarray, (m, O) float32
        NaN where a base has no target, or has code 4.
    """

    name: str
    start: int
    codes: Codes
    importance: NDArray[np.float32]


class SiteEffects(NamedTuple):
    """Effects of the substitutions of neighbouring bases on one site.

    Attributes
    ----------
    start : int
        0-based position of the first base.
    output : int
        Output of the site.
    site : tuple of int
        Start and end of the site.
    importance : ndarray, (m,) float32
        Minus the mean of `log_odds` over the three substitutions of a base; NaN for code 4.
    log_odds : ndarray, (m, 4) float32
        Change of the log-odds summed over the site, by new base. 0 for the base itself, and NaN for
        bases of code 4.
    gain, loss : ndarray, (m, 4) float32
        Largest increase and largest decrease of the probability of any base within the reach,
        which may be outside the site.
    """

    start: int
    output: int
    site: tuple[int, int]
    importance: NDArray[np.float32]
    log_odds: NDArray[np.float32]
    gain: NDArray[np.float32]
    loss: NDArray[np.float32]


class _Targets(NamedTuple):
    """Target of each base: one interval, or two at the same distance.

    Attributes
    ----------
    first, second : ndarray, (n, 2) int64
        Start and end. Both are equal if there is one target, and empty if there is none.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]


def find_targets(
    positions: NDArray[np.int64], intervals: NDArray[np.int64], reach_bp: int
) -> _Targets:
    """Find the interval that covers each base, or the nearest one within the reach.

    Parameters
    ----------
    positions : ndarray, (n,) int64
    intervals : ndarray, (m, 2) int64
        Sorted and disjoint.
    reach_bp : int
        Largest distance, 1 for a base beside the interval.

    Examples
    --------
    >>> intervals = np.array([[2, 4], [6, 9]])
    >>> find_targets(np.array([0, 3, 4, 5, 11]), intervals, 2).first.tolist()
    [[2, 4], [2, 4], [2, 4], [6, 9], [0, 0]]
    """
    none = np.iinfo(np.int64).max // 2
    # Far away on both sides, so that each base has a neighbour on either side.
    starts = np.concatenate([[-none], intervals[:, 0], [none]])
    ends = np.concatenate([[-none], intervals[:, 1], [none]])
    after = np.searchsorted(starts, positions, side="right")
    before = after - 1
    left = np.maximum(positions - ends[before] + 1, 0)
    right = starts[after] - positions
    first, second = np.where(left <= right, before, after), np.where(right <= left, after, before)
    within = np.minimum(left, right) <= reach_bp
    spans = np.stack([starts, ends], axis=1)
    return _Targets(*(np.where(within[:, None], spans[one], 0) for one in (first, second)))


def _importance_of(
    profiles: NDArray[np.float32], positions: NDArray[np.int64], targets: list[_Targets]
) -> NDArray[np.float32]:
    """Return the importance of bases for their targets.

    Parameters
    ----------
    profiles : ndarray, (n, 4, 2 * reach + 1, O) float32
        Changes of the log-odds by all substitutions of each base, as in `EffectBlock`.
    positions : ndarray, (n,) int64
        Position of each base.
    targets : list of _Targets
        One for each output.

    Returns
    -------
    importance : ndarray, (n, O) float32
        NaN where there is no target, or where the base has code 4.
    """
    reach = profiles.shape[2] // 2
    places = positions[:, None] + np.arange(-reach, reach + 1)  # (n, columns)
    found = np.full((len(positions), len(targets)), np.nan)
    for output, of_output in enumerate(targets):
        first, second = (
            _summed(profiles[..., output], (places >= one[:, :1]) & (places < one[:, 1:]))
            for one in of_output
        )
        has_one = of_output.first[:, 1] > of_output.first[:, 0]
        found[:, output] = np.where(has_one, -(first + second) / 2, np.nan)
    return found.astype(np.float32)


def _summed(profiles: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean over the substitutions of the sum over the chosen columns: (n,).

    Complementary bases are added first. With `_sum_columns`, the mirrored sums of the opposite
    strand are then equal to the last bit.
    """
    of_base = _sum_columns(profiles, chosen)
    mean: NDArray[np.float64] = (
        (of_base[:, 0] + of_base[:, 3]) + (of_base[:, 1] + of_base[:, 2])
    ) / 3
    return mean


def _sum_columns(profiles: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum profiles (n, 4, columns) over the chosen columns (n, columns): (n, 4).

    Columns at the same distance, which the opposite strand exchanges, are added first.
    """
    kept = np.where(chosen[:, None], profiles, 0).astype(np.float64)
    of_base: NDArray[np.float64] = (kept + kept[..., ::-1]).sum(axis=2) / 2
    return of_base


def near_targets(
    name: str, length: int, targets: TargetsOf, outputs: int, reach_bp: int, circular: bool
) -> NDArray[np.int64]:
    """Return the bases of a contig that have a target, as sorted, disjoint intervals (n, 2).

    Parameters
    ----------
    name, length
        Of the contig.
    targets : callable
    outputs : int
    reach_bp : int
    circular : bool
        Whether the reach goes on across the origin.
    """
    every = [copies(targets(name, output), length, circular) for output in range(outputs)]
    spans = np.concatenate([np.zeros((0, 2), np.int64), *every])
    spans = (spans + np.array([-reach_bp, reach_bp], np.int64)).clip(0, length)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    spans = spans[spans[:, 0] < spans[:, 1]]
    if not len(spans):
        return spans
    reached = np.maximum.accumulate(spans[:, 1])
    fresh = np.flatnonzero(np.append(True, spans[1:, 0] > reached[:-1]))
    return np.stack([spans[fresh, 0], reached[np.append(fresh[1:], len(spans)) - 1]], axis=1)


def copies(intervals: NDArray[np.int64], length: int, circular: bool) -> NDArray[np.int64]:
    """Return intervals, and for a circular contig also those one turn before and after."""
    turns = (-length, 0, length) if circular else (0,)
    return np.concatenate([intervals + turn for turn in turns])


def importance_blocks(
    contigs: Iterable[Contig],
    model: Model,
    reach_bp: int,
    targets: TargetsOf,
    circular: Container[str] = (),
) -> Iterator[ImportanceBlock]:
    """Yield the importance of the bases within reach of targets.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    model : Model
    reach_bp : int
    targets : callable
    circular : container of str
        Names of circular contigs.
    """
    outputs, lengths = len(model.outputs), {}

    def wanted(name: str, length: int) -> NDArray[np.int64]:
        lengths[name] = length
        return near_targets(name, length, targets, outputs, reach_bp, name in circular)

    mutagenesis = Mutagenesis(reach_bp, profiles=True)
    for block in effects(contigs, model, mutagenesis, wanted, circular):
        intervals = [
            copies(targets(block.name, output), lengths[block.name], block.name in circular)
            for output in range(outputs)
        ]
        yield ImportanceBlock(
            block.name, block.start, block.codes, _of_block(block, intervals, reach_bp)
        )


def _of_block(
    block: EffectBlock, intervals: list[NDArray[np.int64]], reach_bp: int
) -> NDArray[np.float32]:
    positions = np.arange(block.start, block.start + len(block.codes))
    targets = [find_targets(positions, own, reach_bp) for own in intervals]
    return _importance_of(block.substitutions.profiles, positions, targets)


def site_effects(
    contig: Contig,
    model: Model,
    output: int,
    site: tuple[int, int],
    start: int,
    end: int,
) -> SiteEffects:
    """Compute what the substitutions of an interval change at a site.

    The reach is as long as the distance from any base of the interval to any base of the site, or
    at most a scoring window. So it takes the same time for any contig.

    Parameters
    ----------
    contig : Contig
        A linear contig.
    model : Model
    output : int
        Output whose log-odds are summed.
    site : tuple of int
        Start and end of the bases over which they are summed.
    start, end : int
        Bases to change.

    Raises
    ------
    ScoreError
        If the log-odds are not finite numbers.
    """
    reach_bp = max(1, end - 1 - site[0], site[1] - 1 - start)
    reach_bp = min(reach_bp, model.checkpoint.scoring_window.length_bp)
    blocks = list(
        effects(
            [contig],
            model,
            Mutagenesis(reach_bp, profiles=True),
            lambda name, length: np.array([[start, end]], np.int64),
        )
    )
    changes = mapped(
        lambda *arrays: np.concatenate(arrays)[..., output],
        *(block.substitutions for block in blocks),
    )
    places = np.arange(start, end)[:, None] + np.arange(-reach_bp, reach_bp + 1)
    chosen = (places >= site[0]) & (places < site[1])
    log_odds = _sum_columns(changes.profiles, chosen)
    importance = -_summed(changes.profiles, chosen)
    return SiteEffects(
        start,
        output,
        site,
        importance.astype(np.float32),
        log_odds.astype(np.float32),
        changes.gain,
        changes.loss,
    )
