"""Sessions of IGV and JBrowse 2: every file that they name is where they say."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from commands import succeed, write_fasta

from dnabirnn.tracks import write_sessions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("data", "calls"):
        Path(name).mkdir()
    write_fasta(Path("data/my genome.fa"), {"chr1": "ACGT" * 30})
    for name in ("a b.bed", "c.gff3", "d.bed.gz"):
        Path("calls", name).write_bytes(b"")
    Path("calls/d.bed.gz.tbi").write_bytes(b"")
    return tmp_path


TRACKS = ["calls/a b.bed", "calls/c.gff3", "calls/d.bed.gz"]


def locations(value: Any) -> list[str]:
    """All addresses in a configuration of JBrowse 2."""
    if isinstance(value, dict):
        own = [value["uri"]] if "uri" in value else []
        return own + [uri for part in value.values() for uri in locations(part)]
    return [uri for part in value for uri in locations(part)] if isinstance(value, list) else []


def test_files_of_both_sessions_are_there(folder: Path) -> None:
    succeed("hub", *TRACKS, "-o", "web/s", "--fasta", "data/my genome.fa")
    assert sorted(path.name for path in Path("web/s").iterdir()) == [
        "igv_session.xml",
        "jbrowse2.json",
    ]
    igv = ElementTree.parse("web/s/igv_session.xml").getroot()
    named = [igv.get("genome"), *(one.get("path") for one in igv.iter("Resource"))]
    assert len(named) == 4
    assert all(Path("web/s", str(name)).is_file() for name in named)
    assert [one.get("type") for one in igv.iter("Resource")] == ["bed", "gff3", "bed"]
    assert [one.get("name") for one in igv.iter("Track")] == ["a b", "c", "d"]
    config = json.loads(Path("web/s/jbrowse2.json").read_text())
    found = locations(config)
    assert len(found) == 5
    assert all(Path("web/s", unquote(uri)).is_file() for uri in found)


def test_a_session_of_jbrowse_opens_all_tracks(folder: Path) -> None:
    write_sessions(TRACKS, "s", "data/my genome.fa", place="chr1:11-20")
    config = json.loads(Path("s/jbrowse2.json").read_text())
    (assembly,) = config["assemblies"]
    assert [track["adapter"]["type"] for track in config["tracks"]] == [
        *("BedAdapter", "Gff3Adapter", "BedTabixAdapter")
    ]
    assert all(track["assemblyNames"] == [assembly["name"]] for track in config["tracks"])
    (view,) = config["defaultSession"]["views"]
    assert view["init"] == {
        "assembly": "my genome",
        "loc": "chr1:11-20",
        "tracks": [track["trackId"] for track in config["tracks"]],
    }
    assert ElementTree.parse("s/igv_session.xml").getroot().get("locus") == "chr1:11-20"


@pytest.mark.parametrize(
    ("name", "adapter", "beside"),
    [
        ("g.fa", "UnindexedFastaAdapter", []),
        ("g.fa", "IndexedFastaAdapter", ["g.fa.fai"]),
        ("g.fna.gz", "BgzipFastaAdapter", ["g.fna.gz.fai", "g.fna.gz.gzi"]),
        ("g.2bit", "TwoBitAdapter", []),
    ],
)
def test_sequences(folder: Path, name: str, adapter: str, beside: list[str]) -> None:
    for file in (name, *beside):
        Path("data", file).write_bytes(b"")
    write_sessions([], "s", f"data/{name}")
    (assembly,) = json.loads(Path("s/jbrowse2.json").read_text())["assemblies"]
    assert assembly["name"] == "g"
    own = assembly["sequence"]["adapter"]
    assert own.pop("type") == adapter
    assert sorted(locations(own)) == sorted(f"../data/{file}" for file in (name, *beside))
