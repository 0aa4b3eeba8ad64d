"""Sites pasted into other sequence: true copies, with counterparts that the seams do not betray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import run, succeed
from planted import MOTIF, encoded_set, write_genome
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score

from dnabirnn.alphabet import AMBIGUOUS, decode, encode, reverse_complement
from dnabirnn.encoded.backgrounds import Backgrounds, Pasting, read_backgrounds
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import SplitInterval
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.evaluation.baseline import learn_baseline
from dnabirnn.training.sampling import Sampler, SamplingSettings

PLUS, MINUS = 2, 4


def seams_of(codes: np.ndarray, spans: np.ndarray, width: int) -> np.ndarray:
    """One-hot vectors of the bases around what was pasted: (n, 2 * width * 4)."""
    places = np.arange(width)
    left, right = spans[:, :1] - 1 - places, spans[:, 1:] + places
    around = codes[np.concatenate([left, right], axis=1).clip(0, codes.size - 1)]
    return np.eye(5)[around][..., :4].reshape(len(spans), -1)


def words_of(codes: np.ndarray) -> np.ndarray:
    """Counts of words of four bases, on either strand: (256,)."""
    words = np.convolve(codes.astype(np.int64), [64, 16, 4, 1], "valid")
    opposite = np.convolve(reverse_complement(codes).astype(np.int64), [64, 16, 4, 1], "valid")
    return np.bincount(np.concatenate([words, opposite]), minlength=256)


class Whole:
    """Codes and labels of one contig."""

    def __init__(self, codes: np.ndarray, labels: np.ndarray) -> None:
        self._codes, self._labels = codes, labels

    def codes(self, piece: SplitInterval) -> np.ndarray:
        return self._codes[piece.start : piece.end].copy()

    def labels(self, piece: SplitInterval) -> np.ndarray:
        return self._labels[piece.start : piece.end].copy()


def genome(length: int = 120_000, every: int = 400) -> Whole:
    """A genome of which three quarters are A and T, with sites."""
    rng = np.random.default_rng(2)
    codes = rng.choice(4, length, p=[0.375, 0.125, 0.125, 0.375]).astype(np.uint8)
    labels = np.zeros(length, np.uint8)
    for start in range(50, length - 100, every):
        minus = bool(rng.integers(2))
        site = np.where(rng.random(MOTIF.size) < 0.15, rng.integers(0, 4), MOTIF).astype(np.uint8)
        codes[start : start + MOTIF.size] = reverse_complement(site) if minus else site
        labels[start : start + MOTIF.size] = MINUS if minus else PLUS
    return Whole(codes, labels)


def pasting(bases: Whole, *given: str, share: float = 0.9) -> Pasting:
    length = len(bases.codes(SplitInterval("a", 0, 1 << 40)))
    backgrounds = read_backgrounds(given or ["markov:60"], share, seed=4)
    return Pasting(backgrounds, bases, [SplitInterval("a", 0, length)], 1)


def test_neither_seams_nor_lengths_nor_places_tell_sites_from_counterparts() -> None:
    """The control: with what was pasted masked, a classifier does no better than chance."""
    seams, insides, truth = [], [], []
    for contig in pasting(genome(300_000)).contigs():
        masked = contig.codes.copy()
        for start, end in contig.pasted:
            truth.append(bool(contig.labels[start:end].any()))
            insides.append(words_of(contig.codes[start:end]))
            masked[start:end] = AMBIGUOUS
        sizes = np.diff(contig.pasted, axis=1)
        gaps = np.diff(contig.pasted.ravel(), prepend=0)[::2, None].clip(max=300)
        rest = np.concatenate([sizes, gaps, contig.pasted[:, :1] % 100], axis=1) / 100
        seams.append(np.concatenate([seams_of(masked, contig.pasted, 12), rest], axis=1))
    labels = np.array(truth)
    assert labels.mean() == 0.5
    assert labels.size > 5_000

    def accuracy(columns: np.ndarray) -> float:
        classifier = RidgeClassifier()
        return float(cross_val_score(classifier, columns, labels, cv=5).mean())

    chance = 4 * 0.5 / labels.size**0.5
    assert abs(accuracy(np.concatenate(seams)) - 0.5) < chance
    assert accuracy(np.array(insides)) > 0.9


def test_what_is_pasted_is_cut_from_the_training_sequence() -> None:
    bases = genome()
    whole = SplitInterval("a", 0, 120_000)
    text, opposite = decode(bases.codes(whole)), decode(reverse_complement(bases.codes(whole)))
    plus = bases.labels(whole)
    minus = np.array([0, 0, MINUS, 0, PLUS], np.uint8)[plus[::-1]]
    shuffles = pieces = sites = 0
    starts = set()
    for contig in pasting(bases).contigs():
        covered = np.zeros(contig.codes.size, np.bool_)
        for start, end in contig.pasted.tolist():
            assert not covered[start:end].any()
            covered[start:end] = True
            copy = decode(contig.codes[start:end])
            where = [(text.find(copy), plus), (opposite.find(copy), minus)]
            found = [(at, labels) for at, labels in where if at >= 0]
            if contig.labels[start:end].any():
                at, labels = found[0]
                assert contig.labels[start:end].tolist() == labels[at : at + end - start].tolist()
                sites += 1
                starts.add(at if labels is plus else len(text) - at)
            elif found:
                pieces += 1
            else:
                shuffles += 1
        assert not contig.labels[~covered].any()
        assert 0.15 < covered.mean() <= 0.2
        assert np.isin(contig.codes[~covered], [1, 2]).mean() == pytest.approx(0.6, abs=0.02)
        assert 2 * contig.sites == len(contig.pasted)
    assert sites == pieces + shuffles
    assert shuffles == pytest.approx(pieces, rel=0.1)  # some resemble the site too much
    assert len(starts) >= 295  # of 299 sites, some of which overlap in their flanks


def test_ends_of_sites_are_not_the_seams() -> None:
    margins = []
    for contig in pasting(genome()).contigs():
        for start, end in contig.pasted:
            labelled = np.flatnonzero(contig.labels[start:end])
            if labelled.size:
                margins.append((labelled[0], end - start - 1 - labelled[-1]))
    for side in np.array(margins).T:
        assert side.min() == 0
        assert side.max() == 60
        counts = np.bincount(side // 12)[:5]
        assert counts.min() > 0.8 * counts.mean()


def test_a_shuffle_that_could_be_a_site_is_not_used() -> None:
    """Sites are (CA)n: their shuffles are (CA)n, too."""
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 4, 60_000, dtype=np.uint8), np.zeros(60_000, np.uint8)
    for start in range(100, 59_000, 500):
        codes[start : start + 40] = encode("CA" * 20)
        labels[start : start + 40] = PLUS
    for contig in pasting(Whole(codes, labels)).contigs():
        for start, end in contig.pasted:
            if not contig.labels[start:end].any():
                text = decode(contig.codes[start:end])
                assert max(text.count("CACACACA"), text.count("TGTGTGTG")) < 2


def test_ignored_sites_are_not_pasted_and_long_ones_in_parts() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 4, 400_000, dtype=np.uint8), np.zeros(400_000, np.uint8)
    labels[10_000:15_000] = PLUS
    labels[50_000:60_000] = MINUS | 1
    for contig in pasting(Whole(codes, labels)).contigs():
        lengths = np.diff(contig.pasted, axis=1)
        assert lengths.min() >= 2_000
        assert lengths.max() <= 2_120
        assert not (contig.labels & 1).any()


@pytest.fixture
def sets(tmp_path: Path) -> tuple[EncodedSet, EncodedSet]:
    """The same genome without and with backgrounds."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "more").mkdir()
    plain = encoded_set(tmp_path / "plain")
    backgrounds = read_backgrounds(["markov:30,60"], 0.6, seed=1)
    return plain, encoded_set(tmp_path / "more", backgrounds=backgrounds)


