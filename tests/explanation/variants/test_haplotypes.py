"""Genotypes, and alleles with those of their haplotype."""

from __future__ import annotations

from collections import Counter

import pytest

from dnabirnn.alphabet import encode
from dnabirnn.errors import VariantError
from dnabirnn.explanation.variants.alleles import Skipped, read_alleles
from dnabirnn.explanation.variants.haplotypes import genotype_of, with_haplotypes
from dnabirnn.explanation.variants.vcf import Row

CODES = encode("ACGT" * 50)


def row_of(start: int, size: int, alts: str, genotype: str, fields: str = "GT:PS") -> Row:
    ref = ("ACGT" * 50)[start : start + size]
    line = "\t".join(["c", str(start + 1), ".", ref, alts, ".", ".", ".", fields, genotype])
    return Row(
        "x.vcf, line 3", line.encode(), "c", start, ".", ref.encode(), alts.encode().split(b",")
    )


@pytest.mark.parametrize(
    ("text", "alleles", "phased"),
    [
        ("0|1", [0, 1], True),
        ("1/1", [1, 1], True),
        ("0/1", [0, 1], False),
        ("1", [1], True),
        (".|1", [-1, 1], True),
        ("./.", [-1, -1], True),
        ("0|1|1", [0, 1, 1], True),
        ("|0|1", [0, 1], True),
    ],
)
def test_genotypes(text: str, alleles: list[int], phased: bool) -> None:
    genotype = genotype_of(row_of(0, 1, "T", text), 9)
    assert (genotype.alleles, genotype.phased) == (alleles, phased)


@pytest.mark.parametrize(
    ("text", "message"),
    [("0|2", "the row has 1 alternative"), ("a|b", "GT is 'a|b'"), ("", "GT is ''")],
)
def test_what_is_no_genotype(text: str, message: str) -> None:
    with pytest.raises(VariantError, match=r"x\.vcf, line 3.*"):
        genotype_of(row_of(0, 1, "T", text), 9)


def test_a_row_without_the_sample() -> None:
    row = row_of(0, 1, "T", "0|1")
    with pytest.raises(VariantError, match="has no column for the sample"):
        genotype_of(row, 10)


def of_haplotypes(
    rows: list[Row], reach: int
) -> tuple[list[list[tuple[int, list[int]]]], Counter[Skipped]]:
    """Haplotype and places of the edits of each allele of each row."""
    skipped: Counter[Skipped] = Counter()
    read = ((row, read_alleles(row, CODES, skipped, skip_mismatch=False)) for row in rows)
    found = list(with_haplotypes(read, 9, reach, skipped))
    assert [row for row, _ in found] == rows
    return [
        [(one.haplotype, [edit.at for edit in one.edits]) for one in alleles]
        for _, alleles in found
    ], skipped


def test_neighbours_are_those_of_the_haplotype_within_reach() -> None:
    rows = [
        row_of(0, 1, "T", "1|0"),
        row_of(4, 1, "T,C", "1|2"),
        row_of(12, 1, "T", "1/1"),
        row_of(16, 1, "T", "0|1"),
        row_of(40, 1, "T", "0|1"),
    ]
    found, skipped = of_haplotypes(rows, 12)
    assert found == [
        [(1, [0, 4, 12])],
        [(1, [0, 4, 12]), (2, [4, 12, 16])],
        [(1, [0, 4, 12]), (2, [4, 12, 16])],
        [(2, [4, 12, 16])],
        [(2, [40])],
    ]
    assert not skipped


def test_phase_sets_and_what_is_not_phased() -> None:
    rows = [
        row_of(0, 1, "T", "1|0:5"),
        row_of(4, 1, "T", "1|0:9"),
        row_of(8, 1, "T", "0/1:9"),
        row_of(12, 1, "T", "1|1:9"),
        row_of(16, 1, "T", ".|."),
    ]
    found, skipped = of_haplotypes(rows, 50)
    assert found == [[(1, [0, 12])], [(1, [4, 12])], [], [(1, [0, 4, 12]), (2, [12])], []]
    assert skipped == {Skipped.UNPHASED: 1}


def test_overlapping_alleles_of_a_haplotype() -> None:
    rows = [row_of(0, 6, "A", "1|0"), row_of(3, 1, "A", "1|0"), row_of(3, 1, "G", "0|1")]
    found, skipped = of_haplotypes(rows, 50)
    assert found == [[(1, [1])], [], [(2, [3])]]
    assert skipped == {Skipped.OVERLAPPING: 1}
