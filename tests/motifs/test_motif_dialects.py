"""Motif files as other tools write them: what a row is, names, and motifs without a matrix."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from commands import content, run, succeed, write_fasta

from dnabirnn.errors import MotifError
from dnabirnn.motifs.motif import find_motif, parse_motifs

Rows = Sequence[Sequence[float]]

SIX = [(90, 4, 3, 3), (2, 2, 94, 2), (96, 1, 1, 2), (1, 1, 1, 97), (97, 1, 1, 1), (94, 1, 3, 2)]
SEVEN = [*SIX, (10, 10, 70, 10)]
# Rows are positions, and sum to 100; columns do not.
FOUR = [(90, 4, 3, 3), (2, 2, 94, 2), (96, 1, 1, 2), (1, 1, 1, 97)]
HOMER_HEAD = ">{}\t{}\t6.21\t-1200.5\t0\tT:1200.0(20.00%),B:900.0(2.00%),P:1e-500\n"


def lines(rows: Rows, separator: str = "\t", divisor: float = 1) -> str:
    """A row a position."""
    return "".join(separator.join(f"{x / divisor:g}" for x in row) + "\n" for row in rows)


def turned(rows: Rows, form: str = "{0} [ {1} ]\n", separator: str = " ") -> str:
    """A row a base."""
    columns = zip(*rows, strict=True)
    texts = (separator.join(f"{x:g}" for x in column) for column in columns)
    return "".join(form.format(base, text) for base, text in zip("ACGT", texts, strict=True))


def numbered(rows: Rows, first: int = 1, end: str = "\n", form: str = "{:02d}") -> str:
    rows_text = lines(rows).splitlines()
    return "".join(f"{form.format(n)}\t{row}{end}" for n, row in enumerate(rows_text, first))


def homer(rows: Rows, name: str = "1-AGATAA") -> str:
    return HOMER_HEAD.format("AGATAAG"[: len(rows)], name) + lines(rows, divisor=100)


def meme(rows: Rows, head: str) -> str:
    return (
        f"{head}\n\nletter-probability matrix: alength= 4 w= {len(rows)} nsites= 50 E= 5.3e-032 \n"
        + "".join(" " + "  ".join(f"{x / 100:.6f}" for x in row) + " \n" for row in rows)
        + "\n"
    )


MEME = "MEME version 5.5.0\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
DNA_LIKE = """\
ALPHABET "DNA" DNA-LIKE
A "Adenine" CC0000 ~ T "Thymine" 008000
C "Cytosine" 0000CC ~ G "Guanine" FFB300
N "Any base" = ACGT
X = ACGT
U = T
END ALPHABET

"""
METHYLATED = DNA_LIKE.replace('N "', 'M "mC" 006666 ~ m "5mC" 660066\nN "')
RNA_LIKE = """\
********************************************************************************
ALPHABET "R # = ~ A" RNA-LIKE
********************************************************************************
A "Adenine" CC0000
C 0000CC # "Cytosine"
G "Guanine" FFB300
U "Uracil" 008000
N "Any base" = ACGU
********************************************************************************
"""
FULL_HEAD = """\
********************************************************************************
MEME - Motif discovery tool
********************************************************************************
MEME version 4.10.0 (Release date: Wed May 21 10:35:36 2014 +1000)

DATAFILE= x.fa
ALPHABET= ACGT
Sequence name            Weight Length  Sequence name            Weight Length
AT1G80840                1.0000   1000  AT1G69490                1.0000   1000
"""
FULL_BODY = """\
{head}
********************************************************************************
Simplified        A  6aa998898a589a1
pos.-specific     C  2::::1::1:12::5
BL   MOTIF 1 width=6 seqs=50
AT1G21910                (  744) GAAAAAAAAAGAAAC  1
//
log-odds matrix: alength= 4 w= 2 n= 3586 bayes= 3.32193 E= 3.6e-179
    20   -176    194    -73
   -82   -250    147     40
