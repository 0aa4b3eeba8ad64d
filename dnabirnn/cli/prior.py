"""`dnabirnn prior`: estimate the share of each class in a genome without labels."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.progress import ProgressBar
from dnabirnn.errors import OptionError
from dnabirnn.names import aligned

if TYPE_CHECKING:
    from dnabirnn.evaluation import ClassPrior

__all__ = ["prior"]

_HEADER = ("class", "calibrated", "estimate", "low", "high", "prior", "p_value")


@command(
    """Estimate how frequent the classes of a model are in a genome without labels.

    Prints, per class, the share of the bases of a strand that the model was calibrated for; the
    share estimated for these sequences, with its 95 % confidence interval; the share to give to
    `dnabirnn score`, which also corrects for their base composition; and the p-value of the class
    being no more frequent than in shuffled sequence. The last line has the options of `dnabirnn
    score` for the classes that are present (p-value up to 0.05).
    """,
    "dnabirnn prior genome.fa -m model.safetensors",
)
@options.fasta
@options.model
@option("--json", "as_json", group=options.OUTPUT, is_flag=True, help="Print JSON.")
@option("--tsv", "as_tsv", group=options.OUTPUT, is_flag=True, help="Print TSV.")
@option(
    "--seed",
    group=options.COMPUTING,
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed of the shuffle and of the bootstrap.",
)
@options.threads
@options.device
@options.engine
@click.pass_obj
def prior(
    quiet: bool,
    /,
    fasta: tuple[str, ...],
    model: str,
    as_json: bool,
    as_tsv: bool,
    seed: int,
    threads: int,
    device: str,
    engine: str,
) -> None:
    """Run `dnabirnn prior`."""
    from dnabirnn.evaluation import estimate_priors
    from dnabirnn.scoring import load

    if as_json and as_tsv:
        raise OptionError("--json and --tsv: give only one of them")
    loaded = load(model, device=device, engine=engine, threads=threads)
    with ProgressBar("scored", quiet=quiet) as progress:
        found = estimate_priors(loaded, fasta, seed=seed, progress=progress.add)
    if as_json:
        classes = {name: _plain(of) for name, of in found.items()}
        click.echo(json.dumps({"classes": classes}, indent=2, sort_keys=True))
    elif as_tsv:
        click.echo("\n".join("\t".join(row) for row in _rows(found)))
    else:
        click.echo("\n".join([*aligned(_rows(found)), "", _options(found)]))


def _plain(of: ClassPrior) -> dict[str, Any]:
    """Return the estimate as JSON values."""
    return {
        "calibrated": of.calibrated,
        "estimate": of.share,
        "estimate_ci": None if of.interval is None else list(of.interval),
        "prior": of.prior,
        "p_value": of.p_value,
        "present": of.present,
    }


def _rows(found: Mapping[str, ClassPrior]) -> list[tuple[str, ...]]:
    """Return the cells of a table, with its header; "." for an interval that is not known."""
    rows: list[tuple[str, ...]] = [_HEADER]
    for name, of in found.items():
        ends = (".", ".") if of.interval is None else tuple(f"{end:.3g}" for end in of.interval)
        figures = (f"{of.calibrated:.3g}", f"{of.share:.3g}", *ends, f"{of.prior:.3g}")
        rows.append((name, *figures, f"{of.p_value:.2g}"))
    return rows


def _options(found: Mapping[str, ClassPrior]) -> str:
    """Return the line with options for `score`."""
    present = {name: of.prior for name, of in found.items() if of.present}
    if not present:
        return "no class is more frequent than in the shuffled sequence"
    words = []
    for name, share in present.items():
        shown = '"' + name.replace('"', '""') + '"' if '"' in name else name
        words.append(f"--prior {shlex.quote(f'{shown}={share:.3g}')}")
    return " ".join(words)
