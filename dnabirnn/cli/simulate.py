"""`dnabirnn simulate`: simulate a genome with planted motifs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import MotifError, OptionError

__all__ = ["simulate"]

logger = logging.getLogger(__name__)

_GENOME = "Genome"


@command(
    """Simulate a genome with planted motifs.

    Context decides which copies of a motif are sites. A copy is a site, and is written to
    sites.bed, only if a partner motif lies downstream within a given distance. Copies without a
    partner or with the partner on the wrong strand, and lone partners, are decoys.
    """,
    "dnabirnn simulate -o simulated --length 2M --seed 1",
)
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="DIR",
    help="Folder for genome.fa, sites.bed and decoys.bed.",
)
@option(
    "--length",
    group=_GENOME,
    type=options.BASES,
    default="1M",
    show_default=True,
    help="Length of the genome in bases.",
)
@option(
    "--contigs",
    group=_GENOME,
    type=int,
    default=1,
    show_default=True,
    help="Number of contigs, of equal length.",
)
@option(
    "--sites-per-mb",
    group=_GENOME,
    type=float,
    default=500,
    show_default=True,
    help="Number of sites per Mb, on both strands together.",
)
@option(
    "--decoys-per-site",
    group=_GENOME,
    type=float,
    default=2,
    show_default=True,
    help="Number of decoy copies of the motif per site, and of lone partners per site.",
)
@option(
    "--motifs",
    group=options.MOTIFS,
    metavar="FILE",
    help="Motif matrices, in JASPAR, HOMER, HOCOMOCO, MEME, TRANSFAC or a similar format.  "
    "[default: CTCF and YY1 of JASPAR CORE, CC BY 4.0]",
)
@option(
    "--motif",
    group=options.MOTIFS,
    metavar="NAME",
    help="Motif whose sites are planted.  [default: the first in the file]",
)
@option(
    "--partner",
    group=options.MOTIFS,
    metavar="NAME",
    help="Motif that turns a copy into a site.  [default: the second in the file]",
)
@option(
    "--partner-distance",
    group=options.MOTIFS,
    default="5-30",
    show_default=True,
    metavar="BP-BP",
    help="Smallest and largest number of bases between the motif and its partner downstream.",
)
@option(
    "--partner-strand",
    group=options.MOTIFS,
    type=click.Choice(["same", "opposite", "any"]),
    default="same",
    show_default=True,
    help="Strand of the partner relative to the motif.",
)
@option(
    "--background",
    group=_GENOME,
    metavar="FASTA",
    help="Genome whose composition the background sequence has.  [default: Escherichia coli K-12]",
)
@option(
    "--order",
    group=_GENOME,
    type=int,
    default=3,
    show_default=True,
    help="Order of the Markov chain of the background: 0 to 3, or 0 to 8 with --background.",
)
@option(
    "--seed",
    group=_GENOME,
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed. The same seed gives the same files.",
)
@option(
    "--compress",
    group=options.OUTPUT,
    is_flag=True,
    help="Write genome.fa.gz, bgzip-compressed, instead of genome.fa.",
)
@click.pass_obj
def simulate(
    quiet: bool,
    /,
    out: str,
    length: int,
    contigs: int,
    sites_per_mb: float,
    decoys_per_site: float,
    motifs: str | None,
    motif: str | None,
    partner: str | None,
    partner_distance: str,
    partner_strand: str,
    background: str | None,
    order: int,
    seed: int,
    compress: bool,
) -> None:
    """Run `dnabirnn simulate`."""
    from dnabirnn.motifs import (
        PartnerStrand,
        SimulationSettings,
        built_in_motifs,
        find_motif,
        read_motifs,
        simulate as make,
        write_simulation,
    )
    from dnabirnn.sequences import built_in_background, learn_background

    closest, farthest = _distance(partner_distance)
    settings = SimulationSettings(
        length,
        contigs,
        sites_per_mb,
        decoys_per_site,
        closest,
        farthest,
        PartnerStrand(partner_strand),
        seed,
    )
    targets = [str(Path(out, name)) for name in ("genome.fa", "genome.fa.gz", "sites.bed")]
    options.check_apart([*targets, str(Path(out, "decoys.bed"))], [motifs, background])
    source = motifs or "built-in motifs"
    known = built_in_motifs() if motifs is None else read_motifs(motifs)
    if len(known) < 2 and (motif is None or partner is None):
        raise MotifError(
            f"{source}: holds one motif only; add a second, or give --motif and --partner"
        )
    main = known[0] if motif is None else find_motif(known, motif, source)
    other = known[1] if partner is None else find_motif(known, partner, source)
    if main.name == other.name or main.identifier == other.identifier:
        raise MotifError(
            f"{source}: {main.name} is both the motif and its partner; give another motif as "
            "--partner"
        )
    with ProgressBar("simulated", length, quiet) as progress:
        if background is None:
            chain = built_in_background(order)
        else:
            chain = learn_background([background], order)
        sites = write_simulation(
            make(main, other, chain, settings, progress.add), out, compress=compress
        )
    logger.info(
        "%s: %d sites of %s (%s) with %s (%s) %d to %d bp downstream",
        out,
        sites,
        main.name,
        main.identifier,
        other.name,
        other.identifier,
        closest,
        farthest,
    )


def _distance(text: str) -> tuple[int, int]:
    """Return the numbers of `--partner-distance`: "5-30", or "12" for one distance."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text.strip())
    if match is None:
        raise OptionError(
            f"--partner-distance {text}: must be the smallest and the largest distance in bases, "
            "like 5-30"
        )
    return int(match[1]), int(match[2] or match[1])
