"""The matrix to compare with: learned from the training sites, judged as the network is."""

from __future__ import annotations

import itertools
import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import content, make_material, run, succeed, write_fasta, write_model
from planted import MOTIF, alike_set, encoded_set, plant, write_genome
from random_models import random_codes
from sklearn.metrics import average_precision_score

import dnabirnn.evaluation.baseline as module
from dnabirnn.alphabet import AMBIGUOUS, decode, encode, reverse_complement
from dnabirnn.encoded.encode import encode_genome as encode_set
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.errors import EncodedSetError
from dnabirnn.evaluation.baseline import Baseline, FittedMatrix, learn_baseline
from dnabirnn.evaluation.baseline_matrix import Matrix, scan
from dnabirnn.labels.bits import targets
from dnabirnn.labels.load import load_labels
from dnabirnn.motif_classes import MotifClass
from dnabirnn.motifs.class_motifs import ClassMotifs
from dnabirnn.motifs.motif import Motif
from dnabirnn.sequences.records import Record

CLASSES = (MotifClass("A", True), MotifClass("B", False))


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Two matrices of random columns."""
    rng = np.random.default_rng(0)
    widths = (7, 12)
    matrices = [
        Matrix(rng.normal(0, 1, (width, 4)).astype(np.float32), slope=0.7, threshold=300 + width)
        for width in widths
    ]
    return Baseline(CLASSES, matrices)


def ap_of(encoded: EncodedSet, learned: Baseline, split: str = "test") -> float:
    """Average precision by strand of the first class on a split, by scikit-learn."""
    scores, truth = [], []
    for low, high in encoded.split(split).tolist():
        scores.append(learned.probabilities(np.asarray(encoded.codes[low:high])))
        truth.append(targets(encoded.labels[low:high], encoded.classes))
    columns = slice(0, 1 + encoded.classes[0].stranded)
    flat = (np.concatenate(each)[:, columns].ravel() for each in (truth, scores))
    return float(average_precision_score(*flat))


# --- scores ---------------------------------------------------------------------------------------


def test_columns_are_those_of_the_outputs(baseline: Baseline, rng: np.random.Generator) -> None:
    codes = random_codes(rng, 500, ambiguous=0.05)
    scores = baseline.probabilities(codes)
    assert scores.shape == (500, 3)
    assert scores.dtype == np.float32
    known = codes < AMBIGUOUS
    assert (scores[~known] == 0).all()
    assert ((scores[known] > 0) & (scores[known] < 1)).all()
    mirrored = baseline.probabilities(reverse_complement(codes))[::-1]
    assert scores == pytest.approx(mirrored[:, [1, 0, 2]], abs=1e-6)
    assert baseline.thresholds == {"A": 307, "B": 312}


@pytest.mark.parametrize("size", [1, 10, 64, 1000])
def test_blocks_may_be_cut_anywhere(
    baseline: Baseline, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BASES", size)
    contigs = [
        Record(f"c{i}", random_codes(rng, length), None)
        for i, length in enumerate([130, 0, 1, 11, 64])
    ]
    blocks = list(baseline.blocks(contigs))
    for contig in contigs:
        own = [block for block in blocks if block.name == contig.name]
        ends = [block.start + block.codes.size for block in own]
        assert [block.start for block in own] == [0, *ends[:-1]]
        assert [block.last for block in own] == [False] * (len(own) - 1) + [True]
        whole = baseline.probabilities(contig.codes)
        assert np.array_equal(np.concatenate([block.probabilities for block in own]), whole)
        assert np.array_equal(np.concatenate([block.codes for block in own]), contig.codes)


def test_only_what_is_wanted_is_scanned(
    baseline: Baseline, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BASES", 50)
    contig = Record("c", rng.integers(0, 4, 400, dtype=np.uint8), None)
    wanted = np.array([[60, 61], [149, 151], [399, 400]])
    blocks = list(baseline.blocks([contig], lambda name: wanted))
    whole = baseline.probabilities(contig.codes)
    for number, block in enumerate(blocks):
        if number in (1, 2, 3, 7):
            assert np.array_equal(block.probabilities, whole[block.start :][:50])
        else:
            assert not block.probabilities.any()


# --- learning -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted_set(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("planted"))


def test_a_plain_motif_is_learned_whole(planted_set: EncodedSet) -> None:
    learned = learn_baseline(planted_set, planted_set.classes)
    (matrix,) = learned.matrices
    assert matrix.log_odds.argmax(axis=1).tolist() == MOTIF.tolist()
    assert ap_of(planted_set, learned) > 0.999
    assert 1 <= matrix.threshold <= 1000
    # Probabilities are worth their name: as many positives as they say.
    low, high = planted_set.split("train")[0].tolist()
    scores = learned.probabilities(np.asarray(planted_set.codes[low:high]))
    truth = targets(planted_set.labels[low:high], planted_set.classes)
    assert scores.mean() == pytest.approx(truth.mean(), rel=0.05)


def test_only_training_sites_are_looked_at(tmp_path: Path) -> None:
    """Other motifs, in the other splits, leave the matrix as it is."""
    sets = []
    for name, word in (("one", "ACGTTGCAAC"), ("two", "TTTGGGCCCT")):
        (tmp_path / name).mkdir()
        rng = np.random.default_rng(0)
        texts, rows = {}, []
        for contig, letters in (("a", "GGATCCAAGT"), ("b", word), ("c", word)):
            codes = rng.integers(0, 4, 20_000, dtype=np.uint8)
            for start in range(100, 19_900, 200):
                codes[start : start + 10] = encode(letters)
                rows.append(f"{contig}\t{start}\t{start + 10}\tM\t0\t+\n")
            texts[contig] = decode(codes)
        fasta = write_fasta(tmp_path / name / "g.fa", texts)
        bed = tmp_path / name / "s.bed"
        bed.write_text("".join(rows))
        plan = split_plan(val_chroms=["b"], test_chroms=["c"])
        sets.append(encode_set([fasta], load_labels([bed]), tmp_path / name / "set", split=plan))
    first, second = (learn_baseline(each, each.classes).matrices[0] for each in sets)
    assert np.array_equal(first.log_odds, second.log_odds)
    assert (first.slope, first.intercept) == (second.slope, second.intercept)


@pytest.mark.parametrize("cut", [(0, 6), (6, 0), (4, 4)])
@pytest.mark.parametrize("stranded", [True, False])
def test_sites_of_several_lengths(tmp_path: Path, cut: tuple[int, int], stranded: bool) -> None:
    """Parts of the motif, labelled as long as they are."""
    rng = np.random.default_rng(1)
    texts, rows = {}, []
    for contig, length in (("a", 60_000), ("b", 15_000), ("c", 15_000)):
        codes = rng.integers(0, 4, length, dtype=np.uint8)
        for start in range(50, length - 50, 300):
            head, tail = (int(rng.integers(most + 1)) for most in cut)
            piece, strand = MOTIF[head : len(MOTIF) - tail], "+-"[int(rng.integers(2))]
            codes[start : start + piece.size] = (
                piece if strand == "+" else reverse_complement(piece)
            )
            shown = strand if stranded else "."
            rows.append(f"{contig}\t{start}\t{start + piece.size}\tM\t0\t{shown}\n")
        texts[contig] = decode(codes)
    fasta, bed = write_fasta(tmp_path / "g.fa", texts), tmp_path / "s.bed"
    bed.write_text("".join(rows))
    plan = split_plan(val_chroms=["b"], test_chroms=["c"])
    encoded = encode_set([fasta], load_labels([bed]), tmp_path / "set", split=plan)
    learned = learn_baseline(encoded, encoded.classes)
    assert ap_of(encoded, learned) > 0.93
    if not stranded:
        assert learned.probabilities(MOTIF).shape == (MOTIF.size, 1)


def test_short_labels_get_the_columns_beside_them(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 60_000, "b": 15_000, "c": 15_000})
    rows = [line.split("\t") for line in bed.read_text().splitlines()]
    bed.write_text(
        "".join(
            f"{chrom}\t{int(start) + 15}\t{int(start) + 17}\t{name}\t0\t{strand}\n"
            for chrom, start, _, name, _, strand in rows
        )
    )
    plan = split_plan(val_chroms=["b"], test_chroms=["c"])
    encoded = encode_set([fasta], load_labels([bed]), tmp_path / "set", split=plan)
    learned = learn_baseline(encoded, encoded.classes)
    assert learned.matrices[0].flank_bp > 0
    assert ap_of(encoded, learned) > 0.99


def test_decoys_defeat_it(tmp_path: Path) -> None:
    arguments = ["--length", "400k", "--sites-per-mb", 1000, "--decoys-per-site", 1]
    succeed("-q", "simulate", "-o", tmp_path / "sim", *arguments)
    files = [tmp_path / "sim" / "genome.fa", "--labels", tmp_path / "sim" / "sites.bed"]
    succeed("-q", "encode", *files, "-o", tmp_path / "set")
    encoded = EncodedSet.open(tmp_path / "set")
    learned = learn_baseline(encoded, encoded.classes)
    assert 0.2 < ap_of(encoded, learned) < 0.6


def test_ignored_and_unknown_bases_do_not_count(tmp_path: Path) -> None:
    """A second copy of every motif, labelled ignored, or masked by N, does no harm."""
    rng = np.random.default_rng(2)
    starts = list(range(100, 29_800, 300))
    codes = plant(rng, 30_000, starts + [s + 150 for s in starts], "+-" * len(starts))
    sites = [
        f"a\t{s}\t{s + 32}\tM\t0\t{d}\n"
        for s, d in zip(starts, itertools.cycle("+-"), strict=False)
    ]
    spare = [f"a\t{s + 150}\t{s + 182}\tX\t0\t+\n" for s in starts]
    fasta, bed = write_fasta(tmp_path / "g.fa", {"a": decode(codes)}), tmp_path / "s.bed"
    bed.write_text("".join(sites + spare))
    labels = load_labels([bed], ignore_classes=["X"])
    encoded = encode_set([fasta], labels, tmp_path / "set")
    learner = module._Learner(encoded, encoded.classes[0])
    matrix = learn_baseline(encoded, encoded.classes).matrices[0]
    _, positives, negatives = learner._histogram(matrix)
    bases = sum(high - low for low, high in encoded.split("train").tolist())
    labelled = sum(
        int((encoded.labels[low:high] & 1).sum()) for low, high in encoded.split("train").tolist()
    )
    assert labelled
    assert positives.sum() + negatives.sum() == 2 * (bases - labelled)


def test_long_training_splits_are_sampled(
    planted_set: EncodedSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BASES", 1000)
    whole = learn_baseline(planted_set, planted_set.classes).matrices[0]
    monkeypatch.setattr(module, "_MAX_BASES", 20_000)
    monkeypatch.setattr(module, "_MAX_SITES", 50)
    part = learn_baseline(planted_set, planted_set.classes).matrices[0]
    learner = module._Learner(planted_set, planted_set.classes[0])
    assert learner.sites.head.size == 50
    assert sum(truth.shape[1] for _, truth in learner._scored(learner.train, part)) == 20_000
    assert part.log_odds.argmax(axis=1).tolist() == whole.log_odds.argmax(axis=1).tolist()


def test_classes_that_cannot_be_learned(planted_set: EncodedSet) -> None:
    for wrong in (MotifClass("N", True), MotifClass("M", False)):
        with pytest.raises(EncodedSetError, match=r"it has M \(stranded\); give the encoded set"):
            learn_baseline(planted_set, [wrong])


# --- given matrices -------------------------------------------------------------------------------


@pytest.mark.parametrize("stranded", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_a_given_matrix_is_calibrated_on_the_training_sequence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stranded: bool, turned: bool
) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 60_000, "b": 15_000, "c": 15_000})
    if not stranded:
        bed.write_text(re.sub(r"[+-]\n", ".\n", bed.read_text()))
    with bed.open("a") as rows:
        rows.write("a\t1000\t1010\tother\t0\t+\n")
    plan = split_plan(val_chroms=["b"], test_chroms=["c"])
    encoded = encode_set([fasta], load_labels([bed]), tmp_path / "set", split=plan)
    part = MOTIF[4:20]
    motif = Motif("M", "M", np.eye(4)[reverse_complement(part) if turned else part] * 9 + 1)
    caplog.set_level(logging.INFO)
    fitted, none = module.fit_matrices(encoded, ClassMotifs("m", (motif, None)))
    assert none is None
    assert fitted is not None
    assert "to the training sequence: 1 of 2 classes" in caplog.text
    assert ("read on its opposite strand" in caplog.text) == (stranded and turned)
    read = fitted.log_odds[::-1, ::-1] if turned and not stranded else fitted.log_odds
    assert read.argmax(axis=1).tolist() == part.tolist()
    assert fitted.flank_bp == 0
    # As many positives as the probabilities say.
    low, high = encoded.split("train")[0].tolist()
    scores = scan(np.asarray(encoded.codes[low:high]), fitted.log_odds)
    scores = scores if stranded else scores.max(axis=0, keepdims=True)
    p = 1 / (1 + np.exp(-fitted.slope * np.maximum(scores, fitted.least) - fitted.shift))
    truth = targets(encoded.labels[low:high], encoded.classes)[:, : 1 + stranded]
    assert p.sum() == pytest.approx(truth.sum(), rel=0.01)


def test_a_given_matrix_that_finds_nothing_is_named(
    planted_set: EncodedSet, caplog: pytest.LogCaptureFixture
) -> None:
    motif = Motif("M", "M", np.eye(4)[encode("AAAAAAAA")] * 9 + 1)
    fitted = module.fit_matrices(planted_set, ClassMotifs("m", (motif,)))
    assert "M: the given matrix finds few of the training sites (AP 0." in caplog.text
    assert fitted[0] is not None


# --- classes that exclude each other --------------------------------------------------------------


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return alike_set(tmp_path_factory.mktemp("alike"))


def softmax_sums(
    encoded: EncodedSet, fitted: list[FittedMatrix | None], constants: dict[int, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the probabilities of each output, and its number of bases, on the training split."""
    sums, found = [], []
    for low, high in encoded.split("train").tolist():
        codes, logits = np.asarray(encoded.codes[low:high]), []
        for number, ((_, stranded), one) in enumerate(zip(encoded.classes, fitted, strict=True)):
            if one is None:
                logits += [np.full(codes.size, constants[number])] * (1 + stranded)
                continue
            scores = scan(codes, one.log_odds, one.flank_bp)
            scores = scores if stranded else scores.max(axis=0, keepdims=True)
            logits += list(one.slope * np.maximum(scores, one.least).astype(float) + one.shift)
        odds = np.exp(logits)
        sums.append((odds / (1 + odds.sum(axis=0))).sum(axis=1))
        found.append(targets(encoded.labels[low:high], encoded.classes).sum(axis=0))
    return np.sum(sums, axis=0), np.sum(found, axis=0)


