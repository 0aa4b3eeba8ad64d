"""Grammar: orientations and spacings of two motifs that are more frequent than by chance.

Two sites of a target are a pair if they do not overlap. The distance is that from the left end of
the first to the left end of the second, where left and right are those of the first motif's strand.

By chance, the second motif would stand as far from the first in one target as it does in another.
So the sites of all other targets, laid over each target so that their middles and strands agree,
give the distribution of distances that is expected; it is smoothed over 10 bp on either side.

This says nothing where the targets are themselves sites of one of the motifs, such as the calls of
a model, because then other targets have the same spacing. A motif is taken for the target if half
of its sites or more begin at the same distance from the middle, the left end or the right end of
their targets, give or take 2 bp. Then the second motif stands by chance anywhere in the target and
its surroundings, on either strand.

Each target counts once for a spacing. With n pairs in a target, and a share s of the distribution
at a spacing, a target has it with probability 1 - (1 - s)^n. The p-value is the probability that a
Poisson variable, whose mean is the sum of these over the targets, is as large as the number seen or
larger. q-values are those of Benjamini and Hochberg over all orientations, distances and pairs.
Distances that are at most 3 bp from each other are joined in one row.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.discovery.significance import false_discovery_rates, poisson_tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.discovery.found_motif import Discovery, FoundMotif

__all__ = ["GRAMMAR_SCHEMA", "MAX_Q", "grammar_table"]

GRAMMAR_SCHEMA: dict[str, type[pl.DataType]] = {
    "class": pl.String,
    "first": pl.String,
    "second": pl.String,
    "orientation": pl.String,
    "distance": pl.Int64,
    "low": pl.Int64,
    "high": pl.Int64,
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
_ANCHORED_BP, _ANCHORED_SHARE = 2, 0.5
_JOINED_BP = 3
_LEAST_TARGETS, _LEAST_SHARE = 3, 0.01
"""A spacing in fewer targets, or in a smaller share of those of the class, is not reported."""
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
        to the left end of the second on the first's strand; the most frequent one), low and high
        (the range of the distance), gap (bases between the sites at this distance), targets (with
        a pair in the range), expected (mean number of such targets by chance), share (of the
        targets with any pair), pvalue and qvalue (the smallest in the range).
    """
    spacings: list[list[_Spacing]] = []
    pairs: list[_Pair] = []
    tests = 0
    frames = _by_class(discovery)
    for first, second in _pairs(discovery.motifs):
        pairs.append(_Pair(first, second, frames[first.class_name]))
        own, own_tests = _tested(pairs[-1])
        tests += own_tests
        spacings.append(own)
    pvalues = np.array([one.pvalue for own in spacings for one in own])
    rates = iter(false_discovery_rates(pvalues, tests).tolist())
    rows: list[dict[str, Any]] = []
    for pair, own in zip(pairs, spacings, strict=True):
        kept = [(one, rate) for one in own if (rate := next(rates)) <= max_q]
        found = [_row(pair, joined) for joined in _ranges(kept)]
        rows += sorted(found, key=lambda row: (row["qvalue"], row["pvalue"], row["distance"]))
    return pl.DataFrame(rows, schema=GRAMMAR_SCHEMA)


def _pairs(motifs: Sequence[FoundMotif]) -> Iterator[tuple[FoundMotif, FoundMotif]]:
    for first, second in combinations_with_replacement(motifs, 2):
        if first.class_name == second.class_name:
            yield first, second


class _Frame(NamedTuple):
    """Targets of all classes: twice their middles, their lengths, and their strands as signs."""

    middles: NDArray[np.int64]  # (n,)
    lengths: NDArray[np.int64]  # (n,)
    signs: NDArray[np.int64]  # (n,): -1 for "-", else 1
    targets: int  # of the class
    both_ways: bool  # targets have no strand, so that each is laid over the others in both ways
    reach_bp: int


class _Sites(NamedTuple):
    """Sites in the frame of their targets: twice the distance from the middle of the target."""

    targets: NDArray[np.int64]
    lefts: NDArray[np.int64]
    signs: NDArray[np.int64]
    width: int

    def turned(self) -> _Sites:
        """Return the sites on the other strand of their targets."""
        return self._replace(lefts=-(self.lefts + 2 * self.width), signs=-self.signs)

    @property
    def oriented(self) -> NDArray[np.int64]:
        """Left ends in the frame of the site, in which the site is on the + strand."""
        return np.where(self.signs > 0, self.lefts, -(self.lefts + 2 * self.width))

    def of(self, chosen: NDArray[np.bool_]) -> _Sites:
        """Return some of the sites."""
        return self._replace(
            targets=self.targets[chosen], lefts=self.lefts[chosen], signs=self.signs[chosen]
        )


