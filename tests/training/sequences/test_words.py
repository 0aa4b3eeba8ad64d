"""Weights of words: the gradient, what they learn, and how they are weighed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import succeed, write_fasta

from dnabirnn.encoded import EncodedSet
from dnabirnn.network import WORDS, LogOddsMap, Words, word_numbers
from dnabirnn.training.finishing.finish_sequences import fitted_sequence_map
from dnabirnn.training.sequences import words as fitting
from dnabirnn.training.sequences.words import PATTERNS, chosen_words, fitted_words, weighed


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of three bases, for oracles that look at each of them."""
    monkeypatch.setattr(fitting, "_ALL", 64)
    monkeypatch.setattr(fitting, "WORD_BASES", 3)
    monkeypatch.setattr(fitting, "WORDS", 32)


def fit(seed: int = 0) -> fitting._Fit:
    rng = np.random.default_rng(seed)
    numbers = [rng.integers(33, size=(20, 9)).astype(np.uint16) for _ in range(2)]
    return fitting._Fit(numbers, rng.random(20) < 0.5, 0.3)


def test_the_gradient_is_that_of_the_loss(small):
    own, rng = fit(), np.random.default_rng(1)
    terms = rng.normal(0, 0.5, 129)
    value, gradient = own.loss(terms)
    for place in (0, 1, 17, 63, 64, 100, 128):
        step = np.zeros(129)
        step[place] = 1e-5
        slope = (own.loss(terms + step)[0] - own.loss(terms - step)[0]) / 2e-5
        assert slope == pytest.approx(gradient[place], rel=1e-5, abs=1e-7)
    assert value > 0


def test_the_transform_is_its_own_inverse_and_keeps_lengths(small):
    values = np.random.default_rng(0).normal(size=64)
    once = fitting._transformed(values)
    np.testing.assert_allclose(fitting._transformed(once), values, atol=1e-12)
    assert (once**2).sum() == pytest.approx((values**2).sum())


def test_the_minimum_has_no_gradient(small):
    own = fit()
    at = fitting._minimized(own.loss, np.zeros(129), 200)
    assert np.abs(own.loss(at)[1]).max() < 1e-3
    assert own.loss(at)[0] < own.loss(np.zeros(129))[0]


def encoded_set(folder: Path, word: str) -> EncodedSet:
    """Return a set of random sequences, of which the positives have two copies of a word."""
    rng = np.random.default_rng(0)

    def drawn(number: int, inserted: str) -> dict[str, str]:
        found = {}
        for row in range(number):
            text = "".join(rng.choice([*"ACGT"], 60))
            found[f"{inserted or 'none'}{row}"] = text[:10] + inserted + text[10:45] + inserted
        return found

    write_fasta(folder / "p.fa", drawn(300, word))
    write_fasta(folder / "n.fa", drawn(300, ""))
    files = ("--positives", f"M={folder}/p.fa", "--negatives", folder / "n.fa")
    succeed("encode", *files, "-o", folder / "set", "--split-fractions", "0.8,0.2,0")
    return EncodedSet.open(folder / "set")


def test_a_word_of_positives_has_the_largest_weight_on_either_strand(tmp_path):
    encoded = encoded_set(tmp_path, "ACCTGAG")
    for words in fitted_words(encoded, 50):
        assert words.patterns == PATTERNS
        assert words.weights.shape == (1, len(PATTERNS), WORDS)
        codes = np.array(["ACGT".index(base) for base in "CTCAGGT"], np.uint8)
        assert words.weights[0, 0].argmax() == word_numbers(codes, PATTERNS[0])[0]
    again = [words.weights for words in fitted_words(encoded, 50)]
    assert np.array_equal(again[-1], words.weights)


def test_no_more_sequences_are_read_than_there_is_time_for(tmp_path, monkeypatch):
    encoded = encoded_set(tmp_path, "ACCTGAG")
    monkeypatch.setattr(fitting, "_MOST_BP", 500)
    codes, truth = fitting._stretches(encoded, 50)
    assert codes.shape == (10, 50)
    assert truth.any()
    assert not truth.all()


def test_sequences_shorter_than_a_word_have_none(tmp_path):
    write_fasta(tmp_path / "p.fa", {f"p{n}": "ACGT" for n in range(9)})
    write_fasta(tmp_path / "n.fa", {f"n{n}": "TTAC" for n in range(9)})
    files = ("--positives", f"M={tmp_path}/p.fa", "--negatives", tmp_path / "n.fa")
    fractions = ("--split-fractions", "0.5,0.5,0")
    succeed("encode", *files, "-o", tmp_path / "set", *fractions)
    for words in fitted_words(EncodedSet.open(tmp_path / "set"), 4):
        assert not words.weights.any()


def words_of(value: float) -> Words:
    return Words(PATTERNS, np.full((1, 2, WORDS), value, np.float32))


def test_words_are_weighed_beside_the_network():
    rng = np.random.default_rng(0)
    truth = rng.random(2_000) < 0.5
    signal = np.where(truth, 1.0, -1.0)
    network, good, noise = (signal * share + rng.normal(size=2_000) for share in (0.5, 1, 0))
    # The sum of two independent scores of equal spread: the better one counts twice as much.
    factor, loss = weighed(network, good, truth)
    assert factor == pytest.approx(2, rel=0.3)
    assert loss < weighed(network, 0 * good, truth)[1]
    candidates = [(words_of(1), noise[:, None]), (words_of(2), good[:, None])]
    chosen = chosen_words(candidates, network[:, None], truth[:, None])
    assert chosen is not None
    assert chosen.weights == pytest.approx(2 * factor)
    nothing = [(words_of(1), np.zeros((2_000, 1)))]
    assert chosen_words(nothing, network[:, None], truth[:, None]) is None


def test_words_that_are_noise_are_not_used():
    rng = np.random.default_rng(0)
    used = 0
    for _ in range(40):
        truth = np.arange(200) % 2 == 0
        network = 2.0 * truth + rng.normal(size=200)
        candidates = [(words_of(1), rng.normal(size=(200, 1))) for _ in range(3)]
        used += chosen_words(candidates, network[:, None], truth[:, None]) is not None
    assert used <= 4


def test_words_beside_a_network_of_noise_are_calibrated():
    rng = np.random.default_rng(0)
    truth = rng.random(1_000) < 0.5
    network, words = 5 * rng.normal(size=1_000), truth + 0.5 * rng.normal(size=1_000)
    factor, loss = weighed(network, words, truth)
    total = network + factor * words
    fitted = fitted_sequence_map(total, truth)
    assert fitted != LogOddsMap(1.0, 0.0)
    sign = 1 - 2 * truth
    calibrated = np.logaddexp(0, sign * (fitted.slope * total + fitted.shift)).mean()
    assert calibrated == pytest.approx(loss, rel=0.01)


@pytest.mark.parametrize("truth", [[True] * 4, [False] * 4])
def test_classes_without_both_kinds_of_sequences_get_no_words(truth):
    scores = np.arange(4.0)
    assert weighed(scores, scores, np.array(truth))[0] == 0
