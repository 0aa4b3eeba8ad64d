"""Self-check: invariants of scores, checked with a user's model on the user's machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.network import CallSettings, LogOddsMap
from dnabirnn.scoring.calls import calls_frame, find_calls
from dnabirnn.scoring.model import Model
from dnabirnn.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from dnabirnn.network import Checkpoint

__all__ = ["BF16_TOLERANCE", "TOLERANCE", "Check", "selfcheck"]

TOLERANCE = 1e-5
"""Largest accepted difference of scores where arithmetic may differ."""
BF16_TOLERANCE = 0.1
"""Largest accepted difference of scores with bfloat16 from those with float32. The largest of the
shipped models is 0.01 with compiled kernels, and 0.05 with torch."""
_AMBIGUOUS_SHARE = 0.01


class Check(NamedTuple):
    """Result of checking one invariant.

    Attributes
    ----------
    name : str
    compared : int
        Number of scores, or calls, that were compared.
    difference : float
        Largest difference of scores; for calls, the number of calls that differ.
    limit : float
        Largest accepted difference.
    """

    name: str
    compared: int
    difference: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within the limit; False for NaN."""
        return self.difference <= self.limit


def selfcheck(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    engine: str = "auto",
    threads: int = 2,
    precision: str = "f32",
    seed: int = 0,
) -> Iterator[Check]:
    """Check a model's scores on random contigs, one invariant after another.

    Random sequence has few sites, and differences are hard to see where all scores are near 0.
    Log-odds are therefore shifted until the median probability of each class is about 0.5.

    Parameters
    ----------
    checkpoint : Checkpoint
    device, engine, precision : str
        As for `Model`.
    threads : int
        Number of threads whose scores are compared with those of one thread.
    seed : int
        Seed of the random contigs.

    Yields
    ------
    check : Check

    Raises
    ------
    ScoreError
        If a score is not a finite number; the message gives its contig and position.
    """

    def made(
        threads: int, engine: str = engine, device: str = device, precision: str = precision
    ) -> Model:
        return Model(checkpoint, device=device, engine=engine, threads=threads, precision=precision)

    contigs = _contigs(checkpoint, seed)
    checkpoint = _spread(checkpoint, Model(checkpoint, device="cpu"), contigs)
    model = made(1)
    scores = _scores(model, contigs)
    # On a CPU, the arithmetic of a window depends neither on the rest of its batch nor on threads.
    # Triton's interpreter, which has another name, is an exception.
    exact = 0.0 if model.engine.device == "cpu" else TOLERANCE
    yield _ambiguous(contigs, scores)
    if checkpoint.architecture.tied:
        yield _mirror(model, contigs, scores)
        yield _mirrored_calls(model, contigs, exact)
    alone = {name: _scores(model, [record])[name] for record in contigs for name in [record.name]}
    yield _difference("each contig alone", scores, alone, exact)
    backwards = _scores(model, contigs[::-1])
    yield _difference("contigs in another order", scores, backwards, exact)
    yield _difference(f"{threads} threads", scores, _scores(made(threads), contigs), exact)
    yield _parts(model, contigs, scores, exact)
    yield _difference("once more", scores, _scores(model, contigs), 0.0)
    # Where bfloat16 is not available, the precision is that of float32.
    if model.engine.precision == "f32":
        torch = _scores(made(threads, "torch", "cpu", "f32"), contigs)
        yield _difference("torch on the CPU", scores, torch, TOLERANCE)
    elif model.engine.precision == "bf16":
        full = _scores(made(threads, precision="f32"), contigs)
        yield _difference("f32", scores, full, BF16_TOLERANCE)


def _contigs(checkpoint: Checkpoint, seed: int) -> list[Record]:
    """Random contigs with lengths around those at which the grid of windows changes."""
    window = checkpoint.scoring_window
    length, halo = window.length_bp, window.halo_bp
    lengths = (1, 2, 31, 33, halo, length - 1, length, length + 1, 2 * length + 17, 5 * length)
    rng = np.random.default_rng(seed)
    contigs = []
    for number, bases in enumerate(lengths):
        codes = rng.integers(0, 4, bases, dtype=np.uint8)
        codes[rng.random(bases) < _AMBIGUOUS_SHARE] = AMBIGUOUS
        contigs.append(Record(f"random{number}_{bases}bp", codes, None))
    return contigs


