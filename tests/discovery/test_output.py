"""Files of a discovery: what is in them, and that all or none are written."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from made_discovery import Planted, made_discovery

from dnabirnn.discovery import Comparison, DiscoveryFiles, write_discovery
from dnabirnn.discovery.comparison import MATCH_SCHEMA
from dnabirnn.discovery.found_motif import FoundMotif
from dnabirnn.discovery.output import check_outputs, site_rows
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.motifs import read_motifs
from dnabirnn.motifs.motif import Motif, built_in_motifs

MATCH = ("X_1", "MA0139.1", "CTCF", 1e-12, 2e-12, "opposite", 2, 15)


@pytest.fixture(scope="module")
def discovery():
    return made_discovery(0, Planted(targets=40, spacing=40, share=0.9))


@pytest.fixture
def files(tmp_path):
    return DiscoveryFiles(
        motifs=tmp_path / "m.meme",
        sites=tmp_path / "s.bed",
        table=tmp_path / "t.tsv",
        grammar=tmp_path / "g.csv",
        matches=tmp_path / "matches.parquet",
        logos=tmp_path / "logos",
        summary=tmp_path / "all.json",
    )


@pytest.fixture
def comparison():
    table = pl.DataFrame([MATCH], schema=MATCH_SCHEMA, orient="row")
    return Comparison(table, built_in_motifs(), "known.meme")


def test_all_files(discovery, files, comparison, tmp_path):
    write_discovery(discovery, files, comparison)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    logos = ["logos", "logos/X_1.svg", "logos/X_2.svg"]
    assert names == ["all.json", "g.csv", *logos, "m.meme", "matches.parquet", "s.bed", "t.tsv"]
    read = read_motifs(tmp_path / "m.meme")
    assert [motif.name for motif in read] == ["X_1", "X_2"]
    for ours, found in zip(read, discovery.motifs, strict=True):
        np.testing.assert_allclose(ours.frequencies, found.motif.frequencies, atol=2e-6)
    assert pl.read_csv(tmp_path / "t.tsv", separator="\t")["name"].to_list() == ["X_1", "X_2"]
    assert pl.read_csv(tmp_path / "g.csv")["distance"].to_list() == [40]
    assert pl.read_parquet(tmp_path / "matches.parquet").rows() == [MATCH]
    assert "<svg" in (tmp_path / "logos" / "X_2.svg").read_text()


def test_the_same_discovery_gives_the_same_bytes(discovery, files, comparison, tmp_path):
    seen = []
    for _ in range(2):
        write_discovery(discovery, files, comparison)
        seen.append({p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()})
    assert seen[0] == seen[1]


def test_json_has_all_of_it(discovery, files, comparison, tmp_path):
    write_discovery(discovery, files, comparison)
    plain = json.loads((tmp_path / "all.json").read_text())
    assert (plain["format"], plain["version"]) == ("dnabirnn discovery", 1)
    assert (plain["kind"], plain["reach"], plain["database"]) == ("calls", 100, "known.meme")
    assert plain["classes"] == [{"class": "X", "targets": 40, "explained": 1.0}]
    assert plain["files"] == {"motifs": "m.meme", "sites": "s.bed"}
    for motif, found in zip(plain["motifs"], discovery.motifs, strict=True):
        assert motif["name"] == found.motif.name
        np.testing.assert_allclose(motif["counts"], found.motif.counts)
        np.testing.assert_allclose(motif["importance_of_bases"], found.importance, atol=1e-4)
    (row,) = plain["grammar"]
    assert (row["first"], row["second"], row["distance"]) == ("X_1", "X_2", 40)
    (match,) = plain["matches"]
    np.testing.assert_allclose(match["counts"], built_in_motifs()[0].frequencies, atol=1e-6)


def test_sites_are_sorted_and_say_where_they_are_from(discovery):
    rows = site_rows(discovery)
    assert rows.height == 80
    assert rows["start"].is_sorted()
    assert set(rows["score"]) <= set(range(1001))
    assert rows.group_by("name").agg(pl.col("score").max())["score"].to_list() == [1000, 1000]
    first = rows.row(0, named=True)
    assert first["target"] == "c:500-800"
    assert 500 <= first["start"] < first["end"] <= 800


def test_contigs_of_sites_are_in_the_order_of_the_fasta(discovery):
    names = pl.col("contig").replace({"c": "b"})
    late = pl.col("start") > 40_000
    targets = discovery.targets.with_columns(pl.when(late).then(pl.lit("a")).otherwise(names))
    targets = targets.with_columns(contig=targets["literal"]).drop("literal")
    motifs = [
        FoundMotif(
            one.class_name,
            one.motif,
            one.importance,
            one.sites.with_columns(contig=targets["contig"].gather(one.sites["target"])),
        )
        for one in discovery.motifs
    ]
    rows = site_rows(discovery._replace(motifs=motifs, targets=targets))
    assert rows["chrom"].unique(maintain_order=True).to_list() == ["b", "a"]


def test_bed_of_sites(discovery, files, tmp_path):
    write_discovery(discovery, files)
    rows = [line.split("\t") for line in (tmp_path / "s.bed").read_text().splitlines()]
    assert {len(row) for row in rows} == {8}
    assert {row[3] for row in rows} == {"X_1", "X_2"}
    assert {row[5] for row in rows} == {"+", "-"}


def test_negative_importance_has_score_0(discovery):
    found = discovery.motifs[0]
    sites = found.sites.with_columns(importance=-pl.col("importance"))
    one = FoundMotif("X", found.motif, found.importance, sites)
    assert set(site_rows(discovery._replace(motifs=[one]))["score"]) == {0}


def test_nothing_is_half_written(discovery, files, tmp_path):
    (tmp_path / "all.json").mkdir()
    with pytest.raises(OutputError, match="a folder"):
        write_discovery(discovery, files)
    assert [path.name for path in tmp_path.iterdir()] == ["all.json"]


def test_a_folder_of_logos_that_exists_is_kept(discovery, files, tmp_path):
    (tmp_path / "logos").mkdir()
    (tmp_path / "logos" / "mine.txt").write_text("mine")
    write_discovery(discovery, files)
    assert sorted(path.name for path in (tmp_path / "logos").iterdir()) == [
        *("X_1.svg", "X_2.svg"),
        "mine.txt",
    ]


def test_names_that_are_no_file_names(discovery, tmp_path):
    first, second = discovery.motifs
    motifs = [
        FoundMotif(one.class_name, Motif(name, name, one.motif.counts), one.importance, one.sites)
        for one, name in ((first, "../LINE/L1_1"), (second, ".._LINE_L1_1"))
    ]
    files = DiscoveryFiles(motifs=tmp_path / "m.meme", logos=tmp_path / "logos")
    write_discovery(discovery._replace(motifs=motifs), files)
    assert sorted(path.name for path in (tmp_path / "logos").iterdir()) == [
        "_._LINE_L1_1.2.svg",
        "_._LINE_L1_1.svg",
    ]


def test_without_motifs(discovery, files, tmp_path):
    write_discovery(discovery._replace(motifs=[]), files)
    assert (tmp_path / "m.meme").read_text().startswith("MEME version 4")
    assert (tmp_path / "s.bed").read_text() == ""
    assert len((tmp_path / "t.tsv").read_text().splitlines()) == 1
    assert len((tmp_path / "g.csv").read_text().splitlines()) == 1
    assert json.loads((tmp_path / "all.json").read_text())["motifs"] == []


def test_outputs_are_checked_before_the_work(tmp_path):
    check_outputs(DiscoveryFiles(motifs=tmp_path / "m.meme", logos=tmp_path / "logos"))
    assert not list(tmp_path.iterdir())
    for bad, error in (
        ({"motifs": tmp_path / "m.txt"}, OptionError),
        ({"motifs": tmp_path / "no" / "m.meme"}, OutputError),
        ({"motifs": tmp_path / "m.meme", "summary": tmp_path}, OutputError),
        ({"motifs": tmp_path / "m.meme", "logos": tmp_path / "no" / "logos"}, OutputError),
    ):
        with pytest.raises(error):
            check_outputs(DiscoveryFiles(**bad))
