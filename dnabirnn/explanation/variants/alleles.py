"""Alternative alleles of rows as edits of a contig, checked against its sequence."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, encode
from dnabirnn.errors import VariantError

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes
    from dnabirnn.explanation.variants.vcf import Row

__all__ = ["LONGEST_BP", "Allele", "Edit", "Skipped", "edits_of", "read_alleles", "trimmed"]

LONGEST_BP = 10_000
"""Longest allele in bases: longer ones would take windows of hundreds of kilobases."""
_BASES = frozenset(b"ACGTacgt")
_SYMBOLIC = frozenset(b"<>[]*.")


class Skipped(StrEnum):
    """Reasons for which an allele has no effect computed."""

    SYMBOLIC = "symbolic, such as <DEL>, *, or a breakend"
    UNKNOWN = "with bases other than A, C, G and T, or on bases that the model reads as N"
    UNCHANGED = "the same as REF"
    LONG = f"longer than {LONGEST_BP:,} bases"
    MISMATCH = "of rows whose REF differs from the FASTA"
    ABSENT = "on contigs that the FASTA lacks"
    UNPHASED = "heterozygous and not phased"
    OVERLAPPING = "overlapping another one of the haplotype"


class Edit(NamedTuple):
    """Bases of a contig, and what they are replaced by.

    Attributes
    ----------
    at : int
        First base that is replaced, 0-based.
    removed : int
        Number of bases that are replaced.
    codes : ndarray, (n,) uint8
        New bases. If there are as many as are replaced, both are 1.
    """

    at: int
    removed: int
    codes: Codes

    @property
    def is_substitution(self) -> bool:
        """Whether one base is replaced by one base."""
        return self.removed == 1 == len(self.codes)


class Allele(NamedTuple):
    """An alternative allele, by itself or with the others of its haplotype.

    Attributes
    ----------
    number : int
        Number of the allele in ALT, from 0.
    origin : int
        0-based position of POS, which distances are counted from.
    at, end : int
        Bases that are replaced, without those that REF and ALT share at both ends.
    edits : tuple of Edit
        Sorted and apart: those of the allele, and of its haplotype nearby.
    haplotype : int
        Number of the haplotype, from 1; 0 for an allele by itself.
    """

    number: int
    origin: int
    at: int
    end: int
    edits: tuple[Edit, ...]
    haplotype: int = 0

    @property
    def is_substitution(self) -> bool:
        """Whether one base is replaced by one base, and nothing else changes."""
        one_base = self.end - self.at == 1
        return one_base and len(self.edits) == 1 and self.edits[0].is_substitution


def trimmed(ref: bytes, alt: bytes) -> tuple[int, bytes, bytes]:
    """Return an allele without the bases that REF and ALT share.

    The base before an insertion or deletion, which VCF adds, is always taken off at the start.

    Returns
    -------
    offset : int
        Bases that were removed from the start.
    ref, alt : bytes

    Examples
    --------
    >>> trimmed(b"CAAA", b"CAA"), trimmed(b"AG", b"AT"), trimmed(b"A", b"ACA"), trimmed(b"A", b"CA")
    ((1, b'A', b''), (1, b'G', b'T'), (1, b'', b'CA'), (0, b'', b'C'))
    """
    end = _shared(ref[:0:-1], alt[:0:-1])  # not the first bases
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    start = _shared(ref, alt)
    ref, alt = ref[start:], alt[start:]
    end = _shared(ref[::-1], alt[::-1])
    return start, ref[: len(ref) - end], alt[: len(alt) - end]


def _shared(one: bytes, other: bytes) -> int:
    """Return how many bases at the start of both are the same."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def edits_of(at: int, ref: Codes, alt: Codes) -> tuple[Edit, ...]:
    """Return the edits that turn one sequence into another: base by base if both are as long.

    Examples
    --------
    >>> [(edit.at, edit.removed, edit.codes.tolist()) for edit in edits_of(
    ...     7, np.array([0, 1, 2], np.uint8), np.array([3, 1, 0], np.uint8))]
    [(7, 1, [3]), (9, 1, [0])]
    """
    if len(ref) != len(alt):
        return (Edit(at, len(ref), alt),)
    differ = np.flatnonzero(ref != alt).tolist()
    return tuple(Edit(at + place, 1, alt[place : place + 1]) for place in differ)


def read_alleles(
    row: Row, codes: Codes, skipped: Counter[Skipped], *, skip_mismatch: bool
) -> list[Allele]:
    """Return the alleles of a row whose effects can be computed, and count the others.

    Parameters
    ----------
    row : Row
    codes : ndarray, (L,) uint8
        The contig.
    skipped : Counter
        Updated.
    skip_mismatch : bool
        Count alleles of a row whose REF differs from the contig, instead of raising an error.

    Raises
    ------
    VariantError
        If REF differs from the contig. A letter of the contig that is none of A, C, G and T fits
        every letter.
    """
    if not row.alts:
        return []
    ref = row.ref.upper()
    fault = _mismatch(row, ref, codes)
    if fault is not None:
        if not skip_mismatch:
            raise VariantError(
                f"{row.place}: {row.chrom}:{row.start + 1}: REF is {_shown(ref)}, but the FASTA "
                f"{fault}; give the FASTA that the VCF was made for, or leave such rows out with "
                "--skip-mismatch"
            )
        skipped[Skipped.MISMATCH] += len(row.alts)
        return []
    found = []
    for number, text in enumerate(row.alts):
        allele = _allele(row, number, ref, text, codes)
        if isinstance(allele, Skipped):
            skipped[allele] += 1
        else:
            found.append(allele)
    return found


def _mismatch(row: Row, ref: bytes, codes: Codes) -> str | None:
    """Return how the contig differs from REF; None if it does not."""
    if row.start < 0 or row.start + len(ref) > len(codes):
        return f"has {len(codes)} bases on this contig"
    own = codes[row.start : row.start + len(ref)]
    try:
        stated = encode(ref)
    except ValueError as error:
        raise VariantError(
            f"{row.place}: REF is {_shown(ref)}, which is not a sequence of bases; correct it"
        ) from error
    if not ((own != stated) & (own < AMBIGUOUS)).any():
        return None
    return f"has {_shown(bytes(b'ACGTN'[code] for code in own))}"


def _shown(bases: bytes) -> str:
    text = bases.decode("ascii")
    return text if len(text) <= 20 else f"{text[:20]}... ({len(text)} bases)"


def _allele(row: Row, number: int, ref: bytes, text: bytes, codes: Codes) -> Allele | Skipped:
    if not text or not _BASES.issuperset(text):
        return Skipped.UNKNOWN if text.isalpha() else _not_bases(row, text)
    offset, old, new = trimmed(ref, text.upper())
    if not old and not new:
        return Skipped.UNCHANGED
    if max(len(old), len(new)) > LONGEST_BP:
        return Skipped.LONG
    at = row.start + offset
    own = codes[at : at + len(old)]
    if (own == AMBIGUOUS).any():
        return Skipped.UNKNOWN
    return Allele(number, row.start, at, at + len(old), edits_of(at, own, encode(new)))


def _not_bases(row: Row, text: bytes) -> Skipped:
    if _SYMBOLIC.isdisjoint(text):
        raise VariantError(
            f"{row.place}: ALT has {text.decode('utf-8', 'replace')!r}, which is neither bases nor "
            "a symbolic allele such as <DEL>; correct it"
        )
    return Skipped.SYMBOLIC
