"""Simulated genomes with repeats: tandem arrays and scattered copies of consensus sequences.

    consensus   ABCDEFGH
    array       ..FGH ABCDEFGH ABCDEFGH ABCDEFGH ABC..     random phase at both ends
    copy        ABCDEFGH, or a part of it

An array is a unit of one or more repeats, each diverged from the consensus on its own, that recurs
head to tail; then all of its repeats diverge from the unit a little. A unit of one repeat gives a
homogeneous array, a long one an array of unlike repeats. Decoys are planted in the same way, with
the letters of the consensus in random order: they teach that a tandem repeat alone is not a site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dnabirnn.alphabet import AMBIGUOUS, Codes, reverse_complement
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.labels import ClassTable, Labels
from dnabirnn.motif_classes import MAX_CLASSES, MotifClass
from dnabirnn.motifs.simulation import Feature, Simulated
from dnabirnn.names import is_printable, shortened
from dnabirnn.sequences import Stretches, read_fasta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.sequences import Background

__all__ = [
    "Library",
    "MaskedGenome",
    "RepeatSettings",
    "read_consensus",
    "repeat_labels",
    "simulate_repeats",
]

Library = dict[str, list[Codes]]
"""Consensus sequences of each class: (L,) uint8 with codes 0 to 4, in the order of the file."""

MIN_CONSENSUS_BP, MAX_CONSENSUS_BP = 10, 20_000

_REPEAT_SHARE, _DECOY_SHARE = 0.4, 0.2
"""Shares of a contig that are repeats and decoys."""
_ARRAY_CHANCE = 0.3
"""Chance that a planted unit is an array and not one copy."""
_WHOLE_CHANCE = 0.5
"""Chance that a single copy is whole."""
_LONGEST_ARRAY_BP = 20_000
_MOST_COPIES_IN_UNIT = 16
_WITHIN_ARRAY = 0.05
"""Largest divergence of the repeats of an array from its unit."""
_INDELS_PER_SUBSTITUTION = 0.1

_WORD_BP = 12
"""A repeat of 171 bases with 25 % substitutions still shares about five such words with its
consensus; one base in 50,000 begins one by chance."""
_MASK_MARGIN_BP = 200
_WORDS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class RepeatSettings:
    """Settings of a simulated genome with repeats.

    Attributes
    ----------
    length_bp : int
        Number of bases of the whole genome.
    contigs : int
        Number of contigs, named sim1, sim2, ...; each has arrays of its own.
    divergence : tuple of float
        Smallest and largest fraction of substituted bases. Each array and copy draws its own.
    seed : int
        Seed of the random numbers.
    """

    length_bp: int = 4_000_000
    contigs: int = 10
    divergence: tuple[float, float] = (0.0, 0.25)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.contigs <= self.length_bp:
            raise OptionError(
                f"--contigs {self.contigs}: must be from 1 to the number of bases, {self.length_bp}"
            )
        low, high = self.divergence
        if not 0 <= low <= high <= 0.5:
            raise OptionError(
                f"--divergence {100 * low:g}-{100 * high:g}: must be the smallest and the largest "
                "percentage of substituted bases, from 0 to 50, such as 0-25"
            )


def read_consensus(path: PathLike, digests: dict[str, str] | None = None) -> Library:
    r"""Read consensus sequences. The class of a record is its name up to the first `#` or `/`.

    Parameters
    ----------
    path : str or PathLike
        FASTA, or any other format that `read_fasta` reads.
    digests : dict, optional
        As in `read_fasta`.

    Raises
    ------
    FastaError
        No record, a sequence that is too short, too long or mostly ambiguous, a name without a
        class, or too many classes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "library.fa")
    >>> _ = path.write_text(">sat#1\nACGTACGTAA\n>sat#2\nACGTACGTAC\n>sat2\nACGTACGTAG\n")
    >>> {name: len(sequences) for name, sequences in read_consensus(path).items()}
    {'sat': 2, 'sat2': 1}
    """
    library: Library = {}
    for name, codes, _ in read_fasta(path, digests=digests):
        class_name = re.split("[#/]", name, maxsplit=1)[0]
        where = f"{path}: record {name!r}"
        if not class_name or not all(map(is_printable, class_name)):
            raise FastaError(
                f"{where}: has no class before '#' or '/'; name it like ALR or ALR#Satellite"
            )
        if not MIN_CONSENSUS_BP <= codes.size <= MAX_CONSENSUS_BP:
            raise FastaError(
                f"{where}: has {codes.size} bases; a consensus sequence must have "
                f"{MIN_CONSENSUS_BP} to {MAX_CONSENSUS_BP}"
            )
        if 2 * np.count_nonzero(codes == AMBIGUOUS) > codes.size:
            raise FastaError(
                f"{where}: more than half of its bases are ambiguous; give a sequence with known "
                "bases"
            )
        library.setdefault(class_name, []).append(codes)
    if not library:
        raise FastaError(f"{path}: holds no sequence; give one consensus sequence per repeat")
    if len(library) > MAX_CLASSES:
        raise FastaError(
            f"{path}: {len(library)} classes, but a model has at most {MAX_CLASSES}; put records "
            "into one class with names like ALR#1 and ALR#2, or remove some"
        )
    return library


class MaskedGenome(Stretches):
    """Background sequence: stretches of a genome from which the repeats of a library are cut out.

    Parameters
    ----------
    paths : sequence of str or PathLike
        FASTA; the whole genome is in memory, one byte per base.
    library : Library
        Bases within 200 of a word of 12 bases of the library, on either strand, are cut out.
    digests : dict, optional
        As in `read_fasta`.

    Raises
    ------
    FastaError
        A genome of which nothing is left.
    """

    def __init__(
        self, paths: Sequence[PathLike], library: Library, digests: dict[str, str] | None = None
    ) -> None:
        known = np.zeros(4**_WORD_BP, dtype=np.bool_)
        for sequences in library.values():
            for codes in sequences:
                tandem = np.concatenate([codes, codes[: _WORD_BP - 1]])
                for strand in (tandem, reverse_complement(tandem)):
                    words, clear = _words(strand)
                    known[words[clear]] = True
        records = read_fasta(*paths, digests=digests)
        kept = [record.codes[~_near_words(record.codes, known)] for record in records]
        codes = np.concatenate(kept) if kept else np.zeros(0, np.uint8)
        if not codes.size:
            raise FastaError(
                f"{paths[0]}: nothing is left without the repeats of the library; give a larger "
                "genome"
            )
        super().__init__(codes)


def _words(codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of each word of 12 bases, and whether all its bases are known: (n,)."""
    words = np.zeros(max(0, codes.size - _WORD_BP + 1), dtype=np.int64)
    clear = np.ones(words.size, dtype=np.bool_)
    for place in range(_WORD_BP):
        letters = codes[place : place + words.size]
        words = words << 2 | (letters & 3)
        clear &= letters < AMBIGUOUS
    return words, clear


