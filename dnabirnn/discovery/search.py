"""Motifs in the contributions of the targets of a class.

    k-mer that matters most -> its copies, aligned -> matrix -> matches of the matrix -> matrix ...

Each motif begins as the k-mer with the largest sum of contributions. The matrix of its copies,
with the bases around them, is trimmed to the columns that matter, and matched with all targets
again; the matches make the next matrix, until they no longer change. Their bases then no longer
count, and the next k-mer begins the next motif.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.discovery.matching import best_apart, match, opposite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.discovery.contributions import Explained
    from dnabirnn.discovery.options import DiscoveryOptions

__all__ = ["Aligned", "Surroundings", "search_motifs"]

_SEED_BP = (8, 7, 6)
"""Lengths of k-mers that motifs begin as: the first one that is frequent enough."""
_LONGEST_BP = 200
"""Longest motif."""
_FLANK_BP = 15
"""Bases on either side of a motif that may be added to it at a time."""
_GAP_BP = 8
"""Most columns in a row inside a motif that do not matter."""
_SHORTEST_BP, _LEAST_INFORMATION = 4, 8.0
"""Fewest columns and bits of a motif. With less than 8 bits, random bases match once in 256."""
_ROUNDS, _SETTLING, _TRIES = 30, 2, 60
"""Most rounds of a motif, rounds of the competition for sites, and k-mers that are tried."""
_SEED_COSINE = 0.7
"""Smallest cosine of a match while motifs grow. With less, two motifs that share a few bases, such
as those of CTCF and YY1, become one."""
_SITE_COSINE = 0.6
"""Smallest cosine of a site. All motifs compete for the sites, so that it can be lower."""
_SEED_SCORE, _SITE_SCORE = 0.5, 0.3
"""Smallest score of a match while motifs grow, and of a site: its cosine times its importance, as a
share of the median of all of them. Columns are chosen by the stronger ones."""
_PART_COSINE, _PART_ENERGY = 0.8, 0.7
"""A motif is part of another one if its columns, without at most 30 % of what they matter, are like
columns of the other one."""
_PART_SHARE = 0.25
"""If a part matters less than a quarter as much in all, it is left out: its sites are those of the
other motif that vary."""
_SHUFFLES = 10
_LEAST_RATIO = 3
"""Matches of a motif, compared with those of its columns in other orders that are unlike it."""
_LEAST_IMPORTANCE = 0.01
"""Smallest sum of contributions of a motif, as a share of that of the first motif."""
_LEAST_SHARE, _LEAST_BITS = 0.25, 0.15
"""Smallest contribution of the best base of a column, as a share of that of the best columns, and
smallest information of the column."""
_LOW_SHARE, _MANY_BITS = 0.05, 0.75
"""The same for a column that matters little, but is nearly the same in all sites."""


class Surroundings:
    """Contributions of the bases of all targets of a class, one after another.

    Parameters
    ----------
    targets : sequence of Explained
        In an order that the opposite strand does not change.

    Attributes
    ----------
    codes : ndarray, (N,) uint8
        Targets are separated by a base of code 4.
    values : ndarray, (N,) float64
        Contributions of the bases.
    owners : ndarray, (N,) int64
        Number of the target, among those given, of each base.
    firsts, ends : ndarray, (n,) int64
        Place of the first base of each target, and of the base of code 4 after the last one.
    """

    def __init__(self, targets: Sequence[Explained]) -> None:
        codes, values, owners, firsts, end = [], [], [], [], 0
        for number, one in enumerate(targets):
            base = np.minimum(one.codes, AMBIGUOUS - 1).astype(np.int64)
            own = np.take_along_axis(one.contributions, base[:, None], axis=1)[:, 0]
            codes += [one.codes, np.array([AMBIGUOUS], np.uint8)]
            values += [np.where(one.codes < AMBIGUOUS, own, 0).astype(np.float64), np.zeros(1)]
            owners.append(np.full(len(own) + 1, number))
            firsts.append(end)
            end += len(own) + 1
        self.codes: Codes = np.concatenate(codes)
        self.values: NDArray[np.float64] = np.concatenate(values)
        self.owners: NDArray[np.int64] = np.concatenate(owners)
        self.firsts = np.array(firsts, np.int64)
        self.ends = np.append(self.firsts[1:], end) - 1
        counts = np.bincount(self.codes, minlength=AMBIGUOUS + 1)[:AMBIGUOUS] + 1.0
        both = counts + counts[::-1]
        self.background: NDArray[np.float64] = both / both.sum()

    def sums(self, values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
        """Return the sums of each `width` values: (N - width + 1,)."""
        return np.asarray(np.lib.stride_tricks.sliding_window_view(values, width).sum(axis=1))


class Aligned(NamedTuple):
    """Sites of a motif.

    Attributes
    ----------
    starts : ndarray, (n,) int64
        Places of the leftmost bases, sorted.
    minus : ndarray, (n,) bool
        True where the motif is read on the opposite strand.
    counts : ndarray, (W, 4) float64
    matrix : ndarray, (W, 4) float64
        Sum of the contributions of the bases of the sites, by base, per site.
    """

    starts: NDArray[np.int64]
    minus: NDArray[np.bool_]
    counts: NDArray[np.float64]
    matrix: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.counts)

    @property
    def total(self) -> float:
        """Sum of the contributions of all sites."""
        return float(self.matrix.sum()) * len(self.starts)


def search_motifs(around: Surroundings, options: DiscoveryOptions) -> list[Aligned]:
    """Return the motifs of a class, those with the largest sums of contributions first."""
    search = _Search(around, options)
    return search.settled(search.distinct(search.found()))[: options.max_motifs]


class _Places(NamedTuple):
    """Matches of a motif, sorted by start.

    Attributes
    ----------
    starts : ndarray, (n,) int64
    minus : ndarray, (n,) bool
    scores : ndarray, (n,) float64
        Cosine times sum of the contributions.
    """

    starts: NDArray[np.int64]
    minus: NDArray[np.bool_]
    scores: NDArray[np.float64]

    def chosen(self, which: NDArray[Any]) -> _Places:
        """Return some of the matches."""
        return _Places(self.starts[which], self.minus[which], self.scores[which])


class _Search:
    """Search in the contributions of a class; bases of motifs that were found no longer count."""

    def __init__(self, around: Surroundings, options: DiscoveryOptions) -> None:
        self._around, self._options = around, options
        self._values = around.values.copy()
        self._least = self._noise()

    def found(self) -> list[Aligned]:
        """Return motifs one after another, until no k-mer makes one."""
        found: list[Aligned] = []
        tried: set[tuple[int, int]] = set()
        # Those that turn out to be part of others do not count.
        while len(found) < 3 * self._options.max_motifs and len(tried) < _TRIES:
            seed = self._seed(tried)
            if seed is None:
                break
            tried.add(seed[0])
            one = self._refined(*seed[1:])
            if one is not None:
                found.append(one)
                self._values = self._without(one)
        self._values = self._around.values.copy()
        return found

    def distinct(self, found: list[Aligned]) -> list[Aligned]:
        """Return the motifs that are not part of others, those that matter most first.

        When they were found, bases of motifs before them did not count. They do when motifs are
        compared: what was left over of another motif is then like that motif.
        """
        kept: list[Aligned] = []
        for one in sorted(found, key=lambda motif: -motif.total):
            whole = self._aligned(_of(one), one.width, 0)
            if not any(self._repeats(whole, one.total, other) for other in kept):
                kept.append(whole)
        return kept

    def _repeats(self, one: Aligned, total: float, other: Aligned) -> bool:
        """Return whether a motif is like another one, or like part of it and matters much less."""
        wide = self._aligned(_of(other), other.width, _FLANK_BP)
        if not is_part(one.matrix, wide.matrix):
            return False
        return total < _PART_SHARE * other.total or is_part(other.matrix, one.matrix)

    def settled(self, motifs: list[Aligned]) -> list[Aligned]:
        """Return motifs with the sites for which they compete."""
        wide = [self._aligned(_of(one), one.width, _flank(one.width)) for one in motifs]
        motifs = [one for one in map(self._trimmed, wide) if one is not None]
        for _ in range(_SETTLING):
            motifs = self._competed(self.distinct(motifs))
        return motifs

    def _competed(self, motifs: list[Aligned]) -> list[Aligned]:
        """Return motifs with the best matches that do not overlap, of all motifs together."""
        every = [self._matches(one.matrix, _SITE_COSINE) for one in motifs]
        if not every:
            return []
        numbers = [len(own.starts) for own in every]
        widths = np.repeat([one.width for one in motifs], numbers)
        joined = _Places(*(np.concatenate(part) for part in zip(*every, strict=True)))
        owners = np.repeat(np.arange(len(every)), numbers)
        order = np.lexsort((joined.minus, joined.starts, owners, -joined.scores))
        chosen = best_apart(order, joined.starts, widths, len(self._values))
        found = []
        for number, one in enumerate(motifs):
            own = joined.chosen(np.flatnonzero(chosen & (owners == number)))
            if len(own.starts) >= self._options.min_sites:
                found.append(self._aligned(own, one.width, 0))
        found.sort(key=lambda motif: -motif.total)
        return [one for one in found if one.total >= _LEAST_IMPORTANCE * found[0].total]

    def _noise(self) -> float:
        """Return the smallest sum of contributions of a site.

        Contributions that lower a score serve as the noise of those that raise it.
        """
        width = _SEED_BP[-1]
        sums = self._around.sums(self._values, width)
        padded = np.append(sums, np.zeros(width - 1))
        peaks = np.maximum.reduceat(padded, self._around.firsts)
        return max(float(np.quantile(-sums, 0.99)), 0.1 * float(np.median(peaks)), 1e-6)

    def _seed(self, tried: set[tuple[int, int]]) -> tuple[tuple[int, int], _Places, int] | None:
        """Return the k-mer that matters most, its copies and its length."""
        for width in _SEED_BP:
            words, turned = _words(self._around.codes, width)
            sums = self._around.sums(self._values, width)
            strong = (words >= 0) & (sums >= self._least)
            either = np.minimum(words, turned)[strong]
            weights = np.bincount(either, sums[strong], minlength=4**width)
            numbers = np.bincount(either, minlength=4**width)
            weights[numbers < max(2, self._options.min_sites // 4)] = 0
            weights[[word for length, word in tried if length == width]] = 0
            word = int(np.argmax(weights))
            if weights[word] > 0:
                starts = np.flatnonzero(strong & ((words == word) | (turned == word)))
                own = _Places(starts, words[starts] != word, sums[starts])
                return (width, word), own, width
        return None

    def _refined(self, places: _Places, width: int) -> Aligned | None:
        """Return the motif that copies of a k-mer lead to, or None if there is none."""
        seen: set[bytes] = set()
        one = None
        for _ in range(_ROUNDS):
            if len(places.starts) < 2:
                return None
            one = self._trimmed(self._aligned(places, width, _flank(width)))
            if one is None:
                return None
            places, width = self._matches(one.matrix, _SEED_COSINE), one.width
            state = places.starts.tobytes() + places.minus.tobytes() + bytes([width])
            if state in seen:
                break
            seen.add(state)
        if len(places.starts) < self._options.min_sites:
            return None
        assert one is not None
        found = self._aligned(places, width, 0)
        kept = self._values
        # Its own sites are often matches of a short motif in another order, too.
        self._values = self._without(found)
        # Other orders of a few columns with the same bases are often the motif itself.
        others = [other for other in shuffles(one.matrix) if not is_part(other, one.matrix)]
        by_chance = [len(self._matches(other, _SEED_COSINE).starts) for other in others]
        self._values = kept
        if by_chance and len(places.starts) < _LEAST_RATIO * np.mean(by_chance):
            return None
        return found

    def _without(self, motif: Aligned) -> NDArray[np.float64]:
        """Return the contributions without those of the sites of a motif."""
        values = self._values.copy()
        values[(motif.starts[:, None] + np.arange(motif.width)).ravel()] = 0
        return values

    def _aligned(self, places: _Places, width: int, flank: int) -> Aligned:
        """Return the motif of places of `width` bases and flanks."""
        offsets = np.arange(-flank, width + flank)
        turned = places.minus[:, None]
        index = places.starts[:, None] + np.where(turned, width - 1 - offsets, offsets)
        owners = self._around.owners
        within = np.clip(index, 0, len(owners) - 1)
        inside = (index == within) & (owners[within] == owners[places.starts][:, None])
        codes = self._around.codes[within]
        codes = np.where(turned & (codes < AMBIGUOUS), 3 - codes, codes)
        codes = np.where(inside, codes, AMBIGUOUS)
        values = self._values[within]
        found = [codes == base for base in range(4)]
        counts = np.stack([own.sum(axis=0) for own in found], axis=1).astype(np.float64)
        sums = np.stack([np.where(own, values, 0).sum(axis=0) for own in found], axis=1)
        matrix = sums / max(len(codes), 1)
        return Aligned(places.starts - flank, places.minus, counts, matrix)

    def _trimmed(self, one: Aligned) -> Aligned | None:
        """Return a motif without the columns at its ends that do not matter."""
        background = self._around.background
        shares = (one.counts + background) / (one.counts.sum(axis=1, keepdims=True) + 1)
        bits = (shares * np.log2(shares / background)).sum(axis=1)
        strength = one.matrix.max(axis=1)
        best = np.sort(strength)[-5:].mean()
        if best <= 0:
            return None
        strong = (strength >= _LEAST_SHARE * best) & (bits >= _LEAST_BITS)
        constant = (strength >= _LOW_SHARE * best) & (bits >= _MANY_BITS)
        kept = np.flatnonzero(strong | constant)
        groups = np.split(kept, np.flatnonzero(np.diff(kept) > _GAP_BP + 1) + 1)
        group = max(groups, key=lambda own: strength[own].sum())
        first, last = int(group[0]), int(group[-1]) + 1
        if last - first < _SHORTEST_BP or bits[first:last].sum() < _LEAST_INFORMATION:
            return None
        starts = one.starts + np.where(one.minus, one.width - last, first)
        # A motif may grow beyond the surroundings of a target.
        owners = self._around.owners
        ends = starts + last - first - 1
        whole = (starts >= 0) & (ends < len(owners))
        whole[whole] = owners[starts[whole]] == owners[ends[whole]]
        matrix = one.matrix[first:last]
        return Aligned(starts[whole], one.minus[whole], one.counts[first:last], matrix)

    def _matches(self, matrix: NDArray[np.float64], least_cosine: float) -> _Places:
        """Return the matches of a motif that do not overlap, the best of those that do."""
        width, owners = len(matrix), self._around.owners
        size = max(len(self._values) - width + 1, 0)
        # The base of code 4 after a target has its owner: a place that ends there is outside.
        inside = owners[:size] == owners[width - 1 :]
        inside[self._around.ends[self._around.ends >= width - 1] - width + 1] = False
        both: list[_Places] = []
        for minus in (False, True):
            cosines, sums = np.empty(size), np.empty(size)
            way = opposite(matrix) if minus else np.ascontiguousarray(matrix)
            match(self._around.codes, self._values, way, cosines, sums)
            own = np.flatnonzero((cosines >= least_cosine) & (sums >= self._least) & inside)
            both.append(_Places(own, np.full(len(own), minus), cosines[own] * sums[own]))
        every = _Places(*(np.concatenate(part) for part in zip(*both, strict=True)))
        order = np.lexsort((every.minus, every.starts, -every.scores))
        apart = best_apart(order, every.starts, np.full(len(order), width), len(self._values))
        kept = every.chosen(np.flatnonzero(apart))
        if len(kept.scores):
            share = _SEED_SCORE if least_cosine == _SEED_COSINE else _SITE_SCORE
            least = share * np.median(kept.scores)
            kept = kept.chosen(np.flatnonzero(kept.scores >= least))
        return kept.chosen(np.argsort(kept.starts, kind="stable"))


def _of(one: Aligned) -> _Places:
    return _Places(one.starts, one.minus, np.zeros(len(one.starts)))


def _flank(width: int) -> int:
    return min(_FLANK_BP, max(0, (_LONGEST_BP - width) // 2))


def _words(codes: Codes, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each k-mer and of its reverse complement, or -1 if it has code 4.

    Examples
    --------
    >>> [own.tolist() for own in _words(np.array([0, 1, 4, 3, 3], np.uint8), 2)]
    [[1, -1, -1, 15], [11, -1, -1, 0]]
    """
    view = np.lib.stride_tricks.sliding_window_view(codes, width).astype(np.int64)
    known = (view < AMBIGUOUS).all(axis=1)
    powers = 4 ** np.arange(width)[::-1]
    return (
        np.where(known, view @ powers, -1),
        np.where(known, (3 - view[:, ::-1]) @ powers, -1),
    )


def shuffles(matrix: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return a matrix (W, 4) with its columns in other, random orders."""
    random = np.random.default_rng(0)
    return [matrix[random.permutation(len(matrix))] for _ in range(_SHUFFLES)]


def overlaps(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the common columns of two matrices at all offsets, and on both strands."""
    for way in (one, opposite(one)):
        for offset in range(1 - len(way), len(other)):
            first, last = max(0, offset), min(len(other), offset + len(way))
            yield way[first - offset : last - offset], other[first:last]


def is_part(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether a matrix is like some columns of another one."""
    energy = (one**2).sum()
    for own, its in overlaps(one, other):
        inside, across = (own**2).sum(), (its**2).sum()
        least = _PART_COSINE * np.sqrt(inside * across)
        if inside >= _PART_ENERGY * energy and least > 0 and (own * its).sum() >= least:
            return True
    return False
