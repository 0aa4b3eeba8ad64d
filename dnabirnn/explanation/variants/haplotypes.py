"""Haplotypes of a sample: each allele with the others of its haplotype nearby."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dnabirnn.errors import VariantError
from dnabirnn.explanation.variants.alleles import Skipped

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from dnabirnn.explanation.variants.alleles import Allele, Edit
    from dnabirnn.explanation.variants.vcf import Row

__all__ = ["genotype_of", "with_haplotypes"]

_GENOTYPE = re.compile(rb"[|/]?(?:\d+|\.)(?:[|/](?:\d+|\.))*")


class Genotype(NamedTuple):
    """Alleles of a sample at a row.

    Attributes
    ----------
    alleles : list of int
        Number of each haplotype's allele; 0 is REF, -1 is missing.
    phase_set : bytes or None
        Haplotypes of rows with the same phase set go together. None if all alleles are the same,
        which then go with those of any phase set.
    phased : bool
        Whether it is known which haplotype has which allele.
    """

    alleles: list[int]
    phase_set: bytes | None
    phased: bool


class _Carried(NamedTuple):
    """The edits of one allele on one haplotype."""

    at: int
    end: int
    edits: tuple[Edit, ...]
    phase_set: bytes | None


class _Waiting(NamedTuple):
    row: Row
    alleles: list[tuple[Allele, _Carried]]


def genotype_of(row: Row, column: int) -> Genotype:
    """Return the genotype of a sample, from the fields GT and PS.

    Raises
    ------
    VariantError
        If GT is not a genotype, or names an allele that the row lacks.
    """
    fields = row.sample_fields(column)
    text = fields.get(b"GT", b".")
    if not _GENOTYPE.fullmatch(text):
        raise VariantError(
            f"{row.place}: GT is {text.decode('utf-8', 'replace')!r}; it must be like 0|1"
        )
    words = re.split(rb"[|/]", text.lstrip(b"|/"))
    alleles = [-1 if word == b"." else int(word) for word in words]
    if max(alleles) > len(row.alts):
        raise VariantError(
            f"{row.place}: GT is {text.decode()}, but the row has {len(row.alts)} alternative "
            "alleles; correct it"
        )
    same = len(set(alleles)) == 1
    phased = same or b"/" not in text
    return Genotype(alleles, None if same else fields.get(b"PS", b"."), phased)


def with_haplotypes(
    rows: Iterable[tuple[Row, list[Allele]]],
    column: int,
    reach_bp: int,
    skipped: Counter[Skipped],
) -> Iterator[tuple[Row, list[Allele]]]:
    """Yield rows with one allele per haplotype that carries it, and with its neighbours.

    A row is held until all rows that may hold neighbours have been read.

    Parameters
    ----------
    rows : iterable of (Row, list of Allele)
        Rows of one contig, sorted, with their alleles.
    column : int
        Column of the sample.
    reach_bp : int
        Neighbours are those of which a base is within this distance.
    skipped : Counter
        Updated with alleles that are not phased, or that overlap an earlier one of the haplotype.
    """
    waiting: deque[_Waiting] = deque()
    carried: dict[int, deque[_Carried]] = {}
    for row, alleles in rows:
        while waiting and _last(waiting[0]) + reach_bp < row.start:
            yield _finished(waiting.popleft(), carried, reach_bp)
        waiting.append(_Waiting(row, _carry(row, alleles, column, carried, skipped)))
    while waiting:
        yield _finished(waiting.popleft(), carried, reach_bp)


def _last(one: _Waiting) -> int:
    return max([one.row.start, *(allele.end for allele, _ in one.alleles)])


def _carry(
    row: Row,
    alleles: list[Allele],
    column: int,
    carried: dict[int, deque[_Carried]],
    skipped: Counter[Skipped],
) -> list[tuple[Allele, _Carried]]:
    """Add the alleles of a row to the haplotypes that carry them."""
    genotype = genotype_of(row, column)
    by_number = {allele.number + 1: allele for allele in alleles}
    if not genotype.phased:
        skipped[Skipped.UNPHASED] += len(by_number.keys() & set(genotype.alleles))
        return []
    found = []
    for haplotype, number in enumerate(genotype.alleles, 1):
        allele = by_number.get(number)
        if allele is None:
            continue
        one = _Carried(allele.at, allele.end, allele.edits, genotype.phase_set)
        others = carried.setdefault(haplotype, deque())
        if any(_overlap(one, other) for other in others if _together(one, other)):
            skipped[Skipped.OVERLAPPING] += 1
            continue
        others.append(one)
        found.append((allele._replace(haplotype=haplotype), one))
    return found


def _place(edit: Edit) -> tuple[int, int]:
    return edit.at, edit.removed


def _overlap(one: _Carried, other: _Carried) -> bool:
    """Return whether both change the same base, or insert at the same place."""
    if one.at == one.end and other.at == other.end:
        return one.at == other.at
    return one.at < other.end and other.at < one.end


def _together(one: _Carried, other: _Carried) -> bool:
    """Return whether the haplotypes of two rows are known to go together."""
    return None in (one.phase_set, other.phase_set) or one.phase_set == other.phase_set


def _finished(
    one: _Waiting, carried: dict[int, deque[_Carried]], reach_bp: int
) -> tuple[Row, list[Allele]]:
    """Return a row whose alleles have their neighbours; forget what no later row can need."""
    alleles = []
    for allele, own in one.alleles:
        others = carried[allele.haplotype]
        chosen = [own]
        for other in others:
            near = other.end >= own.at - reach_bp and other.at <= own.end + reach_bp
            if not near or other is own or not _together(own, other):
                continue
            # Neighbours of two phase sets may overlap.
            if not any(_overlap(other, each) for each in chosen):
                chosen.append(other)
        edits = sorted((edit for each in chosen for edit in each.edits), key=_place)
        alleles.append(allele._replace(edits=tuple(edits)))
    for others in carried.values():
        while others and others[0].end + reach_bp < one.row.start:
            others.popleft()
    return one.row, alleles
