"""`dnabirnn mutate`: effects of every substitution."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.look_ahead import look_ahead
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.explanation import Sites
    from dnabirnn.files import PathLike
    from dnabirnn.scoring import Model

__all__ = [
    "EFFECTS",
    "calls",
    "explained",
    "mutate",
    "reach",
    "read_sites",
    "shard",
]

logger = logging.getLogger(__name__)

EFFECTS = "Effects"

reach = option(
    "--reach",
    group=EFFECTS,
    default="auto",
    show_default=True,
    metavar="BP",
    help="Bases on either side of a change for which its effect is computed. auto measures it on a "
    "sample: the smallest reach beyond which 99.9 % of the substitutions change no log-odds by "
    "more than 0.01. It may be as long as a scoring window, and time grows with it.",
)
calls = option(
    "--calls",
    group=options.INPUT,
    metavar="FILE",
    help="Calls of this model, from `dnabirnn score --calls` or `dnabirnn call`, in any format of "
    "calls; - for BED on standard input. Only their bases, and bases within reach of them, are "
    "changed.",
)
shard = option(
    "--shard",
    group=options.INPUT,
    metavar="I-of-N",
    help="Use only part I of N of the contigs, such as 1-of-8. Parts have about equal numbers of "
    "bases; join Parquet tables and bigWig files with `dnabirnn merge`.",
)


@command(
    """Compute the effects of every substitution.

    The effect of a substitution is the change of the probabilities of the bases around it. For
    each output, the largest gain and the largest loss are written, with their distances. They are
    what scoring the changed sequence from scratch would give.

    An output ending in .bw gets the importance of each base, as from `dnabirnn explain`.
    """,
    "dnabirnn mutate genome.fa -m model.safetensors --regions sites.bed -o effects.parquet",
)
@options.fasta
@options.name_prefix
@options.model
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    required=True,
    metavar="OUT",
    help="File ending in .parquet (one row per change and output), .npz (arrays for NumPy), or .bw "
    "(importance; one file per class and strand).",
)
@option(
    "--profiles",
    group=options.OUTPUT,
    is_flag=True,
    help="Also write the change of the log-odds of every base within reach; only to .npz.",
)
@option(
    "--deletions",
    group=EFFECTS,
    type=int,
    default=0,
    metavar="N",
    help="Also compute the effects of deletions of 1 to N bases.",
)
@reach
@options.regions
@calls
@shard
@options.chrom_alias
@options.circular
@options.threads
@options.device
@options.engine
@options.precision
@options.prior
@options.dry_run
@click.pass_obj
def mutate(
    quiet: bool,
    /,
    out: str,
    profiles: bool,
    deletions: int,
    dry_run: bool,
    **given: Any,
) -> None:
    """Run `dnabirnn mutate`."""
    explained(quiet, out, given, dry_run=dry_run, profiles=profiles, deletions=deletions)


def explained(
    quiet: bool,
    out: str,
    given: dict[str, Any],
    *,
    dry_run: bool,
    profiles: bool = False,
    deletions: int = 0,
    method: str = "mutagenesis",
) -> None:
    """Run a command that computes effects.

    Parameters
    ----------
    quiet : bool
    out : str
    given : dict
        Values of the options that such commands share.
    dry_run, profiles, deletions, method
        As options.
    """
    from dnabirnn.explanation import (
        MUTATION_REMEDIES,
        ImportanceMethod,
        MutationPlan,
        Sites,
        check_deletions,
        check_options,
        effect_format,
        load,
        mutate_genome,
        reach_of,
    )
    from dnabirnn.sequences import Circular, Shard, prefixed

    fasta, regions, called = given["fasta"], given["regions"], given["calls"]
    options.check_apart([out], [*fasta, given["model"], regions, called, given["chrom_alias"]])
    if regions is not None and called is not None:
        raise OptionError("--regions and --calls: give one of them")
    if given["chrom_alias"] is not None and regions is None:
        raise OptionError("--chrom-alias: only applies to --regions; give --regions too")
    form = effect_format(out)
    has_sites = regions is not None or called is not None
    check_options(form, out, deletions=deletions, profiles=profiles, has_sites=has_sites)
    check_deletions(deletions)
    part = None if given["shard"] is None else Shard.parse(given["shard"])
    files = prefixed(fasta, given["name_prefixes"])
    keys = ("device", "engine", "threads", "precision")
    priors = dict(given["priors"])
    model = load(given["model"], **{key: given[key] for key in keys}, priors=priors)
    circles = None if given["circular"] is None else Circular(given["circular"])
    sites = read_sites(model, files, regions, called, given["chrom_alias"])
    logger.info("computing on %s, threads: %d", model.engine.device, model.threads)
    found = reach_of(given["reach"], model, files, sites, circles)
    logger.info("%s", found.line())

    def write(paths: Sequence[PathLike], to: PathLike, **more: Any) -> Any:
        return mutate_genome(
            model,
            paths,
            to,
            reach=found,
            deletions=deletions,
            profiles=profiles,
            method=ImportanceMethod(method),
            **more,
        )

    def rehearse(paths: Sequence[PathLike], to: PathLike) -> object:
        return write(paths, to, sites=Sites.everything())

    shared: dict[str, Any] = {"sites": sites, "shard": part, "circular": circles}
    with ProgressBar("surveyed", quiet=quiet) as progress:
        plan = MutationPlan(
            model,
            files,
            out,
            rehearse,
            found,
            deletions,
            profiles,
            **shared,
            method=ImportanceMethod(method),
            progress=progress.add,
        )
        go_on = look_ahead(plan, MUTATION_REMEDIES, dry_run=dry_run)
    if not go_on:
        return
    with ProgressBar("changed", quiet=quiet) as progress:
        done = write(files, out, **shared, progress=progress.add)
    for line in done.lines():
        logger.info("%s", line)


def read_sites(
    model: Model,
    fasta: Sequence[PathLike],
    regions: str | None,
    called: str | None,
    chrom_alias: str | None,
) -> Sites | None:
    """Read regions or calls."""
    from dnabirnn.explanation import Sites
    from dnabirnn.intervals import Regions
    from dnabirnn.labels import read_aliases

    if called is not None:
        return Sites.of_calls(called, model.outputs)
    if regions is None:
        return None
    wanted: Regions | None = Regions.read(regions)
    if chrom_alias is not None:
        wanted = read_aliases(chrom_alias, fasta).regions(wanted)
    assert wanted is not None
    return Sites.of_regions(wanted, model.outputs)
