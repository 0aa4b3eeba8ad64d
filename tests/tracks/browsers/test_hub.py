"""Track hubs and sessions: what they say parses, and every file they name is there."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote

import pyBigWig
import pytest
from commands import run, succeed, write_fasta, write_model

from dnabirnn.motif_classes import MotifClass


def stanzas(path: Path) -> list[dict[str, str]]:
    """Settings of a file of stanzas, as UCSC's `ra` format has them."""
    found = []
    for stanza in path.read_text().strip().split("\n\n"):
        pairs = [line.split(" ", 1) for line in stanza.splitlines()]
        assert len({key for key, _ in pairs}) == len(pairs)
        found.append(dict(pairs))
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_fasta(tmp_path / "g.fa", {"chr1": "ACGTTGCA" * 100})
    write_model(
        tmp_path / "m.safetensors", classes=(MotifClass("a/b 1", True), MotifClass("B", False))
    )
    (tmp_path / "hub").mkdir()
    return tmp_path


SCORE = "-q score g.fa -m m.safetensors -o hub/s.bw --calls hub/c.bb --hub hub --genome hs1"


def test_a_hub_of_scores_and_calls(folder: Path) -> None:
    succeed(*SCORE.split(), "--email", "me@lab.org")
    (hub,) = stanzas(Path("hub/hub.txt"))
    assert hub["email"] == "me@lab.org"
    assert set(hub) == {"hub", "shortLabel", "longLabel", "genomesFile", "email"}
    assert len(hub["shortLabel"]) <= 17
    assert len(hub["longLabel"]) <= 80
    (genome,) = stanzas(Path("hub", hub["genomesFile"]))
    assert genome["genome"] == "hs1"
    tracks = stanzas(Path("hub", genome["trackDb"]))
    names = [track["track"] for track in tracks]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)
    assert all({"type", "shortLabel", "longLabel"} <= set(track) for track in tracks)
    assert [track["shortLabel"] for track in tracks] == [
        *("dnabirnn scores", "a/b 1 +", "a/b 1 -", "B", "c")
    ]
    overlay, *others = tracks
    assert overlay["container"] == "multiWig"
    files = [unquote(track["bigDataUrl"]) for track in others]
    assert files == ["s.a%2Fb%201.plus.bw", "s.a%2Fb%201.minus.bw", "s.B.both.bw", "c.bb"]
    for track, file in zip(others, files, strict=True):
        with pyBigWig.open(f"hub/{file}") as opened:
            assert opened.isBigWig() == (track["type"] == "bigWig 0 1")
            assert opened.isBigBed() == (track["type"] == "bigBed 9")
    assert [track.get("parent") for track in others] == ["dnabirnnScores"] * 3 + [None]
    assert [track.get("color") for track in others] == [
        *("0,114,178", "127,184,216", "213,94,0", None)
    ]
    assert others[-1]["itemRgb"] == "on"


def test_a_session(folder: Path) -> None:
    succeed(*SCORE.split())
    session = ElementTree.parse("hub/igv_session.xml").getroot()
    assert session.get("genome") == "hs1"
    paths = [resource.get("path") for resource in session.iter("Resource")]
    assert len(paths) == 4
    assert all(path and Path("hub", path).is_file() for path in paths)
    assert [track.get("id") for track in session.iter("Track")] == paths


def test_jbrowse_takes_the_sequence_from_ucsc(folder: Path) -> None:
    succeed(*SCORE.split())
    config = json.loads(Path("hub/jbrowse2.json").read_text())
    (assembly,) = config["assemblies"]
    assert assembly["name"] == "hs1"
    adapter = assembly["sequence"]["adapter"]
    assert adapter["twoBitLocation"]["uri"].endswith("/goldenPath/hs1/bigZips/hs1.2bit")
    assert {track["type"] for track in config["tracks"]} == {"QuantitativeTrack", "FeatureTrack"}


