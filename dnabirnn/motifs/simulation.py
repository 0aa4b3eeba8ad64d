"""Genomes with planted motifs, in which context decides.

A copy of the motif is a site only if a copy of its partner lies downstream of it, within a
distance and on the strand that are asked for. Everything else that is planted is a decoy: copies
of the motif alone, copies with a partner that is turned round, and copies of the partner alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import Codes, decode, reverse_complement
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.files import OutputFiles

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.motifs.motif import Motif
    from dnabirnn.sequences import Background

__all__ = [
    "DECOYS",
    "GENOME",
    "SITES",
    "Feature",
    "PartnerStrand",
    "Simulated",
    "SimulationSettings",
    "simulate",
    "write_simulation",
]

GENOME, SITES, DECOYS = "genome.fa", "sites.bed", "decoys.bed"

_LINE_BP = 80


class PartnerStrand(StrEnum):
    """Strand on which the partner makes a copy of the motif a site, seen from the motif."""

    SAME = "same"
    OPPOSITE = "opposite"
    ANY = "any"


@dataclass(frozen=True)
class SimulationSettings:
    """What is planted where.

    Attributes
    ----------
    length_bp : int
        Bases of the whole genome.
    contigs : int
        They share the length evenly, and are named sim1, sim2, ...
    sites_per_mb : float
        Copies of the motif that count, on both strands together.
    decoys_per_site : float
        Copies of the motif that do not count, for each that does, and as many partners alone.
    partner_min_bp, partner_max_bp : int
        Fewest and most bases between the end of the motif and its partner downstream.
    partner_strand : PartnerStrand
    seed : int
    """

    length_bp: int = 1_000_000
    contigs: int = 1
    sites_per_mb: float = 500
    decoys_per_site: float = 2
    partner_min_bp: int = 5
    partner_max_bp: int = 30
    partner_strand: PartnerStrand = PartnerStrand.SAME
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.contigs <= self.length_bp:
            raise OptionError(
                f"--contigs {self.contigs}: must be from 1 to the bases there are, {self.length_bp}"
            )
        for option, value in (
            ("--sites-per-mb", self.sites_per_mb),
            ("--decoys-per-site", self.decoys_per_site),
        ):
            if not 0 <= value < np.inf:
                raise OptionError(f"{option} {value:g}: must be 0 or more")
        if not 0 <= self.partner_min_bp <= self.partner_max_bp:
            raise OptionError(
                f"--partner-distance {self.partner_min_bp}-{self.partner_max_bp}: must be the "
                "fewest and the most bases between motif and partner, like 5-30"
            )


class Feature(NamedTuple):
    """A planted copy: 0-based, half-open; `name` is the motif's, for a decoy with its kind."""

    start: int
    end: int
    name: str
    strand: str


class Simulated(NamedTuple):
    """A contig.

    Attributes
    ----------
    name : str
    codes : ndarray, (L,) uint8
    sites, decoys : list of Feature
        By start.
    """

    name: str
    codes: Codes
    sites: list[Feature]
    decoys: list[Feature]


class _Kind(IntEnum):
    """What is planted together."""

    SITE = 0
    ALONE = 1
    TURNED = 2
    PARTNER = 3


class _Draw(IntEnum):
    """Each has random numbers of its own, so that one does not move the others."""

    BACKGROUND = 0
    KIND = 1
    PLACE = 2
    STRAND = 3
    PARTNER_STRAND = 4
    DISTANCE = 5
    MOTIF = 6
    PARTNER = 7


_SUFFIX = {_Kind.ALONE: "_alone", _Kind.TURNED: "_turned", _Kind.PARTNER: "_alone"}


def simulate(
    motif: Motif,
    partner: Motif,
    background: Background,
    settings: SimulationSettings,
    progress: Callable[[int], object] = lambda bases: None,
) -> Iterator[Simulated]:
    """Make the contigs of a genome, one after the other.

    Parameters
    ----------
    motif, partner : Motif
    background : Background
    settings : SimulationSettings
        The same settings give the same genome.
    progress : callable
        Told the bases of each piece that is done.

    Yields
    ------
    contig : Simulated

    Raises
    ------
    OptionError
        More copies than fit.
    """
    # Ends are shared out first, so that rounding loses no site, however short the contigs.
    ends = np.arange(settings.contigs + 1) * settings.length_bp // settings.contigs
    site_ends = np.rint(ends * (settings.sites_per_mb / 1e6)).astype(np.int64)
    decoy_ends = np.rint(site_ends * settings.decoys_per_site).astype(np.int64)
    counts = np.diff(np.stack([ends, site_ends, decoy_ends]), axis=1).T.tolist()
    for number, (length, sites, decoys) in enumerate(counts):
        random = [_random(settings.seed, number, draw) for draw in _Draw]
        codes = background.sequence(length, random[_Draw.BACKGROUND], progress)
        units = _lay(f"sim{number + 1}", length, sites, decoys, motif, partner, settings, random)
        yield _plant(f"sim{number + 1}", codes, units, motif, partner, random)