--------------------------------------------------------------------------------
"""
FULL_END = """\
--------------------------------------------------------------------------------
[AT]GATAA
Time 14.73 secs.
SEQUENCE NAME            COMBINED P-VALUE  MOTIF DIAGRAM
760889                           2.32e-02  20
"""


def full(rows: Rows, head: str) -> str:
    return FULL_BODY.format(head=head) + meme(rows, "") + FULL_END


READ = {
    "HOMER": (homer(SIX), [("1-AGATAA", SIX)]),
    "HOMER, width 5 and 4": (
        homer(SEVEN[:5], "a") + homer(FOUR, "b"),
        [("a", SEVEN[:5]), ("b", FOUR)],
    ),
    "HOMER, width 4 alone": (homer(FOUR), [("1-AGATAA", FOUR)]),
    "HOMER, known motif": (
        homer(SEVEN, "CTCF(Zf)/CD4+-CTCF-ChIP-Seq(GSE12889)/Homer"),
        [("CTCF(Zf)/CD4+-CTCF-ChIP-Seq(GSE12889)/Homer", SEVEN)],
    ),
    "HOMER, best guess": (
        homer(SIX, "1-AGATAA,BestGuess:GATA(Zf)/x/Homer(0.98)"),
        [("1-AGATAA", SIX)],
    ),
    "HOMER, three columns with spaces": (
        ">AGATAA 1-AGATAA 6.21\n" + lines(SIX, " ", 100),
        [("1-AGATAA", SIX)],
    ),
    "HOCOMOCO counts": (">TFX_HUMAN.H11MO.0.A\n" + lines(SEVEN), [("TFX_HUMAN.H11MO.0.A", SEVEN)]),
    "HOCOMOCO, a bundle with width 4": (
        "".join(f">{n}\n{lines(rows)}" for n, rows in (("a", SIX), ("b", FOUR), ("c", SEVEN))),
        [("a", SIX), ("b", FOUR), ("c", SEVEN)],
    ),
    "HOCOMOCO, width 4 by its sums": (">x\n" + lines(FOUR), [("x", FOUR)]),
    "HOCOMOCO, name without >": ("AHR_si\n" + lines(SEVEN), [("AHR_si", SEVEN)]),
    "HOCOMOCO, space after >": ("> AHR_si\n" + lines(SEVEN), [("AHR_si", SEVEN)]),
    "HOCOMOCO, rows apart": (">x\n" + lines(SEVEN).replace("\n", "\n\n"), [("x", SEVEN)]),
    "width 3": (">x\n" + lines(SIX[:3]), [("x", SIX[:3])]),
    "width 1": (">x\n" + lines(SIX[:1]), [("x", SIX[:1])]),
    "Cluster-Buster": (
        ">MA0008.1\n# WEIGHT: 3.0\n# GAP: 10.0\n" + lines(SIX) + ">b\n" + lines(SEVEN),
        [("MA0008.1", SIX), ("b", SEVEN)],
    ),
    "JASPAR": (">MA0001.1 AGL3\n" + turned(SIX), [("AGL3", SIX)]),
    "JASPAR, narrow brackets": (">MA0001.1\tAGL3\n" + turned(SIX, "{0}  [{1}]\n"), [("AGL3", SIX)]),
    "JASPAR, commas": (">m\n" + turned(SIX, "{0} [{1}]\n", ", "), [("m", SIX)]),
    "JASPAR, no letters": (">MA0001.1 AGL3\n" + turned(SIX, "{1}\n"), [("AGL3", SIX)]),
    "JASPAR, no letters, width 4 by its sums": (">m\n" + turned(FOUR, "{1}\n"), [("m", FOUR)]),
    "JASPAR, width 4 beside another": (
        ">m\n"
        + turned([(3, 1, 1, 1), (1, 3, 1, 1), (1, 1, 1, 3), (1, 1, 1, 3)], "{1}\n")
        + ">n\n"
        + turned(SIX, "{1}\n"),
        [("m", [(3, 1, 1, 1), (1, 3, 1, 1), (1, 1, 1, 3), (1, 1, 1, 3)]), ("n", SIX)],
    ),
    "JASPAR, width 5 and 1": (
        ">m\n" + turned(SIX[:5], "{1}\n") + ">n\n" + turned(SIX[:1], "{1}\n"),
        [("m", SIX[:5]), ("n", SIX[:1])],
    ),
    "JASPAR, bare rows": (turned(SIX, "{1}\n"), [("MA0001.1", SIX)]),
    "symmetric": (
        ">m\n9 1 1 1\n1 9 1 1\n1 1 9 1\n1 1 1 9\n",
        [("m", [(9, 1, 1, 1), (1, 9, 1, 1), (1, 1, 9, 1), (1, 1, 1, 9)])],
    ),
    "letters in another order": (
        ">m\n" + "".join(sorted(turned(SIX, "{0} | {1}\n").splitlines(keepends=True))[::-1]),
        [("m", SIX)],
    ),
    "lower case and U": (
        ">m\n" + turned(SIX, "{0} {1}\n").lower().replace("t", "u"),
        [("m", SIX)],
    ),
    "FlyFactorSurvey": (
        ">Abd-A_FlyReg_FBgn0000014\n" + turned(SIX, "{0} | {1}\n", "\t"),
        [("Abd-A_FlyReg_FBgn0000014", SIX)],
    ),
    "RSAT": (
        "; convert-matrix\n; comment 1 2 3 4\nm1\n"
        + turned(SIX, "{0}\t|\t{1}\n", "\t").lower()
        + "//\nm2\n"
        + turned(SEVEN, "{0}\t|\t{1}\n", "\t").lower()
        + "//\n",
        [("m1", SIX), ("m2", SEVEN)],
    ),
    "Jolma": (
        "".join(
            f"{name}\tC2H2\tDBD\tTGCGGG20NGA\tTGCTTTCTAGG\t2\t4\tmonomeric\n"
            "Base\t1\t2\t3\t4\t5\t6\n" + turned(rows, "{0}\t{1}\n", "\t")
            for name, rows in (("BCL6B", SIX), ("CTCF", SIX[::-1]))
        ),
        [("BCL6B", SIX), ("CTCF", SIX[::-1])],
    ),
    "CIS-BP": ("Pos\tA\tC\tG\tT\n" + numbered(SIX, form="{}"), [("MA0001.1", SIX)]),
    "CIS-BP, all in one": (
        "".join(
            f"TF\tT000676_1.02\nTF Name\t{name}\nGene\tAT4G37750-TAIR-G\nMotif\tM2364_1.02\n"
            f"Family\tAP2\nSpecies\tArabidopsis_thaliana\nPos\tA\tC\tG\tT\n"
            + numbered(rows, form="{}")
            + "\n\n"
            for name, rows in (("ANT", FOUR), ("ATF1", SEVEN))
        ),
        [("ANT", FOUR), ("ATF1", SEVEN)],
    ),
    "columns in another order": (
        ">m\nPos,T,G,C,A\n"
        + "".join(
            f"{n}," + ",".join(f"{x}" for x in row[::-1]) + "\n" for n, row in enumerate(FOUR, 1)
        ),
        [("m", FOUR)],
    ),
    "R's write.table": (
        '"A" "C" "G" "T"\n'
        + "".join(f'"{n}" {r}\n' for n, r in enumerate(lines(FOUR, " ").splitlines(), 1)),
        [("MA0001.1", FOUR)],
    ),
    "consensus behind the rows": (
        ">m\nPO\tA\tC\tG\tT\tcons\tinf\n" + numbered(SIX, end="\tA\t1.2\n"),
        [("m", SIX)],
    ),
    "numbered rows without a header": (">m\n" + numbered(SIX, form="{}"), [("m", SIX)]),
    "numbered rows, width 4": (">m\n" + numbered(FOUR, form="{}"), [("m", FOUR)]),
    "UniPROBE": (
        "Protein: Alx3\tSeed k-mer: CTAATTAG\tEnrichment Score: 0.49\n\n"
        + turned(SIX, "{0}:\t{1}\n", "\t")
        + "\n",
        [("Alx3", SIX)],
    ),
    "UniPROBE, a name alone": (
        "Arid3a_primary\n"
        + turned(SIX, "{0}:\t{1}\n", "\t")
        + "\nArid5a_primary\n"
        + turned(SEVEN, "{0}:\t{1}\n", "\t"),
        [("Arid3a_primary", SIX), ("Arid5a_primary", SEVEN)],
    ),
    "UniPROBE, three matrices": (
        "".join(
            f"# Motif: {name}\tEnrichment Score: 0.494\n1\t{name}\t0.494\n\n"
            "Enrichment score matrix\n\n"
            + turned([(-1, 2, -1, 0)] * 6, "{0}:\t{1}\n", "\t")
            + "\nEnergy matrix for enoLOGOS\n\nPO\t1\t2\t3\t4\t5\t6\n"
            + turned([(-1, 2, -1, 0)] * 6, "{0}:\t{1}\n", "\t")
            + "\nProbability matrix\n\n"
            + turned(SIX, "{0}:\t{1}\n", "\t")
            + "\n\n\n"
            for name in ("GTAATAAA", "CCATAAAA")
        ),
        [("GTAATAAA", SIX), ("CCATAAAA", SIX)],
    ),
    "MEME 4, full text": (
        FULL_HEAD
        + full(SIX, "MOTIF  1 MEME\twidth =   6  sites =  50  llr = 588")
        + full(SEVEN, "MOTIF  2 MEME\twidth =   7  sites =  44  llr = 546"),
        [("1", SIX), ("2", SEVEN)],
    ),
    "MEME 3, full text": (
        FULL_HEAD + full(SIX, "MOTIF  1\twidth =   6   sites =  50   llr = 588"),
        [("1", SIX)],
    ),
    "MEME 5, full text": (
        FULL_HEAD
        + full(SIX, "MOTIF WGATAA MEME-1\twidth =   6  sites =  50")
        + full(SEVEN, "MOTIF AGATAAG MEME-2\twidth =   7  sites =  44"),
        [("MEME-1", SIX), ("MEME-2", SEVEN)],
    ),
    "STREME": (
        MEME.replace("ALPHABET= ACGT\n", DNA_LIKE) + meme(SIX, "MOTIF 1-AGATAA STREME-1"),
        [("STREME-1", SIX)],
    ),
    "DREME": (
        "# DREME 5.1.1\n#     command: dreme -p x\n\n"
        + MEME.replace("ALPHABET= ACGT\n", DNA_LIKE)
        + meme(
            SIX,
            "MOTIF DGATAA DREME-1\n\n#             Word    RC Word        Pos\n"
            "# BEST      DGCARC     GYTGCH        922        464   6.7e-071   3.0e-066",
        )
        + "# Stopping reason: target motif count reached\n",
        [("DREME-1", SIX)],
    ),
    "DREME, one second word": (
        MEME + meme(SIX, "MOTIF DGATAA DREME") + meme(SEVEN, "MOTIF CGATAA DREME"),
        [("DGATAA", SIX), ("CGATAA", SEVEN)],
    ),
    "MEME, RNA": (MEME.replace("ALPHABET= ACGT\n", RNA_LIKE) + meme(SIX, "MOTIF x"), [("x", SIX)]),
    "MEME without a version": (meme(SIX, "MOTIF x y"), [("y", SIX)]),
    "MEME, rows apart": (MEME + meme(SIX, "MOTIF x").replace(" \n 0", " \n\n 0"), [("x", SIX)]),
    "TRANSFAC": (
        "VV  TABLE\nXX\n//\nAC  M00001\nXX\nID  V$X_01\nXX\nNA  X\nXX\nDE  y\n"
        "P0      A      C      G      T\n"
        + numbered(SIX, end="      N\n")
        + "XX\nBA  5 sites\nXX\nBS  AGATAA; R05108; 1; 6;; p.\nCC  1 2 3 4 5\n//\n",
        [("X", SIX)],
    ),
    "TRANSFAC, PO, no XX": (
        "//\nNA\tALX1.p2\nPO\tA\tC\tG\tT\tcons\tinf\n"
        + numbered(SIX, form="{}", end="\tA\t0.2\n")
        + "//\nNA\tb\nPO\tA\tC\tG\tT\n"
        + numbered(SEVEN, form="{}")
        + "//\n",
        [("ALX1.p2", SIX), ("b", SEVEN)],
    ),
    "TRANSFAC, rows from 0, other columns": (
        "ID m\nP0\tT\tC\tG\tA\n"
        + numbered([row[::-1] for row in [(a, g, c, t) for a, c, g, t in SIX]], first=0)
        + "XX\n//\n",
        [("m", SIX)],
    ),
    "TRANSFAC, no end between": (
        "AC M1\nP0 A C G T\n" + numbered(SIX) + "XX\nAC M2\nP0 A C G T\n" + numbered(SEVEN),
        [("M1", SIX), ("M2", SEVEN)],
    ),
    "STAMP": (
        "DE\tm1\n"
        + numbered(SIX, 0, "\tA\n", "{}")
        + "XX\nDE\tm2\n"
        + numbered(SEVEN, 0, "\tA\n", "{}")
        + "XX\n",
        [("m1", SIX), ("m2", SEVEN)],
    ),
    "MEME, no width": (MEME + meme(SIX, "MOTIF x").replace(" w= 6", ""), [("x", SIX)]),
    "MEME, no sites": (
        MEME + meme(SIX, "MOTIF x").replace("nsites= 50", "nsites= 0"),
        [("x", SIX)],
    ),
    "MEME, nothing behind the title": (
        MEME + re.sub("matrix: .*", "matrix:", meme(SIX, "MOTIF x")),
        [("x", SIX)],
    ),
    "MEME, no strands": (
        MEME.replace("strands: + -\n\n", "") + meme(SIX, "MOTIF x y") + "URL http://z\n",
        [("y", SIX)],
    ),
    "MEME, alphabet in lower case": (
        MEME.replace("ACGT", "acgt") + meme(SIX, "MOTIF x"),
        [("x", SIX)],
    ),
    "MEME, background": (
        MEME + "Background letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n\n" + meme(SIX, "MOTIF x"),
        [("x", SIX)],
    ),
    "MEME, weights before the probabilities": (
        MEME + "MOTIF x\nlog-odds matrix: alength= 4 w= 6\n 1 -2 3 4\n" + meme(SIX, ""),
        [("x", SIX)],
    ),
    "MEME, indented": (MEME + re.sub("(?m)^", "  ", meme(SIX, "MOTIF x")), [("x", SIX)]),
    "TRANSFAC, empty lines and XX": (
        "ID x\nXX\nXX\nP0 A C G T\nXX\n\n" + numbered(SIX, end="\tN\n\n") + "XX\nXX\n//\n",
        [("x", SIX)],
    ),
    "TRANSFAC, lower case": ("id x\np0 a c g t\n" + numbered(SIX) + "//\n", [("x", SIX)]),
    "TRANSFAC of JASPAR": (
        "AC MA0001.1\nXX\nID x\nXX\nDE MA0001.1 x ; From JASPAR\nPO\tA\tC\tG\tT\n"
        + numbered(SIX)
        + "XX\nCC tax_group:plants\nXX\n//\n",
        [("x", SIX)],
    ),
    "TRANSFAC, more columns": (
        "ID x\nP0 A C G T N -\n" + numbered(SIX, end="\t0\t0\n") + "//\n",
        [("x", SIX)],
    ),
    "ENCODE": (
        "".join(
            f">{name}_known1 {name}\n"
            + "".join(
                f"{x} {row}\n" for x, row in zip(word, lines(SIX, " ").split("\n"), strict=False)
            )
            for name, word in (("a", "AGATAA"), ("b", "NRATAA"), ("c", "ACGTGN"))
        ),
        [("a", SIX), ("b", SIX), ("c", SIX)],
    ),
    "CSV": (
        "A,C,G,T\n" + lines(SIX, ","),
        [("MA0001.1", SIX)],
    ),
    "CSV of pandas": (
        ",A,C,G,T\n" + "".join(f"{n},{row}\n" for n, row in enumerate(lines(SIX, ",").split())),
        [("MA0001.1", SIX)],
    ),
    "CSV with semicolons": ("A;C;G;T\n" + lines(SIX, ";"), [("MA0001.1", SIX)]),
    "CSV of bases": (",1,2,3,4,5,6\n" + turned(SIX, "{0},{1}\n", ","), [("MA0001.1", SIX)]),
    "CSV of bases from 0": (",0,1,2,3,4,5\n" + turned(SIX, "{0},{1}\n", ","), [("MA0001.1", SIX)]),
    "CSV of bases of R": (
        '"V1","V2","V3","V4","V5","V6"\n' + turned(SIX, '"{0}",{1}\n', ","),
        [("MA0001.1", SIX)],
    ),
    "equal signs": (">m\n" + turned(SIX, "{0} = {1}\n"), [("m", SIX)]),
    "GimmeMotifs": ("# x\n>GM.5.0.Sox.0001\n" + lines(SIX), [("GM.5.0.Sox.0001", SIX)]),
    "SCPD": (">V1 X1\n" + turned(SIX, "{1}\n"), [("X1", SIX)]),
    "a name like those of R": ("V1\n" + lines(SIX), [("V1", SIX)]),
    "JASPAR, width 4 with brackets and equal sums": (
        ">m\n" + turned([(9, 1, 1, 1), (1, 1, 9, 1), (1, 9, 1, 1), (1, 1, 1, 9)]),
        [("m", [(9, 1, 1, 1), (1, 1, 9, 1), (1, 9, 1, 1), (1, 1, 1, 9)])],
    ),
    "TRANSFAC's header without tags": ("PO A C G T\n" + numbered(SIX), [("MA0001.1", SIX)]),
}


def shares(rows: Rows) -> np.ndarray:
    counts = np.array(rows, float)
    made: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return made


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_dialects(
    text: str, expected: list[tuple[str, Rows]], ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = parse_motifs(text.replace("\n", ends), "data/MA0001.1.pfm")
    assert [motif.name for motif in found] == [name for name, _ in expected]
    for motif, (_, rows) in zip(found, expected, strict=True):
        assert motif.frequencies == pytest.approx(shares(rows), abs=1e-9)
    assert not caplog.records


def test_counts_stay_counts_and_probabilities_weigh_as_much() -> None:
    (counts,) = parse_motifs(READ["HOCOMOCO counts"][0], "m")
    assert counts.counts.tolist() == [list(row) for row in SEVEN]
    for kind in ("HOMER", "MEME 5, full text"):
        assert parse_motifs(READ[kind][0], "m")[0].counts.sum(axis=1) == pytest.approx(1e6)


@pytest.mark.parametrize(
    ("row", "share"), [("0.89 0.04 0.03 0.03", 0.89), ("0.8 0.04 0.03 0.03", 0.8), ("1 0 0 0", 1)]
)
def test_probabilities_need_not_sum_to_1(row: str, share: float) -> None:
    """They are rounded, or certain, and weigh as much as others."""
    (motif,) = parse_motifs(f"{MEME}MOTIF x\nletter-probability matrix:\n{row}\n0 0 1 0\n", "m")
    total = sum(map(float, row.split()))
    assert motif.counts.sum(axis=1) == pytest.approx([total * 1e6, 1e6])
    assert motif.frequencies[0, 0] == pytest.approx(share / total)


@pytest.mark.parametrize("source", ["-", "/dev/stdin", "/dev/fd/63", "/proc/self/fd/9"])
def test_a_stream_gives_no_name(source: str) -> None:
    with pytest.raises(MotifError, match="1 of 1 motifs have no name"):
        parse_motifs(turned(SIX), source)


def test_identifiers() -> None:
    (motif,) = parse_motifs(READ["CIS-BP, all in one"][0].split("\n\n\n")[0], "m")
    assert motif[:2] == ("ANT", "M2364_1.02")
    (motif,) = parse_motifs(READ["HOMER, best guess"][0], "m")
    assert motif.identifier == "1-AGATAA,BestGuess:GATA(Zf)/x/Homer(0.98)"


EQUAL_BOTH = ">m\n4 3 2 1\n1 2 3 4\n3 4 1 2\n2 1 4 3\n"
EQUAL_NEITHER = ">m\n40 3 2 1\n1 20 3 4\n3 4 70 2\n20 1 4 3\n"
BASES_UNDER_HOMER = HOMER_HEAD.format("AGAT", "m") + turned(FOUR, "{1}\n")
BOTH = "4 rows may be the bases A, C, G, T .JASPAR. or 4 positions .HOMER, HOCOMOCO.: "

BAD = {
    "sums of both equal": (EQUAL_BOTH, f"line 1: motif 'm': its {BOTH}the sums .* A, C, G and T"),
    "sums of neither equal": (EQUAL_NEITHER, f"'m': its {BOTH}the sums"),
    "bases under HOMER's header": (BASES_UNDER_HOMER, f"'m': its {BOTH}its header or the other"),
    "bases among positions": (
        ">a\n" + lines(SIX) + ">m\n" + turned(FOUR, "{1}\n"),
        f"line 8: motif 'm': its {BOTH}its header or the other",
    ),
    "HOCOMOCO weights": (
        ">x\n" + lines([(0.2, -0.04, -0.7, 0.3)] * 6),
        "'x' has negative numbers, so they are weights .*pcm",
    ),
    "weights of width 4": (">x\n" + turned([(1, -1, -1, -1), *FOUR[:3]]), "negative numbers"),
    "bare weights of width 4": (
        ">x\n" + lines([(1, -1, -1, -1), *FOUR[:3]]),
        "'x' has negative numbers",
    ),
    "numbered rows, row lost": (
        ">x\n" + numbered(SIX[:5], form="{}").replace("3\t96\t1\t1\t2\n", ""),
        "'x': its 4 rows may be .* the first of 5 numbers may be the position",
    ),
    "dinucleotides": (
        ">x.H11DI.0.A\n" + lines([range(16)] * 7),
        "has 7 rows of 16 numbers, which look like dinucleotides",
    ),
    "neither": (">x\n" + lines([range(6)] * 7), "7 rows of 6 numbers; a matrix has 4 rows"),
    "a row cut": (">x\n" + lines(SIX)[:-3], "line 7: a row of motif 'x' has 3 numbers, but"),
    "a row damaged": (">x\n" + lines(SIX).replace("94\t2", "x\t2"), "line 3: 'x' is not a number"),
    "the last row damaged": (">x\n" + lines(SIX).replace("94\t1", "94 1 N"), "line 7: 'N' is not"),
    "nan": (">x\n" + lines(SIX).replace("97", "nan"), "'nan' is not a number"),
    "a base cut": (">x\n" + turned(SIX).replace("2 ]", "]"), "line 5: a row of motif 'x' has 5"),
    "a base twice": (">x\n" + turned(SIX).replace("G", "C"), "'x' has rows for A, C; it needs"),
    "decimal commas": (
        ">x\n" + lines(SIX, divisor=100).replace(".", ","),
        "line 2: 0,9 is a number with a decimal comma",
    ),
    "two matrices": (">x\n" + lines(SIX) + "\n" + lines(SIX), "'x' has 2 matrices with a blank"),
    "two bare matrices": (turned(SIX) + "\n" + turned(SIX), "2 of 2 motifs have no name"),
    "scores": ("1\t100\t200\t0.5\n1\t200\t400\t0.1\n", "rows of 4 numbers whose sums differ"),
    "aligned sites": (">MA0139.1 CTCF 1\nacGTAC\n>MA0139.1 CTCF 2\nacGTAA\n", "letters, where "),
    "energy matrix alone": (
        "x\nEnergy matrix for enoLOGOS\n" + turned(SIX),
        "only matrix is 'Energy matrix",
    ),
    "consensus of the four bases": (
        ">m\n"
        + "".join(
            f"{x} {row}\n" for x, row in zip("CAGT", lines(FOUR, " ").split("\n"), strict=False)
        ),
        "'m': the letters before its 4 rows may be bases or a consensus; write A",
    ),
    "weights, transposed": (
        "X\n" + turned([(1.2, -3, -2, 0.1)] * 5, "{1}\n"),
        "'X' has negative numbers, so they are weights .*pcm",
    ),
    "semicolons and decimal commas": (
        "A;C;G;T\n" + lines(SIX, ";", 100).replace(".", ","),
        "line 2: 0,9 is a number with a decimal comma",
    ),
    "MEME, percent": (
        MEME + meme(SIX, "MOTIF x").replace("0.900000", "90%"),
        "'90%' is not a number in a row of MEME motif 'x'; correct",
    ),
    "MEME of proteins, no alphabet": (
        "MEME version 4\nMOTIF x\nletter-probability matrix: w= 1\n" + "0.05 " * 20 + "\n",
        "'x' has a row of 20 numbers, and a matrix of DNA has 4",
    ),
    "a column too many": (
        ">x\nA C G T\n" + lines([(*row, 7) for row in SIX]),
        "5 columns below a header of 4",
    ),
    "a column too few": (">x\nPos A C G T\n" + lines(SIX), "has 4 columns, and its header has 5"),
    "methylated alphabet": (
        MEME.replace("ALPHABET= ACGT\n", METHYLATED) + meme(SIX, "MOTIF x"),
        "line 3: MEME motifs of the alphabet ACGMTm; give motifs of DNA or RNA",
    ),
    "another order": (MEME.replace("ACGT", "ACTG") + meme(SIX, "MOTIF x"), "alphabet ACTG; give"),
    "MEME, row lost": (
        MEME + meme(SIX, "MOTIF x").replace("w= 6", "w= 7"),
        "'x' has w= 7, but 6 rows",
    ),
    "MEME, row too many": (
        MEME + meme(SIX, "MOTIF x").replace("w= 6", "w= 5"),
        "'x' has w= 5, but 6 rows",
    ),
    "MEME, row cut": (
        MEME + meme(SIX, "MOTIF x").replace("0.040000", ""),
        "'x' has a row of 3 numbers",
    ),
    "MEME, row damaged": (
        MEME + meme(SIX, "MOTIF x").replace("w= 6", "").replace(" 0.960000", "?"),
        "'.' is not a number",
    ),
    "MEME, two matrices": (
        MEME + meme(SIX, "MOTIF x") + meme(SIX, ""),
        "'x' has a second letter-probability",
    ),
    "MEME, no name": (MEME + meme(SIX, "MOTIF"), "line 7: a MOTIF line .* without a name"),
    "MEME, only weights": (
        FULL_HEAD + FULL_BODY.format(head="MOTIF x"),
        r"1 of 1 motifs have no matrix \(x\); give",
    ),
    "MEME's XML": ('\n<?xml version="1.0"?>\n<MEME>', "XML; give the text file .*meme.txt"),
    "MEME's HTML": ("<!DOCTYPE HTML>\n<html>", "a web page"),
    "JASPAR's JSON": ('{"matrix_id": "MA0139.1"}', "JSON; give .* JASPAR"),
    "TRANSFAC, two matrices": (
        "ID a\nP0 A C G T\n" + numbered(SIX) + "P0 A C G T\n" + numbered(SIX) + "//\n",
        "line 9: a second matrix in one record",
    ),
    "TRANSFAC, row behind the matrix": (
        "ID a\nP0 A C G T\n" + numbered(SIX) + "XX\n07 1 2 3 4\n//\n",
        "line 10: TRANSFAC motif 'a' has a row 07 outside its matrix",
    ),
    "no names": (
        "XX\nP0 A C G T\n" + numbered(SIX) + "//\nP0 A C G T\n" + numbered(SIX) + "//\n",
        "2 of 2 motifs have no name .the first is number 1.; put",
    ),
    "CIS-BP, row lost": (
        "Pos\tA\tC\tG\tT\n" + numbered(SIX, form="{}").replace("3\t96\t1\t1\t2\n", ""),
        "line 4: the motif at line 1 has row 4 where row 3 is expected",
    ),
    "CIS-BP without rows": ("Pos\tA\tC\tG\tT\n", r"1 of 1 motifs have no matrix \(text\)"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(MotifError, match=f"^text.*{message}") as caught:
        parse_motifs(text, "text")
    assert "\n" not in str(caught.value)
    assert "fetch the file again" not in str(caught.value)


LEFT_OUT = {
    "MEME": MEME + meme(SIX, "MOTIF x a") + "MOTIF y b\n\n" + meme(SEVEN, "MOTIF z c"),
    "TRANSFAC": "ID a\nP0 A C G T\n"
    + numbered(SIX)
    + "//\nAC M2\nID b\nXX\n//\nID c\nP0 A C G T\n"
    + numbered(SEVEN),
    "CIS-BP": "TF Name\ta\nPos A C G T\n"
    + numbered(SIX, form="{}")
    + "\nTF Name\tb\nPos\tA\tC\tG\tT\n\n\nTF Name\tc\nPos\tA\tC\tG\tT\n"
    + numbered(SEVEN, form="{}"),
    "JASPAR": ">x a\n" + turned(SIX) + ">y b\n>z c\n" + turned(SEVEN),
}


@pytest.mark.parametrize("text", LEFT_OUT.values(), ids=LEFT_OUT)
def test_motifs_without_a_matrix_are_left_out(text: str, caplog: pytest.LogCaptureFixture) -> None:
    found = parse_motifs(text, "text")
    assert [(motif.name, motif.width_bp) for motif in found] == [("a", 6), ("c", 7)]
    (message,) = caplog.messages
    assert message == "text: 1 of 3 motifs have no matrix and are left out: b"


def test_homer_consensus_of_another_length_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    text = homer(SIX, "a") + homer(SIX, "b").removesuffix("0.94\t0.01\t0.03\t0.02\n")
    found = parse_motifs(text, "text")
    assert [motif.width_bp for motif in found] == [6, 5]
    assert re.search("1 of 2 motifs have not as many positions .*: b; check", caplog.messages[0])


def test_uneven_sums_of_positions_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = parse_motifs(">a\n" + lines(SIX) + ">b\n9 1 1 1\n1 2 1 1\n5 5 5 9\n", "text")
    assert [motif.width_bp for motif in found] == [6, 3]
    (message,) = caplog.messages
    assert re.search("in 1 of 2 motifs, rows of 4 numbers are read as positions .*: b;", message)


@pytest.mark.parametrize("width", range(1, 12))
@pytest.mark.parametrize("seed", range(3))
def test_no_matrix_is_turned(width: int, seed: int) -> None:
    """Counts of any width, without letters, in both layouts."""
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(100, rng.dirichlet(np.ones(4), width)).tolist()
    for text in (">m\n" + lines(rows), ">m\n" + turned(rows, "{1}\n")):
        (found,) = parse_motifs(text, "text")
        assert found.counts.tolist() == rows


LOST = [
    kind
    for kind in READ
    if kind.startswith(("JASPAR", "CIS-BP", "MEME", "STREME", "DREME", "TRANSFAC", "STAMP", "Uni"))
    and kind not in ("CIS-BP", "JASPAR, width 4 beside another", "JASPAR, width 5 and 1")
    and kind not in ("MEME, no width", "MEME, nothing behind the title")
    and "width 4" not in kind
]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_row_is_an_error(kind: str) -> None:
    """The third row of the last matrix; formats that count rows, or need four, notice it."""
    text = READ[kind][0]
    rows = list(re.finditer(r"^.*\b(96|0\.96\d*)\b.*\n", text, re.MULTILINE))
    row = rows[-1]
    with pytest.raises(MotifError):
        parse_motifs(text[: row.start()] + text[row.end() :], "text")


def test_the_first_of_several_motifs_is_used_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = f">MA1.1 X\n{turned(SIX)}>MA1.2 X\n{turned(SEVEN)}>Y\n{turned(SIX)}"
    found = parse_motifs(text, "f")
    assert find_motif(found, "ma1.2", "f").width_bp == 7
    assert find_motif(found, "y", "f").name == "Y"
    assert not caplog.records
    assert find_motif(found, "x", "f").width_bp == 6
    assert caplog.messages == ["f: 2 motifs are x (MA1.1, MA1.2); the first is used"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    background = "CTGCCTTGCGTTCCGTGCCT" * 20
    write_fasta(tmp_path / "g.fa", {"a": background + "AGATAA" + background + "TTATCT"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sites(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "kind", ["HOMER", "HOCOMOCO, name without >", "CIS-BP", "MEME 4, full text"]
)
def test_scan_finds_sites_of_the_whole_width(folder: Path, kind: str) -> None:
    text, expected = READ[kind]
    (folder / "MA0001.1.motif").write_text(text)
    name, rows = expected[0]
    command = ["scan", "g.fa", "--motifs", "MA0001.1.motif", "--gc", 0.5, "--pvalue", 0.003]
    succeed(*command, "--classes", name, "-o", "out.bed")
    found = {(*tuple(row[1:4]), row[5]) for row in sites(folder / "out.bed")}
    if len(rows) == 6:
        assert ("400", "406", name, "+") in found
        assert ("806", "812", name, "-") in found
    assert {int(end) - int(start) for start, end, *_ in found} == {len(rows)}


def test_encode_and_simulate_read_the_same_motifs(folder: Path) -> None:
    (folder / "m.motif").write_text(homer(SIX, "GATA(Zf)") + homer(SEVEN, "2-X,BestGuess:Y"))
    succeed("simulate", "-o", "s", "--length", "20k", "--motifs", "m.motif")
    assert {(row[3], int(row[2]) - int(row[1])) for row in sites(folder / "s/sites.bed")} == {
        ("GATA(Zf)", 6)
    }
    command = ["encode", "s/genome.fa", "--motifs", "m.motif", "--pvalue", "0.01", "-o", "e"]
    succeed(*command, "--classes", "2-X")
    classes = json.loads((folder / "e/manifest.json").read_text())["classes"]
    assert classes == [{"name": "2-X", "stranded": True}]


@pytest.mark.parametrize("command", ["scan g.fa -o o.bed", "encode g.fa -o o", "simulate -o o"])
def test_an_ambiguous_motif_stops_every_command(folder: Path, command: str) -> None:
    (folder / "m.pfm").write_text(EQUAL_BOTH)
    before = content(folder)
    result = run(*command.split(), "--motifs", "m.pfm")
    (line,) = result.stderr.splitlines()
    assert result.exit_code != 0
    assert re.search(f"error: m.pfm, line 1: motif 'm': its {BOTH}", line)
    assert content(folder) == before
