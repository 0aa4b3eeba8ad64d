from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import MOTIF, encoded_set, write_genome

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.errors import OptionError
from dnabirnn.labels.load import load_labels
from dnabirnn.training.sampling import Sampler, SamplingSettings


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("sampling"))


def sampler(encoded: EncodedSet, either_strand: bool = False, **settings: object) -> Sampler:
    options = {"mutation_rate": 0.0} | settings
    return Sampler(encoded, SamplingSettings(**options), either_strand)  # type: ignore[arg-type]


def places_of(encoded: EncodedSet, batch_codes: np.ndarray) -> np.ndarray:
    """Where in the encoded set each window begins: windows of random bases occur once."""
    text = np.asarray(encoded.codes).tobytes()
    found = [text.find(row.tobytes()) for row in batch_codes]
    assert -1 not in found
    return np.array(found)


def test_a_batch_depends_on_seed_and_step_alone(encoded: EncodedSet) -> None:
    first, second = sampler(encoded, seed=3), sampler(encoded, seed=3)
    second.batch(0)
    for one, other in zip(first.batch(7), second.batch(7), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (first.batch(7).codes != first.batch(8).codes).any()
    assert (first.batch(7).codes != sampler(encoded, seed=4).batch(7).codes).any()


def test_windows_lie_in_the_train_split(encoded: EncodedSet) -> None:
    places = np.concatenate(
        [places_of(encoded, sampler(encoded, window_bp=90).batch(k).codes) for k in range(20)]
    )
    (start, end), *_ = encoded.split("train").tolist()
    assert places.min() >= start
    assert places.max() + 90 <= end
    # Ends of the sequence are seen too.
    assert places.max() > 0.95 * end


def test_truth_is_where_the_motif_is(encoded: EncodedSet) -> None:
    codes, truth, counted, _ = sampler(encoded, window_bp=150).batch(0)
    assert counted.all()
    whole = 0
    for row, labels in zip(codes, truth, strict=True):
        for column, motif in enumerate((MOTIF, reverse_complement(MOTIF))):
            at = row.tobytes().find(motif.tobytes())
            if at >= 0:
                assert labels[at : at + len(MOTIF), column].all()
                whole += 1
    assert whole > 10


def test_the_positive_share_is_kept(encoded: EncodedSet) -> None:
    for share in (0.0, 0.5, 1.0):
        drawn = sampler(encoded, window_bp=1, positive_share=share, batch_windows=400)
        positive = np.mean([drawn.batch(k).truth.any(axis=(1, 2)).mean() for k in range(10)])
        everywhere = len(MOTIF) / 300
        assert positive == pytest.approx(share + (1 - share) * everywhere, abs=0.03)


def test_half_of_the_positive_bases_are_ends_of_sites(encoded: EncodedSet) -> None:
    drawn = sampler(encoded, window_bp=1, positive_share=1.0, batch_windows=500)
    places = np.concatenate(
        [drawn._positive_bases(np.random.default_rng(k), 500) for k in range(9)]
    )
    labels = np.asarray(encoded.labels)
    at_an_end = (labels[places] != labels[places - 1]) | (labels[places] != labels[places + 1])
    expected = 0.5 + 0.5 * 2 / len(MOTIF)
    assert at_an_end.mean() == pytest.approx(expected, abs=0.04)


def test_a_positive_base_is_anywhere_in_its_window(encoded: EncodedSet) -> None:
    drawn = sampler(encoded, window_bp=40)
    bases = np.full(20_000, 30_000)
    starts, ends = drawn._around(bases, np.random.default_rng(0))
    assert (ends - starts == 40).all()
    assert np.bincount(bases - starts, minlength=40) == pytest.approx(500, rel=0.2)
    near_the_ends = np.array([0, 3, 59_997, 59_999])
    starts, ends = drawn._around(near_the_ends, np.random.default_rng(0))
    assert (starts <= near_the_ends).all()
    assert (near_the_ends < ends).all()
    assert starts.min() >= 0
    assert ends.max() <= 60_000


def test_short_intervals_are_padded(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 5_000, "b": 700})
    (tmp_path / "split.bed").write_text("a\t0\t100\ttrain\na\t600\t4000\ttrain\nb\t0\t700\tval\n")
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(tmp_path / "split.bed")
    )
    drawn = sampler(made, window_bp=150, batch_windows=300)
    codes, _, counted, _ = drawn.batch(0)
    padded = codes[:, -1] == PADDING
    assert padded.any()
    assert (codes[padded][:, :100] != PADDING).all()
    assert (codes[padded][:, 100:] == PADDING).all()
    assert not counted[codes == PADDING].any()


def test_ambiguous_and_ignored_bases_do_not_count(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 20_000, "b": 2_000})
    text = fasta.read_text().replace("ACG", "ANG")
    fasta.write_text(text)
    with bed.open("a") as rows:
        rows.write("a\t9000\t9900\tnoise\t0\t+\n")
    labels = load_labels([bed], ignore_classes=["noise"])
    made = encode_genome([fasta], labels, tmp_path / "s", split=split_plan(val_chroms=["b"]))
    drawn = sampler(made, window_bp=200)
    ignored = 0
    for step in range(20):
        batch = drawn.batch(step)
        assert not batch.counted[batch.codes == AMBIGUOUS].any()
        ignored += int((~batch.counted & (batch.codes < AMBIGUOUS)).sum())
    assert ignored > 0


