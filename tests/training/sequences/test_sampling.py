"""Training windows of whole sequences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnabirnn.alphabet import PADDING, decode, encode, reverse_complement
from dnabirnn.encoded import (
    EncodedSet,
    FractionSplit,
    LabelledSequence,
    LabelledSequences,
    SequenceSplit,
    encode_genome,
)
from dnabirnn.errors import EncodedSetError, OptionError
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.sequences.sampling import SequenceSampler, _cut, pieces_of

SETTINGS = SamplingSettings(40, 64, 0.5, 3, 0.0)


def encoded_of(folder: Path, sequences: list[LabelledSequence]) -> EncodedSet:
    names = tuple(sorted({name for one in sequences for name in one.classes}))
    found = LabelledSequences(sequences, names)
    return encode_genome(
        [],
        found.labels(),
        folder / "set",
        split=SequenceSplit(found, FractionSplit(1.0, 0.0, 0.0)),
        records=found.records,
        whole_sequences=found.description(),
    )


def some(name: str, length: int, *classes: str, summit: int | None = None) -> LabelledSequence:
    codes = np.random.default_rng([len(name), *name.encode()]).integers(4, size=length)
    codes = codes.astype(np.uint8)
    no = np.zeros(length, bool)
    return LabelledSequence(name, codes, no, frozenset(classes), summit=summit)


@pytest.fixture
def mixed(tmp_path):
    sequences = [some(f"a{n}", 50, "A") for n in range(4)]
    sequences += [some(f"b{n}", 35, "B") for n in range(30)]
    sequences += [some(f"n{n}", 60) for n in range(20)]
    return encoded_of(tmp_path, sequences)


def texts(encoded: EncodedSet) -> dict[str, str]:
    return {
        name: decode(encoded.codes[offset : offset + length])
        for name, offset, length in encoded.contigs
    }


def test_windows_are_parts_of_sequences_with_their_classes(mixed):
    sampler, known = SequenceSampler(mixed, SETTINGS), texts(mixed)
    drawn: dict[str, int] = {}
    for step in range(0, 20, 2):
        batch = sampler.batch(step)
        assert batch.pieces == 1
        assert batch.codes.shape == (64, 40)
        assert batch.truth.shape == (64, 2)
        for codes, truth, counted in zip(batch.codes, batch.truth, batch.counted, strict=True):
            size = int((codes != PADDING).sum())
            assert (codes[size:] == PADDING).all()
            assert counted.tolist() == [True] * size + [False] * (40 - size)
            text = decode(codes[:size])
            (name,) = [one for one, whole in known.items() if text in whole]
            assert truth.tolist() == [name[0] == "a", name[0] == "b"]
            most = min(40, len(known[name]))
            assert 0.9 * most - 1 <= size <= most
            drawn[name[0]] = drawn.get(name[0], 0) + 1
    assert drawn["n"] == 320
    assert 120 < drawn["a"] < 200  # classes are drawn evenly, however few sequences they have


def test_windows_of_sequences_of_one_length_are_whole(tmp_path):
    sequences = [some(f"a{n}", 40, "A") for n in range(10)]
    sequences += [some(f"n{n}", 40) for n in range(9)] + [some("n9", 35)]
    encoded = encoded_of(tmp_path, sequences)
    known = set(texts(encoded).values())
    batch = SequenceSampler(encoded, SETTINGS).batch(0)
    assert {decode(row[row != PADDING]) for row in batch.codes} <= known

    (tmp_path / "fewer").mkdir()
    fewer = encoded_of(tmp_path / "fewer", [*sequences, some("n10", 38)])
    batch = SequenceSampler(fewer, SETTINGS).batch(0)
    sizes = (batch.codes != PADDING).sum(axis=1)
    assert len(set(sizes.tolist())) > 3


def test_windows_depend_on_the_seed_and_the_step_alone(mixed):
    one, other = SequenceSampler(mixed, SETTINGS), SequenceSampler(mixed, SETTINGS)
    other.batch(1)
    np.testing.assert_array_equal(one.batch(6).codes, other.batch(6).codes)
    changed = SequenceSampler(mixed, replace(SETTINGS, seed=4))
    assert (changed.batch(6).codes != one.batch(6).codes).any()
    assert (one.batch(7).codes.shape) == (64 * 2, 40)


def test_without_negatives_the_rest_is_any_sequence(tmp_path):
    sequences = [some(f"a{n}", 40, "A") for n in range(5)]
    sequences += [some(f"b{n}", 40, "B") for n in range(5)]
    batch = SequenceSampler(encoded_of(tmp_path, sequences), SETTINGS).batch(0)
    assert batch.truth.any(axis=1).all()
    assert (batch.truth.sum(axis=0) > 16).all()


def test_parts_contain_the_summit_of_long_sequences(tmp_path):
    sequences = [some("a", 200, "A", summit=120), some("n", 200)]
    encoded = encoded_of(tmp_path, sequences)
    sampler, (text, _) = SequenceSampler(encoded, SETTINGS), texts(encoded).values()
    places = []
    for step in range(0, 40, 2):
        batch = sampler.batch(step)
        for codes in batch.codes[batch.truth[:, 0]]:
            size = int((codes != PADDING).sum())
            start = text.index(decode(codes[:size]))
            assert start <= 120 < start + size
            places.append(120 - start)
    assert min(places) <= 2
    assert max(places) >= 36


def test_mutations_and_strands(mixed):
    plain = SequenceSampler(mixed, SETTINGS).batch(0)
    mutated = SequenceSampler(mixed, replace(SETTINGS, mutation_rate=0.3)).batch(0)
    real = plain.codes != PADDING
    assert 0.25 < (plain.codes != mutated.codes)[real].mean() < 0.35
    assert (mutated.codes[~real] == PADDING).all()
    assert mutated.codes.max() == PADDING
    turned = SequenceSampler(mixed, SETTINGS, either_strand=True).batch(0)
    for codes, other in zip(plain.codes, turned.codes, strict=True):
        size = int((codes != PADDING).sum())
        either = (codes[:size].tolist(), reverse_complement(codes[:size]).tolist())
        assert other[:size].tolist() in either
    assert (plain.codes != turned.codes).any()


@pytest.mark.parametrize("length", [1, 40, 41, 101, 300])
def test_pieces_are_all_of_a_window(length):
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=(5, length)).astype(np.uint8)
    codes[0, length // 2 + 1 :] = PADDING
    pieces = pieces_of(length)
    cut = _cut(codes, pieces, rng)
    assert len(cut) == 5 * pieces
    for window, rows in zip(codes, cut.reshape(5, pieces, -1), strict=True):
        real = [row[row != PADDING] for row in rows]
        assert np.concatenate(real).tolist() == window[window != PADDING].tolist()
        for row, own in zip(rows, real, strict=True):  # padding is on the right
            assert row[: len(own)].tolist() == own.tolist()


def test_cuts_are_everywhere():
    codes = np.tile(encode("ACGT" * 10), (2_000, 1))
    first = (_cut(codes, 4, np.random.default_rng(0))[::4] != PADDING).sum(axis=1)
    assert {*first.tolist()} == {*range(1, 15)}


def test_faults(mixed, tmp_path):
    with pytest.raises(OptionError, match="--window 80: longer than every sequence"):
        SequenceSampler(mixed, replace(SETTINGS, window_bp=80))
    mixed.manifest["splits"]["train"] = [
        p for p in mixed.manifest["splits"]["train"] if p[0][0] == "a"
    ]
    with pytest.raises(EncodedSetError, match="has no sequence without class A"):
        SequenceSampler(mixed, SETTINGS)
