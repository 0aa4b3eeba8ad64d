"""How much each base of a whole sequence counts in the score of the sequence.

`dnabirnn.network.sequence_scores` pools the log-odds z of all sites of a sequence. A small change
dz of the log-odds of its sites changes those of the sequence by::

    dx = sum over sites of dz / (1 + exp(-z)) / (1 - exp(-t))      t = sum of log(1 + exp(z))

and z is the mean of the log-odds of the bases of a site. So a base counts by its share, which is
the sum of these factors over the sites that it is in, divided by their length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.discovery.best_intervals import rows_of
from dnabirnn.discovery.targets import outputs_of
from dnabirnn.scoring import log_odds_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.discovery.targets import Target
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["pooled_shares", "shares_of_bases"]

_LEAST = 1e-12


def pooled_shares(
    contigs: Iterable[Contig],
    model: Model,
    targets: Sequence[Target],
    circular: Container[str] = (),
) -> list[NDArray[np.float64]]:
    """Return how much each base of targets counts, on the strands of their class.

    Parameters
    ----------
    contigs : iterable of Contig
    model : Model
        One that learned labels of whole sequences.
    targets : sequence of Target
    circular : container of str
        Names of circular contigs.

    Returns
    -------
    shares : list of ndarray, (w, S) float64
        One for each target, with a column for each output of the class.
    """
    scores = model.checkpoint.sequences
    assert scores is not None
    own: dict[str, list[int]] = {}
    for number, target in enumerate(targets):
        own.setdefault(target.contig, []).append(number)

    def regions(name: str) -> NDArray[np.int64]:
        rows = [(targets[number].start, targets[number].end) for number in own.get(name, [])]
        return np.array(rows, np.int64).reshape(-1, 2)

    shares: dict[int, NDArray[np.float64]] = {}
    chosen = (contig for contig in contigs if contig.name in own)
    # Targets may overlap, but those that are wanted must not: each contig is scored as a whole.
    blocks = model.blocks(chosen, circular=circular)
    for place, block in rows_of(blocks, regions):
        number = own[block.name][place]
        columns = outputs_of(model, targets[number].output)
        log_odds = log_odds_of(block)[:, columns]
        shares[number] = shares_of_bases(log_odds, scores.site_bp)
    return [shares[number] for number in range(len(targets))]


def shares_of_bases(log_odds: NDArray[np.float64], site_bp: int) -> NDArray[np.float64]:
    """Return the share of each base, from the log-odds of the bases: (w, S).

    Sums are the same on the opposite strand, to the bit.

    Examples
    --------
    >>> shares_of_bases(np.array([[-9.0], [9.0], [9.0], [-9.0]]), 2).round(2).tolist()
    [[0.25], [0.75], [0.75], [0.25]]
    """
    site_bp = min(site_bp, len(log_odds))
    z = _sums(log_odds, site_bp) / site_bp
    every = np.logaddexp(0, z)
    total = max(float((every + every[::-1, ::-1]).sum() / 2), _LEAST)
    factors = 1 / (1 + np.exp(-np.clip(z, -700, 700))) / -np.expm1(-total)
    padded = np.pad(factors, ((site_bp - 1, site_bp - 1), (0, 0)))
    return _sums(padded, site_bp) / site_bp


def _sums(values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Return the sums of each `number` rows; those at the same distance from the ends first."""
    runs = np.lib.stride_tricks.sliding_window_view(values, number, axis=0)
    return np.asarray((runs + runs[..., ::-1]).sum(axis=-1) / 2)
