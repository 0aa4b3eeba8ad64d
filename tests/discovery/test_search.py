"""The search in contributions that are made by hand."""

import numpy as np
import pytest

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.discovery.contributions import Explained
from dnabirnn.discovery.options import DiscoveryOptions
from dnabirnn.discovery.search import Aligned, Surroundings, is_part, search_motifs

LONG = encode("GCCGGATGCGGCGTGAACGCCTTATCCGGCCTACAAAACG")
# Two that share a word of seven bases.
ALIKE = (encode("CCACCAGATGGCGCTA"), encode("AACAAGATGGCTTT"))


def explained(
    number: int, words: list[np.ndarray], rng: np.random.Generator, noise: float = 0.2
) -> Explained:
    """A target with words on random strands, whose bases matter by 10; others by noise only."""
    codes = rng.integers(0, 4, 40 + sum(len(word) + 20 for word in words)).astype(np.uint8)
    values = rng.normal(0, noise, len(codes))
    start = 20
    for word in words:
        own = word if rng.integers(2) else reverse_complement(word)
        codes[start : start + len(word)] = own
        values[start : start + len(word)] = 10 + rng.normal(0, 1, len(word))
        start += len(word) + int(rng.integers(12, 20))
    contributions = np.zeros((len(codes), 4), np.float32)
    contributions[np.arange(len(codes)), codes] = values
    return Explained(number, False, 0, codes, contributions)


def found(targets: list[Explained], **options: int) -> list[Aligned]:
    return search_motifs(Surroundings(targets), DiscoveryOptions(**options))


def consensus(motif: Aligned) -> set[str]:
    best = motif.counts.argmax(axis=1).astype(np.uint8)
    return {decode(best), decode(reverse_complement(best))}


def test_two_motifs_that_share_a_word_stay_two() -> None:
    rng = np.random.default_rng(0)
    motifs = found([explained(n, list(ALIKE), rng) for n in range(80)])
    assert len(motifs) == 2
    for motif, word in zip(motifs, ALIKE, strict=True):
        assert decode(word) in consensus(motif)
        assert len(motif.starts) == 80


def test_a_long_element_is_one_motif() -> None:
    rng = np.random.default_rng(1)
    motifs = found([explained(n, [LONG], rng) for n in range(40)])
    assert len(motifs) == 1
    assert decode(LONG) in consensus(motifs[0])
    assert len(motifs[0].starts) == 40


def test_elements_of_which_some_bases_changed() -> None:
    rng = np.random.default_rng(2)

    def changed() -> np.ndarray:
        new = (LONG + rng.integers(1, 4, len(LONG))) % 4
        return np.where(rng.random(len(LONG)) < 0.15, new, LONG).astype(np.uint8)

    targets = []
    for number in range(100):
        word = changed()
        one = explained(number, [word], rng)
        # Bases that changed no longer matter.
        same = [np.where(one.codes[20:60] == way, 1, 0) for way in (LONG, reverse_complement(LONG))]
        kept = max(same, key=lambda own: own.sum())
        one.contributions[20:60] *= kept[:, None]
        targets.append(one)
    motifs = found(targets)
    assert len(motifs) == 1
    assert decode(LONG) in consensus(motifs[0])
    assert len(motifs[0].starts) >= 95


def test_noise_has_no_motif() -> None:
    rng = np.random.default_rng(3)
    assert found([explained(n, [], rng, noise=5) for n in range(200)]) == []
    still = [
        one._replace(contributions=one.contributions * 0)
        for one in (explained(n, [LONG], rng) for n in range(30))
    ]
    assert found(still) == []


def test_fewer_sites_than_asked_for_are_no_motif() -> None:
    rng = np.random.default_rng(4)
    targets = [explained(n, [LONG], rng) for n in range(30)]
    assert found(targets, min_sites=31) == []
    assert len(found(targets, min_sites=30)) == 1


def test_most_motifs() -> None:
    rng = np.random.default_rng(5)
    targets = [explained(n, list(ALIKE), rng) for n in range(40)]
    assert [decode(ALIKE[0]) in consensus(one) for one in found(targets, max_motifs=1)] == [True]


def test_targets_shorter_than_a_motif_and_unknown_bases() -> None:
    rng = np.random.default_rng(6)
    targets = [explained(n, [LONG], rng) for n in range(40)]
    short = [
        Explained(n, False, 0, np.full(3, code, np.uint8), np.zeros((3, 4), np.float32))
        for n, code in ((40, 0), (41, 4))
    ]
    alone, more = found(targets), found([*short, *targets])
    assert [one.counts.tolist() for one in alone] == [one.counts.tolist() for one in more]


@pytest.mark.parametrize(("first", "last", "part"), [(3, 12, True), (0, 16, True)])
def test_parts(first: int, last: int, part: bool) -> None:
    whole = np.eye(4)[ALIKE[0]] * 10
    assert is_part(whole[first:last], whole) is part
    assert is_part(whole[first:last][::-1, ::-1], whole) is part
    assert not is_part(np.eye(4)[ALIKE[1]], whole)
    assert not is_part(np.eye(4)[encode("ACGTACTT")], whole)
