"""Alleles as edits of a contig."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.alphabet import decode, encode
from dnabirnn.errors import VariantError
from dnabirnn.explanation.variants import alleles
from dnabirnn.explanation.variants.alleles import Skipped, edits_of, read_alleles, trimmed
from dnabirnn.explanation.variants.pairs import apply_edits
from dnabirnn.explanation.variants.vcf import Row

BASES = st.text("ACGT", max_size=8)


def row_of(start: int, ref: str, *alts: str) -> Row:
    return Row("x.vcf, line 5", b"", "c", start, ".", ref.encode(), [*map(str.encode, alts)])


@given(BASES, BASES, BASES, BASES)
def test_edits_make_the_alternative_sequence(left: str, ref: str, alt: str, right: str) -> None:
    offset, old, new = trimmed(ref.encode(), alt.encode())
    assert ref[offset : offset + len(old)] == old.decode()
    edits = edits_of(len(left) + offset, encode(old), encode(new))
    text = encode(left + ref + right)
    codes, aligned, blocks = apply_edits(text, 0, edits)
    assert decode(codes) == left + alt + right
    kept = aligned >= 0
    places = np.flatnonzero(kept)
    substituted = [edit.at for edit in edits if edit.is_substitution]
    same = [place for place in places if place not in substituted]
    assert (codes[aligned[same]] == text[same]).all()
    covered = sum(block.new_end - block.new_start for block in blocks)
    assert kept.sum() + covered == len(codes)


def test_kinds_of_alleles() -> None:
    codes = encode("ACGTNACGTACGT")
    skipped: Counter[Skipped] = Counter()
    row = row_of(0, "AC", "AC", "A", "GG", "<DEL>", "*", "G]c:9]", ".A", "AN", "at", "ACC")
    found = read_alleles(row, codes, skipped, skip_mismatch=False)
    assert [(one.number, one.at, one.end) for one in found] == [
        (1, 1, 2),
        (2, 0, 2),
        (8, 1, 2),
        (9, 1, 1),
    ]
    assert [one.is_substitution for one in found] == [False, False, True, False]
    assert skipped == {Skipped.UNCHANGED: 1, Skipped.SYMBOLIC: 4, Skipped.UNKNOWN: 1}


def test_bases_that_the_model_reads_as_n() -> None:
    codes = encode("ACGTNACGT")
    skipped: Counter[Skipped] = Counter()
    rows = [row_of(4, "N", "A"), row_of(4, "A", "C"), row_of(3, "TNA", "TG"), row_of(3, "T", "TA")]
    found = [read_alleles(row, codes, skipped, skip_mismatch=False) for row in rows]
    assert [len(one) for one in found] == [0, 0, 0, 1]
    assert skipped == {Skipped.UNKNOWN: 3}


def test_long_alleles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alleles, "LONGEST_BP", 3)
    skipped: Counter[Skipped] = Counter()
    row = row_of(0, "ACGTA", "A", "ACGTACC", "ACGTACCCC")
    found = read_alleles(row, encode("ACGTACGTA"), skipped, skip_mismatch=False)
    assert [one.number for one in found] == [1]
    assert skipped == {Skipped.LONG: 2}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (row_of(1, "A", "C"), "c:2: REF is A, but the FASTA has C; .*--skip-mismatch"),
        (row_of(7, "TA", "C"), "c:8: REF is TA, but the FASTA has 8 bases on this contig"),
        (row_of(-1, "A", "C"), "c:0: REF is A, but the FASTA has 8 bases"),
        (row_of(1, "N", "C"), "REF is N, but the FASTA has C"),
    ],
)
def test_reference_mismatch(row: Row, message: str) -> None:
    skipped: Counter[Skipped] = Counter()
    with pytest.raises(VariantError, match=message):
        read_alleles(row, encode("ACGTACGT"), skipped, skip_mismatch=False)
    assert read_alleles(row, encode("ACGTACGT"), skipped, skip_mismatch=True) == []
    assert skipped == {Skipped.MISMATCH: 1}


@pytest.mark.parametrize(("ref", "alt"), [("AE", "A"), ("A", "A!"), ("A", "")])
def test_what_is_no_allele(ref: str, alt: str) -> None:
    with pytest.raises(VariantError, match=r"x\.vcf, line 5: (REF|ALT)"):
        read_alleles(row_of(0, ref, alt), encode("ACGT"), Counter(), skip_mismatch=True)
