"""Priors of classes: right where there are sites, and none where there are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import run, succeed, write_fasta, write_model
from planted import MOTIF

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.evaluation import class_prior as module
from dnabirnn.evaluation.class_prior import ClassPrior, estimate_priors, presence, share_of
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.scoring.model import Model, load
from dnabirnn.sequences.background import background_of_gc

CALIBRATED = 0.01


def mixture(rng: np.random.Generator, share: float, size: int, shift: float = 0) -> np.ndarray:
    """Likelihood ratios of bases: with the class, log-odds are larger by two standard deviations.

    `shift` moves all of them, as sequence of another composition does.
    """
    positive = rng.random(size) < share
    x = rng.normal(np.where(positive, 2.0, 0.0), 1)
    return np.asarray(np.exp(2 * x - 2 + shift))


def counted(ratios: np.ndarray, edges: np.ndarray, groups: int) -> np.ndarray:
    """Histograms (groups, K) of bases in blocks of ten, dealt out in turn."""
    group = np.arange(ratios.size) // 10 % groups
    flat = np.digitize(ratios, edges) + group * (edges.size + 1)
    counts = np.bincount(flat, minlength=groups * (edges.size + 1))
    return counts.reshape(groups, -1).astype(np.float64)


EDGES = np.exp(np.linspace(-10, 14, 500))
MIDDLES = np.concatenate([EDGES[:1], np.sqrt(EDGES[1:] * EDGES[:-1]), EDGES[-1:]])


@pytest.mark.parametrize("share", [0.002, 0.03, 0.4])
def test_the_share_of_a_mixture_is_found(rng: np.random.Generator, share: float) -> None:
    ratios = mixture(rng, share, 400_000)
    counts = counted(ratios, EDGES, 1)[0]
    assert share_of(counts, MIDDLES) == pytest.approx(share, rel=0.1, abs=4e-4)


def test_bisection_finds_what_expectation_maximization_finds(rng: np.random.Generator) -> None:
    """The oracle is the method of Saerens et al., with probabilities for the calibrated share."""
    counts = counted(mixture(rng, 0.1, 20_000), EDGES, 1)[0]
    odds = MIDDLES * CALIBRATED / (1 - CALIBRATED)
    probabilities = odds / (1 + odds)
    share = CALIBRATED
    for _ in range(5_000):
        with_class = share / CALIBRATED * probabilities
        without = (1 - share) / (1 - CALIBRATED) * (1 - probabilities)
        share = np.average(with_class / (with_class + without), weights=counts)
    assert share_of(counts, MIDDLES) == pytest.approx(share, rel=1e-6)


def test_several_sequences_at_once(rng: np.random.Generator) -> None:
    counts = np.stack([counted(mixture(rng, q, 3_000), EDGES, 1)[0] for q in (0, 0.2, 1)])
    alone = [float(share_of(one, MIDDLES)) for one in counts]
    assert share_of(counts, MIDDLES).tolist() == pytest.approx(alone, rel=1e-9)
    assert alone[2] > 0.97


def test_without_sites_few_p_values_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the composition does to the scores, and though neighboring bases score alike."""
    monkeypatch.setattr(module, "_EXCHANGES", 250)
    edges = EDGES[::8]
    middles = np.sqrt(np.append(edges[:1], edges) * np.append(edges, edges[-1:]))
    values = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        shift = seed % 2 * 1.5
        pair = [counted(np.repeat(mixture(rng, 0, 600, shift), 10), edges, 64) for _ in range(2)]
        values.append(presence(*pair, middles, seed))
    assert np.mean(np.array(values) <= 0.05) <= 0.1
    assert min(values) < 0.3


def test_sites_are_noticed(rng: np.random.Generator) -> None:
    ratios = [np.repeat(mixture(rng, share, 3_000, 1.0), 10) for share in (0.05, 0)]
    genome, shuffle = (counted(each, EDGES, 256) for each in ratios)
    assert presence(genome, shuffle, MIDDLES, 0) <= 0.001
    assert presence(shuffle, genome, MIDDLES, 0) > 0.5


