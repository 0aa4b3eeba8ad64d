"""Sequence of many compositions that holds nothing: background that a small genome lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["VALIDATION", "write_decoys"]

_CONTIGS, _CONTIG_BP, _LINE_BP = 120, 50_000, 80
_ORDERS = ((1, 40.0), (3, 20.0), (5, 8.0))
"""Orders of Markov chains, and how alike their rows are (the sum of a Dirichlet's parameters)."""
VALIDATION = tuple(f"decoy{number}" for number in range(5, _CONTIGS, 6))
"""Names of the contigs that are for validation."""


def write_decoys(path: Path, seed: int = 0) -> None:
    """FASTA of contigs of 50 kb, each of a random Markov chain; GC from 0.25 to 0.7."""
    random = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as file:
        for kind, (order, alike) in enumerate(_ORDERS):
            numbers = range(kind, _CONTIGS, len(_ORDERS))
            for number, codes in zip(
                numbers, _chains(order, alike, len(numbers), random), strict=True
            ):
                lines = letters[codes].reshape(-1, _LINE_BP)
                file.write(b">decoy%d\n" % number)
                file.writelines(line.tobytes() + b"\n" for line in lines)


def _chains(
    order: int, alike: float, number: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Codes (number, bases) of so many chains, each with a table of its own."""
    gc = random.uniform(0.25, 0.7, number)
    shares = np.stack([1 - gc, gc, gc, 1 - gc], axis=1) / 2
    tables = np.stack([random.dirichlet(share * alike, size=4**order) for share in shares])
    limits = tables.cumsum(axis=2)[..., :3]  # (number, states, 3)
    chain, state = np.arange(number), random.integers(4**order, size=number)
    codes = np.empty((number, _CONTIG_BP), np.uint8)
    for base in range(_CONTIG_BP):
        code = (random.random(number)[:, None] > limits[chain, state]).sum(axis=1)
        codes[:, base] = code
        state = (4 * state + code) % 4**order
    return codes
