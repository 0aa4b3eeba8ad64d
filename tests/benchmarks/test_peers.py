"""Peers: alignments, hairpins and tables of hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.alignment import aligned_sites, hairpin, write_stockholm
from benchmarks.peers import Hit, probabilities, read_hits
from dnabirnn.encoded import encode_genome, split_plan
from dnabirnn.labels import load_labels

NHMMER = """\
# target name        accession  query name           accession  hmmfrom hmm to alifrom  ali to
NC_000913.3          -          sites                -                1      36  3400010  3400045
chr1 - sites - 1 36 101 136 99 140 4641652 + 1.2e-09 35.1 4.0 -
chr1 - sites - 1 36 236 201 240 199 4641652 - 3.4e-05 20.5 4.0 -
"""


def test_hits_are_converted_to_half_open_intervals(tmp_path: Path) -> None:
    (tmp_path / "hits").write_text("".join(NHMMER.splitlines(keepends=True)[i] for i in (0, 2, 3)))
    assert read_hits(tmp_path / "hits", (6, 7, 11, 13)) == [
        Hit("chr1", 100, 136, "+", 35.1),
        Hit("chr1", 200, 236, "-", 20.5),
    ]


def test_a_base_has_the_score_of_its_best_hit() -> None:
    hits = [Hit("a", 2, 6, "+", 10.0), Hit("a", 4, 8, "+", 30.0), Hit("b", 0, 9, "-", 50.0)]
    p = probabilities(hits, "a", 10)
    assert p.dtype == np.float32
    assert not p[:, 1].any()
    assert not p[[0, 1, 8, 9], 0].any()
    assert p[2, 0] == p[3, 0] > 0
    assert (p[4:8, 0] > p[3, 0]).all()


def test_the_hairpin_of_a_palindrome_with_a_bulge() -> None:
    rows = ["GGCATCCAAAAAGGTGCC", "GCCATCGAAAAACGTGGC"]
    #       <<<<.<<.....>>>>>>
    line = hairpin(rows)
    assert line == "<<<<.<<.....>>>>>>"


@pytest.mark.parametrize("rows", [["AAAAAAAA"], ["ACGT"]])
def test_no_hairpin(rows: list[str]) -> None:
    assert hairpin(rows) == "." * len(rows[0])


def test_sites_are_aligned_on_their_strand_without_mafft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    sequence = list("ATTA" * 300)
    sequence[100:108], sequence[500:508] = "GGGACCGT", "ACGGTCCC"
    (tmp_path / "g.fa").write_text(f">c\n{''.join(sequence)}\n")
    (tmp_path / "s.bed").write_text("c\t100\t108\tM\t0\t+\nc\t500\t508\tM\t0\t-\n")
    labels = load_labels([tmp_path / "s.bed"])
    everything = split_plan(fractions=(1, 0, 0))
    data = encode_genome([tmp_path / "g.fa"], labels, tmp_path / "set", split=everything)
    rows, aligner = aligned_sites(data, 0, tmp_path)
    assert (rows, aligner) == (["GGGACCGT", "GGGACCGT"], "ungapped")
    write_stockholm(tmp_path / "s.sto", rows, "<<....>>")
    lines = (tmp_path / "s.sto").read_text().splitlines()
    assert lines[0] == "# STOCKHOLM 1.0"
    assert lines[-1] == "//"
    assert [line.split()[-1] for line in lines[2:-1]] == [*rows, "<<....>>"]
    # All rows begin in the same column.
    assert len({line.rindex(" ") for line in lines[2:-1]}) == 1
