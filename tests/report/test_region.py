"""Pictures of regions: everything is drawn, where it belongs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from dnabirnn.drawing import save
from dnabirnn.explanation.importance import SiteEffects
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture
from dnabirnn.report.region import LETTERS_UP_TO_BP, Span, View, region_figure

OUTPUTS = Architecture((MotifClass("M", True), MotifClass("U", False))).outputs


def make_view(length=60, start=1000, **changes):
    scores = np.zeros((length, len(OUTPUTS)), dtype=np.float32)
    scores[10:20, 0] = 0.9
    scores[30:44, 1] = 0.7
    given = {
        "chrom": "chr1",
        "start": start,
        "end": start + length,
        "class_name": "M",
        "outputs": OUTPUTS,
        "codes": np.arange(length, dtype=np.uint8) % 5,
        "probabilities": scores,
        "truth": (Span(0, start + 10, start + 20), Span(1, start + 30, start + 45)),
        "calls": (Span(0, start + 10, start + 21, 900), Span(1, start + 30, start + 44, 700)),
        "counted": np.ones(length, dtype=np.bool_),
        "thresholds": {"M": 0.5, "U": 0.5},
    }
    return View(**given | changes)


def panels(figure):
    return {axes.get_ylabel().split("\n")[0] or i: axes for i, axes in enumerate(figure.axes)}


def text_of(figure):
    file = io.BytesIO()
    save(figure, file, "svg")
    return file.getvalue().decode()


def test_the_same_bytes_each_time():
    assert text_of(region_figure(make_view())) == text_of(region_figure(make_view()))


def test_scores_are_drawn_base_by_base_on_their_strand():
    axes = panels(region_figure(make_view()))
    plus, minus = axes["+ strand"], axes["\N{MINUS SIGN} strand"]
    for panel, column in ((plus, 0), (minus, 1)):
        stairs = panel.patches[0].get_data()
        drawn = np.repeat(stairs.values, np.diff(stairs.edges))
        assert stairs.edges[0] == 1000
        np.testing.assert_allclose(drawn, make_view().probabilities[:, column], atol=1e-6)
    # Mirror images: both grow away from the sequence.
    assert plus.get_ylim()[0] < plus.get_ylim()[1]
    assert minus.get_ylim()[0] > minus.get_ylim()[1]


def test_truth_and_calls_are_boxes_that_point_along_their_strand():
    first, last = region_figure(make_view()).axes[0], region_figure(make_view()).axes[-1]
    for axes, spans, tip in ((first, [(10, 20), (10, 21)], -1), (last, [(30, 45), (30, 44)], 0)):
        boxes = [c for c in axes.collections if isinstance(c, PolyCollection)]
        corners = [path.vertices[:, 0] for box in boxes for path in box.get_paths()]
        assert [(v.min() - 1000, v.max() - 1000) for v in corners] == spans
        for own in corners:
            at_tip = own.max() if tip else own.min()
            assert (own == at_tip).sum() <= 2  # one corner, and the first once more at the end


def test_letters_stand_in_the_middle_of_their_base():
    letters = region_figure(make_view()).axes[2]
    places = {x for line in letters.get_lines() for x in line.get_xdata().tolist()}
    assert places == {1000.5 + i for i in range(60)}


def test_long_regions_have_no_letters_and_are_drawn_as_means():
    view = make_view(length=5_000)
    assert not view.lettered
    assert view.stretch_bp == 6
    stairs = panels(region_figure(view))["+ strand"].patches[0].get_data()
    # Bases 10 to 20 have 0.9: two of the second stretch, six of the third, two of the fourth.
    assert stairs.edges.tolist() == [1000, 1006, 1012, 1018, 1024, 6000]
    np.testing.assert_allclose(stairs.values, [0, 0.3, 0.9, 0.3, 0])
    assert make_view(length=LETTERS_UP_TO_BP).lettered


@pytest.mark.parametrize(
    ("changes", "count", "shown"),
    [
        ({}, 5, ["M"]),
        ({"probabilities": None}, 3, ["M"]),
        ({"class_name": "U"}, 5, ["U", "M"]),
        ({"truth": (Span(2, 1000, 1030),)}, 5, ["M", "U"]),
        ({"class_name": "U", "truth": (), "calls": (), "probabilities": None}, 2, ["U"]),
    ],
)
def test_what_is_there_decides_what_is_drawn(changes, count, shown):
    view = make_view(**changes)
    assert view.shown == shown
    assert len(region_figure(view).axes) == count
    text = text_of(region_figure(view))
    assert (">M labels<" in text) == (len(shown) > 1)


def test_bases_that_do_not_count_are_hatched():
    counted = np.ones(60, dtype=np.bool_)
    counted[50:] = False
    figure = region_figure(make_view(counted=counted))
    hatched = [patch for patch in figure.axes[1].patches if patch.get_hatch()]
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in hatched] == [(1050, 1060)]


def test_many_intervals_and_a_title():
    spans = tuple(Span(0, 1000 + 40 * i, 1020 + 40 * i, 500) for i in range(100))
    text = text_of(region_figure(make_view(length=5_000, calls=spans), "REP <1>"))
    assert "REP &lt;1&gt;" in text
    assert ">0.50<" not in text


def effects_of(output, heights):
    """Effects with the given importance; one substitution has all of it."""
    importance = np.array(heights, np.float32)
    log_odds = np.zeros((len(heights), 4), np.float32)
    log_odds[:, 3] = -3 * importance
    small = np.zeros_like(log_odds)
    return SiteEffects(1000, output, (1010, 1020), importance, log_odds, small, small)


@pytest.mark.parametrize(("output", "panel"), [(0, 2), (2, 2), (1, 3)])
def test_letters_are_as_high_as_their_importance(output, panel):
    heights = np.zeros(60)
    heights[[10, 11, 12, 30]] = 8, -2, 0.01, 4  # A, C, G and A
    figure = region_figure(make_view(effects=effects_of(output, heights)))
    assert len(figure.axes) == 6
    drawn = [path for c in figure.axes[panel].collections for path in c.get_paths()]
    boxes = sorted(tuple(path.get_extents().extents.tolist()) for path in drawn)
    # The letter of 0.01 is too low to be seen. A and A of base 30 are one path.
    assert len(boxes) == 2
    np.testing.assert_allclose(boxes[0], (1010.03, 0, 1030.97, 8), atol=1e-3)
    np.testing.assert_allclose(boxes[1], (1011.03, -2, 1011.97, 0), atol=1e-3)
    low, high = figure.axes[panel].get_ylim()
    assert low < -2
    assert high > 8


def test_no_importance_at_all_can_be_drawn():
    nothing = effects_of(0, np.full(60, np.nan))
    assert len(region_figure(make_view(effects=nothing)).axes) == 6
