"""What edits change: the largest gains and losses, and whole profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.errors import ScoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Changes", "check_finite", "extremes_of", "from_columns", "mapped"]


class Changes(NamedTuple):
    """Changes that edits cause, by edit and output.

    Distances are counted from the bases that are replaced: 0 there, -1 for the base before them and
    1 for the base after them.

    Attributes
    ----------
    gain, loss : ndarray, (..., O) float32
        Largest increase and largest decrease of the probability of any base within the reach; 0 or
        more.
    gain_distance, loss_distance : ndarray, (..., O) int32
        Distance of this base; 0 if the gain or loss is 0.
    gain_log_odds, loss_log_odds : ndarray, (..., O) float32
        Change of the log-odds of this base, 0 or less for a loss.
    profiles : ndarray, (..., columns, O) float32
        Change of the log-odds of all bases within the reach, from left to right. Substitutions have
        2 * reach + 1 columns. Deletions have 2 * reach: the deleted bases have none. 0 where there
        is no base, or one of code 4. There are no columns if profiles are not wanted.
    """

    gain: NDArray[np.float32]
    gain_distance: NDArray[np.int32]
    gain_log_odds: NDArray[np.float32]
    loss: NDArray[np.float32]
    loss_distance: NDArray[np.int32]
    loss_log_odds: NDArray[np.float32]
    profiles: NDArray[np.float32]


def mapped(function: Callable[..., NDArray[Any]], *changes: Changes) -> Changes:
    """Apply a function to the arrays of each kind, such as all gains."""
    return Changes(*(function(*arrays) for arrays in zip(*changes, strict=True)))


def check_finite(log_odds: NDArray[np.float32], name: str) -> None:
    """Raise ScoreError unless the log-odds of a window of contig `name` are finite."""
    if not np.isfinite(log_odds).all():
        raise ScoreError(
            f"record {name!r}: the log-odds are not finite numbers; the model's weights are too "
            "large: train it again, with a lower --lr"
        )


def from_columns(
    numbers: NDArray[np.float32], flank: int, new: int, profiles: NDArray[np.float32]
) -> Changes:
    """Return changes from numbers whose distances are columns.

    Parameters
    ----------
    numbers : ndarray, (6, n, O) float32
        Gain, its column, its change of the log-odds; loss, and so on.
    flank : int
        First column of the `new` new bases.
    new : int
    profiles : ndarray
        As in `Changes`.
    """
    gain, gain_column, gain_log_odds, loss, loss_column, loss_log_odds = numbers

    def distance(size: NDArray[np.float32], column: NDArray[np.float32]) -> NDArray[np.int32]:
        past = column.astype(np.int32) - flank
        past = np.where(past >= new, past - new + 1, np.minimum(past, 0))
        return np.where(size > 0, past, 0).astype(np.int32)

    return Changes(
        gain,
        distance(gain, gain_column),
        gain_log_odds,
        loss,
        distance(loss, loss_column),
        loss_log_odds,
        profiles,
    )


def extremes_of(
    log_odds: NDArray[np.float32], probabilities: NDArray[np.float32], new: int
) -> NDArray[np.float32]:
    """Find the largest gains and losses in profiles, as the kernel `extremes` does.

    Of equal changes, the one nearest to the replaced bases counts; of two at the same distance, the
    one with the larger change of log-odds.

    Parameters
    ----------
    log_odds, probabilities : ndarray, (n, columns, O) float32
        Changes.
    new : int
        Columns of new bases, in the middle.

    Returns
    -------
    numbers : ndarray, (6, n, O) float32
        As for `from_columns`; the column is that of the first new base if nothing changes.
    """
    columns = log_odds.shape[1]
    flank = (columns - new) // 2
    place = np.arange(columns)
    apart = np.maximum(np.maximum(flank - place, place - flank - new + 1), 0)[:, None]
    numbers = np.zeros((6, len(log_odds), log_odds.shape[2]), np.float32)
    for side, sign in enumerate((np.float32(1), np.float32(-1))):
        change, of_log_odds = sign * probabilities, sign * log_odds
        best = change.max(axis=1, keepdims=True)
        nearest = np.where(change == best, apart, columns).min(axis=1, keepdims=True)
        chosen = (change == best) & (apart == nearest)
        column = np.where(chosen, of_log_odds, -np.inf).argmax(axis=1)  # (n, O)
        at_column = np.take_along_axis(of_log_odds, column[:, None], axis=1)[:, 0]
        some = best[:, 0] > 0
        numbers[3 * side] = np.where(some, best[:, 0], 0)
        numbers[3 * side + 1] = np.where(some, column, flank)
        numbers[3 * side + 2] = np.where(some, sign * at_column, 0)
    return numbers