def by_class(outputs: np.ndarray) -> list[float]:
    """Sums over the strands of A, of B, and over the strands of C."""
    return [float(outputs[:2].sum()), float(outputs[2]), float(outputs[3:].sum())]


def test_probabilities_of_exclusive_classes_add_up_to_their_bases(alike: EncodedSet) -> None:
    alone = module.fit_matrices(alike)
    assert all(alone)
    sums, truth = map(by_class, softmax_sums(alike, alone, {}))
    assert max(abs(p / n - 1) for p, n in zip(sums, truth, strict=True)) > 0.05
    together = module.fit_jointly(alike, alone)
    sums, truth = map(by_class, softmax_sums(alike, together, {}))
    assert sums == pytest.approx(truth, rel=0.01)
    for one, other in zip(alone, together, strict=True):
        assert one is not None
        assert other is not None
        assert other.least == one.least
        assert other.log_odds is one.log_odds


def test_exclusive_classes_without_a_matrix_count_with_a_constant(alike: EncodedSet) -> None:
    alone = module.fit_matrices(alike)
    fitted = module.fit_jointly(alike, [alone[0], alone[1], None])
    assert fitted[2] is None
    _, truth = softmax_sums(alike, alone, {})
    low, high = alike.split("train")[0].tolist()
    constant = float(np.log(truth[3:].sum() / 2 / (high - low - truth.sum())))
    sums, truth = map(by_class, softmax_sums(alike, fitted, {2: constant}))
    assert sums[:2] == pytest.approx(truth[:2], rel=0.02)
    assert module.fit_jointly(alike, [None] * 3) == [None] * 3