def _by_class(discovery: Discovery) -> dict[str, _Frame]:
    targets = discovery.targets
    middles = (targets["start"] + targets["end"]).to_numpy()
    lengths = (targets["end"] - targets["start"]).to_numpy()
    signs = np.where((targets["strand"] == "-").to_numpy(), -1, 1)
    frames = {}
    for name in dict.fromkeys(motif.class_name for motif in discovery.motifs):
        of_class = targets.filter(pl.col("class") == name)
        both_ways = bool((of_class["strand"] == ".").any())
        frames[name] = _Frame(
            middles, lengths, signs, of_class.height, both_ways, discovery.reach_bp
        )
    return frames


def _sites(found: FoundMotif, frame: _Frame) -> _Sites:
    targets = found.sites["target"].to_numpy()
    turn = frame.signs[targets]
    middles = frame.middles[targets]
    starts, ends = (2 * found.sites[name].to_numpy() - middles for name in ("start", "end"))
    signs = np.where((found.sites["strand"] == "-").to_numpy(), -1, 1)
    width = found.motif.width_bp
    sites = _Sites(targets, np.where(turn > 0, starts, -ends), signs * turn, width)
    # On a circular contig, a site beyond the origin looks as if it were far away.
    reach = frame.lengths[targets] + 2 * (frame.reach_bp + width)
    return sites.of(np.abs(sites.lefts) <= reach)


class _Seen(NamedTuple):
    """Pairs of sites: index of the first site, target, orientation (0 or 1) and distance (bp)."""

    first: NDArray[np.int64]
    targets: NDArray[np.int64]
    orientations: NDArray[np.int64]
    distances: NDArray[np.int64]


class _Spacing(NamedTuple):
    """A spacing that was tested.

    Attributes
    ----------
    orientation, distance : int
    targets : ndarray, (n,) int64
        Targets that have it.
    mean : float
        Expected number of targets.
    all_targets : int
        Targets with any pair.
    pvalue : float
    """

    orientation: int
    distance: int
    targets: NDArray[np.int64]
    mean: float
    all_targets: int
    pvalue: float


