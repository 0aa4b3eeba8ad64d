"""`dnabirnn simulate`: a genome with planted motifs, and where they are."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import click

from dnabirnn.cli import options
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import MotifError, OptionError

__all__ = ["simulate"]

logger = logging.getLogger(__name__)


@click.command()
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="DIR",
    help="Folder for genome.fa, sites.bed and decoys.bed.",
)
@click.option(
    "--length",
    type=options.BASES,
    default="1M",
    show_default=True,
    help="Bases of the genome.",
)
@click.option("--contigs", type=int, default=1, show_default=True, help="Parts of equal length.")
@click.option(
    "--sites-per-mb", type=float, default=500, show_default=True, help="Sites, both strands."
)
@click.option(
    "--decoys-per-site",
    type=float,
    default=2,
    show_default=True,
    help="Copies of the motif that are none, for each site, and as many lonely partners.",
)
@click.option(
    "--motifs",
    metavar="FILE",
    help="Motifs in JASPAR's, MEME's or TRANSFAC's format.  [default: CTCF and YY1 of JASPAR "
    "CORE, CC BY 4.0]",
)
@click.option("--motif", metavar="NAME", help="Motif whose sites are planted.  [default: first]")
@click.option("--partner", metavar="NAME", help="Motif that makes it a site.  [default: second]")
@click.option(
    "--partner-distance",
    default="5-30",
    show_default=True,
    metavar="BP-BP",
    help="Bases between a motif and its partner downstream.",
)
@click.option(
    "--partner-strand",
    type=click.Choice(["same", "opposite", "any"]),
    default="same",
    show_default=True,
    help="The partner's strand, seen from the motif.",
)
@click.option(
    "--background",
    metavar="FASTA",
    help="Genome with whose composition to fill the rest.  [default: Escherichia coli K-12]",
)
@click.option(
    "--order",
    type=int,
    default=3,
    show_default=True,
    help="Bases that the next one depends on: to 3, with --background to 8.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option("--compress", is_flag=True, help="Write genome.fa.gz, as bgzip.")
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
    """Simulate a genome in which context makes a motif a site.

    Copies of the motif count, and are in sites.bed, only with their partner at a distance
    downstream. Copies alone or with a partner turned round, and partners alone, are decoys.
    """
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
            f"{source}: one motif; give a second, or name it as --motif and as --partner"
        )
    main = known[0] if motif is None else find_motif(known, motif, source)
    other = known[1] if partner is None else find_motif(known, partner, source)
    if main.name == other.name or main.identifier == other.identifier:
        raise MotifError(
            f"{source}: {main.name} is both the motif and the partner, so that a copy could be "
            "either; name another as --partner"
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
    """Numbers of `--partner-distance`: "5-30", or "12" for one distance."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text.strip())
    if match is None:
        raise OptionError(
            f"--partner-distance {text}: must be the fewest and the most bases, like 5-30"
        )
    return int(match[1]), int(match[2] or match[1])
