"""Warnings about data: copies across splits, palindromes, masking."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.encoded import data_quality as leakage
from dnabirnn.encoded.data_quality import (
    K,
    LabelledSites,
    canonical_kmers,
    data_warnings,
    near_palindromes,
    palindrome_warnings,
    palindromic_share,
    shared_kmer_share,
)
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.splits import BedSplit, ChromSplit
from dnabirnn.intervals.regions import Regions
from dnabirnn.labels.load import load_labels


def random_codes(seed, length):
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


@pytest.fixture
def make(tmp_path):
    """Encode sequences with rows "contig start end class strand"."""

    def _make(sequences, rows, split, **options):
        fasta, bed = tmp_path / "in.fa", tmp_path / "in.bed"
        fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
        bed.write_text("".join(f"{c}\t{s}\t{e}\t{n}\t0\t{x}\n" for c, s, e, n, x in rows))
        return encode_genome([fasta], load_labels([bed]), tmp_path / "set", split=split, **options)

    return _make


def canonical_words(text):
    """Canonical words of a string, naively; None where one holds an ambiguous base."""
    complement = str.maketrans("ACGT", "TGCA")
    words = (text[i : i + K] for i in range(len(text) - K + 1))
    return [None if "N" in word else min(word, word.translate(complement)[::-1]) for word in words]


@given(st.lists(st.sampled_from([0, 1, 2, 3] * 20 + [4]), max_size=120))
def test_words_against_strings(codes):
    codes = np.array(codes, dtype=np.uint8)
    expected = [word for word in canonical_words(decode(codes)) if word is not None]
    letters = [
        "".join("ACGT"[int(word) >> 2 * (K - 1 - i) & 3] for i in range(K))
        for word in canonical_kmers(codes)
    ]
    assert letters == expected


def test_words_of_the_reverse_complement_are_the_same():
    codes = random_codes(0, 500)
    np.testing.assert_array_equal(
        canonical_kmers(reverse_complement(codes)), canonical_kmers(codes)[::-1]
    )


def shared_naively(sequences, rows, pieces, split):
    """Share of words at sites, from strings."""

    def words(name):
        found = []
        for contig, start, end in pieces[name]:
            for place, word in enumerate(canonical_words(sequences[contig][start:end]), start):
                if word and any(
                    c == contig and max(s, place, start) < min(e, place + K, end)
                    for c, s, e, *_ in rows
                ):
                    found.append(word)
        return found

    there, trained = words(split), set(words("train"))
    return sum(word in trained for word in there) / len(there) if there else None


@pytest.mark.parametrize("chunk", [40, 100, 1 << 20])
@pytest.mark.parametrize("seed", range(6))
def test_shared_words_against_strings(make, tmp_path, monkeypatch, chunk, seed):
    monkeypatch.setattr(leakage, "_CHUNK_BASES", chunk)
    rng = np.random.default_rng(seed)
    family = random_codes(seed, 60)
    families = [decode(family), decode(reverse_complement(family))]
    sequences, rows = {}, []
    for contig in "abc":
        text = decode(random_codes(rng.integers(1000), 700))
        for start in rng.integers(0, 640, 6):
            text = text[:start] + families[rng.integers(2)] + text[start + 60 :]
            first = int(start + rng.integers(0, 59))
            strand = rng.choice(["+", "-"])
            rows.append((contig, first, min(first + int(rng.integers(1, 40)), 700), "x", strand))
        place = int(rng.integers(0, 699))
        sequences[contig] = text[:place] + "N" + text[place + 1 :]
    pieces = {
        "train": [("a", 0, 350), ("b", 0, 700)],
        "val": [("a", 350, 700)],
        "test": [("c", 20, 690)],
    }
    split = tmp_path / "split.bed"
    split.write_text(
        "".join(f"{c}\t{s}\t{e}\t{name}\n" for name, spans in pieces.items() for c, s, e in spans)
    )
    sites = LabelledSites(make(sequences, rows, BedSplit(split)))
    for name in ("val", "test"):
        expected = shared_naively(sequences, rows, pieces, name)
        assert shared_kmer_share(sites, 0, name) == pytest.approx(expected)


def test_words_do_not_reach_across_pieces_that_touch(make):
    """Two contigs end to end in the arrays: the word across their border is in neither."""
    left, right = decode(random_codes(1, 50)), decode(random_codes(2, 50))
    sequences = {"a": left, "b": right, "c": left[-20:] + right[:20]}
    rows = [("a", 45, 50, "x", "+"), ("b", 0, 5, "x", "+"), ("c", 18, 22, "x", "+")]
    sites = LabelledSites(make(sequences, rows, ChromSplit((), ("c",))))
    assert shared_kmer_share(sites, 0, "test") == 0.0


def test_copies_are_told(make):
    site, other = decode(random_codes(3, 200)), decode(random_codes(4, 200))
    rows = [(c, 0, 200, "x", "+") for c in "abc"]
    filler = decode(random_codes(5, 400))
    sequences = {"a": site + filler, "b": site, "c": other}
    encoded = make(sequences, rows, ChromSplit(("b",), ("c",)))
    warnings = data_warnings(encoded)
    assert len(warnings) == 1
    assert "class x: 100% of the 31-mers at its val sites are also at train sites" in warnings[0]
    assert "optimistic" in warnings[0]


def test_a_copy_on_the_other_strand_is_a_copy(make):
    codes = random_codes(6, 200)
    sequences = {"a": decode(codes), "b": decode(reverse_complement(codes))}
    rows = [("a", 50, 150, "x", "+"), ("b", 50, 150, "x", "-")]
    sites = LabelledSites(make(sequences, rows, ChromSplit(("b",))))
    assert shared_kmer_share(sites, 0, "val") == 1.0
    assert shared_kmer_share(sites, 0, "test") is None


def test_only_ignored_copies_are_no_copies(make, tmp_path):
    text = decode(random_codes(7, 200))
    rows = [("a", 0, 100, "x", "+"), ("b", 0, 100, "x", "+"), ("a", 150, 160, "x", "+")]
    (tmp_path / "out.bed").write_text("a\t0\t100\n")
    encoded = make(
        {"a": text, "b": text}, rows, ChromSplit(("b",)), exclude=Regions.read(tmp_path / "out.bed")
    )
    share = shared_kmer_share(LabelledSites(encoded), 0, "val")
    assert share == 0.0


def test_a_sample_gives_about_the_same_share(make, monkeypatch):
    shared, own = decode(random_codes(8, 6000)), decode(random_codes(9, 14_000))
    sequences = {"a": shared, "b": shared + own}
    rows = [("a", 0, 6000, "x", "+"), ("b", 0, 20_000, "x", "+")]
    sites = LabelledSites(make(sequences, rows, ChromSplit(("b",))))
    exact = shared_kmer_share(sites, 0, "val")
    monkeypatch.setattr(leakage, "_MAX_KMERS", 3000)
    sampled = shared_kmer_share(sites, 0, "val")
    assert exact == pytest.approx(0.3, abs=0.01)
    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=0.03)


PALINDROME = "ATGCCGGCAT"


@pytest.mark.parametrize(
    ("site", "strand", "warned"),
    [
        (PALINDROME, "+", True),
        ("CACGTG", "-", True),
        (PALINDROME[:4] + "AC" + PALINDROME[6:], "+", False),
        ("GGGGGGGGGGGGCCCCCCCCCCCA", "+", True),
        ("GT", "+", False),
        ("AT", "+", True),
        ("NNNN", "+", False),
        ("ATGC", ".", False),
    ],
)
def test_palindromes(make, site, strand, warned):
    text = "CCCCC".join([site] * 20) + "ACC"
    step = len(site) + 5
    rows = [("a", i * step, i * step + len(site), "x", strand) for i in range(20)]
    rows.append(("a", len(text) - 2, len(text), "x", strand))
    warnings = data_warnings(make({"a": text}, rows, ChromSplit()))
    assert warnings == (
        [
            "class x: 95% of its sites are their own reverse complement, so their strand cannot "
            "be learned; use --unstranded x"
        ]
        if warned
        else []
    )


NEAR = "GCGGATGCTTAA" + "AACAGCATCCGC"
"""Nine of twelve pairs are complementary."""


@pytest.mark.parametrize(
    ("near", "strands", "others", "warned"),
    [
        (20, "+", 0, "20 of its 20 sites resemble their own reverse complement, and 20 .* the \\+"),
        (20, "-", 100, "20 of its 120 sites .*, and 20 of these are labelled on the - strand"),
        (20, "-" * 19 + "+", 100, "20 of its 120 sites .*, and 19 of these .* the - strand"),
        (20, "-" * 18 + "++", 100, None),
        (20, "+-", 100, None),
        (9, "+", 0, None),
        (10, "+", 191, None),
        (10, "+", 189, "10 of its 199 sites"),
        (0, "+", 200, None),
    ],
)
def test_near_palindromes_on_one_strand(make, near, strands, others, warned):
    rng = np.random.default_rng(3)
    texts = [NEAR] * near
    texts += [decode(rng.integers(0, 4, 24).astype(np.uint8)) for _ in range(others)]
    rows = [
        ("a", i * 30, i * 30 + 24, "x", strands[i % len(strands)] if i < near else "+-"[i % 2])
        for i in range(near + others)
    ]
    encoded = make({"a": "ACGTCA".join(texts) + "A"}, rows, ChromSplit())
    warnings = palindrome_warnings(LabelledSites(encoded))
    assert len(warnings) == (warned is not None)
    if warned:
        assert re.match(f"class x: {warned}", warnings[0])
        assert warnings[0].endswith("label them on both strands, or use --unstranded x")


def test_ambiguous_bases_are_no_pairs(make):
    rows = [("a", i * 30, i * 30 + 24, "x", "+") for i in range(20)]
    text = ("A" * 8 + "N" * 8 + "C" * 8 + "ACGTCA") * 20
    assert near_palindromes(LabelledSites(make({"a": text}, rows, ChromSplit())), 0) == (0, 0, 20)


def test_only_short_sites_are_looked_at_and_few_of_many(make, monkeypatch):
    text = PALINDROME * 200
    rows = [("a", 0, 1500, "x", "+")] + [("a", i, i + 10, "x", "+") for i in range(1600, 2000, 20)]
    sites = LabelledSites(make({"a": text}, rows, ChromSplit()))
    assert palindromic_share(sites, 0) == 1.0
    monkeypatch.setattr(leakage, "_MAX_SITES", 3)
    assert palindromic_share(sites, 0) == 1.0
    assert palindromic_share(LabelledSites(make({"a": text}, rows[:1], ChromSplit())), 0) is None


@pytest.mark.parametrize(("masked", "warned"), [(0, False), (24, False), (26, True), (100, True)])
def test_masking(make, masked, warned):
    text = decode(random_codes(10, 200))
    sequences = {"a": text, "b": text[:masked].lower() + decode(random_codes(11, 100 - masked))}
    warnings = data_warnings(make(sequences, [("a", 150, 160, "x", ".")], ChromSplit(("b",))))
    assert warnings == (
        [
            f"the share of soft-masked bases differs between splits (train 0%, val {masked}%), so "
            "they were probably masked in different ways; keep --mask none, or mask all sequences "
            "the same way"
        ]
        if warned
        else []
    )


needs_data = pytest.mark.skipif(
    "DNABIRNN_DATA" not in os.environ, reason="DNABIRNN_DATA is not set"
)


@needs_data
def test_satellites_of_two_acrocentric_chromosomes(tmp_path):
    folder = Path(os.environ["DNABIRNN_DATA"]) / "human_satellites"
    labels = load_labels(
        [folder / "satellites.strand.bed"],
        classes=["HSat1A", "HSat3", "bSat"],
        ignore_classes=["gSat", "cenSat"],
    )
    paths = [folder / f"hg002_chr{n}mat_parm.fa.gz" for n in (13, 14)]
    split = ChromSplit(("hg002_chr14mat_parm",))
    encoded = encode_genome(paths, labels, tmp_path / "set", split=split)
    sites = LabelledSites(encoded)
    shares = [shared_kmer_share(sites, number, "val") for number in range(3)]
    assert shares == pytest.approx([0.73, 0.57, 0.80], abs=0.01)
    assert len(data_warnings(encoded)) == 3


@needs_data
def test_strand_of_rep_elements_is_real(tmp_path):
    folder = Path(os.environ["DNABIRNN_DATA"]) / "ecoli_k12"
    labels = load_labels([folder / "rep.bed"])
    encoded = encode_genome([folder / "NC_000913.3.fa.gz"], labels, tmp_path / "set")
    sites = LabelledSites(encoded)
    assert palindromic_share(sites, 0) < 0.05
    # One kind of REP elements reads nearly the same on both strands, and is labelled + only.
    assert near_palindromes(sites, 0) == (67, 0, 693)
    (warning,) = palindrome_warnings(sites)
    assert "67 of its 693 sites resemble" in warning
