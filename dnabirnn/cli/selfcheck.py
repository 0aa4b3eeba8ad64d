"""`dnabirnn selfcheck`: what must always hold, on this machine."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.errors import ScoreError

__all__ = ["selfcheck"]


@click.command()
@click.argument("model")
@options.threads
@options.device
@options.engine
@options.precision
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
def selfcheck(
    model: str, threads: int, device: str, engine: str, precision: str, seed: int
) -> None:
    """Check on this machine that a model's scores are what they must be.

    Random contigs are scored in every way that must change nothing: on the opposite strand, alone
    and together, in another order, by part, by more threads, and by torch. Prints a row a check.
    """
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
            f"{model}: does not hold on this machine: {', '.join(failed)}; use --engine torch "
            "--device cpu, and tell us"
        )