class _Pair:
    """Sites of two motifs, or of one with itself."""

    def __init__(self, first: FoundMotif, second: FoundMotif, frame: _Frame) -> None:
        self.class_name, self.names = first.class_name, (first.motif.name, second.motif.name)
        self.first, self.second = _sites(first, frame), _sites(second, frame)
        self.itself = first is second
        self.frame = frame
        self.anchored = _is_anchored(self.first, frame) or _is_anchored(self.second, frame)

    def is_apart(self, distances: NDArray[Any], orientation: int) -> NDArray[np.bool_]:
        """Return which distances, in bp, do not overlap; of a motif with itself, each pair once."""
        apart: NDArray[np.bool_]
        apart = (distances >= self.first.width) | (distances <= -self.second.width)
        # From the other copy, a pair of the same orientation is at minus the distance; one of
        # opposite orientation is at the same distance.
        return apart & (distances > 0) if self.itself and orientation == 0 else apart

    def seen(self) -> _Seen:
        """Return the pairs."""
        first, second = _joined(self.first.targets, self.second.targets)
        if self.itself:
            # Both orders of a pair of the same orientation are needed: only one is downstream.
            opposite = self.first.signs[first] != self.second.signs[second]
            kept = (first != second) & (~opposite | (first < second))
            first, second = first[kept], second[kept]
        orientations, distances = _relations(self.first, self.second, first, second)
        kept = self.is_apart(distances // 2, 0) & (orientations == 0)
        kept |= self.is_apart(distances // 2, 1) & (orientations == 1)
        first = first[kept]
        return _Seen(first, self.first.targets[first], orientations[kept], distances[kept] // 2)

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
        for second in (
            [self.second, self.second.turned()] if self.frame.both_ways else [self.second]
        ):
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


def _is_anchored(sites: _Sites, frame: _Frame) -> bool:
    """Return whether half of the sites or more stand at the same place of their targets."""
    if not len(sites.lefts):
        return False
    lefts, lengths = sites.oriented, frame.lengths[sites.targets]
    for places in (lefts, lefts - lengths, lefts + lengths):  # from the middle, from either end
        ordered = np.sort(places)
        last = np.searchsorted(ordered, ordered + 4 * _ANCHORED_BP, side="right")
        if (last - np.arange(len(ordered))).max() >= _ANCHORED_SHARE * len(ordered):
            return True
    return False


def _expected_shares(pair: _Pair, seen: _Seen) -> tuple[NDArray[np.float64], int]:
    """Return the distribution of relations by chance.

    Returns
    -------
    shares : ndarray, (2, 2 * m + 1) float64
        By orientation and distance in bp, from -m on; 0 where sites would overlap.
    most : int
        m.
    """
    parts = (pair.first, pair.second)
    window = int(pair.frame.lengths.max(initial=0)) + 2 * pair.frame.reach_bp
    most = 2 * max(
        window, *(int(np.abs(part.lefts).max(initial=0)) + 2 * part.width for part in parts)
    )
    distances = np.arange(-most, most + 1)
    apart = np.stack([pair.is_apart(distances, orientation) for orientation in range(2)])
    shares = apart * (_anywhere(pair, seen, most) if pair.anchored else _shuffled(pair, most))
    if pair.itself:  # of opposite orientation, both sites see the other one at the same distance
        shares[1] /= 2
    total = shares.sum()
    if total > 0:
        shares /= total
    # Only distances between the smallest and the largest one of any two targets are possible.
    reached = np.flatnonzero(shares.any(axis=0))
    if reached.size:
        apart[:, : reached[0]] = apart[:, reached[-1] + 1 :] = False
    uniform = apart / max(int(apart.sum()), 1)
    if total <= 0:
        return uniform, most
    return (1 - _UNIFORM_SHARE) * shares + _UNIFORM_SHARE * uniform, most


def _anywhere(pair: _Pair, seen: _Seen, most: int) -> NDArray[np.float64]:
    """Return how many second sites have each distance if they stand anywhere: (2 * most + 1,)."""
    lefts = pair.first.oriented[seen.first]
    half = pair.frame.lengths[pair.first.targets[seen.first]] + 2 * pair.frame.reach_bp
    low = (-half - lefts) // 2
    high = (half - 2 * pair.second.width - lefts) // 2
    steps = np.zeros(2 * most + 2)
    share = 1 / np.maximum(high - low + 1, 1)
    np.add.at(steps, low + most, share)
    np.subtract.at(steps, high + most + 1, share)
    return np.maximum(np.cumsum(steps)[:-1], 0)


def _shuffled(pair: _Pair, most: int) -> NDArray[np.float64]:
    """Return the smoothed number of second sites at each distance in other targets: (2, ...)."""
    counts = pair.laid_over(2 * most)
    halves = np.arange(-2 * most, 2 * most + 1) / 2
    window = np.ones(2 * (2 * _SMOOTHED_BP + 1) + 1)
    shares = np.zeros((2, 2 * most + 1))
    for orientation in range(2):
        apart = pair.is_apart(halves, orientation)
        inside = np.convolve(np.where(apart, counts[orientation], 0), window, "same")[::2]
        places = np.convolve(apart.astype(float), window, "same")[::2]
        np.divide(inside, places, out=shares[orientation], where=places > 0)
    return shares


def _tested(pair: _Pair) -> tuple[list[_Spacing], int]:
    """Return the spacings that occur often enough to be of interest, and the number of tests."""
    seen = pair.seen()
    shares, most = _expected_shares(pair, seen)
    tests = int((shares > 0).sum())
    if not len(seen.targets):
        return [], tests
    _, numbers = np.unique(seen.targets, return_counts=True)  # pairs of each target with any
    places = seen.orientations * (2 * most + 1) + seen.distances + most
    once = np.unique(np.stack([places, seen.targets]), axis=1)
    spacings = []
    for place, first, count in zip(
        *np.unique(once[0], return_index=True, return_counts=True), strict=True
    ):
        if count < max(_LEAST_TARGETS, _LEAST_SHARE * pair.frame.targets):
            continue
        orientation, offset = divmod(int(place), 2 * most + 1)
        share = min(float(shares[orientation, offset]), 1 - 1e-12)
        mean = float(-np.expm1(numbers * np.log1p(-share)).sum())
        targets, pvalue = once[1, first : first + count], poisson_tail(int(count), mean)
        spacings.append(_Spacing(orientation, offset - most, targets, mean, len(numbers), pvalue))
    return spacings, tests


def _ranges(found: Sequence[tuple[_Spacing, float]]) -> list[list[tuple[_Spacing, float]]]:
    """Join spacings, sorted by orientation and distance, that are close to each other."""
    ranges: list[list[tuple[_Spacing, float]]] = []
    for one in found:
        before = ranges[-1][-1][0] if ranges else None
        if (
            before is not None
            and before.orientation == one[0].orientation
            and one[0].distance - before.distance <= _JOINED_BP
        ):
            ranges[-1].append(one)
        else:
            ranges.append([one])
    return ranges


def _row(pair: _Pair, joined: Sequence[tuple[_Spacing, float]]) -> dict[str, Any]:
    spacings = [one for one, _ in joined]
    most = max(spacings, key=lambda one: (len(one.targets), -one.pvalue))
    distance = most.distance
    gap = distance - pair.first.width if distance > 0 else -distance - pair.second.width
    targets = len(np.unique(np.concatenate([one.targets for one in spacings])))
    return {
        "class": pair.class_name,
        "first": pair.names[0],
        "second": pair.names[1],
        "orientation": _ORIENTATIONS[most.orientation],
        "distance": distance,
        "low": spacings[0].distance,
        "high": spacings[-1].distance,
        "gap": gap,
        "targets": targets,
        "expected": sum(one.mean for one in spacings),
        "share": targets / most.all_targets,
        "pvalue": min(one.pvalue for one in spacings),
        "qvalue": min(rate for _, rate in joined),
    }
