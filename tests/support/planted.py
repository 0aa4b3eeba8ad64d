"""Small genomes with planted motifs, for tests of training and of the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.encoded.encode import encode_genome as encode_set
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.labels.load import load_labels

MOTIF = encode("GCCGGATGCGGCGTGAACGCCTTATCCGGCAT")
"""Thirty-two bases that are not their own reverse complement."""


def plant(rng: np.random.Generator, length: int, starts: list[int], strands: str) -> np.ndarray:
    """Random bases with the motif at the starts, on the strands."""
    codes = rng.integers(0, 4, length, dtype=np.uint8)
    for start, strand in zip(starts, strands, strict=True):
        motif = MOTIF if strand == "+" else reverse_complement(MOTIF)
        codes[start : start + len(MOTIF)] = motif
    return codes


def write_genome(
    folder: Path, contigs: dict[str, int], every: int = 300, seed: int = 0, lower: bool = False
) -> tuple[Path, Path]:
    """FASTA and BED of contigs with a motif about every so many bases, on random strands."""
    rng = np.random.default_rng(seed)
    fasta, bed = folder / "genome.fa", folder / "sites.bed"
    with fasta.open("w") as sequence, bed.open("w") as rows:
        for name, length in contigs.items():
            starts = [
                int(start + rng.integers(every - 2 * len(MOTIF)))
                for start in range(0, length - every, every)
            ]
            strands = "".join(rng.choice(["+", "-"], len(starts)))
            text = decode(plant(rng, length, starts, strands))
            text = text.lower() if lower else text
            sequence.write(f">{name} planted\n")
            sequence.writelines(f"{text[i : i + 60]}\n" for i in range(0, length, 60))
            for start, strand in zip(starts, strands, strict=True):
                rows.write(f"{name}\t{start}\t{start + len(MOTIF)}\tM\t0\t{strand}\n")
    return fasta, bed


def encoded_set(folder: Path, **options: object) -> EncodedSet:
    """An encoded set of three contigs: train, val and test."""
    fasta, bed = write_genome(folder, {"a": 60_000, "b": 15_000, "c": 15_000})
    split = split_plan(val_chroms=["b"], test_chroms=["c"])
    return encode_set([fasta], load_labels([bed]), folder / "set", split=split, **options)  # type: ignore[arg-type]


def alike_set(folder: Path) -> EncodedSet:
    """An encoded set with sites of two classes that look alike, one of them without strands (B),
    and of a third class. No base has two labels.
    """
    rng = np.random.default_rng(6)
    words = {"A": encode("ACGTTGCAACCA"), "B": encode("ACGTTGCTACCA"), "C": encode("GGATCCAAGT")}
    codes, rows = rng.integers(0, 4, 90_000, dtype=np.uint8), []
    for start in range(100, 89_900, 150):
        name = "ABC"[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
        site = np.where(rng.random(words[name].size) < 0.15, rng.integers(0, 4), words[name])
        minus = bool(rng.integers(2)) and name != "B"
        codes[start : start + site.size] = reverse_complement(site) if minus else site
        strand = "." if name == "B" else "+-"[minus]
        rows.append(f"a\t{start}\t{start + site.size}\t{name}\t0\t{strand}\n")
    fasta, bed = folder / "genome.fa", folder / "sites.bed"
    fasta.write_text(f">a\n{decode(codes)}\n")
    bed.write_text("".join(rows))
    plan = split_plan(fractions=(0.8, 0.1, 0.1))
    return encode_set([fasta], load_labels([bed]), folder / "set", split=plan)
