"""Names that others chose: in names of files, pages, hubs and on a terminal."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from commands import make_material, run, succeed, write_model

from dnabirnn.errors import FastaError, OptionError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.names import printable
from dnabirnn.network.architecture import Architecture
from dnabirnn.sequences.read import read_fasta

CLASSES = ("../../x", "/etc/x", "..", ".x", "a/b\\c", "-rf", "~", "*", "%2e%2e%2f", "a b", "é" * 30)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("ending", ["bg", "bw"])
def test_files_of_classes_lie_where_they_are_asked_for(
    material: Path, tmp_path: Path, name: str, ending: str
) -> None:
    inner = tmp_path / "one" / "two" / "three"
    inner.mkdir(parents=True)
    model = write_model(tmp_path / "m.safetensors", classes=(MotifClass(name, True),))
    succeed("score", material / "genome.fa", "-m", model, "-o", inner / f"out.{ending}")
    made = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path != model)
    assert [path.parent for path in made] == [inner, inner]
    for path, strand in zip(made, ("minus", "plus"), strict=True):
        assert path.name.startswith("out.")
        assert path.name.endswith(f".{strand}.{ending}")
        assert path.name.isascii()


UNPRINTABLE = (
    "\x1b[2J",
    "\x07",
    "\x00",
    "\x7f",
    "\x9b2J",
    "\u202e",
    "\u2028",
    "\ud800",
    "\t",
    "\n",
)


@pytest.mark.parametrize("letters", UNPRINTABLE)
def test_what_cannot_be_printed_is_in_no_name_and_no_message(letters: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="printable") as caught:
        Architecture((MotifClass(f"a{letters}", True),))
    assert str(caught.value).isprintable()
    assert printable(f"a{letters}b").isprintable()
    if letters.isspace() or letters == "\ud800":  # which end a name, or are in no UTF-8
        return
    (tmp_path / "x.fa").write_text(f">a{letters}b\nACGT\n", encoding="utf-8")
    with pytest.raises(FastaError, match="cannot be printed"):
        list(read_fasta(tmp_path / "x.fa"))


def test_a_path_that_clears_the_screen_is_escaped(tmp_path: Path) -> None:
    result = run("-q", "info", tmp_path / "a\x1b[2J\nb")
    (line,) = result.stderr.splitlines()
    assert line.isprintable()
    assert r"\x1b[2J" in line


def test_paths_of_a_provenance_are_escaped(tmp_path: Path) -> None:
    path = "\x1b[2Ja\nb\tsame"
    told = {
        "format": "dnabirnn provenance",
        "format_version": 1,
        "inputs": [{"path": path, "sha256": None}],
        "outputs": [],
    }
    (tmp_path / "p.json").write_text(json.dumps(told))
    result = succeed("verify", tmp_path / "p.json")
    assert result.stdout.splitlines()[1:] == [r"input" + "\t" + r"\x1b[2Ja\nb\tsame" + "\tstream"]


def test_a_card_is_escaped(tmp_path: Path) -> None:
    import dataclasses

    from dnabirnn.network.read_checkpoint import load_checkpoint

    model = write_model(tmp_path / "m.safetensors")
    carded = dataclasses.replace(load_checkpoint(model), card={"data": "\x1b[2J"})
    carded.save(model)
    assert r"\x1b[2J" in succeed("info", model).stdout
    assert "\x1b" not in succeed("info", model, "--json").stdout


MARKUP = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</title></svg><script>",
    "{{ 7 * 7 }}",
    r"$\frac$",
    "&lt;b&gt;",
    "--><script>",
    "]]><script>",
)


class Elements(HTMLParser):
    """All elements of a page, and its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_markup_in_names_is_text_in_a_report(material: Path, tmp_path: Path) -> None:
    """Names of classes, contigs and files, and what the user says of the run."""
    contig = "a<script>alert(1)</script>"
    genome, sites = tmp_path / "g<script>.fa", tmp_path / "sites.bed"
    genome.write_text((material / "genome.fa").read_text().replace(">a ", f">{contig} "))
    rows = (material / "sites.bed").read_text().splitlines()
    with sites.open("w") as file:
        for row, name in zip(rows, itertools.cycle(MARKUP), strict=False):
            chrom, start, end, _, score, strand = row.split("\t")
            place = (contig if chrom == "a" else chrom, start, end)
            file.write("\t".join((*place, name, score, strand)) + "\n")
    model = write_model(
        tmp_path / "m.safetensors", classes=tuple(MotifClass(name, True) for name in MARKUP)
    )
    succeed(
        *("evaluate", genome, "--labels", sites, "-m", model, "-o", tmp_path / "metrics.json"),
        *("--curves", tmp_path / "curves.json"),
    )
    log = tmp_path / "log.csv"
    quoted = ",".join('"ap_' + name.replace('"', '""') + '"' for name in MARKUP)
    figures = ",0.5" * len(MARKUP)
    log.write_text(f"step,bases,learning_rate,loss,seconds,{quoted}\n1,2,1e-3,0.5,1{figures}\n")
    (tmp_path / "commands.txt").write_text("\n".join(MARKUP))
    page = tmp_path / "page.html"
    succeed(
        *("report", "-m", model, "--fasta", genome, "--labels", sites, "-o", page),
        *("--metrics", tmp_path / "metrics.json", "--curves", tmp_path / "curves.json"),
        *("--log", log, "--title", MARKUP[2], "--date", MARKUP[0], "--examples", 1),
        *("--command-log", tmp_path / "commands.txt"),
    )
    parsed = Elements()
    parsed.feed(page.read_text(encoding="utf-8"))
    assert not parsed.found & {"script", "img", "iframe", "object", "foreignobject", "base", "form"}
    assert not {attribute for attribute in parsed.attributes if attribute.startswith("on")}
    for name in (*MARKUP, contig):
        assert any(name in text for text in parsed.text)


def test_a_hub_names_nothing_that_begins_a_line(material: Path, tmp_path: Path) -> None:
    names = ["x.a%0Aemail%20b%1B.plus.bw", "y.<b>&\"'.minus.bw"]
    succeed(
        "score", material / "genome.fa", "-m", material / "m.safetensors", "-o", tmp_path / "t.bw"
    )
    for name, made in zip(names, sorted(tmp_path.glob("t.*")), strict=True):
        made.rename(tmp_path / name)
    tracks = [tmp_path / name for name in names]
    mail = "me@example.org\nhub evil"
    succeed("hub", *tracks, "-o", tmp_path, "--genome", "hs1", "--email", mail)
    for file in ("hub.txt", "trackDb.txt", "genomes.txt"):
        keys = [line.split()[0] for line in (tmp_path / file).read_text().splitlines() if line]
        assert keys.count("hub") == (file == "hub.txt")
        assert keys.count("email") == (file == "hub.txt")
        assert (tmp_path / file).read_text().replace("\n", "").isprintable()
    session = ElementTree.parse(tmp_path / "igv_session.xml")
    assert {track.get("path") for track in session.iter("Resource")} == set(names)
    hidden = tmp_path / "z\x1b.bw"
    hidden.write_bytes(tracks[0].read_bytes())
    result = run("-q", "hub", hidden, "-o", tmp_path, "--genome", "hs1")
    assert result.exit_code == 1
    assert r"z\x1b.bw: the name has a character that cannot be printed" in result.stderr
