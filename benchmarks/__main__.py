"""`python -m benchmarks NAME`: one command a figure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_folder = click.option(
    "--folder", type=click.Path(path_type=Path), help="For large files.  [default: a temporary one]"
)
_repeats = click.option("--repeats", default=5, show_default=True, help="Runs of each.")


@click.group()
def main() -> None:
    """Measure dnabirnn on this machine; results go to benchmarks/results."""


def _shown(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows, each printed when it is there."""
    for row in rows:
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        click.echo("  ".join(f"{key} {cell}" for key, cell in zip(row, cells, strict=True)))
        yield row


def _keep(name: str, rows: Iterable[dict[str, Any]]) -> None:
    from benchmarks.measure import machine
    from benchmarks.page import keep

    keep(name, _shown(rows), machine())


def _place(folder: Path | None) -> Path:
    path = folder or Path(tempfile.mkdtemp(prefix="dnabirnn-benchmarks-"))
    path.mkdir(parents=True, exist_ok=True)
    return path


@main.command()
@click.option("--quick", is_flag=True, help="Only 32 units in one layer.")
def speed(quick: bool) -> None:
    """Engines against torch's layers and against sgemm."""
    from benchmarks.speed import speed as rows

    _keep("speed", rows(quick))


@main.command()
@click.option("--quick", is_flag=True, help="Only 32 units in one layer.")
def train(quick: bool) -> None:
    """Steps of training, against a bare loop of torch's autograd."""
    from benchmarks.training import train as rows

    _keep("train", rows(quick))


@main.command()
def devices() -> None:
    """Scoring and training on a GPU."""
    from benchmarks.devices import devices as rows

    _keep("devices", rows())


@main.command()
@_folder
@_repeats
@click.option("--bases", default=50_000_000, show_default=True)
def score(folder: Path | None, repeats: int, bases: int) -> None:
    """`dnabirnn score` from FASTA to BED, against a bare loop."""
    from benchmarks.whole import score as rows

    _keep("score", rows(_place(folder), bases, repeats))


@main.command()
@_folder
@_repeats
def start(folder: Path | None, repeats: int) -> None:
    """How long the first thing takes."""
    from benchmarks.whole import start as rows

    _keep("start", rows(_place(folder), repeats))


@main.command()
@_folder
@click.option("--longest", default=250_000_000, show_default=True, help="Bases of a long contig.")
def memory(folder: Path | None, longest: int) -> None:
    """Peak memory against contigs and outputs."""
    from benchmarks.whole import memory as rows

    _keep("memory", rows(_place(folder), longest))


@main.command()
@_folder
def scaling(folder: Path | None) -> None:
    """Time and memory against bases, contigs, classes, units."""
    from benchmarks.whole import scaling as rows

    _keep("scaling", rows(_place(folder)))


@main.command()
@_folder
def estimates(folder: Path | None) -> None:
    """What `--dry-run` tells against what runs then take."""
    from benchmarks.estimates import estimates as rows

    _keep("estimates", rows(_place(folder)))


@main.command()
@_folder
@_repeats
@click.option("--bases", default=5_000_000, show_default=True)
def io(folder: Path | None, repeats: int, bases: int) -> None:
    """Reading, rows, calls and metrics, each by itself."""
    from benchmarks.io import io as rows

    _keep("io", rows(_place(folder), bases, repeats))


@main.command()
@click.argument("tasks", nargs=-1, required=True, metavar="SET:MODEL...")
@click.option("--threads", default=2, show_default=True)
def windows(tasks: tuple[str, ...], threads: int) -> None:
    """Scoring windows on validation sequence: encoded sets, each with the model trained on it."""
    from benchmarks.windows import windows as rows

    pairs = [(Path(one), Path(other)) for one, _, other in (t.partition(":") for t in tasks)]
    _keep("windows", rows(pairs, threads))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("task", type=click.Choice(["rep", "satellites", "fly"]))
@click.argument("train_options", nargs=-1, type=click.UNPROCESSED, metavar="[TRAIN OPTIONS]...")
@_folder
@click.option("--seeds", default=3, show_default=True)
def accuracy(task: str, train_options: tuple[str, ...], folder: Path | None, seeds: int) -> None:
    """Models of the default recipe on a real task of DNABIRNN_DATA."""
    from benchmarks.accuracy import accuracy as rows

    _keep(f"accuracy-{task}", rows(task, _place(folder), seeds, train_options))


@main.command()
@_folder
def presets(folder: Path | None) -> None:
    """Accuracy against speed, by preset."""
    from benchmarks.presets import presets as rows

    _keep("presets", rows(_place(folder)))


@main.command()
@_folder
def ship(folder: Path | None) -> None:
    """Make the models that ship, and docs/models.md."""
    from benchmarks.ship import ship as make

    make(_place(folder))


@main.command()
def page() -> None:
    """Write docs/benchmarks.md and docs/accuracy.md from the results."""
    from benchmarks.accuracy_page import write_accuracy_page
    from benchmarks.page import write_page

    write_page()
    write_accuracy_page()


if __name__ == "__main__":
    main()
