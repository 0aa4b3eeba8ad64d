"""Readers against seeds that are cut, mixed and bent; fuzz.py goes on for as long as one likes."""

from __future__ import annotations

import random

import pytest
from fuzz import SEEDS, TARGETS, run

_TIMES = 150
_PIECES = (b"\n", b"\t", b"\0", b"-1", b"9" * 20, b"\xff", b">", b"1e3", b"@", b"..")


def bent(rng: random.Random, seed: bytes) -> bytes:
    """A seed with a few bytes, or a stretch, cut out, doubled, changed or put in."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        length = rng.choice((1, 1, 2, 5, 20))
        match rng.randrange(5):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2:
                data[at : at + length] = rng.randbytes(min(length, len(data) - at))
            case 3:
                data[at:at] = rng.choice(
                    (b"\n", b"\t", b"\0", b"-1", b"9" * 20, b"\xff", b">", b"1e3")
                )
            case 4:
                del data[at:]
    return bytes(data)


def test_every_target_has_seeds_that_are_read() -> None:
    assert set(SEEDS) == set(TARGETS)
    for name, seeds in SEEDS.items():
        for seed in seeds:
            TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_an_error_of_ours(name: str) -> None:
    rng = random.Random(name)
    for _ in range(_TIMES):
        run(name, bent(rng, rng.choice(SEEDS[name])))