def _spread(checkpoint: Checkpoint, model: Model, contigs: Sequence[Record]) -> Checkpoint:
    """Shift the log-odds of a model until its median probabilities are near 0.5.

    This takes two rounds, because probabilities near 0 are clipped and give only a rough shift.
    """
    for _ in range(2):
        scores = np.concatenate([*_scores(model, contigs).values()]).astype(np.float64)
        p = np.clip(scores, 1e-6, 1 - 1e-6)
        middle = np.median(np.log(p) - np.log1p(-p), axis=0)  # (O,)
        shift = {
            name: middle[checkpoint.architecture.columns(name)].mean()
            for name, _ in checkpoint.architecture.classes
        }
        maps = [
            LogOddsMap(1.0, float(-shift[name])).after(own)
            for (name, _), own in zip(checkpoint.architecture.classes, checkpoint.maps, strict=True)
        ]
        checkpoint = replace(checkpoint, maps=tuple(maps))
        model = Model(checkpoint, device="cpu")
    return checkpoint


_Scores = dict[str, "NDArray[np.float32]"]


def _scores(model: Model, contigs: Sequence[Record]) -> _Scores:
    """Return the probabilities (L, O) of each contig, from one stream."""
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for block in model.blocks(contigs):
        parts.setdefault(block.name, []).append(block.probabilities)
    return {name: np.concatenate(of) for name, of in parts.items()}


def _difference(name: str, one: _Scores, other: _Scores, limit: float) -> Check:
    largest = max(float(np.abs(one[contig] - other[contig]).max(initial=0)) for contig in one)
    return Check(name, sum(scores.size for scores in one.values()), largest, limit)


def _ambiguous(contigs: Sequence[Record], scores: _Scores) -> Check:
    found = np.concatenate([scores[name][codes == AMBIGUOUS].ravel() for name, codes, _ in contigs])
    return Check("ambiguous bases score 0", found.size, float(found.max(initial=0)), 0.0)


def _opposite(contigs: Sequence[Record]) -> list[Record]:
    return [Record(name, reverse_complement(codes), None) for name, codes, _ in contigs]


def _mirror(model: Model, contigs: Sequence[Record], scores: _Scores) -> Check:
    """Compare scores with those of the reverse complement, with strands and order reversed."""
    swap = {"+": "-", "-": "+", ".": "."}
    place = {(class_name, strand): i for i, (class_name, strand) in enumerate(model.outputs)}
    columns = [place[class_name, swap[strand]] for class_name, strand in model.outputs]
    opposite = _scores(model, _opposite(contigs))
    mirrored = {name: found[::-1, columns] for name, found in opposite.items()}
    return _difference("the opposite strand is the mirror image", scores, mirrored, TOLERANCE)


def _calls(model: Model, contigs: Sequence[Record]) -> pl.DataFrame:
    # A network that finds nothing in random sequence makes no calls at its own threshold, so the
    # threshold is the median score instead.
    runs = list(model.runs(contigs, min_score=1))
    values = np.concatenate([np.repeat(r.score, r.end - r.start) for r in runs])
    threshold = max(1, int(np.median(values)) if values.size else 1)
    rules = {
        name: replace(
            rule,
            threshold=threshold,
            min_length_bp=min(rule.min_length_bp, 5),
            merge_gap_bp=min(rule.merge_gap_bp, 5),
            # Random sequence has little evidence.
            least_evidence=rule.least_evidence and 1000,
        )
        for name, rule in model.checkpoint.calls.items()
    }
    found = find_calls(runs, model.outputs, CallSettings(rules))
    return calls_frame(found, model.outputs)


def _mirrored_calls(model: Model, contigs: Sequence[Record], tolerance: float) -> Check:
    lengths = {name: len(codes) for name, codes, _ in contigs}
    swap = {"+": "-", "-": "+", ".": "."}
    ours = set(_calls(model, contigs).iter_rows())
    theirs = {
        (chrom, lengths[chrom] - end, lengths[chrom] - start, name, score, swap[strand], evidence)
        for chrom, start, end, name, score, strand, evidence in _calls(
            model, _opposite(contigs)
        ).iter_rows()
    }
    # Where scores may differ slightly, a few are rounded to another integer.
    limit = len(ours) // 50 if tolerance else 0
    return Check("calls of the opposite strand", len(ours), float(len(ours ^ theirs)), limit)


def _parts(model: Model, contigs: Sequence[Record], scores: _Scores, limit: float) -> Check:
    """Compare with scores of the middle third of each contig, scored as with `--regions`."""
    thirds = {name: (len(codes) // 3, -(-2 * len(codes) // 3)) for name, codes, _ in contigs}
    wanted = {name: np.array([span], dtype=np.int64) for name, span in thirds.items()}
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in thirds}
    for block in model.blocks(contigs, wanted.__getitem__):
        parts[block.name].append(block.probabilities)
    cut = {n: np.concatenate(parts[n])[slice(*span)] for n, span in thirds.items()}
    whole = {n: scores[n][slice(*span)] for n, span in thirds.items()}
    return _difference("a part of each contig", whole, cut, limit)
