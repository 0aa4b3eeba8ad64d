"""The scanner: every site and no other, on both strands, with exact p-values."""

from __future__ import annotations

import builtins
import itertools
import sys
from fractions import Fraction

import lightmotif
import numpy as np
import pytest
from hypothesis import given, strategies as st
from random_models import random_codes

from dnabirnn.alphabet import AMBIGUOUS, encode, reverse_complement
from dnabirnn.errors import OptionError
from dnabirnn.motifs import scanner
from dnabirnn.motifs.motif import Motif, built_in_motifs
from dnabirnn.motifs.scanner import Hits, Scanner, background_of, score_matrix, tail_probabilities

Row = tuple[int, int, int, bool]


def random_motif(rng: np.random.Generator, width: int) -> Motif:
    counts = rng.integers(0, 20, (width, 4)) * rng.integers(0, 2, (width, 4))
    counts[np.arange(width), rng.integers(0, 4, width)] += 10
    return Motif("m", "m", counts.astype(np.float64))


def rows_of(hits: Hits) -> list[Row]:
    columns = (hits.starts, hits.ends, hits.motifs, hits.minus)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def chance_of(score: int, scores: np.ndarray, gc: Fraction) -> Fraction:
    """Exact chance that a random site scores so much or more, by all sites that there are."""
    shares = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    total = Fraction(0)
    for site in itertools.product(range(4), repeat=len(scores)):
        if sum(int(row[base]) for row, base in zip(scores, site, strict=True)) >= score:
            chance = Fraction(1)
            for base in site:
                chance *= shares[base]
            total += chance
    return total


def naive_sites(codes: np.ndarray, motifs: list[Motif], pvalue: float, gc: Fraction) -> list[Row]:
    found = []
    for number, motif in enumerate(motifs):
        scores = score_matrix(motif, background_of(float(gc)))
        width = len(scores)
        for start in range(len(codes) - width + 1):
            site = codes[start : start + width]
            if (site == AMBIGUOUS).any():
                continue
            for minus in (False, True):
                read = reverse_complement(site) if minus else site
                score = sum(int(scores[i, base]) for i, base in enumerate(read))
                if chance_of(score, scores, gc) <= Fraction(pvalue).limit_denominator(10**6):
                    found.append((start, start + width, number, minus))
    return sorted(found)


@given(
    seed=st.integers(0, 10_000),
    length=st.integers(0, 60),
    pvalue=st.sampled_from([0.01, 0.05, 0.2]),
    gc=st.sampled_from([Fraction(1, 2), Fraction(2, 5), Fraction(7, 10)]),
    chunk=st.integers(1, 70),
)
def test_finds_what_a_naive_scanner_finds(
    seed: int, length: int, pvalue: float, gc: Fraction, chunk: int
) -> None:
    rng = np.random.default_rng(seed)
    motifs = [random_motif(rng, int(width)) for width in rng.integers(1, 5, 2)]
    codes = random_codes(rng, length, ambiguous=0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "_CHUNK_BP", chunk)
        found = Scanner(motifs, pvalue, float(gc)).scan(codes)
    assert rows_of(found) == naive_sites(codes, motifs, pvalue, gc)


