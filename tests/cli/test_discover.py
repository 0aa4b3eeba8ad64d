"""`dnabirnn discover`: from a model to motifs, which scan and encode read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import recorded_files, run, succeed
from matrix_models import log_odds_of, matrix_checkpoint, with_sites

from dnabirnn.alphabet import decode, encode
from dnabirnn.discovery import grammar_table, load, motif_table
from dnabirnn.motifs import read_motifs

WORD = "ACGTTGCAACCAGGT"
MATRIX = log_odds_of(encode(WORD), 0.97)
SITES = 60


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("discover")
    codes, sites = with_sites(MATRIX, SITES)
    (folder / "genome.fa").write_text(f">x\n{decode(codes)}\n")
    rows = [f"x\t{start}\t{end}\tA\t900\t{strand}\n" for start, end, strand in sites]
    (folder / "calls.bed").write_text("".join(rows))
    matrix_checkpoint(MATRIX).save(folder / "m.safetensors")
    return folder


@pytest.fixture
def folder(material, monkeypatch, tmp_path):
    for path in material.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


DISCOVER = ("discover", "genome.fa", "-m", "m.safetensors", "--threads", "1", "--device", "cpu")


def places(path):
    return {tuple(line.split("\t")[:3]) for line in Path(path).read_text().splitlines()}


@pytest.mark.parametrize("ending", ["meme", "jaspar", "transfac"])
def test_scan_and_encode_take_the_file(folder, ending):
    succeed(*DISCOVER, "--calls", "calls.bed", "-o", f"m.{ending}", "--sites", "sites.bed")
    (motif,) = read_motifs(f"m.{ending}")
    assert motif.name == "A_1"
    assert motif.consensus == WORD
    succeed("scan", "genome.fa", "--motifs", f"m.{ending}", "-o", "scan.bed", "--pvalue", "1e-6")
    scanned = places("scan.bed")
    planted = places("calls.bed")
    found = places("sites.bed")
    assert found == planted
    assert len(scanned & planted) >= 0.9 * SITES
    succeed("encode", "genome.fa", "--motifs", f"m.{ending}", "-o", "set", "--pvalue", "1e-6")
    manifest = json.loads((folder / "set" / "manifest.json").read_text())
    assert [entry["name"] for entry in manifest["classes"]] == ["A_1"]


def test_all_outputs_and_their_provenance(folder):
    outputs = {
        "-o": "m.meme",
        "--sites": "s.bed",
        "--table": "t.tsv",
        "--grammar": "g.tsv",
        "--json": "all.json",
        "--logos": "logos",
    }
    words = [word for pair in outputs.items() for word in pair]
    succeed(*DISCOVER, "--calls", "calls.bed", *words, "--provenance", "p.json")
    inputs, written = recorded_files(folder / "p.json")
    assert {path.split("/")[-1] for path in inputs} == {"genome.fa", "calls.bed", "m.safetensors"}
    names = {path.split("/")[-1] for path in written}
    assert names == {"m.meme", "s.bed", "t.tsv", "g.tsv", "all.json", "A_1.svg"}
    succeed("verify", "p.json")
    # The same numbers as from Python.
    discovery = load("m.safetensors", device="cpu").motifs("genome.fa", calls="calls.bed")
    table = pl.read_csv("t.tsv", separator="\t")
    ours = motif_table(discovery)
    assert table["name"].to_list() == ours["name"].to_list() == ["A_1"]
    np.testing.assert_allclose(table["importance"], ours["importance"], rtol=1e-5)
    assert table["explained"].to_list() == [1.0]
    assert pl.read_csv("g.tsv", separator="\t").height == grammar_table(discovery).height == 0


def test_own_calls_and_regions(folder):
    for words in ((), ("--regions", "calls.bed"), ("--threshold", "0.6")):
        succeed(*DISCOVER, *words, "-o", "m.jaspar", "--reach", "10", "--json", "all.json")
        assert [motif.consensus for motif in read_motifs("m.jaspar")] == [WORD]
        plain = json.loads((folder / "all.json").read_text())
        assert plain["kind"] == ("regions" if "--regions" in words else "calls")
        assert plain["reach"] == 10


def test_output_to_standard_output(folder):
    result = succeed("-q", *DISCOVER, "--calls", "calls.bed", "-o", "-", "--format", "jaspar")
    assert result.stdout.startswith(">A_1\nA [ ")


def test_the_log_names_the_motifs(folder):
    result = succeed(*DISCOVER, "--calls", "calls.bed", "-o", "m.meme")
    assert f"A_1: {WORD}, {SITES} sites in 100.0% of the targets" in result.stderr
    assert "m.meme: 1 motif" in result.stderr


def test_without_motifs(folder):
    (folder / "none.bed").write_text("")
    words = (*DISCOVER, "--calls", "none.bed", "-o", "m.meme", "--json", "all.json")
    assert run(*words).exit_code == 1
    assert not (folder / "m.meme").exists()
    result = succeed(*words, "--allow-empty")
    assert "warning: no call to find motifs in" in result.stderr
    succeed("report", "--discovered", "all.json", "-o", "r.html")
    assert "No motif was found." in (folder / "r.html").read_text()


def test_a_package_that_is_missing(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "memelite", None)
    result = run(*DISCOVER, "--calls", "calls.bed", "-o", "m.meme", "--database", "calls.bed")
    assert result.exit_code == 1
    assert 'pip install "dnabirnn[discover]"' in result.stderr
    assert not (folder / "m.meme").exists()


@pytest.mark.slow  # memelite compiles for a minute where it has not been used before
def test_known_motifs(folder):
    pytest.importorskip("memelite")
    rng = np.random.default_rng(0)
    texts = []
    for number in range(30):
        counts = rng.dirichlet(np.full(4, 0.3), 10).T * 100
        rows = [
            f"{base} [ {' '.join(f'{x:.2f}' for x in row)} ]"
            for base, row in zip("ACGT", counts, strict=True)
        ]
        texts.append("\n".join([f">R{number}", *rows]))
    complement = WORD.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    rows = [
        f"{base} [ {' '.join('90' if b == base else '2' for b in complement)} ]" for base in "ACGT"
    ]
    (folder / "known.jaspar").write_text("\n".join([*texts, ">K1 known", *rows, ""]))
    words = ("--database", "known.jaspar", "--matches", "matches.tsv", "--json", "all.json")
    result = succeed(*DISCOVER, "--calls", "calls.bed", "-o", "m.meme", *words)
    assert "like known (q " in result.stderr
    best = pl.read_csv("matches.tsv", separator="\t").row(0, named=True)
    assert (best["name"], best["match"], best["match_name"]) == ("A_1", "K1", "known")
    assert (best["orientation"], best["offset"], best["overlap"]) == ("opposite", 0, len(WORD))
    assert best["qvalue"] < 1e-4
    succeed("report", "--discovered", "all.json", "-o", "r.html")
    page = (folder / "r.html").read_text()
    assert "known (K1) of known.jaspar, the most similar motif" in page
    assert "its reverse complement is drawn" in page
