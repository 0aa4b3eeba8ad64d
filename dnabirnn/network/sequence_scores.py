"""How the scores of a sequence as a whole follow from those of its bases.

For models that learned labels of whole sequences. A site is a run of `site_bp` bases of one strand,
and its log-odds are the mean z of those of its bases. A sequence belongs to a class if one of its
sites does (noisy-or)::

    P(no site) = product over sites of (1 - 1 / (1 + exp(-z)))
    x = log(1 / P(no site) - 1) = log(exp(t) - 1)        t = sum over sites of log(1 + exp(z))

Sequences of a class also differ from others by many weak signals: composition, repeats, and words
of motifs that are in some of them. These add up, and no site shows them. The weights of all words
of a sequence (`Words`) are therefore added to x. They change no score of a base.

Bases cannot be calibrated, because no label says which bases belong to a class. The log-odds x of
sequences can: `slope` x + `shift`, with the words in x, are those of the probability that is
reported. A sequence that is longer than those of the training has more sites, of which more score
high by chance. So of a longer sequence, the stretch of `length_bp` bases with the highest x counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.network.log_odds import LogOddsMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = [
    "WORDS",
    "WORD_BASES",
    "SequenceRule",
    "SequenceScores",
    "Words",
    "log_odds_of_any",
    "word_numbers",
]

_LEAST = 1e-12
WORD_BASES = 7
"""Number of bases of a word, which is odd, so that no word is its own reverse complement."""
WORDS = 4**WORD_BASES // 2
"""Number of words, if a word and its reverse complement are one."""
_ARRAY = "words"
_LONGEST_PATTERN_BP = 1000


def word_numbers(codes: Codes, pattern: str) -> NDArray[np.int64]:
    """Return the number of the word that begins at each base.

    A word is read on the strand on which its middle base is A or C, so that both strands of a
    sequence have the same words.

    Parameters
    ----------
    codes : ndarray, (..., L) uint8
    pattern : str
        `WORD_BASES` ones, which are the bases of the word, with zeros between them for bases that
        do not matter. It is its own mirror image.

    Returns
    -------
    numbers : ndarray, (..., max(L - len(pattern) + 1, 0)) int64
        From 0 to `WORDS` - 1, or `WORDS` for a word with a base that is not known.

    Examples
    --------
    >>> codes = np.array([0, 0, 0, 0, 0, 0, 1], np.uint8)  # AAAAAAC
    >>> word_numbers(codes, "1" * 7), word_numbers((3 - codes)[::-1], "1" * 7)
    (array([1]), array([1]))
    """
    number = max(codes.shape[-1] - len(pattern) + 1, 0)
    shape = (*codes.shape[:-1], number)
    forward, reverse = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    known = np.ones(shape, np.bool_)
    places = [place for place, symbol in enumerate(pattern) if symbol == "1"]
    for power, place in enumerate(places):
        base = codes[..., place : place + number]
        known &= base < AMBIGUOUS
        two_bits = (base & 3).astype(np.int64)
        forward = (forward << 2) | two_bits
        reverse |= (3 - two_bits) << (2 * power)
    # The middle base is A or C: the higher of its two bits is 0, and is left out.
    middle = 2 * (WORD_BASES // 2)
    read = np.where(forward & (2 << middle), reverse, forward)
    numbers = (read >> (middle + 2) << (middle + 1)) | (read & ((2 << middle) - 1))
    return np.where(known, numbers, WORDS)


@dataclass(frozen=True, eq=False)
class Words:
    """What each word adds to the log-odds of a sequence.

    Attributes
    ----------
    patterns : tuple of str
        As in `word_numbers`.
    weights : ndarray, (K, S, WORDS) float32
        For each class and pattern.
    """

    patterns: tuple[str, ...]
    weights: NDArray[np.float32]

    def sums(self, codes: Codes, window_bp: int) -> NDArray[np.float64]:
        """Return the sums over the words of each stretch of `window_bp` bases.

        Parameters
        ----------
        codes : ndarray, (m,) uint8
            At least `window_bp`.
        window_bp : int

        Returns
        -------
        sums : ndarray, (m - window_bp + 1, K) float64
        """
        total = np.zeros((len(codes) - window_bp + 1, len(self.weights)))
        padded = np.pad(self.weights.astype(np.float64), ((0, 0), (0, 0), (0, 1)))  # unknown: 0
        for number, pattern in enumerate(self.patterns):
            values = padded[:, number, word_numbers(codes, pattern)].T  # (m, K)
            inside = window_bp - len(pattern) + 1
            if inside > 0:
                runs = np.lib.stride_tricks.sliding_window_view(values, inside, axis=0)
                total += runs.sum(axis=-1)
        return total


def log_odds_of_any(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds that a sequence has a site, from the sum t over its sites.

    Examples
    --------
    >>> float(log_odds_of_any(np.log(np.array([2.0])))[0])
    0.0
    """
    sums = np.maximum(sums, _LEAST)
    return np.asarray(sums + np.log(-np.expm1(-sums)))


