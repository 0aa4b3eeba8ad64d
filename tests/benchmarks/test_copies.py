"""Bound copies against unbound ones, compared with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from benchmarks.copies import Copies, _ap
from benchmarks.scored import ScoredContig
from dnabirnn.motif_classes import Output

OUTPUTS = (Output("A", "+"), Output("A", "-"), Output("B", "."))


def bed(path: Path, rows: list[tuple[int, int, str, str]]) -> Path:
    path.write_text("".join(f"c\t{s}\t{e}\t{name}\t0\t{strand}\n" for s, e, name, strand in rows))
    return path


def contig(models: list[np.ndarray], matrix: np.ndarray) -> ScoredContig:
    every = np.ones(len(matrix), dtype=np.bool_)
    return ScoredContig("c", every, every, models, matrix)


def test_ap_with_weights_and_ties_is_scikit_learns(rng: np.random.Generator) -> None:
    scores, bound = rng.integers(0, 12, 60).astype(float), rng.random(60) < 0.3
    weights = rng.integers(0, 4, (20, 60))
    wanted = [average_precision_score(bound, scores, sample_weight=row) for row in weights]
    np.testing.assert_allclose(_ap(scores, bound, weights), wanted)


def test_a_copy_is_scored_on_its_strand(tmp_path: Path) -> None:
    """The network is right on both strands, and the matrix confuses the two."""
    labels = bed(tmp_path / "bound.bed", [(10, 20, "A", "+"), (30, 40, "A", "-")])
    bed(tmp_path / "unbound.bed", [(10, 20, "A", "-"), (30, 40, "A", "+"), (50, 60, "A", "+")])
    right = np.full((100, 3), 0.1, dtype=np.float32)
    right[10:20, 0] = right[30:40, 1] = 0.9
    wrong = np.ascontiguousarray(right[:, [1, 0, 2]])
    copies = Copies("unbound.bed")
    (row,) = copies.rows(tmp_path, [labels], OUTPUTS, [contig([right, wrong], wrong)])
    assert (row["class"], row["bound"], row["unbound"]) == ("A", 2, 3)
    # With the wrong scores, the bound copies tie with one unbound copy, below two others.
    assert row["matrix_copies_ap"] == pytest.approx(0.4)
    assert row["copies_ap"] == pytest.approx((1 + 0.4) / 2)
    assert row["gain_copies_ap"] == pytest.approx(0.3)
    # No unbound copy is below a bound one, so that all replicates are the same.
    assert row["gain_copies_ap_ci"] == pytest.approx([0.3, 0.3])


def test_a_place_is_one_copy_of_a_class_without_strands(tmp_path: Path) -> None:
    labels = bed(tmp_path / "bound.bed", [(10, 20, "B", "+"), (10, 20, "B", "-")])
    bed(tmp_path / "unbound.bed", [(30, 40, "B", "+"), (95, 105, "B", "+")])
    scores = np.full((110, 3), 0.5, dtype=np.float32)
    inside = np.arange(110) < 100
    place = ScoredContig("c", inside, inside, [scores], scores)
    (row,) = Copies("unbound.bed").rows(tmp_path, [labels], OUTPUTS, [place])
    assert (row["bound"], row["unbound"]) == (1, 1)
    assert row["copies_ap"] == row["matrix_copies_ap"] == 0.5


def test_the_mean_leaves_out_classes_with_few_copies(tmp_path: Path) -> None:
    few = [(i * 10, i * 10 + 5, "A", "+") for i in range(10)]
    many = [(i * 10, i * 10 + 5, "B", "+") for i in range(25)]
    labels = bed(tmp_path / "bound.bed", few + many)
    others = [(1000 + i * 10, 1005 + i * 10, name, "+") for name in "AB" for i in range(50)]
    bed(tmp_path / "unbound.bed", others)
    scores = np.tile(np.linspace(0.9, 0.1, 2000, dtype=np.float32)[:, None], (1, 3))
    flat = np.full_like(scores, 0.5)
    rows = Copies("unbound.bed").rows(tmp_path, [labels], OUTPUTS, [contig([scores], flat)])
    assert [row["class"] for row in rows] == ["A", "B", "mean of 1"]
    assert rows[2]["copies_ap"] == rows[1]["copies_ap"] == 1
    assert rows[2]["matrix_copies_ap"] == pytest.approx(25 / 75)
