"""How well evidence ranks calls, beside the mean score: average precision of calls.

A call is true if it matches a site of its class and strand, one to one, at 50 % reciprocal overlap.
The sum of evidence is that of `dnabirnn.network.evidence` without pooling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.scored import Prepared
from benchmarks.ship import shipped_for
from dnabirnn.evaluation import (
    Truth,
    counted_intervals,
    match_calls,
    painted_labels,
    ranking_precision,
)
from dnabirnn.labels import intervals_of, output_masks
from dnabirnn.network import call_settings, default_min_score
from dnabirnn.scoring import find_calls, find_runs, load
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.scored import Place
    from dnabirnn.scoring import Model

__all__ = ["ranking"]


def ranking(
    tasks: Sequence[str], folder: Path, options: Sequence[str], on: str, threads: int
) -> Iterator[dict[str, Any]]:
    """Yield one row per class of each task and place.

    Parameters
    ----------
    tasks : sequence of str
        Names of `TASKS`.
    folder : Path
        Folder for encoded sets and models. A task for which no model ships is trained, unless
        TASK.safetensors is there.
    options : sequence of str
        Options of `dnabirnn train`.
    on : str
        "test" or "val".
    threads : int
    """
    for name in tasks:
        task = Prepared(name, folder, threads)
        shipped = shipped_for(name)
        path = folder / f"{name}.safetensors"
        if shipped is None and not path.exists():
            task.train(path, options)
        model = load(path if shipped is None else shipped, threads=threads)
        for place in task.places(on):
            for class_name, calls in _ranked(model, task, place).items():
                evidence, total, score, true = calls
                row: dict[str, Any] = {"task": name, "on": place.name, "class": class_name}
                row |= {"calls": true.size, "true": int(true.sum())}
                for key, values in (("evidence", evidence), ("sum", total), ("score", score)):
                    row[f"ap_by_{key}"] = ranking_precision(values, true.astype(np.bool_))
                yield row


def _ranked(model: Model, task: Prepared, place: Place) -> dict[str, NDArray[np.int64]]:
    """Return evidence, sum of evidence, mean score and truth (4, n) of the calls of each class.

    Classes without true or without false calls are left out.
    """
    plain = call_settings(replace(model.checkpoint, poolings={}))
    settings = call_settings(model.checkpoint)
    truth, excluded = task.truth(place), task.excluded_regions()
    wanted = None if place.regions is None else place.regions.of
    floor = default_min_score(settings.rules.values())
    masks = output_masks(task.classes)
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in settings.rules}
    for record in read_fasta(*place.fasta):
        regions = np.array([[0, len(record.codes)]]) if wanted is None else wanted(record.name)
        if not regions.size:
            continue
        labels = painted_labels(record, truth, excluded)
        told = Truth.of(labels, codes=record.codes, regions=regions)
        rows = find_runs(model.blocks([record], wanted), min_score=floor, regions=wanted)
        for calls in find_calls(rows, model.outputs, plain):
            for number, output in enumerate(model.outputs):
                own = np.flatnonzero(calls.output == number)
                spans = np.column_stack((calls.start[own], calls.end[own]))
                kept = counted_intervals(spans, told.counted)
                own = own[np.isin(spans[:, 0], kept[:, 0])]
                sites = counted_intervals(intervals_of(told.labels, masks[number]), told.counted)
                true = np.zeros(own.size, np.int64)
                true[match_calls(kept, sites).calls] = 1
                assert calls.extra is not None, "calls have evidence"
                total, score = calls.extra["evidence"][own], calls.score[own].astype(np.int64)
                if output.class_name in found:
                    scale = settings.scale_of(output.class_name)
                    evidence = scale.pooling.evidence(total, score, scale.prior)
                    found[output.class_name].append(np.stack((evidence, total, score, true)))
    joined = {name: np.concatenate(parts, axis=1) for name, parts in found.items() if parts}
    return {name: calls for name, calls in joined.items() if 0 < calls[3].sum() < calls[3].size}
