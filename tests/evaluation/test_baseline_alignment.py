"""Sites one under the other: their own strand, their ends, their shifts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from planted import MOTIF

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.evaluation.baseline_alignment import AlignedSites, Alignment, alignments

BACKGROUND = np.full(4, 0.25)


def sites_of(rows: list[tuple[int, int, str]], length: int) -> AlignedSites:
    """Sites of (start, end, strand) on one stretch."""
    table = [
        (start, end - start, 1, 0, length)
        if strand == "+"
        else (end - 1, end - start, -1, 0, length)
        for start, end, strand in rows
    ]
    return AlignedSites(*np.array(table, dtype=np.int64).reshape(-1, 5).T)


def planted(
    rng: np.random.Generator, count: int, cut: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, list[tuple[int, int, str]]]:
    """A motif every hundred bases on either strand, up to so many bases cut off at its ends."""
    codes = rng.integers(0, 4, count * 100, dtype=np.uint8)
    rows = []
    for i in range(count):
        head, tail = (int(rng.integers(0, most + 1)) for most in cut)
        piece, strand = MOTIF[head : len(MOTIF) - tail], "+-"[int(rng.integers(2))]
        start = 100 * i + 30
        letters = piece if strand == "+" else reverse_complement(piece)
        codes[start : start + piece.size] = letters
        rows.append((start, start + piece.size, strand))
    return codes, rows


def consensus(alignment: Alignment, codes: np.ndarray) -> str:
    return "".join("ACGT"[c] for c in alignment.log_odds(codes, BACKGROUND).argmax(axis=1))


TEXT = "".join("ACGT"[c] for c in MOTIF)


@given(
    start=st.integers(0, 30),
    size=st.integers(1, 9),
    strand=st.sampled_from("+-"),
    offset=st.integers(-9, 9),
    width=st.integers(1, 9),
    low=st.integers(0, 30),
)
def test_letters_are_those_of_the_strand(
    start: int, size: int, strand: str, offset: int, width: int, low: int
) -> None:
    codes = np.random.default_rng(0).integers(0, 4, 40, dtype=np.uint8)
    high, end = 40, start + size
    sites = sites_of([(start, end, strand)], 40)._replace(low=np.array([low]))
    padded = np.full(80, AMBIGUOUS, dtype=np.uint8)
    padded[20 + low : 20 + high] = codes[low:high]
    if strand == "+":
        expected = padded[20 + start + offset :][:width]
    else:
        last = 20 + end - offset
        expected = reverse_complement(padded[last - width : last])
    assert sites.letters(codes, np.array([offset]), width)[0].tolist() == expected.tolist()


def test_reading_the_other_strand(rng: np.random.Generator) -> None:
    codes, rows = planted(rng, 6)
    alignment = Alignment(sites_of(rows, codes.size), np.full(6, 3), 20)
    turned = alignment.all_turned()
    assert np.array_equal(turned.letters(codes), reverse_complement(alignment.letters(codes)))
    back = turned.all_turned()
    assert np.array_equal(back.letters(codes), alignment.letters(codes))


def test_sites_of_one_length_are_counted_as_they_are(rng: np.random.Generator) -> None:
    codes, rows = planted(rng, 30)
    (alignment,) = alignments(codes, sites_of(rows, codes.size), BACKGROUND, True)
    assert consensus(alignment, codes) == TEXT
    log_odds = alignment.log_odds(codes, BACKGROUND)
    best, worst = log_odds.max(axis=1), log_odds.min(axis=1)
    # Thirty counts and a pseudocount of a quarter for each base.
    assert best == pytest.approx(np.log(30.25 / 31 / 0.25), abs=1e-5)
    assert worst == pytest.approx(np.log(0.25 / 31 / 0.25), abs=1e-5)


def test_sites_cut_at_one_end_are_aligned_at_the_other(rng: np.random.Generator) -> None:
    for cut, expected in (((0, 8), TEXT[:24]), ((8, 0), TEXT[-24:])):
        codes, rows = planted(rng, 60, cut)
        found = list(alignments(codes, sites_of(rows, codes.size), BACKGROUND, True))
        assert expected in {consensus(each, codes)[:24] for each in found} | {
            consensus(each, codes)[-24:] for each in found
        }


def test_sites_cut_at_both_ends_settle(rng: np.random.Generator) -> None:
    codes, rows = planted(rng, 200, (5, 5))
    found = list(alignments(codes, sites_of(rows, codes.size), BACKGROUND, True))
    gains = [np.maximum(a.log_odds(codes, BACKGROUND), 0).sum() for a in found]
    # Ways come in pairs: as cut, and settled.
    assert all(settled > direct for direct, settled in zip(gains[::2], gains[1::2], strict=True))
    best = found[int(np.argmax(gains))]
    assert any(TEXT[i : i + 15] in consensus(best, codes) for i in range(len(TEXT) - 15))


def test_sites_without_a_strand_are_turned_alike(rng: np.random.Generator) -> None:
    codes, rows = planted(rng, 40)
    rows = [(start, end, "+") for start, end, _ in rows]
    found = list(alignments(codes, sites_of(rows, codes.size), BACKGROUND, False))
    mirrored = "".join("ACGT"[c] for c in reverse_complement(MOTIF))
    assert {consensus(each, codes) for each in found} <= {TEXT, mirrored}


def test_short_labels_may_get_flanks(rng: np.random.Generator) -> None:
    codes, rows = planted(rng, 30)
    # The two bases in the middle of the motif, on their strand.
    short = [(s + 14, s + 16, d) if d == "+" else (s + 16, s + 18, d) for s, _, d in rows]
    found = list(alignments(codes, sites_of(short, codes.size), BACKGROUND, True))
    assert [each.flank_bp for each in found] == [0, 4, 8, 16]
    assert consensus(found[2], codes) == TEXT[14 - 8 : 16 + 8]


def test_long_labels_are_cut_to_a_width(rng: np.random.Generator) -> None:
    codes = rng.integers(0, 4, 9000, dtype=np.uint8)
    rows = [(0, 3000, "+"), (3500, 8000, "-")]
    found = list(alignments(codes, sites_of(rows, 9000), BACKGROUND, True))
    assert {each.width for each in found} == {64}
