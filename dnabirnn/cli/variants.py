"""`dnabirnn variants`: what the variants of a VCF change."""

from __future__ import annotations

import logging
from typing import Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import VariantError

__all__ = ["variants"]

logger = logging.getLogger(__name__)

_EFFECTS = "Effects"


@command(
    """Compute what the variants of a VCF change.

    For each alternative allele and output, the largest gain and the largest loss of probability are
    written, with the position of the base relative to POS, and the calls that are gained and lost.
    Substitutions have the numbers of scoring the changed sequence. For insertions and deletions,
    both alleles are read in one window, centred on the variant.
    """,
    "dnabirnn variants calls.vcf.gz --fasta genome.fa -m model.safetensors -o annotated.vcf.gz",
)
@click.argument("vcf", metavar="VCF")
@option(
    "--fasta",
    group=options.INPUT,
    required=True,
    multiple=True,
    metavar="FASTA",
    help="Sequences that the variants refer to. Can be repeated.",
)
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help="File ending in .vcf, .vcf.gz or .bcf (all rows, with INFO fields DNABIRNN and "
    "DNABIRNN_MAX), .tsv, .tsv.gz or .parquet (one row per allele and output); - for VCF on "
    "standard output.",
)
@options.index
@option(
    "--max-distance",
    group=_EFFECTS,
    default="auto",
    show_default=True,
    metavar="BP",
    help="Bases on either side of an allele in which changes count. auto measures it on a sample "
    "of the FASTA: the smallest distance beyond which 99.9 % of the substitutions change no "
    "log-odds by more than 0.01.",
)
@option(
    "--haplotypes",
    group=_EFFECTS,
    is_flag=True,
    help="Compare the haplotypes of a sample with the FASTA, with all their alleles at once, "
    "because neighbouring variants can compensate each other. Genotypes must be phased.",
)
@option(
    "--sample",
    group=_EFFECTS,
    metavar="NAME",
    help="Sample whose haplotypes are compared.  [default: the only one]",
)
@option(
    "--skip-mismatch",
    group=options.INPUT,
    is_flag=True,
    help="Leave out rows whose REF differs from the FASTA, with a count, instead of stopping.",
)
@option(
    "--shard",
    group=options.INPUT,
    metavar="I-of-N",
    help="Use only part I of N of the contigs of the VCF, such as 1-of-8. Parts have about equal "
    "numbers of rows; join VCF and Parquet with `dnabirnn merge`.",
)
@options.calls
@options.chrom_alias
@options.circular
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@options.dry_run
@click.pass_obj
def variants(
    quiet: bool,
    /,
    vcf: str,
    fasta: tuple[str, ...],
    model: str,
    out: str,
    index: bool,
    max_distance: str,
    haplotypes: bool,
    sample: str | None,
    skip_mismatch: bool,
    shard: str | None,
    chrom_alias: str | None,
    circular: tuple[str, ...] | None,
    priors: tuple[tuple[str, float], ...],
    method: str | None,
    threshold: tuple[tuple[str, float], ...],
    fdr: float | None,
    min_length: int | None,
    merge_gap: int | None,
    dry_run: bool,
    **computing: Any,
) -> None:
    """Run `dnabirnn variants`."""
    from dnabirnn.explanation import (
        VARIANT_REMEDIES,
        VariantPlan,
        VariantRun,
        annotate_variants,
        distance_of,
        load,
        variant_format,
    )
    from dnabirnn.files import check_readable, check_target
    from dnabirnn.labels import read_aliases
    from dnabirnn.sequences import Circular, Shard

    options.check_apart([out], [vcf, *fasta, model, chrom_alias])
    variant_format(out)
    check_target(out)
    check_readable(vcf, VariantError)  # before the distance is measured
    part = None if shard is None else Shard.parse(shard)
    loaded = load(model, **computing, priors=dict(priors))
    given = {
        "method": method,
        "threshold": threshold,
        "fdr": fdr,
        "min_length": min_length,
        "merge_gap": merge_gap,
    }
    calls = options.call_settings(loaded.checkpoint, given, wanted=True)
    circles = None if circular is None else Circular(circular)
    logger.info("computing on %s, threads: %d", loaded.engine.device, loaded.threads)
    distance = distance_of(max_distance, loaded, fasta, circles)
    logger.info("%s", distance.line())
    run = VariantRun(
        loaded,
        vcf,
        fasta,
        distance.bp,
        calls,
        skip_mismatch,
        haplotypes,
        sample,
        circles,
        part,
        str if chrom_alias is None else read_aliases(chrom_alias, fasta).name,
    )
    with ProgressBar("surveyed", quiet=quiet, unit="rows") as progress:
        plan = VariantPlan(run, out, progress.add)
        go_on = look_ahead(plan, VARIANT_REMEDIES, dry_run=dry_run)
    if not go_on:
        return
    with ProgressBar("annotated", quiet=quiet, unit="rows") as progress:
        done = annotate_variants(run, out, index=index, progress=progress.add)
    for line in done.lines():
        logger.info("%s", line)