@pytest.mark.parametrize("gc", [Fraction(1, 2), Fraction(2, 5)])
def test_thresholds_are_exact(gc: Fraction) -> None:
    """Of all words, those whose p-value does not exceed the limit, also where it just equals it."""
    motif = random_motif(np.random.default_rng(8), 4)
    scores = score_matrix(motif, background_of(float(gc)))
    words = np.array(list(itertools.product(range(4), repeat=4)), np.uint8)
    sums = scores[np.arange(4), words].sum(axis=1)
    chances = {int(score): chance_of(int(score), scores, gc) for score in np.unique(sums)}
    assert len(chances) > 20
    apart = np.full((len(words), 1), AMBIGUOUS, np.uint8)
    codes = np.concatenate([words, apart], axis=1).ravel()
    ordered = sorted(chances.values())
    limits = [float(chance) for chance in ordered[:-1]]
    limits += [limit * (1 - 1e-6) for limit in limits[1:]]
    for limit in limits:
        hits = Scanner([motif], limit, float(gc)).scan(codes)
        found = set((hits.starts[~hits.minus] // 5).tolist())
        slack = Fraction(limit) * (1 + Fraction(1, 10**9))
        expected = {n for n, score in enumerate(sums.tolist()) if chances[score] <= slack}
        assert found == expected
        for start, pvalue in zip(hits.starts[~hits.minus], hits.pvalues[~hits.minus], strict=True):
            assert pvalue == pytest.approx(float(chances[int(sums[start // 5])]), rel=1e-12)


@pytest.mark.parametrize("motif", built_in_motifs(), ids=lambda motif: motif.name)
def test_pvalues_of_wide_motifs_are_those_of_another_program(motif: Motif) -> None:
    """Of TFM-PVALUE, which is exact, on the same whole numbers."""
    scores = score_matrix(motif, background_of(0.5))
    lowest, chances = tail_probabilities(scores, background_of(0.5))
    columns = {base: scores[:, code].tolist() for code, base in enumerate("ACGT")}
    pssm = lightmotif.ScoringMatrix(columns | {"N": [-1e6] * len(scores)})
    highest = int(scores.max(axis=1).sum())
    assert lowest + len(chances) - 1 == highest
    for score in range(0, highest, 97):
        theirs = pssm.pvalue(score, "tfmpvalue")
        assert chances[score - lowest] == pytest.approx(theirs, rel=1e-6)


def test_as_many_sites_are_found_in_random_bases_as_the_pvalue_says() -> None:
    rng = np.random.default_rng(3)
    codes = rng.choice(4, 1_000_000, p=background_of(0.6)).astype(np.uint8)
    for motif in built_in_motifs():
        found = len(Scanner([motif], 1e-3, 0.6).scan(codes).starts)
        scores = score_matrix(motif, background_of(0.6))
        _, chances = tail_probabilities(scores, background_of(0.6))
        expected = 2e6 * chances[chances <= 1e-3].max()
        assert abs(found - expected) < 5 * expected**0.5


@pytest.mark.parametrize("chunk", [10, 19, 20, 57, 1 << 22])
def test_sites_at_the_ends_and_at_seams(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "_CHUNK_BP", chunk)
    motif = encode("TGGCCACCAGGGGGCGCTA")  # CTCF's best
    for length in (19, 38, 100):
        for start in {0, 1, length - 20, length - 19} & set(range(length - 18)):
            for minus in (False, True):
                codes = np.tile(encode("AT"), length)[:length]
                codes[start : start + 19] = reverse_complement(motif) if minus else motif
                hits = Scanner(built_in_motifs(), 1e-6, 0.5).scan(codes)
                assert rows_of(hits) == [(start, start + 19, 0, minus)]
                assert hits.pvalues[0] == Scanner(built_in_motifs(), 0.5, 0.5).best_pvalue(0)


def test_no_site_reaches_past_an_end_or_holds_an_n() -> None:
    motif = encode("TGGCCACCAGGGGGCGCTA")
    found = Scanner(built_in_motifs(), 1e-3, 0.5)
    assert 0 in found.scan(motif).motifs
    for length in (0, 1, 11, 18):
        assert 0 not in found.scan(motif[:length]).motifs
    for place in range(19):
        broken = motif.copy()
        broken[place] = AMBIGUOUS
        assert 0 not in found.scan(broken).motifs


def test_the_opposite_strand_has_the_mirrored_sites() -> None:
    codes = random_codes(np.random.default_rng(5), 50_000)
    found = Scanner(built_in_motifs(), 1e-3, 0.45)
    hits, opposite = found.scan(codes), found.scan(reverse_complement(codes))
    mirrored = [(50_000 - e, 50_000 - s, m, not minus) for s, e, m, minus in rows_of(opposite)]
    assert len(hits.starts) > 50
    assert rows_of(hits) == sorted(mirrored)
    assert sorted(hits.pvalues) == sorted(opposite.pvalues)


def test_a_palindrome_is_on_both_strands() -> None:
    counts = 10 * np.eye(4)[encode("GGATCC")]
    hits = Scanner([Motif("BamHI", "BamHI", counts)], 1e-3, 0.5).scan(encode("AAGGATCCAA"))
    assert rows_of(hits) == [(2, 8, 0, False), (2, 8, 0, True)]


def test_a_motif_that_is_too_short_has_no_site() -> None:
    one = Motif("one", "one", np.array([[1.0, 0, 0, 0]]))
    found = Scanner([one], 0.2, 0.5)
    assert found.best_pvalue(0) == 0.25
    assert rows_of(found.scan(encode("AAAA"))) == []
    assert len(Scanner([one], 0.25, 0.5).scan(encode("AAAA")).starts) == 4


@pytest.mark.parametrize(
    ("pvalue", "gc", "message"),
    [
        (0.0, 0.5, "--pvalue 0: must be"),
        (1.0, 0.5, "--pvalue 1: must be"),
        (float("nan"), 0.5, "--pvalue nan: must be"),
        (0.1, 0.0, "--gc 0: .*more than 0"),
        (0.1, 1.0, "--gc 1: .*less than 1"),
        (0.1, float("nan"), "--gc nan: "),
    ],
)
def test_numbers_out_of_range(pvalue: float, gc: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Scanner(built_in_motifs(), pvalue, gc)


def test_without_the_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "lightmotif":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *rest)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "lightmotif")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OptionError, match=r'not installed; install it .*"dnabirnn\[motifs\]"'):
        Scanner(built_in_motifs(), 1e-4, 0.5)
