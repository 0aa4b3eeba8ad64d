"""Warnings about an encoded set: problems that inflate its metrics or harm training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded.splits import SPLITS
from dnabirnn.labels import IGNORE_BIT, class_bits, intervals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded.encoded_set import EncodedSet

__all__ = [
    "K",
    "LabelledSites",
    "canonical_kmers",
    "data_warnings",
    "masked_warnings",
    "near_palindromes",
    "palindrome_warnings",
    "palindromic_share",
    "shared_kmer_share",
    "shared_kmer_warnings",
]

K = 31
"""Length of the words that are compared between splits. It is the largest odd length that fits in
64 bits, at 2 bits per base. A word of odd length is never its own reverse complement."""

_MAX_SHARED = 0.1
_MAX_KMERS = 2_000_000
"""Maximum number of words kept per class and split. If there are more, a sample is kept. Words are
sampled by their hash, so a word that one split keeps is kept by the other too."""
_CHUNK_BASES = 1 << 18

_MAX_PALINDROME_BP = 1_000
_MAX_SITES = 10_000
_PALINDROME_IDENTITY = 0.9
_MAX_PALINDROMIC = 0.5
# Of the 693 REP elements of E. coli, 67 resemble their own reverse complement, all labelled +. Of
# 2,800 terminators of bacteria, which are hairpins, 96 do, on both strands alike.
_BY_CHANCE = 1e-3
_NOTABLE_SHARE = 0.05
_FEW_NEAR = 10
_EVEN = 0.05

_MAX_MASKED_DIFFERENCE = 0.25

# Multiplicative hash: an odd constant (2^64 divided by the golden ratio) and a shift spread the
# bits of a word.
_SPREAD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


class LabelledSites:
    """Labelled intervals of an encoded set, found in one pass over its labels.

    Parameters
    ----------
    encoded : EncodedSet
    """

    def __init__(self, encoded: EncodedSet) -> None:
        self.encoded = encoded
        # Slicing a plain array takes a third of the time of slicing a memmap, and still reads from
        # the file.
        self._labels = encoded.labels.view(np.ndarray)
        self._spans: dict[tuple[str, int, str], list[NDArray[np.int64]]] = {}
        for split in SPLITS:
            for start, end in encoded.split(split).tolist():
                for first in range(start, end, _CHUNK_BASES):
                    self._add(split, first, min(first + _CHUNK_BASES, end))

    def _add(self, split: str, start: int, end: int) -> None:
        labels = self._labels[start:end].copy()
        if not labels.any():
            return
        labels[(labels & labels.dtype.type(IGNORE_BIT)) != 0] = 0
        present = int(np.bitwise_or.reduce(labels))
        for number in range(len(self.encoded.classes)):
            for strand in "+-":
                bit = class_bits(number, strand)
                if present & bit:
                    spans = intervals_of(labels, bit) + start
                    self._spans.setdefault((split, number, strand), []).append(spans)

    def of(self, split: str, number: int, strands: str = "+-") -> NDArray[np.int64]:
        """Return the labelled intervals of a class that are not ignored, sorted.

        No interval goes past the end of its piece of the split.

        Parameters
        ----------
        split : str
        number : int
            Number of the class.
        strands : str
            "+", "-" or "+-", which joins the intervals of both strands.

        Returns
        -------
        spans : ndarray, (n, 2) int64
            Positions in the arrays of the set.
        """
        found = [np.empty((0, 2), dtype=np.int64)]
        for strand in strands:
            found += self._spans.get((split, number, strand), [])
        spans = np.concatenate(found)
        return _joined(spans[np.argsort(spans[:, 0], kind="stable")], self.encoded.split(split))


def data_warnings(encoded: EncodedSet) -> list[str]:
    """Return all warnings about an encoded set, one line each."""
    sites = LabelledSites(encoded)
    if encoded.whole_sequences:  # which are no sites, and on both strands
        return [*shared_kmer_warnings(sites), *masked_warnings(encoded)]
    return [
        *shared_kmer_warnings(sites),
        *palindrome_warnings(sites),
        *masked_warnings(encoded),
    ]


def shared_kmer_warnings(sites: LabelledSites) -> list[str]:
    """Warn of classes whose validation or test sites share long words with training sites."""
    warnings = []
    for number, (name, _) in enumerate(sites.encoded.classes):
        for split in ("val", "test"):
            share = shared_kmer_share(sites, number, split)
            if share is not None and share >= _MAX_SHARED:
                warnings.append(
                    f"class {name}: {share:.0%} of the {K}-mers at its {split} sites are also at "
                    f"train sites; metrics on {split} will be optimistic; keep near-copies "
                    "(homologous arrays, duplicates) on one side of the split"
                )
    return warnings


def shared_kmer_share(sites: LabelledSites, number: int, split: str) -> float | None:
    """Share of the 31-mers at the sites of a class that are also at its training sites.

    Parameters
    ----------
    sites : LabelledSites
    number : int
        Number of the class.
    split : str
        "val" or "test".

    Returns
    -------
    share : float or None
        Between 0 and 1; None if the split has no such words. Counted are the canonical 31-mers
        with at least one labelled base, each as often as it occurs. Words lie within a piece of
        the split and have no ambiguous base.
    """
    spans = {name: _word_spans(sites, number, name) for name in ("train", split)}
    most = max(int(np.sum(each[:, 1] - each[:, 0])) for each in spans.values())
    limit = min(1.0, _MAX_KMERS / max(most, 1))
    codes = sites.encoded.codes.view(np.ndarray)
    words, times = _counted_kmers(codes, spans[split], limit)
    if not words.size:
        return None
    trained, _ = _counted_kmers(codes, spans["train"], limit)
    places = np.minimum(np.searchsorted(trained, words), max(len(trained) - 1, 0))
    shared = times[trained[places] == words].sum() if trained.size else 0
    return float(shared / times.sum())


def _joined(
    spans: NDArray[np.int64], pieces: NDArray[np.int64], overlap: int = 0
) -> NDArray[np.int64]:
    """Join sorted spans of one piece that overlap by at least `overlap` bases, or touch for 0."""
    if not len(spans):
        return spans
    piece = _piece_of(spans, pieces)
    starts, ends = spans[:, 0], np.maximum.accumulate(spans[:, 1])
    fresh = np.append(True, (starts[1:] + overlap > ends[:-1]) | (piece[1:] != piece[:-1]))
    last = np.append(fresh[1:], True)
    return np.stack([starts[fresh], ends[last]], axis=1)


def _piece_of(spans: NDArray[np.int64], pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the piece in which each span lies."""
    return np.searchsorted(pieces[:, 0], spans[:, 0], side="right") - 1


