"""A task with its training data encoded: train models, evaluate them, and score sequences."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.decoys import write_decoys
from benchmarks.material import data_folder
from benchmarks.novelty import SEEN, write_seen
from benchmarks.tasks import TASKS
from dnabirnn.encoded import EncodedSet
from dnabirnn.evaluation import (
    Truth,
    evaluate_baseline,
    evaluate_genome,
    learn_baseline,
    painted_labels,
)
from dnabirnn.intervals import Regions, read_bed
from dnabirnn.labels import load_truth
from dnabirnn.network import call_settings
from dnabirnn.scoring import load
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.tasks import Sequences, Task
    from dnabirnn.evaluation import Baseline, Report
    from dnabirnn.files import PathLike
    from dnabirnn.labels import Labels
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.tracks import Block

__all__ = ["VAL", "Place", "Prepared", "ScoredContig", "run"]

VAL = "val"
"""Name of the validation sequence, which every task has beside its test sets."""


class Place(NamedTuple):
    """Sequences to evaluate on.

    Attributes
    ----------
    name : str
        `VAL`, or the name of a test set.
    fasta, labels : list of Path
    regions : Regions or None
        Outside these, bases do not count.
    """

    name: str
    fasta: list[Path]
    labels: list[Path]
    regions: Regions | None


class ScoredContig(NamedTuple):
    """Scores of a contig.

    Attributes
    ----------
    name : str
    inside : ndarray, (L,) bool
        True in the regions of the place.
    counted : ndarray, (L,) bool
        False where metrics leave a base out.
    models : list of ndarray, (L, O) float32
        Probabilities of each model.
    matrix : ndarray, (L, O) float32
        Those of the position weight matrices.
    """

    name: str
    inside: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    models: list[NDArray[np.float32]]
    matrix: NDArray[np.float32]


class Prepared:
    """A task with its training data encoded.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    folder : Path
        Folder for the encoded set and the models.
    threads : int, optional
        Number of threads.  [default: all cores]
    classes : sequence of str
        Classes to keep.  [default: all]
    encode : sequence of str
        Options of `dnabirnn encode` besides those of the task.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        threads: int | None = None,
        classes: Sequence[str] = (),
        encode: Sequence[str] = (),
    ) -> None:
        self.task: Task = TASKS[name]
        self.data = data_folder()
        self._stem = folder / ".".join([name, *classes])
        self._threads = threads or os.cpu_count() or 1
        self._train_fasta = self._paths(self.task.train.fasta)
        if self.task.decoys:
            self._train_fasta.append(folder / "decoys.fa")
            write_decoys(folder / "decoys.fa")
        self._exclude = self._written("exclude", self._excluded())
        split = self._written("split", self.task.split)
        self.encoded = self._file("enc")
        options = [
            *(f"--labels={path}" for path in self._paths(self.task.train.labels)),
            *([f"--split={split}"] if split else []),
            *([f"--exclude={self._exclude}"] if self._exclude else []),
            *([f"--classes={','.join(classes)}"] if classes else []),
            *([f"--ignore-classes={','.join(i)}"] if (i := self.task.ignore_classes) else []),
            f"--label-flank-ignore={self.task.flank_bp}",
        ]
        fasta = map(str, self._train_fasta)
        run("encode", *fasta, *options, *self.task.options, *encode, "-o", str(self.encoded))

    @cached_property
    def classes(self) -> tuple[MotifClass, ...]:
        """Classes of the encoded set."""
        return EncodedSet.open(self.encoded).classes

    @cached_property
    def matrices(self) -> Baseline:
        """Position weight matrices of the training sites."""
        return learn_baseline(EncodedSet.open(self.encoded), self.classes)

    def train(self, model: Path, options: Sequence[str]) -> float:
        """Train a model and return the time it took, in seconds."""
        begun = time.perf_counter()
        threads = ("--threads", str(self._threads))
        run("train", str(self.encoded), "-o", str(model), *threads, *options)
        return time.perf_counter() - begun

    def places(self, on: str) -> list[Place]:
        """Return all test sets for "test", or the validation sequence for `VAL`."""
        if on == VAL:
            pieces = EncodedSet.open(self.encoded).contig_splits("val")
            rows = "".join(f"{name}\t{start}\t{end}\n" for name, start, end in pieces)
            labels = self._paths(self.task.train.labels)
            return [Place(VAL, self._train_fasta, labels, self._regions(VAL, rows))]
        return [
            self._place(name, sequences, number)
            for number, (name, sequences) in enumerate(self.task.tests.items())
        ]

    def evaluate(
        self, model: PathLike, place: Place, *, fdr: float | None = None, precision: str = "f32"
    ) -> Report:
        """Compare a model with the truth of a place.

        With `fdr`, thresholds are those for this false discovery rate.
        """
        return self._evaluate(model, place, self.truth(place), fdr, precision)

    def evaluate_unseen(self, model: Path, place: Place) -> Report:
        """Evaluate without the bases of sites that a 31-mer of a training site covers."""
        seen = self._file(f"{place.name.replace(' ', '_')}.seen.bed")
        if not seen.exists():
            write_seen(self.encoded, place.fasta, place.labels, seen)
        truth = self.truth(place, *([seen] if seen.read_text() else []))
        return self._evaluate(model, place, truth)

    def evaluate_matrices(self, place: Place) -> Report:
        """Compare the position weight matrices with the truth of a place."""
        return evaluate_baseline(
            self.matrices,
            place.fasta,
            self.truth(place),
            regions=place.regions,
            exclude=self.excluded_regions(),
        )

    def scored(self, models: Sequence[Path], place: Place) -> Iterator[ScoredContig]:
        """Yield the scores of the contigs of a place."""
        loaded = [load(path, threads=self._threads) for path in models]
        truth, exclude = self.truth(place), self.excluded_regions()
        wanted = None if place.regions is None else place.regions.of
        for record in read_fasta(*place.fasta):
            regions = np.array([[0, len(record.codes)]]) if wanted is None else wanted(record.name)
            labels = painted_labels(record, truth, exclude)
            everything = np.zeros_like(labels)
            if regions.size:
                yield ScoredContig(
                    record.name,
                    Truth.of(everything, regions=regions).counted,
                    Truth.of(labels, codes=record.codes, regions=regions).counted,
                    [_whole(model.blocks([record], wanted)) for model in loaded],
                    _whole(self.matrices.blocks([record], wanted)),
                )

    def _evaluate(
        self,
        model: PathLike,
        place: Place,
        truth: Labels,
        fdr: float | None = None,
        precision: str = "f32",
    ) -> Report:
        loaded = load(model, threads=self._threads, precision=precision)
        return evaluate_genome(
            loaded,
            place.fasta,
            truth,
            calls=call_settings(loaded.checkpoint, fdr=fdr),
            regions=place.regions,
            exclude=self.excluded_regions(),
        )

    def truth(self, place: Place, *seen: Path) -> Labels:
        """Return the labels of a place; the bases of the files in `seen` do not count."""
        ignored = (*self.task.ignore_classes, *([SEEN] if seen else []))
        return load_truth(
            [*place.labels, *seen],
            self.classes,
            ignore_classes=ignored,
            flank_bp=self.task.flank_bp,
        )

    def _place(self, name: str, sequences: Sequences, number: int) -> Place:
        fasta, labels = self._paths(sequences.fasta), self._paths(sequences.labels)
        return Place(name, fasta, labels, self._regions(f"test{number}", sequences.regions))

    def _excluded(self) -> str:
        """Return the rows of all files to exclude."""
        frames = [read_bed(path) for path in self._paths(self.task.exclude)]
        rows = (row for frame in frames for row in frame.select("chrom", "start", "end").rows())
        return "".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in rows)

    def excluded_regions(self) -> Regions | None:
        """Return the regions that do not count; None if the task has none."""
        return None if self._exclude is None else Regions.read(self._exclude)

    def _regions(self, name: str, rows: str) -> Regions | None:
        path = self._written(name, rows)
        return None if path is None else Regions.read(path)

    def _written(self, name: str, rows: str) -> Path | None:
        """Write rows to a BED and return its path; None if there are no rows."""
        if not rows:
            return None
        path = self._file(f"{name}.bed")
        path.write_text(rows)
        return path

    def _file(self, ending: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{ending}")

    def _paths(self, files: Iterable[str]) -> list[Path]:
        return [self.data / file for file in files]


def _whole(blocks: Iterable[Block]) -> NDArray[np.float32]:
    """Join the blocks of a contig."""
    return np.concatenate([block.probabilities for block in blocks])


def run(*words: str) -> None:
    """Run a command of dnabirnn; raise if it fails."""
    command = [sys.executable, "-m", "dnabirnn", "-q", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
