"""Markov chains: learned from both strands, and true to what they learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import write_fasta
from random_models import random_codes

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.sequences import background as module
from dnabirnn.sequences.background import (
    Background,
    Stretches,
    background_of_gc,
    built_in_background,
    learn_background,
)


def words_of(codes: np.ndarray, size: int) -> dict[str, int]:
    """Words without N of a sequence, counted one by one."""
    text, counts = decode(codes), {}
    for i in range(len(text) - size + 1):
        word = text[i : i + size]
        if "N" not in word:
            counts[word] = counts.get(word, 0) + 1
    return counts


@pytest.mark.parametrize("at_once", [1, 7, 1 << 22])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_words_are_counted(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: int, at_once: int
) -> None:
    monkeypatch.setattr(module, "_WORDS_AT_ONCE", at_once)
    for length in (0, size - 1, size, 300):
        codes = random_codes(rng, length, ambiguous=0.1)
        counts = module._count_words(codes, size)
        found = {
            "".join("ACGT"[word >> 2 * i & 3] for i in reversed(range(size))): int(counts[word])
            for word in counts.nonzero()[0].tolist()
        }
        assert found == words_of(codes, size)


def test_a_chain_is_that_of_both_strands(tmp_path: Path, rng: np.random.Generator) -> None:
    codes = rng.choice(4, 3000, p=[0.5, 0.1, 0.3, 0.1]).astype(np.uint8)
    texts = {"a": decode(codes), "b": decode(reverse_complement(codes))}
    chains = [
        learn_background([write_fasta(tmp_path / f"{name}.fa", {name: text})], 2)
        for name, text in texts.items()
    ]
    assert chains[0]._cuts == chains[1]._cuts
    assert chains[0].frequencies == pytest.approx([0.3, 0.2, 0.2, 0.3], abs=0.02)


def test_a_long_sequence_has_the_words_that_were_learned() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(1, 50, 4**3)
    chain = Background(counts * 10_000)
    codes = chain.sequence(400_000, random)
    found = module._count_words(codes, 3).reshape(16, 4)
    learned = counts.reshape(16, 4) / counts.reshape(16, 4).sum(axis=1, keepdims=True)
    assert found / found.sum(axis=1, keepdims=True) == pytest.approx(learned, abs=0.02)


def test_the_first_base_follows_no_rule_of_its_own() -> None:
    chain = Background(np.array([0, 0, 0, 0] * 3 + [0, 0, 0, 10**9], dtype=np.int64))
    firsts = [int(chain.sequence(1, np.random.default_rng(s))[0]) for s in range(50)]
    assert firsts == [3] * 50


def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    whole = built_in_background().sequence(1000, np.random.default_rng(1))
    monkeypatch.setattr(module, "_BASES_AT_ONCE", 300)
    pieces = built_in_background().sequence(1000, np.random.default_rng(1), sizes.append)
    assert np.array_equal(whole, pieces)
    assert sizes == [300, 300, 300, 100]
    assert built_in_background().sequence(0, np.random.default_rng(1)).size == 0


def test_lower_orders_of_the_built_in_composition_are_its_sums() -> None:
    highest = np.array(module._BUILT_IN.split(), dtype=np.int64)
    assert highest.size == 4**4
    pairs = dict(np.ndenumerate(highest.reshape(4, 4, 4, 4)))
    # The same on both strands.
    assert all(pairs[tuple(3 - c for c in word[::-1])] == n for word, n in pairs.items())
    shares = [built_in_background(order).frequencies for order in range(4)]
    assert np.ptp(shares, axis=0) == pytest.approx(np.zeros(4), abs=1e-4)


def test_the_built_in_composition_is_that_of_e_coli(real_data: Path) -> None:
    genome = learn_background([real_data / "ecoli_k12" / "NC_000913.3.fa.gz"], 3)
    assert genome._cuts == built_in_background(3)._cuts


def test_orders_out_of_range(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "a.fa", {"a": "ACGTNACG"})
    with pytest.raises(OptionError, match=r"--order 4: the built-in .* 0 to 3; .*--background"):
        built_in_background(4)
    with pytest.raises(OptionError, match="--order 9: must be 0 to 8"):
        learn_background([fasta], 9)
    with pytest.raises(OptionError, match=r"a.fa: no stretch of 6 known bases"):
        learn_background([fasta], 5)
    with pytest.raises(FastaError, match="no such file"):
        learn_background([tmp_path / "none.fa"], 2)


@pytest.mark.parametrize("gc", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_chains_of_a_gc_content(rng: np.random.Generator, gc: float) -> None:
    chain = background_of_gc(gc)
    assert chain.order == 3
    codes = chain.sequence(100_000, rng)
    assert np.isin(codes, [1, 2]).mean() == pytest.approx(gc, abs=0.01)
    words = [words_of(strand, 2) for strand in (codes, reverse_complement(codes))]
    for word, count in words[0].items():
        assert count == pytest.approx(words[1][word], rel=0.1, abs=200)


def test_stretches_come_from_the_sequence(rng: np.random.Generator) -> None:
    known = random_codes(rng, 30_000)
    drawn = Stretches(known).sequence(45_000, rng)
    text = decode(known)
    assert drawn.size == 45_000
    assert all(decode(part) in text for part in (drawn[:20_000], drawn[20_000:40_000]))
    assert Stretches(known).sequence(0, rng).size == 0