class SequenceRule(NamedTuple):
    """Calibration of a class.

    Attributes
    ----------
    map : LogOddsMap
        From the log-odds of a sequence to those of its probability.
    threshold : float
        Probability at or above which a sequence counts as the class.
    """

    map: LogOddsMap
    threshold: float


@dataclass(frozen=True)
class SequenceScores:
    """What turns scores of bases into those of sequences.

    Attributes
    ----------
    site_bp : int
        Length of a site.
    length_bp : int
        Length of the sequences that the model is calibrated for.
    rules : mapping of class name to SequenceRule
    words : Words, optional
        In the order of the rules.
    """

    site_bp: int
    length_bp: int
    rules: Mapping[str, SequenceRule]
    words: Words | None = field(default=None, compare=False)

    def probabilities(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of sequences, given their log-odds (n, K) by class."""
        maps = np.array([rule.map for rule in self.rules.values()])
        mapped = np.clip(log_odds * maps[:, 0] + maps[:, 1], -700, 700)
        return np.asarray(1 / (1 + np.exp(-mapped)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file, without the arrays."""
        rules = {
            name: {**rule.map._asdict(), "threshold": rule.threshold}
            for name, rule in self.rules.items()
        }
        plain = {"site_bp": self.site_bp, "length_bp": self.length_bp, "classes": rules}
        return plain if self.words is None else plain | {"words": [*self.words.patterns]}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays for the model file."""
        return {} if self.words is None else {_ARRAY: self.words.weights}

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of `arrays`."""
        if self.words is None:
            return {}
        return {_ARRAY: (len(self.rules), len(self.words.patterns), WORDS)}

    def with_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> SequenceScores:
        """Return the same with the arrays of a file, of which others than `arrays` are ignored."""
        if self.words is None:
            return self
        return replace(self, words=Words(self.words.patterns, arrays[_ARRAY]))

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], names: list[str]) -> SequenceScores:
        """Create from the result of `to_json`, for classes of these names; arrays are empty.

        Raises
        ------
        AttributeError, KeyError, OverflowError, TypeError, ValueError
            A value is missing, has the wrong type or is out of range.
        """
        site_bp, length_bp = int(plain["site_bp"]), int(plain["length_bp"])
        if not 1 <= site_bp <= length_bp:
            raise ValueError(f"whole_sequences: sites of {site_bp} bp in {length_bp} bp")
        rules = {}
        for name in names:
            own = plain["classes"][name]
            slope, shift, threshold = (float(own[key]) for key in ("slope", "shift", "threshold"))
            if not (0 < slope < np.inf and np.isfinite(shift) and 0 <= threshold <= 1):
                raise ValueError(f"whole_sequences: a number of {name} is out of range")
            rules[name] = SequenceRule(LogOddsMap(slope, shift), threshold)
        if "words" not in plain:
            return cls(site_bp, length_bp, rules)
        patterns = tuple(str(pattern) for pattern in plain["words"])
        for pattern in patterns:
            mirrored = pattern == pattern[::-1] and not pattern.strip("01")
            if not mirrored or pattern.count("1") != WORD_BASES or pattern[0] != "1":
                raise ValueError(f"whole_sequences: {pattern!r} is no pattern of words")
            if len(pattern) > _LONGEST_PATTERN_BP:
                raise ValueError(f"whole_sequences: a pattern of {len(pattern)} bp")
        empty = np.zeros((0, len(patterns), WORDS), np.float32)
        return cls(site_bp, length_bp, rules, Words(patterns, empty))
