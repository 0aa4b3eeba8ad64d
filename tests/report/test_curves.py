"""Figures: what they show, and that they come out the same."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from dnabirnn.drawing import save
from dnabirnn.evaluation.bootstrap import Curve
from dnabirnn.evaluation.metrics import PrecisionRecall
from dnabirnn.evaluation.reliability import Reliability
from dnabirnn.report.curves import precision_recall_figure, reliability_figure

FIGURES = [precision_recall_figure, reliability_figure]


def curve(name, stranded=False):
    recall = np.linspace(0.1, 1, 10)
    return Curve(
        class_name=name,
        stranded=stranded,
        ap=0.8765,
        prevalence=0.02,
        expected_over_observed=1.02,
        calibration_slope=0.913,
        precision_recall=PrecisionRecall(recall, 1.02 - recall, 1 - recall),
        reliability=Reliability(
            np.array([0.07, 0.5, 0.97]),
            np.array([0.02, 0.4, 1.0]),
            np.array([1000, 20, 30]),
            np.array([0.01, 0.2, 0.9]),
            np.array([0.05, np.nan, 1.0]),
        ),
    )


CURVES = [curve("REP"), curve("REP", stranded=True), curve("IS & <Tn>")]


def written(figure, form):
    file = io.BytesIO()
    save(figure, file, form)
    return file.getvalue()


def svg_text(figure):
    root = ElementTree.fromstring(written(figure, "svg"))
    return [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_bytes_each_time(draw, form):
    first, second = (written(draw(CURVES, "chrY"), form) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG" if form == "png" else b"<?xml")
    assert b"<dc:date>" not in first


def test_a_path_may_be_given(tmp_path):
    for form in ("png", "svg"):
        save(precision_recall_figure(CURVES), tmp_path / f"pr.{form}", form)
        expected = written(precision_recall_figure(CURVES), form)
        assert (tmp_path / f"pr.{form}").read_bytes() == expected


def test_precision_recall_says_what_it_shows():
    text = svg_text(precision_recall_figure(CURVES, "chrY"))
    assert "chrY" in text
    assert {"REP   AP 0.8765", "REP, by strand   AP 0.8765", "IS & <Tn>   AP 0.8765"} <= set(text)
    assert any(t.startswith("Recall (") for t in text)
    assert any(t.startswith("Precision (") for t in text)


def test_a_class_has_one_colour_and_its_strands_are_dashed():
    lines = precision_recall_figure(CURVES).axes[0].get_lines()
    by_label = {line.get_label(): line for line in lines}
    blind, by_strand = by_label["REP   AP 0.8765"], by_label["REP, by strand   AP 0.8765"]
    assert (
        blind.get_color() == by_strand.get_color() != by_label["IS & <Tn>   AP 0.8765"].get_color()
    )
    assert blind.get_linestyle() == "-"
    assert by_strand.get_linestyle() == "--"
    random = [line for line in lines if np.all(np.array(line.get_ydata()) == 0.02)]
    assert sum(line.get_linestyle() == ":" for line in random) >= 2


def test_the_curve_begins_at_recall_zero():
    line = precision_recall_figure([curve("REP")]).axes[0].get_lines()[0]
    assert line.get_xdata()[0] == 0
    assert line.get_ydata()[0] == line.get_ydata()[1]


def test_reliability_shows_the_blind_form_and_its_counts():
    figure = reliability_figure(CURVES)
    text = svg_text(figure)
    assert "REP   slope 0.91, expected / observed 1.02" in text
    assert not any("by strand" in t for t in text if t)
    counts = figure.axes[1]
    assert counts.get_yscale() == "log"
    assert counts.get_lines()[0].get_ydata().tolist() == [1000, 20, 30]


@pytest.mark.parametrize("draw", FIGURES)
def test_no_class_has_truth(draw):
    assert "no class has labels here" in svg_text(draw([]))


@pytest.mark.parametrize("draw", FIGURES)
def test_thirty_one_classes_have_colours_of_their_own(draw):
    figure = draw([curve(f"class {i}") for i in range(31)])
    lines = [x for x in figure.axes[0].get_lines() if str(x.get_label()).startswith("class")]
    assert len({line.get_color() for line in lines}) == 31
    assert written(figure, "png")


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize(
    "names",
    [["REP"], [f"class {i}" for i in range(14)], [f"class {i}" for i in range(31)], ["x" * 80]],
    ids=["one", "fourteen", "thirty-one", "long"],
)
def test_the_legend_is_beside_axes_of_full_size(draw, names):
    figure = draw([curve(name, stranded) for name in names for stranded in (False, True)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert written(figure, "png")
        figure.canvas.draw()
    axes = figure.axes[0]
    drawn, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
    assert drawn.width / figure.dpi > 4
    assert figure.bbox.x0 <= drawn.x1 <= legend.x0 <= legend.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= legend.y0 <= legend.y1 <= figure.bbox.y1


def test_no_global_state_is_touched_and_matplotlib_waits():
    code = (
        "import sys, io; from dnabirnn import drawing; from dnabirnn.report import curves as plots;"
        "assert 'matplotlib' not in sys.modules;"
        "figure = plots.precision_recall_figure([]); drawing.save(figure, io.BytesIO(), 'svg');"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "import matplotlib as m; assert m.rcParams['svg.fonttype'] == 'path'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("name", [r"L1$\foo$", "$x$", "a$b"])
def test_dollar_signs_in_names_are_text(draw, name):
    assert any(name in text for text in svg_text(draw([curve(name)])) if text)
