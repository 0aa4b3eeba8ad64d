"""Grammar: orientations and spacings of two motifs that are more frequent than by chance.

Two sites of a target are a pair if they do not overlap. The distance is that from the left end of
the first to the left end of the second, where left and right are those of the first motif's strand.

If the motifs were placed independently, the second motif would stand as far from the first in one
target as it does in another. So the sites of all other targets, laid over each target so that their
middles and strands agree, give the distribution of the distances that is expected. It is smoothed
over 10 bp on either side, because in targets that are themselves sites of one of the motifs, other
targets have a fixed spacing too: what is tested is whether a spacing is exact, and not whether the
motifs prefer to be near the middle of the targets.

Each target counts once for a spacing. With n pairs in a target, and a share s of the distribution
at a spacing, a target has it with probability 1 - (1 - s)^n. The p-value is the probability that a
Poisson variable, whose mean is the sum of these over the targets, is as large as the number seen or
larger. q-values are those of Benjamini and Hochberg over all orientations, distances and pairs.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.discovery.found_motif import Discovery, FoundMotif

__all__ = ["GRAMMAR_SCHEMA", "MAX_Q", "false_discovery_rates", "grammar_table", "poisson_tail"]

GRAMMAR_SCHEMA: dict[str, type[pl.DataType]] = {
    "class": pl.String,
    "first": pl.String,
    "second": pl.String,
    "orientation": pl.String,
    "distance": pl.Int64,
    "gap": pl.Int64,
    "targets": pl.Int64,
    "expected": pl.Float64,
    "share": pl.Float64,
    "pvalue": pl.Float64,
    "qvalue": pl.Float64,
}
MAX_Q = 0.05

_SMOOTHED_BP = 10
_UNIFORM_SHARE = 0.1
"""Share of a uniform distribution in that of distances, because a spacing that no other targets
have is not impossible."""
_LEAST_TARGETS = 3
"""A spacing in fewer targets is not reported."""
_ORIENTATIONS = ("same", "opposite")


def grammar_table(discovery: Discovery, max_q: float = MAX_Q) -> pl.DataFrame:
    """Return the spacings of pairs of motifs of a class that are more frequent than by chance.

    Parameters
    ----------
    discovery : Discovery
    max_q : float
        Largest q-value of a row.

    Returns
    -------
    table : polars.DataFrame
        By pair of motifs in their order, then by q-value: class, first, second (names of the
        motifs), orientation ("same" or "opposite"), distance (bp; from the left end of the first
        to the left end of the second on the first's strand), gap (bases between them), targets
        (with a pair of this spacing), expected (mean number of such targets by chance), share (of
        the targets with any pair), pvalue, qvalue.
    """
    rows: list[dict[str, Any]] = []
    tests = 0
    frames = _by_class(discovery)
    for number, (first, second) in enumerate(_pairs(discovery.motifs)):
        own, own_tests = _tested(_Pair(first, second, frames[first.class_name]))
        tests += own_tests
        rows += [{**row, "pair": number} for row in own]
    table = pl.DataFrame(rows, schema={**GRAMMAR_SCHEMA, "pair": pl.Int64})
    found = false_discovery_rates(table["pvalue"].to_numpy(), tests)
    table = table.with_columns(qvalue=pl.Series(found, dtype=pl.Float64))
    table = table.filter(pl.col("qvalue") <= max_q)
    order = ["pair", "qvalue", "pvalue", "distance", "orientation"]
    return table.sort(order).select(*GRAMMAR_SCHEMA)


def poisson_tail(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is `count` or larger.

    Examples
    --------
    >>> round(poisson_tail(1, 0.5), 6), round(poisson_tail(3, 0.01) * 1e6, 6)
    (0.393469, 0.165422)
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:  # the lower tail is the shorter sum
        term = math.exp(-mean + (count - 1) * math.log(mean) - math.lgamma(count))
        return max(0.0, 1 - _sum(term, (n / mean for n in range(count - 1, 0, -1))))
    term = math.exp(-mean + count * math.log(mean) - math.lgamma(count + 1))
    return min(1.0, _sum(term, (mean / n for n in range(count + 1, count + 10_000_000))))


def _sum(term: float, ratios: Iterator[float]) -> float:
    total = term
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * 1e-17:
            break
    return total


def false_discovery_rates(pvalues: NDArray[np.float64], tests: int) -> NDArray[np.float64]:
    """Return the q-values of Benjamini and Hochberg.

    Parameters
    ----------
    pvalues : ndarray, (n,) float64
    tests : int
        Number of tests, of which the p-values are the smallest; those of the others are 1.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.04, 0.001, 0.01]), 10).round(6).tolist()
    [0.133333, 0.01, 0.05]
    """
    order = np.argsort(pvalues, kind="stable")
    scaled = pvalues[order] * tests / np.arange(1, len(pvalues) + 1)
    rates = np.empty(len(pvalues))
    rates[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return rates


def _pairs(motifs: Sequence[FoundMotif]) -> Iterator[tuple[FoundMotif, FoundMotif]]:
    for first, second in combinations_with_replacement(motifs, 2):
        if first.class_name == second.class_name:
            yield first, second


class _Frame(NamedTuple):
    """Targets of all classes: twice their middles, and their strands as signs."""

    middles: NDArray[np.int64]  # (n,)
    signs: NDArray[np.int64]  # (n,): -1 for "-", else 1
    both_ways: bool  # targets have no strand, so that each is laid over the others in both ways


class _Sites(NamedTuple):
    """Sites in the frame of their targets: twice the distance from the middle of the target."""

    targets: NDArray[np.int64]
    lefts: NDArray[np.int64]
    signs: NDArray[np.int64]
    width: int

    def turned(self) -> _Sites:
        """Return the sites on the other strand of their targets."""
        return self._replace(lefts=-(self.lefts + 2 * self.width), signs=-self.signs)

    def of(self, chosen: NDArray[np.bool_]) -> _Sites:
        """Return some of the sites."""
        return self._replace(
            targets=self.targets[chosen], lefts=self.lefts[chosen], signs=self.signs[chosen]
        )


def _by_class(discovery: Discovery) -> dict[str, _Frame]:
    targets = discovery.targets
    middles = (targets["start"] + targets["end"]).to_numpy()
    signs = np.where((targets["strand"] == "-").to_numpy(), -1, 1)
    frames = {}
    for name in dict.fromkeys(motif.class_name for motif in discovery.motifs):
        of_class = targets.filter(pl.col("class") == name)
        frames[name] = _Frame(middles, signs, bool((of_class["strand"] == ".").any()))
    return frames


def _sites(found: FoundMotif, frame: _Frame) -> _Sites:
    targets = found.sites["target"].to_numpy()
    turn = frame.signs[targets]
    middles = frame.middles[targets]
    starts, ends = (2 * found.sites[name].to_numpy() - middles for name in ("start", "end"))
    signs = np.where((found.sites["strand"] == "-").to_numpy(), -1, 1)
    return _Sites(targets, np.where(turn > 0, starts, -ends), signs * turn, found.motif.width_bp)


class _Pair:
    """Sites of two motifs, or of one with itself."""

    def __init__(self, first: FoundMotif, second: FoundMotif, frame: _Frame) -> None:
        self.class_name, self.names = first.class_name, (first.motif.name, second.motif.name)
        self.first, self.second = _sites(first, frame), _sites(second, frame)
        self.itself = first is second
        self.both_ways = frame.both_ways

    def is_apart(self, distances: NDArray[Any], orientation: int) -> NDArray[np.bool_]:
        """Return which distances, in bp, do not overlap; of a motif with itself, each pair once."""
        apart: NDArray[np.bool_]
        apart = (distances >= self.first.width) | (distances <= -self.second.width)
        # From the other copy, a pair of the same orientation is at minus the distance; one of
        # opposite orientation is at the same distance.
        return apart & (distances > 0) if self.itself and orientation == 0 else apart

    def seen(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return target, orientation (0 or 1) and distance (bp) of each pair."""
        first, second = _joined(self.first.targets, self.second.targets)
        if self.itself:
            # Both orders of a pair of the same orientation are needed: only one is downstream.
            opposite = self.first.signs[first] != self.second.signs[second]
            kept = (first != second) & (~opposite | (first < second))
            first, second = first[kept], second[kept]
        orientations, distances = _relations(self.first, self.second, first, second)
        kept = self.is_apart(distances // 2, 0) & (orientations == 0)
        kept |= self.is_apart(distances // 2, 1) & (orientations == 1)
        return self.first.targets[first][kept], orientations[kept], distances[kept] // 2

    def laid_over(self, reach: int) -> NDArray[np.float64]:
        """Return how often each relation occurs between sites of different targets.

        Parameters
        ----------
        reach : int
            Largest distance, in half bases.

        Returns
        -------
        counts : ndarray, (2, 2 * reach + 1) float64
            By orientation and distance from -reach on.
        """
        counts = np.zeros((2, 2 * reach + 1))
        for second in [self.second, self.second.turned()] if self.both_ways else [self.second]:
            for sign in (1, -1):
                own, others = self.first.of(self.first.signs == sign), second
                if sign < 0:
                    own, others = own.turned(), second.turned()
                for orientation, wanted in enumerate((1, -1)):
                    other_lefts = others.lefts[others.signs == wanted]
                    counts[orientation] += _differences(own.lefts, other_lefts, reach)
            pairs = _joined(self.first.targets, second.targets)
            orientations, distances = _relations(self.first, second, *pairs)
            np.subtract.at(counts, (orientations, distances + reach), 1)
        return counts


def _joined(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of all pairs with the same value.

    Examples
    --------
    >>> [part.tolist() for part in _joined(np.array([5, 7, 5]), np.array([7, 5, 6, 5]))]
    [[0, 0, 1, 2, 2], [1, 3, 0, 1, 3]]
    """
    order = np.argsort(second, kind="stable")
    begins = np.searchsorted(second[order], first, side="left")
    numbers = np.searchsorted(second[order], first, side="right") - begins
    ones = np.repeat(np.arange(len(first)), numbers)
    within = np.arange(len(ones)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return ones, order[begins[ones] + within]


def _relations(
    first: _Sites, second: _Sites, ones: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return orientation (0 or 1) and distance (half bases) of pairs of sites, by index."""
    own, other = first.lefts[ones], second.lefts[others]
    own_sign, other_sign = first.signs[ones], second.signs[others]
    ahead = other - own
    behind = (own + 2 * first.width) - (other + 2 * second.width)
    return (own_sign != other_sign).astype(np.int64), np.where(own_sign > 0, ahead, behind)


def _differences(
    first: NDArray[np.int64], second: NDArray[np.int64], reach: int
) -> NDArray[np.float64]:
    """Count the differences second - first of all pairs, from -reach to reach."""
    counts = np.zeros(2 * reach + 1)
    if not len(first) or not len(second):
        return counts
    low = min(first.min(), second.min())
    span = int(max(first.max(), second.max()) - low) + 1
    size = 1 << (2 * span - 1).bit_length()
    spectra = [
        np.fft.rfft(np.bincount(part - low, minlength=span), size) for part in (first, second)
    ]
    # Whole numbers far below 2^53, so rounding makes them exact again.
    found = np.rint(np.fft.irfft(np.conj(spectra[0]) * spectra[1], size))
    far = min(reach, span - 1)
    counts[reach : reach + far + 1] = found[: far + 1]
    counts[reach - far : reach] = found[size - far :] if far else 0
    return counts


def _expected_shares(pair: _Pair) -> tuple[NDArray[np.float64], int]:
    """Return the distribution of relations by chance.

    Returns
    -------
    shares : ndarray, (2, 2 * m + 1) float64
        By orientation and distance in bp, from -m on; 0 where sites would overlap.
    most : int
        m.
    """
    parts = (pair.first, pair.second)
    reach = 2 * max(int(np.abs(part.lefts).max(initial=0)) + 2 * part.width for part in parts)
    most = reach // 2
    counts = pair.laid_over(2 * most)
    halves = np.arange(-2 * most, 2 * most + 1) / 2
    distances = np.arange(-most, most + 1)
    radius = 2 * _SMOOTHED_BP + 1
    window = np.ones(2 * radius + 1)
    shares = np.zeros((2, 2 * most + 1))
    possible = np.zeros(shares.shape, np.bool_)
    for orientation in range(2):
        allowed = pair.is_apart(halves, orientation)
        inside = np.convolve(np.where(allowed, counts[orientation], 0), window, "same")[::2]
        places = np.convolve(allowed.astype(float), window, "same")[::2]
        whole = pair.is_apart(distances, orientation)
        np.divide(inside, places, out=shares[orientation], where=whole & (places > 0))
        if pair.itself and orientation == 1:  # counted from both of its sites
            shares[orientation] /= 2
        possible[orientation] = whole
    # Only distances between the smallest and the largest one of any two targets are possible.
    reached = np.flatnonzero(shares.any(axis=0))
    if reached.size:
        possible[:, : reached[0]] = possible[:, reached[-1] + 1 :] = False
    uniform = possible / max(int(possible.sum()), 1)
    total = shares.sum()
    if total <= 0:
        return uniform, most
    return (1 - _UNIFORM_SHARE) * shares / total + _UNIFORM_SHARE * uniform, most


def _tested(pair: _Pair) -> tuple[list[dict[str, Any]], int]:
    """Return the spacings that occur often enough to be of interest, and the number of tests."""
    shares, most = _expected_shares(pair)
    targets, orientations, distances = pair.seen()
    tests = int((shares > 0).sum())
    if not len(targets):
        return [], tests
    _, numbers = np.unique(targets, return_counts=True)  # pairs of each target with any
    relation = orientations * (2 * most + 1) + distances + most
    once = np.unique(np.stack([targets, relation]), axis=1)[1]
    rows = []
    for place, count in zip(*np.unique(once, return_counts=True), strict=True):
        if count < _LEAST_TARGETS:
            continue
        orientation, offset = divmod(int(place), 2 * most + 1)
        share = float(shares[orientation, offset])
        mean = float(-np.expm1(numbers * np.log1p(-min(share, 1 - 1e-12))).sum())
        distance = offset - most
        gap = distance - pair.first.width if distance > 0 else -distance - pair.second.width
        rows.append(
            {
                "class": pair.class_name,
                "first": pair.names[0],
                "second": pair.names[1],
                "orientation": _ORIENTATIONS[orientation],
                "distance": distance,
                "gap": gap,
                "targets": int(count),
                "expected": mean,
                "share": int(count) / len(numbers),
                "pvalue": poisson_tail(int(count), mean),
                "qvalue": None,
            }
        )
    return rows, tests