def test_contigs_are_added_to_the_train_split(sets: tuple[EncodedSet, EncodedSet]) -> None:
    plain, more = sets
    size = plain.codes.size
    assert (more.codes[:size] == plain.codes).all()
    assert (more.labels[:size] == plain.labels).all()
    for split in ("val", "test"):
        assert more.contig_splits(split) == plain.contig_splits(split)
    added = more.contig_splits("train")[1:]
    assert added == [("background1", 0, 45_000), ("background2", 0, 45_000)]
    assert more.manifest["background"] == {
        "sources": ["markov:30", "markov:60"],
        "share": 0.6,
        "seed": 1,
        "contigs": ["background1", "background2"],
        "sites": more.manifest["background"]["sites"],
    }
    assert more.manifest["background"]["sites"] > 80
    assert EncodedSet.open(more.path).natural().split("train").tolist() == [[0, 60_000]]
    strong = [np.isin(more.codes[a:b], [1, 2]).mean() for a, b in more.split("train")[1:]]
    assert strong == pytest.approx([0.36, 0.58], abs=0.03)  # a fifth is from the genome


def test_shares_and_matrices_are_those_of_the_genome(sets: tuple[EncodedSet, EncodedSet]) -> None:
    settings = SamplingSettings(window_bp=100)
    samplers = [Sampler(each, settings) for each in sets]
    shares = [sampler.prevalence().sequence.tolist() for sampler in samplers]
    assert shares[0] == shares[1]
    lengths = [sampler.site_lengths_bp()["M"].tolist() for sampler in samplers]
    assert lengths[0] == lengths[1]
    matrices = [learn_baseline(each, each.classes).matrices[0] for each in sets]
    assert (matrices[0].log_odds == matrices[1].log_odds).all()