def _word_spans(sites: LabelledSites, number: int, split: str) -> NDArray[np.int64]:
    """Stretches that hold all words that share a base with a site; cut at ends of pieces."""
    spans, pieces = sites.of(split, number), sites.encoded.split(split)
    if not len(spans):
        return spans
    piece = pieces[_piece_of(spans, pieces)]
    starts = np.maximum(spans[:, 0] - (K - 1), piece[:, 0])
    ends = np.minimum(spans[:, 1] + (K - 1), piece[:, 1])
    # Stretches that overlap by less have no word in common. Joined, they would hold words that
    # share a base with neither site.
    return _joined(np.stack([starts, ends], axis=1), pieces, overlap=K)


def _counted_kmers(
    codes: Codes, spans: NDArray[np.int64], limit: float
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Distinct words of some stretches, and their counts; keeps a share `limit`, by hash."""
    found = [np.empty(0, dtype=np.uint64)]
    times = [np.empty(0, dtype=np.int64)]
    held = 0
    for text in _chunks(codes, spans):
        words = canonical_kmers(text)
        if limit < 1:
            hashes = (words ^ (words >> _SHIFT)) * _SPREAD
            words = words[hashes < np.uint64(int(limit * 2**64))]
        fresh, counts = np.unique(words, return_counts=True)
        found.append(fresh)
        times.append(counts)
        held += len(fresh)
        if held > _MAX_KMERS:
            merged, counted = _summed(found, times)
            found, times, held = [merged], [counted], 0
    return _summed(found, times)


def _summed(
    words: list[NDArray[np.uint64]], times: list[NDArray[np.int64]]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Merge lists of words: sorted distinct words, and the sums of their counts."""
    distinct, where = np.unique(np.concatenate(words), return_inverse=True)
    return distinct, np.bincount(where, np.concatenate(times)).astype(np.int64)


def _chunks(codes: Codes, spans: NDArray[np.int64]) -> Iterator[Codes]:
    """Yield stretches in chunks of bounded size, with an ambiguous base between stretches."""
    gap = np.array([AMBIGUOUS], dtype=np.uint8)
    parts: list[Codes] = []
    held = 0
    for start, end in spans.tolist():
        for first in range(start, end, _CHUNK_BASES):
            # A part runs K - 1 bases into the next one, so that no word is lost between them.
            part = codes[first : min(first + _CHUNK_BASES + K - 1, end)]
            parts += [part, gap]
            held += len(part) + 1
            if held >= _CHUNK_BASES:
                yield np.concatenate(parts)
                parts, held = [], 0
    if parts:
        yield np.concatenate(parts)


def canonical_kmers(codes: Codes) -> NDArray[np.uint64]:
    """Return all words of 31 bases, each as the smaller of itself and its reverse complement.

    Parameters
    ----------
    codes : ndarray, (L,) uint8

    Returns
    -------
    words : ndarray, (n,) uint64
        Two bits per base, with the first base in the highest bits; words with an ambiguous base
        are left out.

    Examples
    --------
    >>> forward = canonical_kmers(np.zeros(32, dtype=np.uint8))
    >>> reverse = canonical_kmers(np.full(31, 3, dtype=np.uint8))
    >>> forward.tolist(), reverse.tolist()
    ([0, 0], [0])
    """
    if len(codes) < K:
        return np.empty(0, dtype=np.uint64)
    ambiguous = np.append(0, np.cumsum(codes >= AMBIGUOUS))
    whole = ambiguous[K:] == ambiguous[:-K]
    base = (codes & 3).astype(np.uint64)
    forward = _words(base, reverse=False)[whole]
    backward = _words(base ^ np.uint64(3), reverse=True)[whole]
    smaller: NDArray[np.uint64] = np.minimum(forward, backward)
    return smaller


def _words(base: NDArray[np.uint64], reverse: bool) -> NDArray[np.uint64]:
    """Build words of K bases by doubling: 1, 2, 4, 8, 16, and then 16 + 8 + 4 + 2 + 1 = 31."""
    powers = {1: base}
    for size in (1, 2, 4, 8):
        powers[2 * size] = _join(powers[size], size, powers[size], size, reverse)
    words, length = powers[16], 16
    for size in (8, 4, 2, 1):
        words = _join(words, length, powers[size], size, reverse)
        length += size
    return words


def _join(
    left: NDArray[np.uint64], left_size: int, right: NDArray[np.uint64], size: int, reverse: bool
) -> NDArray[np.uint64]:
    """Join each word of `left_size` bases with the word of `size` bases that follows it."""
    right = right[left_size:]
    left = left[: len(right)]
    high, low, shift = (right, left, left_size) if reverse else (left, right, size)
    words: NDArray[np.uint64] = (high << np.uint64(2 * shift)) | low
    return words


def palindrome_warnings(sites: LabelledSites) -> list[str]:
    """Warn of stranded classes with sites that are their own reverse complement, or nearly.

    The strand of such sites cannot be learned. If they are labelled on one strand, the same
    sequence is a site on that strand and background on the other.
    """
    warnings = []
    for number, (name, stranded) in enumerate(sites.encoded.classes):
        if not stranded:
            continue
        share = palindromic_share(sites, number)
        if share is not None and share > _MAX_PALINDROMIC:
            warnings.append(
                f"class {name}: {share:.0%} of its sites are their own reverse complement, so "
                f"their strand cannot be learned; use --unstranded {name}"
            )
            continue
        plus, minus, every = near_palindromes(sites, number)
        near = plus + minus
        if near < max(_FEW_NEAR, _NOTABLE_SHARE * every) or min(plus, minus) > _EVEN * near:
            continue
        warnings.append(
            f"class {name}: {near:,} of its {every:,} sites resemble their own reverse "
            f"complement, and {max(plus, minus):,} of these are labelled on the "
            f"{'+' if plus > minus else '-'} strand, so that on the other strand much the same "
            f"sequence is background; label them on both strands, or use --unstranded {name}"
        )
    return warnings


def palindromic_share(sites: LabelledSites, number: int) -> float | None:
    """Share of the sites of a class in which 90 % of the bases equal the reverse complement.

    Parameters
    ----------
    sites : LabelledSites
    number : int
        Number of a stranded class.

    Returns
    -------
    share : float or None
        Computed from the sites of all splits that are at most 1,000 bp long, evenly thinned to at
        most 10,000; None if there are no such sites.
    """
    palindromic = every = 0
    for _, letters in _short_sites(sites, number):
        same = (letters == 3 - letters[:, ::-1]).mean(axis=1)
        palindromic += int(np.count_nonzero(same >= _PALINDROME_IDENTITY))
        every += len(letters)
    return palindromic / every if every else None


def near_palindromes(sites: LabelledSites, number: int) -> tuple[int, int, int]:
    """Count the sites of a class that resemble their own reverse complement.

    The bases of a site form pairs: the first with the last, the second with the last but one.
    In a palindrome all pairs are complementary. A site counts if so many are that chance would
    give as many in at most one of 1,000 sites of its length and of the class's composition. So
    sites of fewer than about 10 bp never count.

    Parameters
    ----------
    sites : LabelledSites
    number : int
        Number of a stranded class.

    Returns
    -------
    plus, minus, every : int
        Such sites labelled + and -, and all sites; of those that `palindromic_share` looks at.
    """
    found = list(_short_sites(sites, number))
    if not found:
        return 0, 0, 0
    letters = np.concatenate([of_length.ravel() for _, of_length in found])
    a, c, g, t = np.bincount(letters, minlength=AMBIGUOUS + 1)[:AMBIGUOUS] / len(letters)
    near = {"+": 0, "-": 0}
    for strand, of_length in found:
        pairs = of_length.shape[1] // 2
        same = of_length[:, :pairs] == 3 - of_length[:, ::-1][:, :pairs]
        enough = _fewest_by_chance(pairs, float(2 * (a * t + c * g)))
        near[strand] += int(np.count_nonzero(same.sum(axis=1) >= enough))
    return near["+"], near["-"], sum(len(of_length) for _, of_length in found)


def _fewest_by_chance(pairs: int, chance: float) -> int:
    """Return the smallest k for which k or more of the pairs agree with probability of 0.001.

    Examples
    --------
    >>> _fewest_by_chance(17, 0.25), _fewest_by_chance(5, 0.25), _fewest_by_chance(4, 0.25)
    (11, 5, 5)
    """
    tail = 0.0
    for fewest in range(pairs, -1, -1):
        tail += comb(pairs, fewest) * chance**fewest * (1 - chance) ** (pairs - fewest)
        if tail > _BY_CHANCE:
            return fewest + 1
    return 0


def _short_sites(sites: LabelledSites, number: int) -> Iterator[tuple[str, NDArray[np.int16]]]:
    """Yield the strand and the letters (n, length) of sites of up to 1,000 bp, by length.

    Letters are codes, of a signed type: the complement of an ambiguous base is -1, no code.
    """
    strands = {
        strand: np.concatenate([sites.of(split, number, strand) for split in SPLITS])
        for strand in "+-"
    }
    strands = {
        strand: spans[spans[:, 1] - spans[:, 0] <= _MAX_PALINDROME_BP]
        for strand, spans in strands.items()
    }
    step = max(-(-sum(map(len, strands.values())) // _MAX_SITES), 1)
    for strand, spans in strands.items():
        kept = spans[::step]
        lengths = kept[:, 1] - kept[:, 0]
        for length in np.unique(lengths).tolist():
            starts = kept[lengths == length, 0]
            letters = sites.encoded.codes[starts[:, None] + np.arange(length)]
            yield strand, letters.astype(np.int16)


def masked_warnings(encoded: EncodedSet) -> list[str]:
    """Warn of splits whose shares of lower-case letters differ much."""
    counts = encoded.manifest["summary"]["splits"]
    shares = {
        split: numbers["masked"] / numbers["bases"]
        for split, numbers in counts.items()
        if numbers["bases"]
    }
    if not shares:
        return []
    low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[high] - shares[low] <= _MAX_MASKED_DIFFERENCE:
        return []
    listed: Sequence[str] = [f"{split} {share:.0%}" for split, share in sorted(shares.items())]
    return [
        f"the share of soft-masked bases differs between splits ({', '.join(listed)}), so they "
        "were probably masked in different ways; keep --mask none, or mask all sequences the same "
        "way"
    ]
