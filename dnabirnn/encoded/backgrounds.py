"""Training sites pasted into other sequence, so that composition does not decide.

All sites of one genome lie in sequence of one composition. A network learns this sequence too, and
fails in genomes of another composition. Contigs with the training sites in other backgrounds are
therefore added to the train split::

    training genome   ----[site]-----------{piece}----------[site]------
    background        ====[site]==={piece}========[site]======{etsi}====

- Sites come from the train split only. So do the pieces.
- Every site has a counterpart that is not a site, with the same length: by turns a piece of the
  training genome without a label, and a shuffle of the site, and of each flank for itself, that
  keeps pairs of neighboring bases. Both are cut and pasted in the same way, on a random strand at a
  random place. Neither the seams nor the composition of what lies between them say which one is
  the site.
- Up to 60 bases on either side are cut out along with the site, a random number on each. Their
  labels go with them. The end of a site is therefore not the seam, and the network still sees
  the context of sites: with up to 10 bases, models were worse.
- Sites and counterparts cover a fifth of a contig. Classes have equal numbers of sites, and each
  site is used before one is used again. Of a site longer than 2,000 bases, a random part is used.

The contigs are not natural sequence: `EncodedSet.natural` leaves them out, for all that depends on
how frequent sites are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, Codes, reverse_complement
from dnabirnn.encoded.splits import SplitInterval
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.files import file_name
from dnabirnn.labels import IGNORE_BIT, class_bits, intervals_of, reverse_labels
from dnabirnn.sequences import Stretches, background_of_gc, read_fasta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.encoded.summary import Bases
    from dnabirnn.files import PathLike

__all__ = ["DEFAULT_SHARE", "AddedContig", "Backgrounds", "Pasting", "read_backgrounds"]

DEFAULT_SHARE = 0.2
"""Share of the training sequence that is added sequence; docs/transfer.md has measurements."""
MARKOV_GC = (30, 40, 50, 60, 70)
"""GC contents of the Markov chains, in percent, if none are given."""

_LARGEST_SHARE = 0.9
_COVERED = 0.2
_FLANK_BP = 60
_LONGEST_SITE_BP = 2_000
_LONGEST_CONTIG_BP = 1_000_000
_MARKOV = re.compile(r"markov(?::(.+))?")
# A shuffle of a site that shares more words than this with it, such as (CA)n, could be a site.
_WORD_BP, _LARGEST_SHARED = 6, 0.2
_ATTEMPTS = 50


class _Source(Protocol):
    """Source of background sequence."""

    def sequence(self, length: int, random: np.random.Generator) -> Codes:
        """Draw codes, (length,) uint8."""
        ...


@dataclass(frozen=True)
class Backgrounds:
    """Sequences to paste training sites into.

    Attributes
    ----------
    sources : mapping of str to source
        By name: that of the file, or such as "markov:30".
    share : float
        Share of the training sequence that is added sequence, above 0 and at most 0.9. Every
        background gets an equal part.
    seed : int
        Seed of the random numbers.
    digests : dict
        SHA-256 of the files.
    held_bp : int
        Number of bases of the files, which are in memory.
    """

    sources: Mapping[str, _Source]
    share: float = DEFAULT_SHARE
    seed: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    held_bp: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= _LARGEST_SHARE:
            raise OptionError(
                f"--background-share {self.share:g}: must be above 0, and at most "
                f"{_LARGEST_SHARE:g}"
            )

    def added_bp(self, train_bp: int) -> int:
        """Return the number of bases to add to a train split.

        Examples
        --------
        >>> Backgrounds({}, share=0.75).added_bp(1000)
        3000
        """
        return round(train_bp * self.share / (1 - self.share))

    def description(self) -> dict[str, Any]:
        """Return the entry of the manifest, without the contigs."""
        return {"sources": list(self.sources), "share": self.share, "seed": self.seed}


def read_backgrounds(
    given: Sequence[PathLike],
    share: float = DEFAULT_SHARE,
    seed: int = 0,
    *,
    hard_mask: bool = False,
) -> Backgrounds:
    """Read backgrounds.

    Parameters
    ----------
    given : sequence of str or PathLike
        FASTA files, which are kept in memory, one byte per base; or "markov" for Markov chains of
        order 3 with a GC content of 30, 40, 50, 60 and 70 %, or "markov:30,65" for these.
    share, seed : float and int
        As in `Backgrounds`.
    hard_mask : bool
        As in `read_fasta`.

    Raises
    ------
    FastaError
        A file cannot be read, or has no known base.
    OptionError
        A GC content or the share is out of range, or a background is given twice.
    """
    sources: dict[str, _Source] = {}
    digests: dict[str, str] = {}
    held_bp = 0

    def add(name: str, source: _Source) -> None:
        if name in sources:
            raise OptionError(f"--background {name}: given twice; give it once")
        sources[name] = source

    for text in map(str, given):
        if (chains := _MARKOV.fullmatch(text)) is not None:
            for percent in MARKOV_GC if chains[1] is None else _percentages(text, chains[1]):
                add(f"markov:{percent:g}", background_of_gc(percent / 100))
            continue
        records = read_fasta(text, hard_mask=hard_mask, digests=digests)
        codes = np.concatenate([np.zeros(0, np.uint8), *(record.codes for record in records)])
        if not (codes < AMBIGUOUS).any():
            raise FastaError(f"{text}: no known base; give sequence to paste sites into")
        held_bp += codes.size
        add(file_name(text), Stretches(codes))
    return Backgrounds(sources, share, seed, digests, held_bp)


def _percentages(text: str, numbers: str) -> list[float]:
    found = []
    for number in numbers.split(","):
        try:
            found.append(float(number))
        except ValueError:
            found.append(np.nan)
        if not 10 <= found[-1] <= 90:
            raise OptionError(
                f"--background {text}: {number!r} is not a GC content from 10 to 90 percent; write "
                "it like markov:30,50,70"
            )
    return found


class AddedContig(NamedTuple):
    """A contig of background with sites pasted into it.

    Attributes
    ----------
    name : str
    codes : ndarray, (L,) uint8
    labels : ndarray, (L,) unsigned
    pasted : ndarray, (n, 2) int64
        Sites and their counterparts, with flanks, sorted.
    sites : int
        Number of sites: half of `pasted`.
    """

    name: str
    codes: Codes
    labels: NDArray[np.unsignedinteger]
    pasted: NDArray[np.int64]
    sites: int


class _Site(NamedTuple):
    """Site on a contig, and the piece of the train split that it lies in."""

    piece: SplitInterval
    start: int
    end: int


class _Unit(NamedTuple):
    """What is pasted.

    Attributes
    ----------
    codes, labels : ndarray, (n,)
    site : tuple of int
        Start and end of the site in it.
    """

    codes: Codes
    labels: NDArray[np.unsignedinteger]
    site: tuple[int, int]


class _Deck:
    """Sites in random order. Each is drawn once before any is drawn again."""

    def __init__(self, sites: Sequence[_Site]) -> None:
        self._sites = sites
        self._order: list[int] = []

    def draw(self, random: np.random.Generator) -> _Site:
        """Draw a site."""
        if not self._order:
            self._order = np.argsort(random.random(len(self._sites)), kind="stable").tolist()
        return self._sites[self._order.pop()]


class Pasting:
    """Contigs made of the sites of a train split and of backgrounds.

    Parameters
    ----------
    backgrounds : Backgrounds
    bases : object with `codes` and `labels`
        Codes and labels of the genome.
    train : sequence of SplitInterval
        Pieces of the train split.
    classes : int
        Number of classes.
    """

    def __init__(
        self, backgrounds: Backgrounds, bases: Bases, train: Sequence[SplitInterval], classes: int
    ) -> None:
        self._backgrounds, self._bases, self._train = backgrounds, bases, train
        sites: list[list[_Site]] = [[] for _ in range(classes)]
        for piece in train:
            labels = bases.labels(piece)
            counted = np.where(labels & labels.dtype.type(IGNORE_BIT), 0, labels)
            for number, own in enumerate(sites):
                # Both strands together: sites that overlap are pasted as one.
                spans = intervals_of(counted.astype(labels.dtype), class_bits(number, "."))
                own += [_Site(piece, *span) for span in (spans + piece.start).tolist()]
        self._decks = [_Deck(own) for own in sites if own]
        self._ends = np.cumsum([piece.end - piece.start for piece in train], dtype=np.int64)
        longest = max((end - start for own in sites for _, start, end in own), default=0)
        self._longest_bp = min(longest, _LONGEST_SITE_BP) + 2 * _FLANK_BP

    def contigs(self) -> Iterator[AddedContig]:
        """Yield the contigs, named background1, background2, ..., of at most 1 Mb each.

        Raises
        ------
        OptionError
            If a contig is too short for the longest site.
        """
        settings, sources = self._backgrounds, list(self._backgrounds.sources.values())
        added = settings.added_bp(int(self._ends[-1]))
        count = len(sources) * max(1, -(-added // (_LONGEST_CONTIG_BP * len(sources))))
        length = added // count
        room = int(_COVERED * length)
        if room < 2 * self._longest_bp:
            raise OptionError(
                f"--background-share {settings.share:g}: {len(sources)} backgrounds get {length} "
                "bases each, too few for the longest site; give fewer backgrounds or a larger share"
            )
        decks = cycle(self._decks)
        for number in range(count):
            random = _random(settings.seed, number)
            codes = sources[number % len(sources)].sequence(length, random).copy()
            units: list[_Unit] = []
            left = room
            while left >= 2 * self._longest_bp or not units:
                site = self._site(next(decks).draw(random), random)
                shuffle = len(units) % 4 == 2
                units += [site, self._counterpart(site, shuffle, random)]
                left -= 2 * site.codes.size
            yield _pasted(f"background{number + 1}", codes, units, random)

    def _site(self, site: _Site, random: np.random.Generator) -> _Unit:
        """Cut out a site with its flanks, or a part of a long site."""
        draws = random.random(3)
        left, right = (int(draw * (_FLANK_BP + 1)) for draw in draws[:2])
        start, end = site.start, site.end
        if end - start > _LONGEST_SITE_BP:
            start += int(draws[2] * (end - start - _LONGEST_SITE_BP + 1))
            end = start + _LONGEST_SITE_BP
        first, last = max(start - left, site.piece.start), min(end + right, site.piece.end)
        place = SplitInterval(site.piece.contig, first, last)
        inside = (start - first, end - first)
        return _Unit(self._bases.codes(place), self._bases.labels(place), inside)

    def _counterpart(self, site: _Unit, shuffle: bool, random: np.random.Generator) -> _Unit:
        """Return a unit of the length of a site that is not one."""
        from dnabirnn.sequences import shuffled  # loads Numba

        nothing = np.zeros_like(site.labels)
        start, end = site.site
        parts = site.codes[:start], site.codes[start:end], site.codes[end:]
        mixed = [shuffled(part, int(random.random() * 2**53)) for part in parts]
        other = site._replace(codes=np.concatenate(mixed), labels=nothing)
        if shuffle and _shared_words(mixed[1], parts[1]) <= _LARGEST_SHARED:
            return other
        size = site.codes.size
        for _ in range(_ATTEMPTS):
            base = int(random.random() * self._ends[-1])
            number = int(np.searchsorted(self._ends, base, side="right"))
            contig, _, last = self._train[number]
            start = last - (int(self._ends[number]) - base)
            if start + size > last:
                continue
            place = SplitInterval(contig, start, start + size)
            codes = self._bases.codes(place)
            if not self._bases.labels(place).any() and (codes < AMBIGUOUS).all():
                return site._replace(codes=codes, labels=nothing)
        return other  # nearly all of the genome is labelled


def _random(*seed: int) -> np.random.Generator:
    """Create a generator; use only its `random()`, whose numbers do not change between versions."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def _shared_words(one: Codes, other: Codes) -> float:
    """Return the share of the words of six bases of one sequence that another one has, too."""
    found, known = (
        [codes[i : i + _WORD_BP].tobytes() for i in range(codes.size - _WORD_BP + 1)]
        for codes in (one, other)
    )
    own = set(known)
    return sum(word in own for word in found) / len(found) if found else 0.0


def _pasted(
    name: str, codes: Codes, units: Sequence[_Unit], random: np.random.Generator
) -> AddedContig:
    """Write units into `codes`, in place, in random order, on random strands, at random places."""
    labels = np.zeros(codes.size, dtype=units[0].labels.dtype)
    order = np.argsort(random.random(len(units)), kind="stable").tolist()
    free = codes.size - sum(unit.codes.size for unit in units)
    gaps = (np.sort(random.random(len(units))) * (free + 1)).astype(np.int64).tolist()
    turned = (random.random(len(units)) < 0.5).tolist()
    pasted, covered = [], 0
    for number, gap, turn in zip(order, gaps, turned, strict=True):
        unit = units[number]
        start = covered + gap
        end = start + unit.codes.size
        codes[start:end] = reverse_complement(unit.codes) if turn else unit.codes
        labels[start:end] = reverse_labels(unit.labels) if turn else unit.labels
        covered += unit.codes.size
        pasted.append((start, end))
    return AddedContig(name, codes, labels, np.array(pasted, dtype=np.int64), len(units) // 2)
