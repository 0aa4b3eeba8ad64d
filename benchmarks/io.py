"""Processor time outside the network: reading FASTA, rows of tracks, calls, metrics."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.material import model_of, write_genome
from dnabirnn.evaluation import evaluate_blocks
from dnabirnn.files import OutputFiles
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network import call_settings
from dnabirnn.scoring import Model, find_calls, find_runs, measured
from dnabirnn.sequences import read_fasta
from dnabirnn.tracks import BedGraphTracks, BedTrack, TrackFormat, open_track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dnabirnn.tracks import Block

__all__ = ["io"]


def io(folder: Path, bases: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield the processor time of each step, in ns per base, and that of scoring on one core."""
    fasta = write_genome(folder / "io.fa", [bases])
    yield _row("FASTA to codes", bases, repeats, lambda: list(read_fasta(fasta)))
    for classes in (1, 4):
        for bias, rows in ((-6.0, "few rows"), (0.0, "rows for every base")):
            checkpoint = model_of(classes=classes, bias=bias)
            model = Model(checkpoint, device="cpu", engine="fused")
            blocks = list(model.blocks(model.contigs(fasta)))
            kind = f"{2 * classes} outputs, {rows}"
            if rows == "few rows":
                whole = partial(_score, model, fasta)
                yield _row(f"scoring, {2 * classes} outputs", bases, repeats, whole)
            for name, step in _steps(folder, model, blocks).items():
                yield _row(f"{name}, {kind}", bases, repeats, step)


def _steps(folder: Path, model: Model, blocks: list[Block]) -> dict[str, Callable[[], object]]:
    """Return functions by name, each of which does one thing with the scores in `blocks`."""
    checkpoint, outputs = model.checkpoint, model.outputs
    settings = call_settings(checkpoint)
    classes = [MotifClass(name, stranded) for name, stranded in checkpoint.architecture.classes]
    labels = np.zeros(sum(len(block.codes) for block in blocks), np.uint16)
    labels[::1000] = 2

    def bed() -> None:
        with (folder / "io.bed").open("wb") as file:
            track = BedTrack(file, outputs)
            for rows in find_runs(blocks, min_score=100):
                track.add(rows)
            track.close()

    def bedgraph() -> None:
        files = [(folder / f"io.{number}.bg").open("wb") for number in range(len(outputs))]
        track = BedGraphTracks(files)
        for rows in find_runs(blocks, min_score=0):
            track.add(rows)
        track.close()
        for file in files:
            file.close()

    def bigwig() -> None:
        sizes: dict[str, int] = {}
        with OutputFiles() as files:
            track = open_track(files, folder / "io.bw", TrackFormat.BIGWIG, outputs, sizes)
            for rows in find_runs(measured(blocks, sizes), min_score=0):
                track.add(rows)
            track.close()

    def calls() -> None:
        drop(find_calls(find_runs(blocks, min_score=100), outputs, settings))

    def metrics() -> None:
        thresholds = {name: 500 for name, _ in classes}
        evaluate_blocks(blocks, lambda name: labels, classes, thresholds, calls=settings)

    return {
        "per-base BED": bed,
        "bedGraph": bedgraph,
        "bigWig": bigwig,
        "calls": calls,
        "evaluate": metrics,
    }


def _score(model: Model, fasta: Path) -> None:
    drop(model.blocks(model.contigs(fasta)))


def drop(items: Iterable[object]) -> None:
    """Consume an iterable without keeping its items."""
    deque(items, maxlen=0)


def _row(name: str, bases: int, repeats: int, step: Callable[[], object]) -> dict[str, Any]:
    return {"step": name, "ns_a_base": _seconds(step, repeats) / bases * 1e9}


def _seconds(step: Callable[[], object], repeats: int) -> float:
    """Return the shortest processor time of several runs, after one that compiles the kernels."""
    step()
    shortest = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        step()
        shortest = min(shortest, time.process_time() - begun)
    return shortest