def test_sites_in_few_blocks_cannot_be_significant() -> None:
    genome = np.zeros((200, MIDDLES.size))
    genome[:, 0] = 1_000
    shuffle = genome.copy()
    for blocks in (1, 3, 6):
        genome[:blocks, -1] = 500
        p = presence(genome, shuffle, MIDDLES, 0)
        assert p == pytest.approx(2.0**-blocks, rel=0.3)


def test_present_is_significant_and_more_than_nothing() -> None:
    found = ClassPrior(0.01, 0.02, (0.01, 0.03), 0.02, 0.05)
    assert found.present
    assert not found._replace(p_value=0.06).present
    assert not found._replace(share=0.0).present


def genome(folder: Path, every: int | None) -> tuple[Path, float]:
    """Write random sequence with REP elements, and return it with their share of a strand."""
    rng = np.random.default_rng(3)
    codes = background_of_gc(0.45).sequence(240_000, rng).copy()
    starts = range(500, codes.size - 100, every) if every else ()
    for start in starts:
        motif = MOTIF if rng.integers(2) else reverse_complement(MOTIF)
        codes[start : start + MOTIF.size] = motif
    path = write_fasta(
        folder / "genome.fa", {"a": decode(codes[:100_000]), "b": decode(codes[100_000:])}
    )
    return path, len(starts) * MOTIF.size / codes.size / 2


def test_the_command_finds_the_share_of_planted_sites(tmp_path: Path) -> None:
    fasta, share = genome(tmp_path, 4_000)
    text = succeed("-q", "prior", fasta, "-m", "ecoli-rep", "--json").stdout
    found = json.loads(text)["classes"]["REP"]
    assert found["present"]
    assert found["estimate"] == pytest.approx(share, rel=0.5)
    assert found["estimate_ci"][0] < found["estimate"] < found["estimate_ci"][1]
    assert found["p_value"] < 0.001
    lines = succeed("-q", "prior", fasta, "-m", "ecoli-rep").stdout.splitlines()
    assert lines[0].split()[:3] == ["class", "calibrated", "estimate"]
    assert lines[-1] == f"--prior REP={found['prior']:.3g}"
    succeed("-q", "score", fasta, "-m", "ecoli-rep", "-o", tmp_path / "s.bed", *lines[-1].split())
    rows = succeed("-q", "prior", fasta, "-m", "ecoli-rep", "--tsv", "--threads", 2).stdout
    assert rows.splitlines()[1].split("\t")[2] == f"{found['estimate']:.3g}"


def test_the_mean_of_the_scores_with_the_prior_is_the_estimate(tmp_path: Path) -> None:
    """Also where sequence of this composition has larger scores without sites."""
    fasta, _ = genome(tmp_path, 6_000)
    known = load("ecoli-rep").checkpoint
    shifts = [LogOddsMap(slope, shift + 4) for slope, shift in known.maps]
    model = Model(replace(known, maps=tuple(shifts)))
    found = estimate_priors(model, [fasta])["REP"]
    assert found.present
    assert found.prior < found.share / 2
    scored = Model(model.checkpoint.with_prior({"REP": found.prior})).scan(fasta)
    probabilities = np.concatenate([piece for _, _, piece in scored])
    assert probabilities.mean() == pytest.approx(found.share, rel=0.01)


def test_the_command_finds_nothing_in_random_sequence(tmp_path: Path) -> None:
    fasta, _ = genome(tmp_path, None)
    lines = succeed("-q", "prior", fasta, "-m", "ecoli-rep").stdout.splitlines()
    assert lines[-1] == "no class is more frequent than in the shuffled sequence"
    assert "--prior" not in "".join(lines)


def test_errors(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 100})
    result = run("prior", fasta, "-m", write_model(tmp_path / "m.safetensors"))
    assert result.exit_code != 0
    assert "does not have the share of M that it was calibrated for" in result.stderr
    nothing = write_fasta(tmp_path / "n.fa", {"a": "N" * 100})
    result = run("prior", nothing, "-m", "ecoli-rep")
    assert "no known base to estimate from" in result.stderr
    result = run("prior", fasta, "-m", "ecoli-rep", "--json", "--tsv")
    assert "--json and --tsv: give only one of them" in result.stderr
    succeed("-q", "prior", fasta, "-m", "ecoli-rep")
