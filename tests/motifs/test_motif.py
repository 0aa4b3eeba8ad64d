"""Motifs out of JASPAR, MEME and TRANSFAC files, none of them lost, and sites drawn from them.

Other tools' files are in test_motif_dialects.py.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as bio
from hypothesis import given, strategies as st

from dnabirnn.errors import MotifError
from dnabirnn.motifs.motif import Motif, built_in_motifs, find_motif, parse_motifs, read_motifs

JASPAR = """\
>MA0001.1\tAGL3
A [ 0 3 79 ]
C [94 75 4 ]
G [ 1 0 3 ]
T [ 2 19 11 ]

>MA0002.1
10 12
 2	2
 3  1
11 11
"""
HEAD = """\
MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

"""
FIRST = """\
MOTIF one first
letter-probability matrix: alength= 4 w= 2 nsites= 7 E= 1e-3
0.125000 0.250000 0.500000 0.125000
0.000001 0.999997 0.000001 0.000001
"""
SECOND = """\
MOTIF two
letter-probability matrix:
 1.0 0.0 0.0 0.0
 0.0 0.0 0.0 1.0
 0.5 0.5 0.0 0.0
"""
TRANSFAC = """\
VV  TRANSFAC MATRIX TABLE, Release 7.0
XX
//
AC  M00001
XX
ID  V$MYOD_01
XX
NA  MyoD
XX
P0      A      C      G      T
01      1      2      2      0      S
02      1      2      2.5    0      S
XX
BA  5 functional elements
RN  [7]; out of order
//
AC  MA0139.1
XX
ID  CTCF
XX
PO\tA\tC\tG\tT
01\t1\t2\t3\t4
XX
CC  tax_group:vertebrates
//
"""


@pytest.mark.parametrize(
    "text",
    [TRANSFAC, TRANSFAC.removesuffix("//\n"), TRANSFAC.replace("\n", "\r\n"), "\n" + TRANSFAC],
    ids=["whole", "without its last line", "from Windows", "after a blank line"],
)
def test_transfac(text: str) -> None:
    first, second = parse_motifs(text, "text")
    assert (first.name, first.identifier) == ("MyoD", "M00001")
    assert first.counts.tolist() == [[1, 2, 2, 0], [1, 2, 2.5, 0]]
    assert (second.name, second.identifier) == ("CTCF", "MA0139.1")
    assert second.counts.tolist() == [[1, 2, 3, 4]]


def test_jaspar() -> None:
    first, second = parse_motifs(JASPAR, "text")
    assert (first.name, first.identifier) == ("AGL3", "MA0001.1")
    assert first.counts.tolist() == [[0, 94, 1, 2], [3, 75, 0, 19], [79, 4, 3, 11]]
    assert (second.name, second.identifier) == ("MA0002.1", "MA0002.1")
    assert second.counts.tolist() == [[10, 2, 3, 11], [12, 2, 1, 11]]


MEME = {
    "as MEME writes it": HEAD + FIRST + "\n" + SECOND + "\n",
    "no line between": HEAD + FIRST + SECOND,
    "the one without a width first": HEAD + SECOND + FIRST,
    "no end of line": (HEAD + FIRST + "\n" + SECOND).rstrip("\n"),
    "nothing but motifs": "MEME version 4\n" + FIRST + SECOND,
    "from Windows": (HEAD + FIRST + SECOND).replace("\n", "\r\n"),
    "URL": HEAD + FIRST + "URL http://a\n\n" + SECOND + "URL http://b",
}


@pytest.mark.parametrize("text", MEME.values(), ids=MEME)
def test_meme_loses_neither_the_last_motif_nor_decimals(text: str) -> None:
    found = {motif.name: motif.frequencies for motif in parse_motifs(text, "text")}
    assert sorted(found) == ["first", "two"]
    expected = [[0.125, 0.25, 0.5, 0.125], [1e-6, 1 - 3e-6, 1e-6, 1e-6]]
    assert found["first"] == pytest.approx(np.array(expected), abs=1e-9)
    assert found["two"].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0]]


@given(count=st.integers(1, 6), gaps=st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_as_many_motifs_come_out_as_go_in(count: int, gaps: list[int]) -> None:
    bodies = [SECOND.replace("two", f"m{i}") + "\n" * gaps[i] for i in range(count)]
    found = parse_motifs("MEME version 5.5\n" + "".join(bodies), "text")
    assert [motif.name for motif in found] == [f"m{i}" for i in range(count)]
    assert all(motif.width_bp == 3 for motif in found)


def test_rna() -> None:
    text = (HEAD + FIRST).replace("ACGT", "ACGU").replace("T 0.3", "U 0.3")
    assert parse_motifs(text, "text")[0].frequencies[0].tolist() == [0.125, 0.25, 0.5, 0.125]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("MOTIF MA0139.1 CTCF", "CTCF"),
        ("MOTIF MA0139.1\tCTCF  ", "CTCF"),
        ("MOTIF MA0139.1 CTCF more words", "CTCF"),
        ("MOTIF MA0139.1", "MA0139.1"),
        ("MOTIF MA0139.1 width = 2 sites = 7", "MA0139.1"),
        ("MOTIF MA0139.1 width= 2", "MA0139.1"),
        ("MOTIF MA0139.1 MEME-1 width = 2 sites = 7", "MEME-1"),
    ],
)
def test_meme_names_a_motif_after_its_identifier(head: str, name: str) -> None:
    found = parse_motifs(HEAD + SECOND + FIRST.replace("MOTIF one first", head), "text")
    assert [(m.name, m.identifier) for m in found] == [("two", "two"), (name, "MA0139.1")]
    for wanted in (name, "ma0139.1"):
        assert find_motif(found, wanted, "text") is found[1]


def test_files_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "motifs.jaspar.gz"
    path.write_bytes(gzip.compress(JASPAR.encode()))
    assert [motif.name for motif in read_motifs(path)] == ["AGL3", "MA0002.1"]


BAD = {
    "empty": ("", "no motifs; the file is empty"),
    "blank": ("\n\n", "no motifs; the file is empty"),
    "other": (
        "AC MA0001\nXX\n",
        "not in JASPAR, HOMER, HOCOMOCO, MEME or TRANSFAC format, or without a matrix",
    ),
    "TRANSFAC row cut": (TRANSFAC.replace("02      1      2", "02      1"), "'S' is not a number"),
    "TRANSFAC row shorter": (TRANSFAC.replace("3\t4", "3"), "row 1 of .* 'CTCF' has 3 numbers"),
    "TRANSFAC row lost": (
        TRANSFAC.replace("01      1", "03      1"),
        "11: TRANSFAC motif 'V.MYOD_01' has row 03 where row 1 is expected",
    ),
    "TRANSFAC word": (TRANSFAC.replace("02      1", "02      x"), "12: 'x' is not a number"),
    "head alone": (HEAD, "no motifs in it"),
    "matrix missing": (HEAD + "MOTIF two\n\n", r"1 of 1 motifs have no matrix \(two\)"),
    "matrix empty": (
        HEAD + "MOTIF two\nletter-probability matrix: w= 3\n\n",
        "motif 'two' has w= 3, but 0 rows",
    ),
    "protein": (
        HEAD.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY") + FIRST,
        "3: MEME motifs of proteins; give motifs of DNA or RNA",
    ),
    "no counts": (JASPAR.replace("[ 0 3 79 ]", "[ ]"), "motif 'AGL3' has 0 numbers"),
    "column of zeros": (
        ">m\nA [0 1]\nC [0 0]\nG [0 0]\nT [0 0]\n",
        "'m' has a column without valid",
    ),
    "negative": (">m\nA [-1]\nC [2]\nG [0]\nT [0]\n", "'m' has negative numbers"),
    "three rows": (">m m\nA [1]\nC [2]\nG [0]\n", "'m' has rows for A, C, G; it needs one"),
    "words": (">m\nA [x]\nC [2]\nG [0]\nT [0]\n", "2: 'x' is not a number"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_files(text: str, message: str) -> None:
    with pytest.raises(MotifError, match=f"^text(: |, line ).*({message})"):
        parse_motifs(text, "text")


def test_bad_bytes(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\0\1\2")
    with pytest.raises(MotifError, match="not a text file"):
        read_motifs(tmp_path / "binary")
    with pytest.raises(MotifError, match="no such file"):
        read_motifs(tmp_path / "none")


def test_a_motif_that_is_not_there() -> None:
    with pytest.raises(MotifError, match=r"f: no motif 'REST'; the motifs are CTCF, YY1$"):
        find_motif(built_in_motifs(), "REST", "f")


def test_built_in_motifs_are_whole() -> None:
    ctcf, yy1 = built_in_motifs()
    # JASPAR's own logos: TGGCCACCAGGGGGCGCTA and CAAGATGGCGGC.
    letters = np.array(list("ACGT"))
    assert "".join(letters[ctcf.counts.argmax(axis=1)]) == "TGGCCACCAGGGGGCGCTA"
    assert "".join(letters[yy1.counts.argmax(axis=1)]) == "CAAGATGGCGGC"
    # Rows of one site set: all columns hold about as many, within JASPAR's own rounding.
    assert np.ptp(ctcf.counts.sum(axis=1)) <= 9
    assert (yy1.counts.sum(axis=1) == 7171).all()


def test_sites_are_drawn_as_often_as_the_motif_says(rng: np.random.Generator) -> None:
    motif = Motif("m", "m", np.array([[1.0, 2, 3, 4], [0, 5, 5, 0], [0, 0, 0, 9]]))
    sites = motif.sample(rng.random((40_000, 3)))
    shares = np.stack([(sites == code).mean(axis=0) for code in range(4)], axis=1)
    assert shares == pytest.approx(motif.frequencies, abs=0.01)
    assert (shares[motif.counts == 0] == 0).all()


def test_draws_next_to_one_never_leave_the_alphabet() -> None:
    motif = Motif("m", "m", np.array([[0.1, 0.2, 0.7, 0], [1, 1, 1, 0]]) / 3)
    last = np.nextafter(1.0, 0)
    assert motif.sample(np.array([[last, last], [0.0, 0.0]])).tolist() == [[2, 2], [0, 0]]


def test_log_odds_are_biopythons(rng: np.random.Generator) -> None:
    (ctcf, _), background = built_in_motifs(), np.array([0.3, 0.2, 0.2, 0.3])
    sites = rng.integers(0, 4, (20, 19), dtype=np.uint8)
    counts = dict(zip("ACGT", ctcf.counts.T.tolist(), strict=True))
    matrix = bio.Motif(alphabet="ACGT", counts=counts)
    shares = dict(zip("ACGT", background.tolist(), strict=True))
    matrix.background, matrix.pseudocounts = shares, shares
    expected = [matrix.pssm.calculate("".join("ACGT"[c] for c in row)) for row in sites]
    assert ctcf.log_odds(sites, background) == pytest.approx(np.array(expected), abs=1e-4)
