"""Command line of the benchmarks: `python -m benchmarks NAME`, one command per table."""

from __future__ import annotations

import shlex
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.gue import GUE_TASKS
from benchmarks.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder for large files.  [default: a temporary folder]",
)
_repeats = click.option(
    "--repeats", default=5, show_default=True, help="Number of runs of each case."
)


@click.group()
def main() -> None:
    """Measure dnabirnn on this machine and write the results to benchmarks/results."""


def _printed(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows, and print each as soon as it is measured."""
    for row in rows:
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        click.echo("  ".join(f"{key} {cell}" for key, cell in zip(row, cells, strict=True)))
        yield row


def _save(name: str, rows: Iterable[dict[str, Any]]) -> None:
    from benchmarks.measure import machine
    from benchmarks.page import save_results

    save_results(name, _printed(rows), machine())


def _work_folder(folder: Path | None) -> Path:
    path = folder or Path(tempfile.mkdtemp(prefix="dnabirnn-benchmarks-"))
    path.mkdir(parents=True, exist_ok=True)
    return path


@main.command()
@click.option("--quick", is_flag=True, help="Measure only one layer of 32 units.")
def speed(quick: bool) -> None:
    """Scoring speed of the engines, compared with torch's layers and with sgemm."""
    from benchmarks.speed import speed as rows

    _save("speed", rows(quick))


@main.command()
def forms() -> None:
    """Scoring speed with narrower vectors, compared with torch held to the same instructions."""
    from benchmarks.forms import forms as rows

    _save("forms", rows())


@main.command()
@click.option("--quick", is_flag=True, help="Measure only one layer of 32 units.")
def train(quick: bool) -> None:
    """Speed of training steps, compared with a bare loop of torch's autograd."""
    from benchmarks.training import train as rows

    _save("train", rows(quick))


@main.command()
@click.option("--quick", is_flag=True, help="Measure only a GRU of 32 units, on one thread.")
def explain(quick: bool) -> None:
    """Speed of mutagenesis and gradients, compared with scoring whole windows and with torch."""
    from benchmarks.explain import explain as rows, gradients

    _save("gradients", gradients(quick))
    _save("explain", rows(quick))


@main.command()
@_folder
@_repeats
@click.option(
    "--bases", default=10_000_000, show_default=True, help="Length of the genome, in bases."
)
def bf16(folder: Path | None, repeats: int, bases: int) -> None:
    """Scoring speed with --precision bf16 on a CPU, compared with f32."""
    from benchmarks.bf16 import speed as rows

    _save("bf16", rows(_work_folder(folder), bases, repeats))


@main.command()
@_folder
@click.option("--threads", default=2, show_default=True, help="Number of threads.")
def bf16_accuracy(folder: Path | None, threads: int) -> None:
    """Scores of the shipped models with --precision bf16, compared with f32."""
    from benchmarks.bf16 import accuracy as rows

    _save("bf16-accuracy", rows(_work_folder(folder), threads))


@main.command()
def devices() -> None:
    """Speed of scoring and training on a GPU."""
    from benchmarks.devices import devices as rows

    _save("devices", rows())


@main.command()
@_folder
@_repeats
@click.option(
    "--bases", default=50_000_000, show_default=True, help="Length of the genome, in bases."
)
def score(folder: Path | None, repeats: int, bases: int) -> None:
    """Speed of `dnabirnn score` from FASTA to BED, compared with a bare loop of torch."""
    from benchmarks.whole import score as rows

    _save("score", rows(_work_folder(folder), bases, repeats))


@main.command()
@_folder
@_repeats
def start(folder: Path | None, repeats: int) -> None:
    """Start-up time: help, imports, and a FASTA of 300 bases."""
    from benchmarks.whole import start as rows

    _save("start", rows(_work_folder(folder), repeats))


@main.command()
@_folder
@click.option(
    "--longest", default=250_000_000, show_default=True, help="Length of the long contig, in bases."
)
def memory(folder: Path | None, longest: int) -> None:
    """Peak memory by length and number of contigs, and by output format."""
    from benchmarks.whole import memory as rows

    _save("memory", rows(_work_folder(folder), longest))


@main.command()
@_folder
def scaling(folder: Path | None) -> None:
    """Time and memory by number of bases, contigs, classes and hidden units."""
    from benchmarks.whole import scaling as rows

    _save("scaling", rows(_work_folder(folder)))


@main.command()
@_folder
@click.option("--repeats", default=3, show_default=True, help="Number of runs of each case.")
@click.option(
    "--bases", default=50_000_000, show_default=True, help="Length of the genome, in bases."
)
def threads(folder: Path | None, repeats: int, bases: int) -> None:
    """Speed-up by threads: measured, and predicted from the time of each part per base."""
    from benchmarks.threads import threads as rows

    _save("threads", rows(_work_folder(folder), bases, repeats))


@main.command()
@_folder
def estimates(folder: Path | None) -> None:
    """Estimates of `--dry-run`, compared with the runs themselves."""
    from benchmarks.estimates import estimates as rows

    _save("estimates", rows(_work_folder(folder)))


@main.command()
@_folder
@_repeats
@click.option(
    "--bases", default=5_000_000, show_default=True, help="Length of the genome, in bases."
)
def io(folder: Path | None, repeats: int, bases: int) -> None:
    """Processor time of each step outside the network: reading, rows, calls and metrics."""
    from benchmarks.io import io as rows

    _save("io", rows(_work_folder(folder), bases, repeats))


@main.command()
@click.argument("tasks", nargs=-1, required=True, metavar="SET:MODEL...")
@click.option("--threads", default=2, show_default=True, help="Number of threads.")
def windows(tasks: tuple[str, ...], threads: int) -> None:
    """Accuracy and cost of scoring windows, on the validation sequence of encoded sets.

    Each argument is an encoded set and the model that was trained on it.
    """
    from benchmarks.windows import windows as rows

    pairs = [(Path(data), Path(model)) for data, _, model in (t.partition(":") for t in tasks)]
    _save("windows", rows(pairs, threads))


_options = click.option("--options", default="", help="Options of `dnabirnn train`, as one word.")
_seeds = click.option("--seeds", default=3, show_default=True, help="Number of seeds.")
_on = click.option(
    "--on",
    type=click.Choice(["test", "val"]),
    default="test",
    show_default=True,
    help="Sequences to evaluate on. Results on val, the validation sequence, are only printed.",
)


def _save_tests(name: str, rows: Iterable[dict[str, Any]], on: str) -> None:
    """Print the rows, and save them if they are of a test."""
    if on == "test":
        _save(name, rows)
    else:
        deque(_printed(rows), maxlen=0)


@main.command()
@click.argument("task", type=click.Choice(list(TASKS)))
@_folder
@_options
@_seeds
@click.option("--threads", type=int, help="Number of threads.  [default: all cores]")
@_on
@click.option(
    "--encode",
    default="",
    help="Options of `dnabirnn encode`, as one word, such as '--background markov'. Only with "
    "--on val.",
)
def accuracy(
    task: str,
    folder: Path | None,
    options: str,
    seeds: int,
    threads: int | None,
    on: str,
    encode: str,
) -> None:
    """Accuracy of the default recipe on a real task, with the data in DNABIRNN_DATA."""
    from benchmarks.accuracy import accuracy as rows

    if encode and on == "test":
        raise click.UsageError("--encode: choose how to encode on validation sequence: --on val")
    words = shlex.split(options), on, threads, shlex.split(encode)
    _save_tests(f"accuracy-{task}", rows(task, _work_folder(folder), seeds, *words), on)


@main.command()
@click.argument("tasks", nargs=-1, type=click.Choice([*GUE_TASKS, "all"]), required=True)
@_folder
@_options
@_seeds
@click.option("--threads", default=1, show_default=True, help="Number of threads.")
@_on
def gue(
    tasks: tuple[str, ...], folder: Path | None, options: str, seeds: int, threads: int, on: str
) -> None:
    """Accuracy on tasks of the GUE benchmark, whose labels are those of whole sequences."""
    from benchmarks.gue import gue as rows

    chosen = GUE_TASKS if "all" in tasks else tasks
    found = rows(chosen, _work_folder(folder), seeds, shlex.split(options), on, threads)
    _save_tests("gue", found, on)


@main.command()
@_folder
@_options
@_seeds
@_on
def peers(folder: Path | None, options: str, seeds: int, on: str) -> None:
    """Accuracy and speed on REP, beside HMMER's and Infernal's where they are installed."""
    from benchmarks.peers import peers as rows

    _save_tests("peers", rows(_work_folder(folder), seeds, shlex.split(options), on), on)


@main.command()
@click.option("--seeds", default=20, show_default=True, help="Number of simulated genomes.")
@click.option("--threads", default=2, show_default=True, help="Number of threads.")
def fdr(seeds: int, threads: int) -> None:
    """False discovery rates that q-values state, and those observed."""
    from benchmarks.fdr import fdr as rows

    _save("fdr", rows(seeds, threads))


@main.command()
@click.argument("tasks", nargs=-1, type=click.Choice([*TASKS, "all"]), required=True)
@_folder
@_options
@_on
@click.option("--threads", default=2, show_default=True, help="Number of threads.")
def ranking(
    tasks: tuple[str, ...], folder: Path | None, options: str, on: str, threads: int
) -> None:
    """Average precision of calls ranked by evidence, by its plain sum, and by the mean score.

    Shipped models are used where there are any.
    """
    from benchmarks.ranking import ranking as rows

    chosen = list(TASKS) if "all" in tasks else tasks
    found = rows(chosen, _work_folder(folder), shlex.split(options), on, threads)
    _save_tests("ranking", found, on)


@main.command()
@_folder
def presets(folder: Path | None) -> None:
    """Accuracy and speed of each preset."""
    from benchmarks.presets import presets as rows

    _save("presets", rows(_work_folder(folder)))


@main.command()
@_folder
def ship(folder: Path | None) -> None:
    """Train the models that ship with dnabirnn, and write docs/models.md."""
    from benchmarks.ship import ship as make

    make(_work_folder(folder))


@main.command()
def page() -> None:
    """Write docs/benchmarks.md and docs/accuracy.md from the results."""
    from benchmarks.accuracy_page import write_accuracy_page
    from benchmarks.page import write_page

    write_page()
    write_accuracy_page()


if __name__ == "__main__":
    main()