def test_a_part_of_the_bases_gives_almost_the_same_fit(
    alike: EncodedSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = module.fit_matrices(alike)
    monkeypatch.setattr(module, "_JOINT_SCORES", 100_000)
    sums, truth = map(by_class, softmax_sums(alike, module.fit_jointly(alike, alone), {}))
    assert sums == pytest.approx(truth, rel=0.02)


# --- command --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


def evaluate(folder: Path, out: Path, *options: object) -> dict[str, Any]:
    files = [folder / "genome.fa", "--labels", folder / "sites.bed", "-m", folder / "m.safetensors"]
    succeed("evaluate", *files, "-o", out, "--no-plots", *options)
    metrics: dict[str, Any] = json.loads(out.read_text())
    return metrics


def test_metrics_and_curves_hold_both(material: Path, tmp_path: Path) -> None:
    curves = tmp_path / "curves.json"
    options = ["--baseline", material / "set", "--curves", curves]
    metrics = evaluate(material, tmp_path / "m.json", *options)
    without = evaluate(material, tmp_path / "n.json")
    assert {key: metrics[key] for key in without} == without
    assert set(metrics["baseline"]) == {"M"}
    assert set(metrics["baseline"]["M"]) == set(metrics["classes"]["M"])
    assert metrics["baseline"]["M"]["ap"] > 0.99
    assert metrics["baseline"]["M"]["bases"] == metrics["classes"]["M"]["bases"]
    drawn = json.loads(curves.read_text())
    assert set(drawn) == {"network", "baseline"}
    for name, part in (("network", "classes"), ("baseline", "baseline")):
        assert [(c["class"], c["stranded"]) for c in drawn[name]] == [("M", False), ("M", True)]
        blind = drawn[name][0]
        assert blind["ap"] == metrics[part]["M"]["ap"]
        slope = metrics[part]["M"]["calibration_slope"]
        assert blind["calibration_slope"] == slope
        assert 0 < blind["prevalence"] < 1
        assert len(blind["recall"]) == len(blind["precision"]) == len(blind["threshold"]) <= 1000
        assert set(blind["reliability"]) == {"predicted", "observed", "items", "low", "high"}


def test_curves_without_a_baseline(material: Path, tmp_path: Path) -> None:
    evaluate(material, tmp_path / "m.json", "--curves", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["baseline"] == []


def test_regions_limit_both(material: Path, tmp_path: Path) -> None:
    (tmp_path / "r.bed").write_text("c\t100\t900\n")
    options = ["--baseline", material / "set", "--regions", tmp_path / "r.bed"]
    metrics = evaluate(material, tmp_path / "m.json", *options)
    assert metrics["baseline"]["M"]["bases"] == metrics["classes"]["M"]["bases"] == 800


def test_a_table_of_each_on_the_terminal(material: Path) -> None:
    files = [material / "genome.fa", "--labels", material / "sites.bed"]
    options = ["-m", material / "m.safetensors", "-o", "-", "--baseline", material / "set"]
    with_baseline = succeed("evaluate", *files, *options).stderr
    before, after = with_baseline.split("\nposition weight matrix:\n")
    assert before.splitlines()[-1].startswith("M ")
    assert after.splitlines()[-1].startswith("M ")


BAD = {
    "no set": ("--baseline no", "no: no such folder; make it with dnabirnn encode"),
    "no encoded set": ("--baseline .", "not an encoded set, because it has no manifest.json"),
    "other classes": (
        "-m other.safetensors --baseline set --class N",
        r"set: no class N \(stranded\); it has M \(stranded\); give the encoded set that the model",
    ),
    "curves into no folder": ("--curves no/c.json", "no/c.json: there is no folder"),
    "curves over the model": ("--curves m.safetensors", "m.safetensors: is also an input"),
    "one name": ("--curves out.json", "--curves out.json: is also the metrics file"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input(
    material: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(material)
    write_model(Path("other.safetensors"), classes=(MotifClass("N", True),))
    before = content(material)
    words = arguments.split()
    model = [] if "-m" in words else ["-m", "m.safetensors"]
    files = ["genome.fa", "--labels", "sites.bed", *model, "-o", "out.json"]
    result = run("-q", "evaluate", *files, *words)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("dnabirnn evaluate: error: ")
    assert re.search(message, line), line
    assert content(material) == before


def test_standard_input_cannot_be_read_twice(material: Path) -> None:
    options = ["-m", material / "m.safetensors", "-o", "-", "--baseline", material / "set"]
    result = run("evaluate", "-", "--labels", material / "sites.bed", *options, input=b">a\nAC\n")
    assert result.exit_code == 1
    assert "--baseline: reads the FASTA twice" in result.stderr


# --- real data ------------------------------------------------------------------------------------


def test_rep_elements(real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A matrix of width 34, aligned at the 5' end, has an AP of 0.84, and 0.75 by strand."""
    folder, chrom = real_data / "ecoli_k12", "NC_000913.3"
    ends = (("train", 0, 3300000), ("val", 3300000, 3713322), ("test", 3713322, 4641652))
    rows = (f"{chrom}\t{start}\t{end}\t{name}\n" for name, start, end in ends)
    (tmp_path / "split.bed").write_text("".join(rows))
    plan = split_plan(str(tmp_path / "split.bed"))
    labels = load_labels([folder / "rep.bed"])
    encoded = encode_set([folder / f"{chrom}.fa.gz"], labels, tmp_path / "set", split=plan)
    caplog.set_level(logging.INFO)
    learned = learn_baseline(encoded, encoded.classes)
    assert "REP: matrix of 34 columns" in caplog.text
    assert ap_of(encoded, learned) >= 0.75