def _random(*seed: int) -> np.random.Generator:
    """Random numbers; only `random()` is asked of them, which numpy keeps the same."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


class _Units(NamedTuple):
    """What is planted together, by place; each array (n,)."""

    kind: NDArray[np.int64]
    start: NDArray[np.int64]
    width: NDArray[np.int64]
    strand: NDArray[np.str_]
    partner_strand: NDArray[np.str_]


def _lay(
    name: str,
    length: int,
    sites: int,
    decoys: int,
    motif: Motif,
    partner: Motif,
    settings: SimulationSettings,
    random: list[np.random.Generator],
) -> _Units:
    """Decide on kinds, places and strands; any layout is as likely as any other."""
    rule, closest, farthest = (
        settings.partner_strand,
        settings.partner_min_bp,
        settings.partner_max_bp,
    )
    # Where any strand will do, no partner is turned the wrong way.
    turned = 0 if rule is PartnerStrand.ANY else decoys // 2
    kind = np.repeat(list(_Kind), [sites, decoys - turned, turned, decoys])
    kind = kind[np.argsort(random[_Draw.KIND].random(kind.size), kind="stable")]
    distance = closest + random[_Draw.DISTANCE].random(kind.size) * (farthest - closest + 1)
    paired = (kind == _Kind.SITE) | (kind == _Kind.TURNED)
    width = np.where(kind == _Kind.PARTNER, 0, motif.width_bp)
    width += np.where(kind == _Kind.ALONE, 0, partner.width_bp)
    width += np.where(paired, distance.astype(np.int64), 0)
    # Farther apart than the longest distance: no copy becomes another one's partner.
    apart = farthest + 1
    free = length - int(width.sum()) - apart * max(0, kind.size - 1)
    if free < 0:
        raise OptionError(
            f"{name}: {sites} sites and {kind.size - sites} decoys, each {apart} bp from the next, "
            f"do not fit into {length} bases; lower --sites-per-mb or --decoys-per-site"
        )
    before = np.sort(random[_Draw.PLACE].random(kind.size)) * (free + 1)
    start = before.astype(np.int64) + np.cumsum(width + apart) - (width + apart)
    forward = random[_Draw.STRAND].random(kind.size) < 0.5
    same = random[_Draw.PARTNER_STRAND].random(kind.size) < 0.5
    if rule is not PartnerStrand.ANY:
        same = (kind == _Kind.TURNED) == (rule is PartnerStrand.OPPOSITE)
    return _Units(
        kind, start, width, np.where(forward, "+", "-"), np.where(forward == same, "+", "-")
    )


def _plant(
    name: str,
    codes: Codes,
    units: _Units,
    motif: Motif,
    partner: Motif,
    random: list[np.random.Generator],
) -> Simulated:
    """Write copies drawn from the motifs into `codes`, which changes."""
    n = units.kind.size
    motifs = motif.sample(random[_Draw.MOTIF].random((n, motif.width_bp)))
    partners = partner.sample(random[_Draw.PARTNER].random((n, partner.width_bp)))
    sites: list[Feature] = []
    decoys: list[Feature] = []
    rows = zip(*(column.tolist() for column in units), strict=True)
    for i, (kind, start, width, strand, partner_strand) in enumerate(rows):
        # The motif is at the unit's 5' end, the partner at its 3' end.
        left, right = start, start + width
        suffix = _SUFFIX.get(kind, "")
        if kind != _Kind.PARTNER:
            at = left if strand == "+" else right - motif.width_bp
            feature = _write(codes, at, motifs[i], motif.name + suffix, strand)
            (sites if kind == _Kind.SITE else decoys).append(feature)
        if kind != _Kind.ALONE:
            at = right - partner.width_bp if strand == "+" else left
            feature = _write(codes, at, partners[i], partner.name + suffix, partner_strand)
            if kind != _Kind.SITE:
                decoys.append(feature)
    return Simulated(name, codes, sites, sorted(decoys))


def _write(codes: Codes, start: int, letters: Codes, name: str, strand: str) -> Feature:
    end = start + letters.size
    codes[start:end] = letters if strand == "+" else reverse_complement(letters)
    return Feature(start, end, name, strand)


def write_simulation(
    contigs: Iterator[Simulated], folder: PathLike, *, compress: bool = False
) -> int:
    """Write a genome: genome.fa, sites.bed and decoys.bed, all of them whole or none.

    Parameters
    ----------
    contigs : iterator of Simulated
    folder : str or PathLike
        Made where it is not there, in a folder that is.
    compress : bool
        Write genome.fa.gz, as bgzip.

    Returns
    -------
    sites : int
        Rows of sites.bed.

    Raises
    ------
    OutputError
        A folder that cannot be made or written.
    """
    target = Path(folder)
    made = _make(target)
    try:
        with OutputFiles() as outputs:
            genome = outputs.open(target / (f"{GENOME}.gz" if compress else GENOME))
            beds = outputs.open(target / SITES), outputs.open(target / DECOYS)
            count = 0
            for contig in contigs:
                _write_record(genome, contig.name, contig.codes)
                for file, features in zip(beds, (contig.sites, contig.decoys), strict=True):
                    rows = (f"{contig.name}\t{s}\t{e}\t{n}\t0\t{d}\n" for s, e, n, d in features)
                    file.write("".join(rows).encode())
                count += len(contig.sites)
    except BaseException:
        if made:
            with suppress(OSError):
                target.rmdir()
        raise
    return count


def _make(folder: Path) -> bool:
    """Make a folder unless it is there; True if it was not."""
    if folder.is_dir():
        return False
    if folder.exists():
        raise OutputError(f"{folder}: is a file; name a folder")
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"{folder}: there is no folder {folder.absolute().parent}; make it first")
    try:
        folder.mkdir()
    except OSError as cause:
        raise OutputError(f"{folder}: cannot be made: {cause.strerror or cause}") from cause
    return True


def _write_record(file: BinaryIO, name: str, codes: Codes) -> None:
    text = decode(codes)
    lines = (text[i : i + _LINE_BP] for i in range(0, len(text), _LINE_BP))
    file.write(f">{name}\n".encode() + "".join(f"{line}\n" for line in lines).encode())