def _near_words(codes: Codes, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the bases in or near a known word: (L,) bool."""
    edges = np.zeros(codes.size + 1, dtype=np.int32)
    for first in range(0, codes.size, _WORDS_AT_ONCE):
        words, clear = _words(codes[first : first + _WORDS_AT_ONCE + _WORD_BP - 1])
        hits = first + np.flatnonzero(known[words] & clear)
        np.add.at(edges, np.maximum(hits - _MASK_MARGIN_BP, 0), 1)
        np.add.at(edges, np.minimum(hits + _WORD_BP + _MASK_MARGIN_BP, codes.size), -1)
    return np.cumsum(edges[:-1]) > 0


def simulate_repeats(
    library: Library,
    background: Background | MaskedGenome,
    settings: RepeatSettings,
    progress: Callable[[int], object] = lambda bases: None,
) -> Iterator[Simulated]:
    """Yield the contigs of a simulated genome, one after the other.

    Parameters
    ----------
    library : Library
    background : Background or MaskedGenome
        Source of the sequence between the repeats.
    settings : RepeatSettings
        Settings; the same settings give the same genome.
    progress : callable
        Called with the size of each finished piece, in bases.

    Yields
    ------
    contig : Simulated
        `sites` are arrays and copies; an array is one site.

    Raises
    ------
    OptionError
        If a contig is too short for two copies of each consensus sequence.
    """
    ends = [i * settings.length_bp // settings.contigs for i in range(settings.contigs + 1)]
    shortest_bp = settings.length_bp // settings.contigs
    longest = max(codes.size for sequences in library.values() for codes in sequences)
    # Per class, `_REPEAT_SHARE` of the contig has room for two copies of the longest.
    needed = int(2 * longest * len(library) / _REPEAT_SHARE) + 1
    if shortest_bp < needed:
        raise OptionError(
            f"--length {settings.length_bp}: contigs of {shortest_bp} bases are too short for "
            f"{len(library)} classes of repeats of up to {longest} bases; give --length "
            f"{needed * settings.contigs} or more"
        )
    for number in range(settings.contigs):
        random = _random(settings.seed, number, 0)
        codes = background.sequence(ends[number + 1] - ends[number], random, progress)
        random = _random(settings.seed, number, 1)
        yield _plant(
            f"sim{number + 1}", codes, _units(library, codes.size, settings, random), random
        )


def _random(*seed: int) -> np.random.Generator:
    """Create a generator; use only its `random()`, whose numbers do not change between versions."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def _units(
    library: Library, length: int, settings: RepeatSettings, random: np.random.Generator
) -> list[tuple[str, bool, Codes]]:
    """Draw name, truth and sequence of the units of a contig: as many bases for each class."""
    units = []
    for name, sequences in library.items():
        for true, share in ((True, _REPEAT_SHARE), (False, _DECOY_SHARE)):
            left = int(share * length / len(library))
            while left > 0:
                consensus = sequences[int(random.random() * len(sequences))]
                if not true:
                    consensus = consensus[np.argsort(random.random(consensus.size), kind="stable")]
                unit = _unit(consensus, settings.divergence, random)[:left]
                # Of a unit that would be cut to a scrap, nothing is left to recognize.
                if unit.size >= MIN_CONSENSUS_BP:
                    units.append((name, true, unit))
                left -= max(1, unit.size)
    return units