def test_a_hub_of_tracks_that_are_there(folder: Path) -> None:
    succeed(*SCORE.split())
    before = {path.name: path.read_bytes() for path in Path("hub").iterdir()}
    for name in ("hub.txt", "genomes.txt", "trackDb.txt", "igv_session.xml", "jbrowse2.json"):
        Path("hub", name).unlink()
    tracks = ["hub/s.a%2Fb%201.plus.bw", "hub/s.a%2Fb%201.minus.bw", "hub/s.B.both.bw", "hub/c.bb"]
    succeed("hub", *tracks, "-o", "hub", "--genome", "hs1")
    assert {path.name: path.read_bytes() for path in Path("hub").iterdir()} == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (SCORE.replace(" --genome hs1", ""), "--hub: the name of the assembly"),
        (SCORE.replace("hs1", "no-such/one"), "--genome no-such/one: not the name of an assembly"),
        (SCORE.replace("hub/s.bw", "hub/s.bed"), "hub/s.bed: a hub holds bigWig and bigBed"),
        (SCORE.replace("hub/c.bb", "hub/c.bed"), "hub/c.bed: a hub holds bigWig and bigBed"),
        (SCORE.replace("hub/s.bw", "s.bw"), "s.bw: is outside hub; write it there"),
        (SCORE.replace("--hub hub ", ""), "--genome: only applies to a track hub; add --hub"),
        (SCORE.replace("hub/", "none/").replace("--hub hub", "--hub none"), "there is no folder"),
        ("hub hub/none.bw -o hub --genome hs1", "hub/none.bw: no such file"),
        ("hub g.fa -o . --genome hs1", "g.fa: a hub holds bigWig and bigBed"),
        ("hub g.fa -o hub", "--genome and --fasta: give one of them"),
        ("hub g.fa -o hub --genome hs1 --fasta g.fa", "--genome and --fasta: give one of them"),
        ("hub g.fa -o hub --fasta g.fa", "g.fa: sessions show bigWig, bigBed, BED and GFF3"),
        ("hub x.bed -o hub --fasta g.fa", "x.bed: no such file"),
        ("hub x.bed -o hub --fasta none.fa", "--fasta none.fa: no such file"),
        ("hub x.bed -o hub --fasta m.safetensors", "read FASTA and 2bit"),
        ("hub x.bed -o hub --fasta g.fa --email a@b", "--email: only applies to a track hub"),
    ],
)
def test_what_can_be_no_hub(folder: Path, command: str, message: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(Path("hub").iterdir())


def test_importance_is_drawn_as_letters(folder: Path) -> None:
    shared = ("g.fa", "-m", "m.safetensors")
    succeed("score", *shared, "-o", "hub/s.bw")
    Path("r.bed").write_text("chr1\t100\t120\n")
    succeed("explain", *shared, "--regions", "r.bed", "--reach", "9", "-o", "hub/i.bw")
    scores = sorted(map(str, Path("hub").glob("s.*.bw")))
    importance = sorted(map(str, Path("hub").glob("i.*.bw")))
    given = [part for file in importance for part in ("--importance", file)]
    succeed("hub", *scores, *given, "-o", "hub", "--genome", "hs1")
    tracks = stanzas(Path("hub/trackDb.txt"))
    letters = [track for track in tracks if track.get("logo") == "on"]
    assert [Path(unquote(track["bigDataUrl"])).name for track in letters] == [
        Path(file).name for file in importance
    ]
    assert all("parent" not in track and track["autoScale"] == "on" for track in letters)
    shown = [track for track in tracks if track.get("parent") == "dnabirnnScores"]
    assert [track["color"] for track in letters] == [track["color"] for track in shown]
    assert len(tracks) == 1 + len(scores) + len(importance)
    session = ElementTree.parse("hub/igv_session.xml").getroot()
    scales = [track.get("autoScale") for track in session.iter("Track")]
    assert scales == ["false"] * len(scores) + ["true"] * len(importance)


def test_importance_must_be_bigwig(folder: Path) -> None:
    Path("hub/c.bed").write_text("chr1\t0\t9\n")
    line = run("hub", "hub/c.bed", "--importance", "hub/c.bed", "-o", "hub", "--fasta", "g.fa")
    assert line.exit_code
    assert "--importance hub/c.bed: must be a bigWig" in line.output
