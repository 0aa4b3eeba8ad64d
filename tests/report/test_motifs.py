"""The section of motifs that the model has learned."""

from __future__ import annotations

import json

import polars as pl
import pytest
from made_discovery import Planted, made_discovery

from dnabirnn.discovery import Comparison, DiscoveryFiles, write_discovery
from dnabirnn.discovery.comparison import MATCH_SCHEMA
from dnabirnn.errors import ReportError
from dnabirnn.motifs.motif import built_in_motifs
from dnabirnn.report import Material, report_html
from dnabirnn.report.motifs import motif_blocks, read_found_motifs
from dnabirnn.report.page import Figure, Links, Table, Text

MATCH = ("X_1", "MA0139.1", "CTCF", 1e-12, 2e-12, "opposite", 2, 15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("found") / "motifs"
    folder.mkdir()
    table = pl.DataFrame([MATCH], schema=MATCH_SCHEMA, orient="row")
    planted = {"some": Planted(spacing=40, share=0.9), "other": Planted(targets=30)}
    for name, own in planted.items():
        files = DiscoveryFiles(
            motifs=folder / f"{name}.meme",
            sites=folder / f"{name}.bed",
            summary=folder / f"{name}.json",
        )
        known = Comparison(table, built_in_motifs(), "JASPAR.meme") if name == "some" else None
        write_discovery(made_discovery(2, own), files, known)
    return folder


def blocks(folder, *names):
    samples = {name: read_found_motifs(folder / f"{name}.json", folder.parent) for name in names}
    return list(motif_blocks(samples))


def texts(found):
    return [block.text for block in found if isinstance(block, Text)]


def test_a_sample(folder):
    found = blocks(folder, "some")
    finding = texts(found)[1]
    assert finding.startswith("X: 2 motifs explain 100.0 % of 200 calls. X_2 stands 25 bp ")
    assert "25 bp downstream of X_1, on the other strand, in " in finding
    motifs, grammar = (block for block in found if isinstance(block, Table))
    assert [row[1].text for row in motifs.rows] == ["X_1", "X_2"]
    assert [row[-1].text for row in motifs.rows] == ["CTCF (MA0139.1)", "\N{EN DASH}"]
    assert [cell.text for cell in grammar.rows[0][:4]] == [
        "X_1",
        "X_2",
        "other",
        "25 bp downstream",
    ]
    figures = [block for block in found if isinstance(block, Figure)]
    assert [len(figure.drawing.axes) for figure in figures] == [3, 2]
    assert "its reverse complement is drawn" in figures[0].caption
    # The first column of the motif stands at column 2 of the match, which begins before it.
    assert figures[0].drawing.axes[0].get_xlim() == (-2, 17)
    (links,) = (block for block in found if isinstance(block, Links))
    assert [path for _, path in links.items] == ["motifs/some.meme", "motifs/some.bed"]


def test_several_samples_are_named(folder):
    titles = [block.title for block in blocks(folder, "some", "other") if isinstance(block, Figure)]
    assert titles == [f"Logo of X_{n} of {name}." for name in ("some", "other") for n in (1, 2)]


def test_no_spacing(folder):
    assert "No two motifs stand at any spacing" in " ".join(texts(blocks(folder, "other")))


def test_the_page(folder):
    paths = [folder / "some.json", folder / "other.json"]
    pages = [
        report_html(Material.read(discovered=paths, beside=folder.parent), title="Motifs")
        for _ in range(2)
    ]
    assert pages[0] == pages[1]
    assert "Motifs that the model reads" in pages[0]
    assert 'href="motifs/some.bed"' in pages[0]
    assert "<script" not in pages[0]
    assert "Motifs that the model reads" not in report_html(Material())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a file of motifs"),
        ({"version": 99}, "version 99 of the format"),
        ({"grammar": None}, "'grammar' is missing or damaged"),
        ({"motifs": [1]}, "'motifs' is missing or damaged"),
    ],
)
def test_other_files(folder, tmp_path, change, message):
    plain = json.loads((folder / "some.json").read_text()) | change
    (tmp_path / "bad.json").write_text(json.dumps(plain))
    with pytest.raises(ReportError, match=message):
        read_found_motifs(tmp_path / "bad.json")


def test_a_damaged_motif_is_an_error_of_one_line(folder, tmp_path):
    plain = json.loads((folder / "some.json").read_text())
    plain["motifs"][0]["counts"] = [[1, 2]]
    (tmp_path / "bad.json").write_text(json.dumps(plain))
    with pytest.raises(ReportError, match=r"^bad: a value is missing or invalid"):
        report_html(Material.read(discovered=[tmp_path / "bad.json"]))