def test_either_strand_turns_windows_with_their_truth(encoded: EncodedSet) -> None:
    plain, turned = sampler(encoded, seed=1), sampler(encoded, either_strand=True, seed=1)
    one, other = plain.batch(0), turned.batch(0)
    changed = (one.codes != other.codes).any(axis=1)
    assert 0.3 < changed.mean() < 0.7
    np.testing.assert_array_equal(other.codes[changed], reverse_complement(one.codes[changed]))
    np.testing.assert_array_equal(other.truth[changed], one.truth[changed][:, ::-1, ::-1])
    np.testing.assert_array_equal(other.truth[~changed], one.truth[~changed])


def test_prevalence(encoded: EncodedSet) -> None:
    found = sampler(encoded).prevalence()
    sites = len(MOTIF) * 199 / 60_000 / 2
    assert found.sequence == pytest.approx([sites], rel=0.01)
    batches = [sampler(encoded).batch(k) for k in range(200)]
    seen = np.mean([batch.truth.mean() for batch in batches])
    assert found.sampled == pytest.approx([seen], rel=0.05)


def test_a_window_longer_than_everything_is_refused(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 4_000, "b": 4_000})
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    with pytest.raises(OptionError, match=r"--window 4001.*4000 bp"):
        sampler(made, window_bp=4_001)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_bp": 0},
        {"window_bp": 16_384},
        {"batch_windows": 0},
        {"positive_share": 1.5},
        {"mutation_rate": 0.8},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        SamplingSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("inside", [False, True])
def test_bases_are_mutated_at_the_rate(tmp_path: Path, inside: bool) -> None:
    bases = np.random.default_rng(3).choice(list("ACGT"), 30_000)
    (tmp_path / "g.fa").write_text(f">a\n{''.join(bases)}\n")
    rows = [f"a\t{at}\t{at + 10}\tM\n" for at in range(20, 29_900, 60)]  # sites of 10 bp
    rows += [f"a\t{at}\t{at + 50}\tLONG\n" for at in range(29_000, 29_900, 60)]
    (tmp_path / "s.bed").write_text("".join(rows))
    labels = load_labels([tmp_path / "s.bed"], unstranded=["M", "LONG"])
    split = split_plan(fractions=(1, 0, 0))
    encoded = encode_genome([tmp_path / "g.fa"], labels, tmp_path / "set", split=split)
    plain = sampler(encoded, window_bp=150, batch_windows=100)
    mutated = sampler(encoded, window_bp=150, batch_windows=100, mutation_rate=0.6)
    became = np.zeros((4, 4))
    for step in range(20):
        ours, theirs = mutated.batch(step), plain.batch(step)
        np.testing.assert_array_equal(ours.truth, theirs.truth)
        np.testing.assert_array_equal(ours.counted, theirs.counted)
        short = theirs.truth[..., [c.name for c in encoded.classes].index("M")]
        chosen = short if inside else ~short
        np.add.at(became, (theirs.codes[chosen], ours.codes[chosen]), 1)
    shares = became / became.sum(axis=1, keepdims=True)
    rate = 0.6 * 10 / 40 if inside else 0.6
    assert np.diag(shares) == pytest.approx(1 - rate, abs=0.015)
    assert shares[~np.eye(4, dtype=bool)] == pytest.approx(rate / 3, abs=0.015)


def test_what_is_no_base_is_not_mutated(tmp_path: Path) -> None:
    fasta = tmp_path / "g.fa"
    fasta.write_text(">a\n" + "ACGTN" * 400 + "\n>b\n" + "ACGTN" * 4 + "\n>c\nAC\n>d\nAC\n")
    (tmp_path / "s.bed").write_text("a\t10\t1900\tM\nb\t0\t20\tM\n")
    split = split_plan(val_chroms=["c"], test_chroms=["d"])
    labels = load_labels([tmp_path / "s.bed"])
    encoded = encode_genome([fasta], labels, tmp_path / "set", split=split)
    codes = sampler(encoded, window_bp=50, batch_windows=200, mutation_rate=0.7).batch(0).codes
    assert {4, 5} < set(np.unique(codes))
    plain = sampler(encoded, window_bp=50, batch_windows=200).batch(0).codes
    np.testing.assert_array_equal(codes >= 4, plain >= 4)
    assert (codes != plain).mean() > 0.4


def test_flanks_are_the_bases_around_a_window_within_the_split(encoded: EncodedSet) -> None:
    for untied in (False, True):
        settings = SamplingSettings(window_bp=60, batch_windows=64, mutation_rate=0.1)
        plain, wide = (Sampler(encoded, settings, either_strand=untied) for _ in range(2))
        wide.flank_bp = 25
        drawn, batch = wide.places(3), wide.batch(3)
        for ours, theirs in zip(batch[:3], plain.batch(3)[:3], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(batch.flanked[:, 25:-25], batch.codes)
        (low, high), *_ = encoded.split("train").tolist()
        whole = np.concatenate([np.full(25, PADDING), encoded.codes[low:high], [PADDING] * 25])
        for start, turned, row in zip(drawn.starts, drawn.turned, batch.flanked, strict=True):
            around = whole[start - low : start - low + 110].astype(np.uint8)
            flanks = reverse_complement(row) if turned else row
            np.testing.assert_array_equal(flanks[:25], around[:25])
            np.testing.assert_array_equal(flanks[-25:], around[-25:])
    assert (plain.batch(3).flanked == plain.batch(3).codes).all()
