"""Decoys: sequence without sites, of many compositions, as background for training.

A training genome that is small has few kinds of background. A network that was trained on it alone
calls sites on sequence of other compositions. See docs/accuracy.md for the effect of decoys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["VALIDATION", "write_decoys"]

_CHAINS, _REPEATS = 120, 60
_CONTIG_BP, _LINE_BP = 50_000, 80
_ORDERS = ((1, 40.0), (3, 20.0), (5, 8.0))
"""Orders of the Markov chains, with the concentration of the Dirichlet distribution that their
transition probabilities are drawn from: its parameters add up to this number.
"""
_LONGEST_UNIT_BP = 60
_ARRAY_BP = (200, 3000)
_GC = (0.25, 0.7)
VALIDATION = tuple(f"decoy{number}" for number in range(5, _CHAINS + _REPEATS, 6))
"""Names of the decoy contigs used for validation."""


def write_decoys(path: Path, seed: int = 0) -> None:
    """Write a FASTA of 50 kb contigs: 120 of random Markov chains, 60 of tandem repeats."""
    random = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as file:
        for number, codes in _contigs(random):
            lines = letters[codes].reshape(-1, _LINE_BP)
            file.write(b">decoy%d\n" % number)
            file.writelines(line.tobytes() + b"\n" for line in lines)


def _contigs(random: np.random.Generator) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for kind, (order, concentration) in enumerate(_ORDERS):
        numbers = range(kind, _CHAINS, len(_ORDERS))
        yield from zip(numbers, _chains(order, concentration, len(numbers), random), strict=True)
    for number in range(_CHAINS, _CHAINS + _REPEATS):
        yield number, _arrays(random)


def _composition(random: np.random.Generator) -> NDArray[np.float64]:
    gc = random.uniform(*_GC)
    return np.array([1 - gc, gc, gc, 1 - gc]) / 2


def _chains(
    order: int, concentration: float, number: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the codes, (number, bases), of Markov chains with a separate random table each."""
    shares = [_composition(random) for _ in range(number)]
    tables = np.stack([random.dirichlet(share * concentration, size=4**order) for share in shares])
    limits = tables.cumsum(axis=2)[..., :3]  # (number, states, 3)
    chain, state = np.arange(number), random.integers(4**order, size=number)
    codes = np.empty((number, _CONTIG_BP), np.uint8)
    for base in range(_CONTIG_BP):
        code = (random.random(number)[:, None] > limits[chain, state]).sum(axis=1)
        codes[:, base] = code
        state = (4 * state + code) % 4**order
    return codes


def _arrays(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the codes of a contig of tandem repeat arrays, end to end."""
    arrays: list[NDArray[np.uint8]] = []
    while sum(array.size for array in arrays) < _CONTIG_BP:
        arrays.append(_array(random, int(random.integers(*_ARRAY_BP))))
    return np.concatenate(arrays)[:_CONTIG_BP]


def _array(random: np.random.Generator, length_bp: int) -> NDArray[np.uint8]:
    """Return the codes of one array: one to four variants of a unit, in random order, mutated.

    Unit lengths that are multiples of five are left out: HSat2 and HSat3 are arrays of a unit of
    five bases, and must not be part of the background.
    """
    share = _composition(random)
    unit_bp = int(np.exp(random.uniform(np.log(2), np.log(_LONGEST_UNIT_BP))))
    unit_bp += unit_bp % 5 == 0
    units = [random.choice(4, size=unit_bp, p=share).astype(np.uint8)]
    for _ in range(random.integers(4)):
        units.append(_mutated(units[0], 0.25, random))
    drawn = random.integers(len(units), size=length_bp // unit_bp + 1)
    array = np.concatenate([units[number] for number in drawn])[:length_bp]
    return _mutated(array, random.uniform(0, 0.2), random)


def _mutated(
    codes: NDArray[np.uint8], share: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the codes with about this share of them replaced by other bases."""
    hit = random.random(codes.size) < share
    others = (codes + random.integers(1, 4, codes.size)) % 4
    return np.where(hit, others, codes).astype(np.uint8)
