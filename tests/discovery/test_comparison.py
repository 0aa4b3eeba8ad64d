"""Comparison with known motifs."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from dnabirnn.discovery import compare_motifs
from dnabirnn.discovery.comparison import MATCH_SCHEMA, _rows, _window
from dnabirnn.errors import OptionError
from dnabirnn.motifs.motif import Motif, built_in_motifs


def known_motifs(count=60):
    """CTCF, YY1, and random motifs."""
    rng = np.random.default_rng(0)
    others = [
        Motif(f"R{i}", f"R{i}", rng.dirichlet(np.full(4, 0.3), int(rng.integers(6, 20))) * 100)
        for i in range(count)
    ]
    return [*built_in_motifs(), *others]


def part(motif, first, last, turned=False):
    counts = motif.counts[first:last]
    return Motif("found", "found", counts[::-1, ::-1].copy() if turned else counts)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "memelite", None)
    with pytest.raises(OptionError, match=r"pip install .dnabirnn\[discover\]"):
        compare_motifs(built_in_motifs(), built_in_motifs())


def test_the_part_of_a_long_motif_with_most_information_is_compared():
    counts = np.full((120, 4), 25.0)
    counts[60:100] = np.eye(4)[np.arange(40) % 4] * 100
    first, columns = _window(Motif("m", "m", counts))
    assert columns.shape == (50, 4)
    assert first <= 60
    assert first + 50 >= 100
    assert _window(built_in_motifs()[0])[0] == 0


def test_q_values_and_offsets_of_rows():
    motif, database = built_in_motifs()[0], known_motifs(2)
    results = [np.array(values, float) for values in ([1e-9, 0.2, 1e-4, 0.9], [0] * 4)]
    results += [np.array(values, float) for values in ([3, 0, -2, 0], [9, 8, 7, 6], [0, 1, 1, 0])]
    rows = _rows(motif, 5, database, results, most=5, max_q=0.1)
    assert [row[1] for row in rows] == ["MA0139.1", "R0"]
    assert [row[4] for row in rows] == pytest.approx([4e-9, 2e-4])
    assert [row[5:] for row in rows] == [("same", -2, 9), ("opposite", -7, 7)]
    assert len(_rows(motif, 5, database, results, most=1, max_q=0.1)) == 1


@pytest.mark.slow  # memelite compiles for a minute where it has not been used before
@pytest.mark.parametrize(
    ("number", "first", "last", "turned", "orientation", "offset"),
    [
        (0, 3, 17, False, "same", 3),
        (0, 2, 16, True, "opposite", 3),
        (1, 0, 12, True, "opposite", 0),
        (1, 1, 10, False, "same", 1),
    ],
)
def test_parts_of_known_motifs_are_recognized(number, first, last, turned, orientation, offset):
    pytest.importorskip("memelite")
    database = known_motifs()
    motif = part(database[number], first, last, turned)
    table = compare_motifs([motif], database)
    assert dict(table.schema) == MATCH_SCHEMA
    best = table.row(0, named=True)
    assert (best["match"], best["match_name"]) == (
        database[number].identifier,
        database[number].name,
    )
    assert (best["orientation"], best["offset"]) == (orientation, offset)
    assert best["overlap"] == last - first
    assert best["qvalue"] < 1e-4


@pytest.mark.slow
def test_a_small_database_gets_a_warning_and_a_random_motif_no_match(caplog):
    pytest.importorskip("memelite")
    random = known_motifs(5)[-1]
    with caplog.at_level(logging.WARNING, "dnabirnn"):
        compare_motifs([random], built_in_motifs())
    assert "the database has 2 motifs" in caplog.text
    others = known_motifs()[:-1]
    rng = np.random.default_rng(5)
    found = Motif("m", "m", rng.dirichlet(np.full(4, 5.0), 8) * 100)
    assert compare_motifs([found], others, max_q=1e-4).is_empty()


@pytest.mark.slow
def test_threads_change_nothing():
    pytest.importorskip("memelite")
    motifs = [part(built_in_motifs()[0], 3, 17), part(built_in_motifs()[1], 0, 12)]
    one, two = (compare_motifs(motifs, known_motifs(), threads=n) for n in (1, 2))
    assert one.equals(two)


def test_no_motifs():
    pytest.importorskip("memelite")
    assert compare_motifs([], known_motifs()).is_empty()
