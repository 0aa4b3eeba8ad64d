"""Small VCF files, and the sequences that their alleles make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dnabirnn.alphabet import decode, encode

Variant = tuple[str, int, str, str]
"""Contig, 0-based position, REF and ALT."""

COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]


def write_vcf(
    path: Path,
    variants: Iterable[Variant],
    samples: Sequence[str] = (),
    genotypes: Sequence[Sequence[str]] = (),
    fields: str = "GT",
) -> Path:
    """Write a VCF; genotypes are one sequence per row."""
    columns = [*COLUMNS, *(["FORMAT", *samples] if samples else [])]
    lines = ["##fileformat=VCFv4.3", "\t".join(columns)]
    for number, (chrom, start, ref, alt) in enumerate(variants):
        row = [chrom, str(start + 1), ".", ref, alt, ".", "PASS", "."]
        if samples:
            row += [fields, *genotypes[number]]
        lines.append("\t".join(row))
    path.write_text("\n".join(lines) + "\n")
    return path


def changed(codes: np.ndarray, start: int, ref: str, alt: str) -> np.ndarray:
    """The contig with one allele."""
    assert decode(codes[start : start + len(ref)]) == ref
    return np.concatenate([codes[:start], encode(alt), codes[start + len(ref) :]])


def random_variant(rng: np.random.Generator, codes: np.ndarray, kind: str) -> tuple[int, str, str]:
    """Position, REF and ALT of a substitution, an insertion or a deletion."""
    longest = 12
    start = int(rng.integers(0, len(codes) - longest))
    ref = decode(codes[start : start + 1])
    if kind == "substitution":
        return start, ref, rng.choice([base for base in "ACGT" if base != ref])
    size = int(rng.integers(1, longest))
    if kind == "insertion":
        return start, ref, ref + "".join(rng.choice(list("ACGT"), size))
    return start, decode(codes[start : start + 1 + size]), ref
