"""`dnabirnn simulate`: simulate a genome with planted motifs."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnabirnn.cli import label_options, options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import MotifError, OptionError

if TYPE_CHECKING:
    from dnabirnn.motifs import MaskedGenome
    from dnabirnn.sequences import Background

__all__ = ["simulate"]

logger = logging.getLogger(__name__)

_GENOME = "Genome"


@command(
    """Simulate a genome with planted motifs or repeats.

    Context decides which copies of a motif are sites. A copy is a site, and is written to
    sites.bed, only if a partner motif lies downstream within a given distance. Copies without a
    partner or with the partner on the wrong strand, and lone partners, are decoys.

    With --consensus, tandem arrays and scattered copies of the given sequences are planted instead.
    Decoys are repeats of their shuffled letters. Train with the last contig as validation sequence.
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
    help="Length of the genome in bases.  [default: 1M, or 4M with --consensus]",
)
@option(
    "--contigs",
    group=_GENOME,
    type=int,
    help="Number of contigs, of equal length.  [default: 1, or 10 with --consensus]",
)
@option(
    "--sites-per-mb",
    group=_GENOME,
    type=float,
    help="Number of sites per Mb, on both strands together.  [default: 500]",
)
@option(
    "--decoys-per-site",
    group=_GENOME,
    type=float,
    help="Number of decoy copies of the motif per site, and of lone partners per site.  "
    "[default: 2]",
)
@option(
    "--consensus",
    group=label_options.REPEATS,
    metavar="FASTA",
    help="Consensus sequences of repeats, in place of motifs. The class of a record is its name "
    "up to the first '#' or '/'.",
)
@option(
    "--genome",
    group=label_options.REPEATS,
    metavar="FASTA",
    help="Genome between the repeats, in place of random sequence. Occurrences of the consensus "
    "sequences are cut out of it.",
)
@label_options.divergence
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
    metavar="BP-BP",
    help="Smallest and largest number of bases between the motif and its partner downstream.  "
    "[default: 5-30]",
)
@option(
    "--partner-strand",
    group=options.MOTIFS,
    type=click.Choice(["same", "opposite", "any"]),
    help="Strand of the partner relative to the motif.  [default: same]",
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
    length: int | None,
    contigs: int | None,
    sites_per_mb: float | None,
    decoys_per_site: float | None,
    consensus: str | None,
    genome: str | None,
    divergence: str | None,
    motifs: str | None,
    motif: str | None,
    partner: str | None,
    partner_distance: str | None,
    partner_strand: str | None,
    background: str | None,
    order: int,
    seed: int,
    compress: bool,
) -> None:
    """Run `dnabirnn simulate`."""
    from dnabirnn.motifs import (
        MaskedGenome,
        PartnerStrand,
        RepeatSettings,
        SimulationSettings,
        built_in_motifs,
        find_motif,
        read_consensus,
        read_motifs,
        simulate as make,
        simulate_repeats,
        write_simulation,
    )
    from dnabirnn.sequences import built_in_background, learn_background

    targets = [str(Path(out, name)) for name in ("genome.fa", "genome.fa.gz", "sites.bed")]
    targets.append(str(Path(out, "decoys.bed")))
    options.check_apart(targets, [motifs, background, consensus, genome])
    of_motifs = {
        "--sites-per-mb": sites_per_mb,
        "--decoys-per-site": decoys_per_site,
        "--motifs": motifs,
        "--motif": motif,
        "--partner": partner,
        "--partner-distance": partner_distance,
        "--partner-strand": partner_strand,
    }
    if consensus is not None:
        for name, value in of_motifs.items():
            if value is not None:
                raise OptionError(f"{name}: applies to motifs, not to --consensus; remove one")
        if genome is not None and background is not None:
            raise OptionError("--genome and --background: give only one of them")
        repeats = RepeatSettings(
            4_000_000 if length is None else length,
            10 if contigs is None else contigs,
            label_options.percentages(divergence),
            seed,
        )
        library = read_consensus(consensus)
        with ProgressBar("simulated", repeats.length_bp, quiet) as progress:
            if genome is not None:
                between: Background | MaskedGenome = MaskedGenome([genome], library)
            elif background is None:
                between = built_in_background(order)
            else:
                between = learn_background([background], order)
            planted = simulate_repeats(library, between, repeats, progress.add)
            sites = write_simulation(planted, out, compress=compress)
        logger.info("%s: %d arrays and copies of %s", out, sites, ", ".join(library))
        return
    for name, value in (("--divergence", divergence), ("--genome", genome)):
        if value is not None:
            raise OptionError(f"{name}: applies to repeats only; give them with --consensus")
    length = 1_000_000 if length is None else length
    closest, farthest = _distance("5-30" if partner_distance is None else partner_distance)
    settings = SimulationSettings(
        length,
        1 if contigs is None else contigs,
        500 if sites_per_mb is None else sites_per_mb,
        2 if decoys_per_site is None else decoys_per_site,
        closest,
        farthest,
        PartnerStrand(partner_strand or "same"),
        seed,
    )
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