def _unit(consensus: Codes, divergence: tuple[float, float], random: np.random.Generator) -> Codes:
    """Draw an array or a copy: (n,) uint8."""
    low, high = divergence
    rate = low + (high - low) * random.random()
    if random.random() >= _ARRAY_CHANCE:
        copy = mutated(consensus, rate, random)
        if random.random() < _WHOLE_CHANCE:
            return copy
        size = min(copy.size, max(MIN_CONSENSUS_BP, int(copy.size * random.random())))
        first = int(random.random() * (copy.size - size + 1))
        return copy[first : first + size]
    shortest = 2 * consensus.size
    size = int(shortest * max(1.0, _LONGEST_ARRAY_BP / shortest) ** random.random())
    repeats = int(_MOST_COPIES_IN_UNIT ** random.random())
    unit = mutated(np.tile(consensus, repeats), rate, random)
    first = int(random.random() * unit.size)
    array = np.tile(unit, 2 + size // max(1, unit.size))[first : first + size]
    return mutated(array, min(rate, _WITHIN_ARRAY) * random.random(), random)


def mutated(codes: Codes, rate: float, random: np.random.Generator) -> Codes:
    """Return a copy with substitutions, insertions and deletions.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        Codes 0 to 4; an ambiguous base becomes any base.
    rate : float
        Fraction of bases that are substituted by another base.
    random : numpy.random.Generator

    Returns
    -------
    mutated : ndarray, (M,) uint8
        Codes 0 to 3.
    """
    draws = random.random((4, codes.size))
    drawn = (draws[0] * 4).astype(np.uint8)
    other = ((codes + 1 + (draws[0] * 3).astype(np.uint8)) % 4).astype(np.uint8)
    bases = np.where(draws[1] < rate, other, codes)
    bases = np.where(codes == AMBIGUOUS, drawn, bases)
    # Insertions and deletions are equally frequent, so that the expected length stays the same.
    indels = rate * _INDELS_PER_SUBSTITUTION / 2
    copies = np.where(draws[2] < indels, 0, np.where(draws[2] >= 1 - indels, 2, 1))
    result = np.repeat(bases, copies)
    # The first of two copies is the inserted base, which is any base.
    inserted = (np.cumsum(copies) - copies)[copies == 2]
    result[inserted] = (draws[3] * 4).astype(np.uint8)[copies == 2]
    return result


def _plant(
    name: str, codes: Codes, units: list[tuple[str, bool, Codes]], random: np.random.Generator
) -> Simulated:
    """Write units into `codes`, in place, in random order, on random strands, at random places."""
    order = np.argsort(random.random(len(units)), kind="stable").tolist()
    free = codes.size - sum(unit.size for _, _, unit in units)
    gaps = (np.sort(random.random(len(units))) * (free + 1)).astype(np.int64).tolist()
    sites: list[Feature] = []
    decoys: list[Feature] = []
    planted = 0
    for i, gap in zip(order, gaps, strict=True):
        class_name, true, unit = units[i]
        strand = "+" if random.random() < 0.5 else "-"
        start, end = planted + gap, planted + gap + unit.size
        codes[start:end] = unit if strand == "+" else reverse_complement(unit)
        planted += unit.size
        label = class_name if true else f"{class_name}_decoy"
        (sites if true else decoys).append(Feature(start, end, label, strand))
    return Simulated(name, codes, sites, decoys)


def repeat_labels(
    contigs: Sequence[Simulated], library: Library, *, source: str, unstranded: Sequence[str] = ()
) -> Labels:
    """Return the labels of simulated contigs: their sites.

    Parameters
    ----------
    contigs : sequence of Simulated
    library : Library
    source : str
        Name of the file of the library, for messages.
    unstranded : sequence of str
        Classes whose strands are ignored.

    Raises
    ------
    OptionError
        If the library has no class of a name in `unstranded`.
    """
    names = sorted(library)
    for name in unstranded:
        if name not in library:
            raise OptionError(
                f"--unstranded: no class {name!r} in {source}, which has {shortened(names)}"
            )
    number = {name: i for i, name in enumerate(names)}
    rows = [
        (contig.name, start, end, number[name], "." if name in unstranded else strand, source, 0)
        for contig in contigs
        for start, end, name, strand in contig.sites
    ]
    columns = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "class": pl.Int32}
    columns |= {"strand": pl.String, "file": pl.String, "line": pl.UInt32}
    classes = tuple(MotifClass(name, name not in unstranded) for name in names)
    return Labels(ClassTable(classes, ()), pl.DataFrame(rows, columns, orient="row"))
