"""Sequences of which some have a planted motif: whole sequences and where the motif is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dnabirnn.alphabet import decode, encode, reverse_complement

MOTIF = "TGACTCAGGCAA"
"""Twelve bases, unlike their own reverse complement."""


class Planted(NamedTuple):
    """A sequence; `start` is where its motif begins, or -1."""

    text: str
    start: int
    strand: str


def planted_sequences(
    number: int, seed: int, length_bp: int = 100, changed: float = 0.05
) -> list[Planted]:
    """Return sequences of which every other one has a motif, on either strand.

    Each base of a planted motif is another one with probability `changed`.
    """
    rng = np.random.default_rng(seed)
    found = []
    for i in range(number):
        codes = rng.integers(4, size=length_bp).astype(np.uint8)
        start, strand = -1, "."
        if i % 2 == 0:
            site = encode(MOTIF).copy()
            others = rng.random(len(site)) < changed
            site[others] = (site[others] + rng.integers(1, 4, int(others.sum()))) % 4
            strand = "+-"[int(rng.integers(2))]
            start = int(rng.integers(length_bp - len(site) + 1))
            codes[start : start + len(site)] = site if strand == "+" else reverse_complement(site)
        found.append(Planted(decode(codes), start, strand))
    return found


def write_tables(folder: Path, train: int, val: int, **more: float) -> None:
    """Write train.csv and val.csv with the columns sequence and label."""
    for seed, (name, number) in enumerate((("train", train), ("val", val))):
        rows = planted_sequences(number, seed, **more)  # type: ignore[arg-type]
        lines = [f"{one.text},{int(one.start >= 0)}\n" for one in rows]
        (folder / f"{name}.csv").write_text("sequence,label\n" + "".join(lines))
