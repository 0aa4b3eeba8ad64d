"""Logos as SVG: the height of letters, their alignment, and the same bytes each time."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_discovery import Planted, made_discovery

from dnabirnn.discovery import importance_panel, information_panel, logo_figure, logo_svg
from dnabirnn.motifs.motif import Motif, built_in_motifs


def letters(figure, panel):
    """Return left, bottom, right and top of each letter of a panel, in data units."""
    axes = figure.axes[panel]
    return sorted(
        (round(box.x0, 2), round(box.y0, 3), round(box.x1, 2), round(box.y1, 3))
        for collection in axes.collections
        for path in collection.get_paths()
        for box in boxes(path)
    )


def boxes(path):
    """Split a compound path into columns, and return the extents of each."""
    columns = {}
    for vertices in path.to_polygons(closed_only=False):
        low, high = vertices[:, 0].min(), vertices[:, 0].max()
        columns.setdefault(int(np.floor((low + high) / 2)), []).append(vertices)
    for parts in columns.values():
        joined = np.concatenate(parts)
        yield type(path)(joined).get_extents()


def test_heights_of_information():
    motif = Motif("m", "m", np.array([[4.0, 0, 0, 0], [0, 2, 0, 2], [1, 1, 1, 1]]))
    found = letters(logo_figure([information_panel(motif, "m")]), 0)
    wanted = [(0.03, 0, 0.97, 2), (1.03, 0, 1.97, 0.5), (1.03, 0.5, 1.97, 1)]
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_negative_importance_hangs_below():
    importance = np.array([[2, 0, 0, -1], [np.nan, 0, 0, 0]], np.float32)
    figure = logo_figure([importance_panel(importance)])
    wanted = [(0.03, -1, 0.97, 0), (0.03, 0, 0.97, 2)]
    np.testing.assert_allclose(letters(figure, 0), wanted, atol=0.01)
    low, high = figure.axes[0].get_ylim()
    assert low < -1 < 2 < high


def test_an_offset_moves_a_logo():
    motif = built_in_motifs()[0]
    figure = logo_figure([information_panel(motif), information_panel(motif, offset=-3)])
    above, below = letters(figure, 0), letters(figure, 1)
    assert [box[0] - 3 for box in above] == pytest.approx([box[0] for box in below])
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() == (-3, 19)


def test_ticks_number_the_columns_of_the_first_logo():
    figure = logo_figure([information_panel(motif) for motif in built_in_motifs()])
    figure.canvas.draw()
    for axes, width in zip(figure.axes, (19, 12), strict=True):
        shown = [label.get_text() for label in axes.get_xticklabels()]
        assert shown == [f"{place + 0.5:.0f}" for place in axes.get_xticks()]
        assert all(1 <= int(text) <= width for text in shown)
        assert len(shown) > 3


def test_svg_is_complete_and_the_same_each_time():
    found = made_discovery(0, Planted(targets=3)).motifs[0]
    text = found.logo()
    assert text == found.logo()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "X_1" in "".join(root.itertext())
    assert "<text" in text  # of axes; letters of bases are paths
    assert text.count("<path") > 4
    assert logo_svg([information_panel(found.motif)]) != text


def test_a_long_motif_fits():
    motif = Motif("m", "m", np.eye(4)[np.arange(171) % 4] * 10)
    figure = logo_figure([information_panel(motif)])
    assert figure.get_size_inches()[0] < 10
