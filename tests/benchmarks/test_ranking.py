"""Ranking of calls: which calls are true, and three orders of them, on given scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from random_models import random_checkpoint
from told_scores import OUTPUTS, STRANDED

from benchmarks.ranking import _ranked
from benchmarks.scored import Place
from dnabirnn.intervals import Regions
from dnabirnn.labels import load_truth
from dnabirnn.network import Pooling, PoolingKind
from dnabirnn.tracks.block import Block

SITES = [(100, 140, "+", 0.99), (300, 380, "-", 0.7), (600, 640, "+", 0.9), (900, 940, "+", 0.95)]


def ranked(tmp_path: Path, regions: str = "") -> list[list[int]]:
    """Return evidence, sum, score and truth of the calls of A, whose third one is not labelled."""
    (tmp_path / "g.fa").write_text(">p\n" + "A" * 1000 + "\n")
    rows = [f"p\t{s}\t{e}\tA\t0\t{strand}\n" for s, e, strand, _ in SITES if s != 600]
    (tmp_path / "s.bed").write_text("".join(rows))
    (tmp_path / "r.bed").write_text(regions)
    place = Place(
        "test",
        [tmp_path / "g.fa"],
        [tmp_path / "s.bed"],
        Regions.read(tmp_path / "r.bed") if regions else None,
    )
    scores = np.zeros((1000, 2), np.float32)
    for start, end, strand, p in SITES:
        scores[start:end, "+-".index(strand)] = p
    shares = {"prevalence": {"A": {"calibrated": 0.01}}}
    checkpoint = replace(
        random_checkpoint(STRANDED),
        poolings={"A": Pooling(PoolingKind.MEAN, 40)},
        training=shares,
    )
    block = Block("p", 0, scores, np.zeros(1000, np.uint8), True)
    model = SimpleNamespace(
        checkpoint=checkpoint, outputs=OUTPUTS, blocks=lambda records, wanted: iter([block])
    )
    task = SimpleNamespace(
        classes=STRANDED,
        truth=lambda place: load_truth(place.labels, STRANDED),
        excluded_regions=lambda: None,
    )
    found = _ranked(model, task, place)  # type: ignore[arg-type]
    return [column.tolist() for column in found["A"]]


def test_calls_are_ranked_in_three_ways(tmp_path: Path) -> None:
    evidence, total, score, true = ranked(tmp_path)
    # The calls of + come first.
    assert (score, true) == ([990, 900, 950, 700], [1, 0, 1, 1])
    assert np.argsort(evidence).tolist() == np.argsort(score).tolist()
    # By the sum, the long call of medium score is before all of the others.
    assert np.argsort(total).tolist() == [1, 2, 0, 3]
    assert evidence[:3] == total[:3]  # calls of the length of a typical site


def test_calls_outside_the_regions_do_not_count(tmp_path: Path) -> None:
    *_, score, true = ranked(tmp_path, "p\t0\t700\n")
    assert (score, true) == ([990, 900, 700], [1, 0, 1])