def test_a_seed_gives_the_same_set(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 60_000, "b": 6_000})

    def digest(name: str, *options: object) -> str:
        given = (fasta, "--labels", bed, "--val-chroms", "b", "-o", tmp_path / name, *options)
        succeed("-q", "encode", *given)
        return EncodedSet.open(tmp_path / name).digest

    first = digest("1", "--background", "markov")
    assert digest("2", "--background", "markov", "--seed", 0, "--background-share", 0.2) == first
    assert len({first, digest("3"), digest("4", "--background", "markov", "--seed", 1)}) == 3


def test_a_background_from_a_file(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 30_000, "b": 6_000})
    other = tmp_path / "other.fa"
    other.write_text(">x\n" + "G" * 500 + "\n>y\n" + "G" * 500 + "\n")
    options = ("--labels", bed, "--val-chroms", "b", "--background", other)
    succeed("-q", "encode", fasta, *options, "-o", tmp_path / "set")
    encoded = EncodedSet.open(tmp_path / "set")
    assert [file["name"] for file in encoded.manifest["inputs"]["background"]] == ["other.fa"]
    assert encoded.manifest["background"]["sources"] == ["other.fa"]
    start, end = encoded.split("train")[1].tolist()
    assert np.mean(encoded.codes[start:end] == 2) > 0.8


def test_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="not a GC content from 10 to 90 percent"):
        read_backgrounds(["markov:30,x"])
    with pytest.raises(OptionError, match="markov:30: given twice"):
        read_backgrounds(["markov", "markov:30"])
    with pytest.raises(OptionError, match="--background-share 1: must be above 0"):
        Backgrounds({}, share=1)
    nothing = tmp_path / "n.fa"
    nothing.write_text(">a\nNNNN\n")
    with pytest.raises(FastaError, match=r"n.fa: no known base"):
        read_backgrounds([nothing])
    with pytest.raises(OptionError, match="too few for the longest site"):
        list(pasting(genome(4_000), "markov", share=0.1).contigs())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--background-share", "0.5"), "--background-share: applies to --background only"),
        (("--seed", "1"), "--seed: applies to repeats only"),
        (("--background", "no.fa"), "no.fa"),
    ],
)
def test_errors_of_the_command(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 6_000, "b": 6_000})
    result = run("encode", fasta, "--labels", bed, "-o", tmp_path / "set", *options)
    assert result.exit_code != 0
    assert message in result.stderr
    assert not (tmp_path / "set").exists()


def test_sets_that_cannot_have_backgrounds(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"background1": 60_000, "b": 6_000})
    given = (fasta, "--labels", bed, "--background", "markov", "-o", tmp_path / "set")
    result = run("encode", *given, "--val-chroms", "b")
    assert "'background1': --background adds a contig of this name" in result.stderr
    rows = [row for row in bed.read_text().splitlines(True) if not row.startswith("b\t")]
    bed.write_text("".join(rows))
    result = run("encode", *given, "--val-chroms", "b")
    assert "class 'M' has no site in the validation split" in result.stderr
    assert not (tmp_path / "set").exists()


def test_dry_run_counts_the_added_bases(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 3_000_000}, every=3_000)
    given = ("encode", fasta, "--labels", bed, "--dry-run", "-o", tmp_path / "set")
    disk = [
        int(succeed(*given, *more).output.split("disk")[1].split()[0])
        for more in ((), ("--background", "markov", "--background-share", "0.75"))
    ]
    assert disk[1] == pytest.approx(4 * disk[0], abs=3)
