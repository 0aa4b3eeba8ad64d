"""`dnabirnn selfcheck`: check a model's scores on this machine."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.errors import ScoreError

__all__ = ["selfcheck"]


@command(
    """Check a model's scores on this machine.

    Scores random contigs in ways that must not change the result: on the opposite strand, alone and
    together, in another order, in parts, with more threads, and with torch, or for --precision
    bf16 in f32. Prints one row per check.
    """,
    "dnabirnn selfcheck model.safetensors",
)
@click.argument("model")
@options.threads
@options.device
@options.engine
@options.precision
@option(
    "--seed",
    group=options.COMPUTING,
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed for the contigs.",
)
def selfcheck(
    model: str, threads: int, device: str, engine: str, precision: str, seed: int
) -> None:
    """Run `dnabirnn selfcheck`."""
    from dnabirnn.network import load_checkpoint
    from dnabirnn.scoring import selfcheck as checks

    checkpoint = load_checkpoint(model)
    failed = []
    click.echo("check\tcompared\tlargest difference\tlimit\tholds")
    for check in checks(
        checkpoint,
        device=device,
        engine=engine,
        threads=max(2, threads),
        precision=precision,
        seed=seed,
    ):
        holds = "yes" if check.holds else "NO"
        click.echo(
            f"{check.name}\t{check.compared}\t{check.difference:.3g}\t{check.limit:g}\t{holds}"
        )
        if not check.holds:
            failed.append(check.name)
    if failed:
        raise ScoreError(
            f"{model}: these checks fail on this machine: {', '.join(failed)}; use --engine torch "
            "--device cpu, and report the problem"
        )
