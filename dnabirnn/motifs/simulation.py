"""Simulated genomes with planted motifs, where only the context makes a motif a site.

A copy of the motif is a site only if a copy of its partner lies downstream of it, within the given
distance and on the given strand. All other planted copies are decoys: of the motif alone, of the
motif with a partner on the wrong strand, and of the partner alone. With the partner on the same
strand ("same"), the kinds are:

    site       MMMM>----PPP>
    alone      MMMM>
    turned     MMMM>----<PPP
    partner    PPP>
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
    """Strand, relative to the motif, on which the partner must lie to make the motif a site."""

    SAME = "same"
    OPPOSITE = "opposite"
    ANY = "any"


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of a simulated genome.

    Attributes
    ----------
    length_bp : int
        Number of bases of the whole genome.
    contigs : int
        Number of contigs. They have equal lengths, up to rounding, and are named sim1, sim2, ...
    sites_per_mb : float
        Number of sites per Mb, on both strands together.
    decoys_per_site : float
        Number of copies of the motif that are not sites, per site. The same number of copies of the
        partner alone is added.
    partner_min_bp, partner_max_bp : int
        Minimum and maximum number of bases between the motif and its partner downstream.
    partner_strand : PartnerStrand
        Strand of the partner relative to the motif.
    seed : int
        Seed of the random numbers.
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
                f"--contigs {self.contigs}: must be from 1 to the number of bases, {self.length_bp}"
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
                "smallest and the largest number of bases between motif and partner, such as 5-30"
            )


class Feature(NamedTuple):
    """Planted copy of a motif, 0-based, half-open.

    `name` is the name of the motif; decoys have a suffix for their kind.
    """

    start: int
    end: int
    name: str
    strand: str


class Simulated(NamedTuple):
    """Simulated contig.

    Attributes
    ----------
    name : str
    codes : ndarray, (L,) uint8
    sites, decoys : list of Feature
        Planted copies, sorted by start.
    """

    name: str
    codes: Codes
    sites: list[Feature]
    decoys: list[Feature]


class _Kind(IntEnum):
    """Kind of a planted unit: a motif, its partner, or both."""

    SITE = 0
    ALONE = 1
    TURNED = 2
    PARTNER = 3


class _Draw(IntEnum):
    """Streams of random numbers, one per decision, so that one does not shift the others."""

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
    """Yield the contigs of a simulated genome, one after the other.

    Parameters
    ----------
    motif, partner : Motif
    background : Background
    settings : SimulationSettings
        Settings; the same settings give the same genome.
    progress : callable
        Called with the size of each finished piece, in bases.

    Yields
    ------
    contig : Simulated

    Raises
    ------
    OptionError
        If the copies do not fit into a contig.
    """
    # Round cumulative numbers and take differences, so that no site is lost to rounding even if
    # contigs are short.
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
    """Create a generator; use only its `random()`, whose numbers do not change between versions."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


class _Units(NamedTuple):
    """Planted units, sorted by position; each array is (n,)."""

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
    """Draw kinds, positions and strands of units; all layouts are equally likely."""
    rule, closest, farthest = (
        settings.partner_strand,
        settings.partner_min_bp,
        settings.partner_max_bp,
    )
    # If the partner may be on any strand, no strand is wrong.
    turned = 0 if rule is PartnerStrand.ANY else decoys // 2
    kind = np.repeat(list(_Kind), [sites, decoys - turned, turned, decoys])
    kind = kind[np.argsort(random[_Draw.KIND].random(kind.size), kind="stable")]
    distance = closest + random[_Draw.DISTANCE].random(kind.size) * (farthest - closest + 1)
    paired = (kind == _Kind.SITE) | (kind == _Kind.TURNED)
    width = np.where(kind == _Kind.PARTNER, 0, motif.width_bp)
    width += np.where(kind == _Kind.ALONE, 0, partner.width_bp)
    width += np.where(paired, distance.astype(np.int64), 0)
    # Units are farther apart than the maximum distance, so that no copy becomes the partner of a
    # motif in another unit.
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
    """Write copies drawn from the motifs into `codes`, in place."""
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
    """Write a simulated genome: genome.fa, sites.bed and decoys.bed, either all of them or none.

    Parameters
    ----------
    contigs : iterator of Simulated
    folder : str or PathLike
        Folder for the files. It is created if it does not exist; its parent must exist.
    compress : bool
        Write genome.fa.gz, compressed with bgzip.

    Returns
    -------
    sites : int
        Number of rows of sites.bed.

    Raises
    ------
    OutputError
        If the folder cannot be created or written.
    """
    target = Path(folder)
    made = _make(target)
    try:
        with OutputFiles() as files:
            genome = files.open(target / (f"{GENOME}.gz" if compress else GENOME))
            beds = files.open(target / SITES), files.open(target / DECOYS)
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
    """Create a folder if it does not exist; return whether it was created."""
    if folder.is_dir():
        return False
    if folder.exists():
        raise OutputError(f"{folder}: is a file; name a folder")
    if not folder.absolute().parent.is_dir():
        raise OutputError(
            f"{folder}: there is no folder {folder.absolute().parent}; create it first"
        )
    try:
        folder.mkdir()
    except OSError as cause:
        raise OutputError(f"{folder}: cannot be created: {cause.strerror or cause}") from cause
    return True


def _write_record(file: BinaryIO, name: str, codes: Codes) -> None:
    text = decode(codes)
    lines = (text[i : i + _LINE_BP] for i in range(0, len(text), _LINE_BP))
    file.write(f">{name}\n".encode() + "".join(f"{line}\n" for line in lines).encode())
