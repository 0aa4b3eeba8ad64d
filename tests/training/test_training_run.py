from __future__ import annotations

import csv
import dataclasses
import itertools
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from planted import MOTIF, alike_set, encoded_set, plant, write_genome

from dnabirnn.alphabet import reverse_complement
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.engine.choose import engine_of
from dnabirnn.errors import DeviceError, EncodedSetError, OptionError, TrainingError
from dnabirnn.evaluation.baseline import FittedMatrix, fit_matrices
from dnabirnn.evaluation.baseline_matrix import scan
from dnabirnn.labels.load import load_labels
from dnabirnn.motif_classes import MotifClass
from dnabirnn.motifs.class_motifs import ClassMotifs, model_motifs
from dnabirnn.motifs.motif import Motif
from dnabirnn.motifs.scanner import background_of
from dnabirnn.network.architecture import Architecture, Cell, MatrixShape
from dnabirnn.network.call_rules import CallSettings
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.calls import calls_frame, find_calls
from dnabirnn.scoring.grid import lay
from dnabirnn.scoring.model import Model
from dnabirnn.scoring.runs import find_runs
from dnabirnn.sequences.records import Record
from dnabirnn.training.fit import Fit, FitSettings
from dnabirnn.training.matrices import compare, inside_network
from dnabirnn.training.processes import Hardware
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.start import begin
from dnabirnn.training.training_run import TrainingProgress, train
from dnabirnn.training.validation import Validation

SAMPLING = SamplingSettings(window_bp=80, batch_windows=48)
QUICK = FitSettings(bases=80 * 48 * 24, learning_rate=2e-2)
"""Twenty-four steps."""


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("training"))


def quick(encoded: EncodedSet, path: Path, **options: object) -> Checkpoint:
    architecture = Architecture(encoded.classes, hidden=6)
    given = {"validations": 3, "log_path": path.with_suffix(".csv")} | options
    return train(encoded, path, architecture, SAMPLING, QUICK, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(encoded: EncodedSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned the planted motif."""
    path = tmp_path_factory.mktemp("trained") / "m.safetensors"
    architecture = Architecture(encoded.classes, hidden=16)
    settings = FitSettings(bases=2_500_000, learning_rate=2e-2)
    train(encoded, path, architecture, SamplingSettings(window_bp=100), settings)
    return path


def test_a_planted_motif_is_learned(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    assert checkpoint.metrics["classes"]["M"]["ap_stranded"] > 0.97
    assert checkpoint.calls["M"].min_length_bp >= len(MOTIF) // 2
    assert not checkpoint.unlearned


def test_a_class_that_is_not_learned_has_no_threshold(
    encoded: EncodedSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = FitSettings(bases=80 * 48, learning_rate=1e-9)
    architecture = Architecture(encoded.classes, hidden=6)
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        checkpoint = train(
            encoded, tmp_path / "m.safetensors", architecture, SAMPLING, settings, matrix=False
        )
    assert "M: not learned: " in caplog.text
    assert not checkpoint.calls
    assert set(checkpoint.unlearned) == {"M"}
    assert checkpoint.metrics["classes"]["M"]["ap_stranded"] < 0.15
    assert load_checkpoint(tmp_path / "m.safetensors").unlearned == checkpoint.unlearned


def test_motifs_at_the_ends_are_found_to_the_base(trained: Path) -> None:
    model = Model(load_checkpoint(trained), device="cpu")
    rng = np.random.default_rng(5)
    window = model.checkpoint.scoring_window.length_bp
    n = len(MOTIF)
    starts = [0, 300, window - n // 2, window + 600, 3 * window - n]
    strands = "+-+--"
    codes = plant(rng, 3 * window, starts, strands)
    for sequence, flip in ((codes, False), (reverse_complement(codes), True)):
        scores = model.score(sequence)
        for start, strand in zip(starts, strands, strict=True):
            place = len(codes) - start - n if flip else start
            column = int((strand == "-") != flip)
            assert scores[place : place + n, column].mean() > 0.8
            for edge, outside in ((place, place - 3), (place + n - 1, place + n + 2)):
                assert scores[edge, column] > 0.3
                if 0 <= outside < len(codes):
                    assert scores[outside, column] < 0.3


def test_ends_of_calls_do_not_know_where_windows_end(trained: Path) -> None:
    """A thousand ends, at every place of the window grid, each called to the base."""
    scoring = ScoringWindow(500, 100)
    checkpoint = dataclasses.replace(load_checkpoint(trained), scoring_window=scoring)
    rng, n = np.random.default_rng(8), len(MOTIF)
    starts = (np.arange(500) * 200 + rng.integers(0, 200 - n, 500)).tolist()
    strands = "".join(rng.choice(["+", "-"], 500))
    codes = plant(rng, 100_000, starts, strands)
    model = Model(checkpoint, device="cpu")
    settings = CallSettings(checkpoint.calls)
    blocks = model.blocks([Record("planted", codes, None)])
    calls = calls_frame(
        find_calls(find_runs(blocks, min_score=1), model.outputs, settings), model.outputs
    )
    truth = pl.DataFrame(
        {"truth": starts, "strand": list(strands)}, schema={"truth": pl.Int64, "strand": pl.String}
    )
    near = calls.sort("start").join_asof(
        truth,
        left_on="start",
        right_on="truth",
        by="strand",
        strategy="nearest",
        check_sortedness=False,
    )
    pairs = near.filter((pl.col("start") - pl.col("truth")).abs() < n // 2)
    assert pairs["truth"].n_unique() >= 495
    assert len(calls) <= 510
    true_ends = np.concatenate([pairs["truth"], pairs["truth"] + n])
    errors = np.concatenate([pairs["start"], pairs["end"]]) - true_ends
    assert np.median(np.abs(errors)) == 0
    assert abs(errors.mean()) < 0.1
    cuts = [w.keep_start for w in lay(len(codes), scoring)]
    cuts += [w.keep_end for w in lay(len(codes), scoring)]
    at_cut = np.abs(true_ends[:, None] - np.array(cuts)).min(axis=1) <= n
    assert 200 < at_cut.sum() < 800
    for among in (at_cut, ~at_cut):
        assert (np.abs(errors[among]) > 2).mean() <= 0.015
    exact = [(errors[among] == 0).mean() for among in (at_cut, ~at_cut)]
    assert abs(exact[0] - exact[1]) < 0.1
    # Where called ends pile up is where true ones do, place by place of the grid.
    places = [np.bincount(e % 50, minlength=50) for e in (true_ends, true_ends + errors)]
    assert np.abs(places[0] - places[1]).max() <= 10


def test_the_same_run_gives_the_same_bytes(encoded: EncodedSet, tmp_path: Path) -> None:
    quick(encoded, tmp_path / "a")
    torch.manual_seed(99)
    quick(encoded, tmp_path / "b", hardware=Hardware(threads=3), resume=False)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_torch_is_left_as_it_was(encoded: EncodedSet, tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    quick(encoded, tmp_path / "a")
    torch.testing.assert_close(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


class StoppedError(Exception):
    pass


def log_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def stop_after(rows: int):  # type: ignore[no-untyped-def]
    seen = []

    def report(progress: TrainingProgress) -> None:
        seen.append(progress)
        if len(seen) == rows:
            raise StoppedError

    return report


@pytest.mark.parametrize("rows", [1, 9, 16, 23])
def test_a_stopped_run_ends_in_the_bytes_of_the_whole_one(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    quick(encoded, tmp_path / "whole")
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    with pytest.raises(StoppedError):
        quick(encoded, tmp_path / "stopped", report=stop_after(rows))
    assert not (tmp_path / "stopped").exists()
    steps = []
    quick(encoded, tmp_path / "stopped", report=lambda progress: steps.append(progress.bases))
    if rows > 1:
        assert steps[0] == 80 * 48 * rows
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "stopped").read_bytes()
    assert not (tmp_path / "stopped.resume").exists()
    logs = [log_of(tmp_path / f"{name}.csv") for name in ("whole", "stopped")]
    for row in (*logs[0], *logs[1]):
        del row["seconds"]
    assert logs[0] == logs[1]


UNGIVEN = FitSettings(learning_rate=1e-9)
"""Without a number of bases, and with a validation that does not improve."""


@pytest.fixture
def forty_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabirnn.training.fit.default_bases", lambda classes: 80 * 48 * 40)


def ungiven(
    encoded: EncodedSet, path: Path, settings: FitSettings = UNGIVEN, **options: object
) -> Checkpoint:
    given = {"log_path": path.with_suffix(".csv")} | options
    architecture = Architecture(encoded.classes, hidden=6)
    return train(encoded, path, architecture, SAMPLING, settings, **given)  # type: ignore[arg-type]


@pytest.mark.usefixtures("forty_steps")
def test_training_ends_early_where_validation_does_not_improve(
    encoded: EncodedSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[TrainingProgress] = []
    with caplog.at_level(logging.INFO, logger="dnabirnn"):
        checkpoint = ungiven(encoded, tmp_path / "m", report=seen.append)
    assert "falls from step 16 on, and training ends at step 20 of 40" in caplog.text
    assert checkpoint.training["trained_bases"] == [80 * 48 * 20]
    assert checkpoint.training["fit"]["bases"] == 80 * 48 * 40
    assert checkpoint.training["fit"]["ends_early"]
    assert seen[0].total_bases == 80 * 48 * 40
    assert seen[-1].bases == seen[-1].total_bases == 80 * 48 * 20
    rows = log_of(tmp_path / "m.csv")
    assert [int(row["step"]) for row in rows if row["ap_M"]] == [4, 8, 12, 16, 20]
    assert float(rows[-1]["learning_rate"]) == pytest.approx(1e-9 / 250_000)


@pytest.mark.usefixtures("forty_steps")
def test_training_ends_early_only_without_a_number_of_bases(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    settings = FitSettings(bases=80 * 48 * 40, learning_rate=1e-9)
    checkpoint = ungiven(encoded, tmp_path / "m", settings)
    assert checkpoint.training["trained_bases"] == [80 * 48 * 40]
    assert not checkpoint.training["fit"]["ends_early"]
    no_validation = replace(encoded, manifest=encoded.manifest | {"splits": unsplit(encoded)})
    checkpoint = ungiven(no_validation, tmp_path / "n")
    assert checkpoint.training["trained_bases"] == [80 * 48 * 40]


def unsplit(encoded: EncodedSet) -> dict[str, object]:
    return encoded.manifest["splits"] | {"val": []}


@pytest.mark.usefixtures("forty_steps")
def test_training_that_improves_does_not_end_early(encoded: EncodedSet, tmp_path: Path) -> None:
    settings = FitSettings(learning_rate=2e-3)
    checkpoint = ungiven(encoded, tmp_path / "m", settings, matrix=False)
    assert checkpoint.training["trained_bases"] == [80 * 48 * 40]


@pytest.mark.usefixtures("forty_steps")
@pytest.mark.parametrize("rows", [10, 17, 19])
def test_a_stopped_run_ends_early_in_the_same_bytes(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    ungiven(encoded, tmp_path / "whole", resume=False)
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    with pytest.raises(StoppedError):
        ungiven(encoded, tmp_path / "stopped", report=stop_after(rows))
    steps = []
    ungiven(encoded, tmp_path / "stopped", report=lambda progress: steps.append(progress.bases))
    assert steps[0] == 80 * 48 * rows
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "stopped").read_bytes()
    logs = [log_of(tmp_path / f"{name}.csv") for name in ("whole", "stopped")]
    for row in (*logs[0], *logs[1]):
        del row["seconds"]
    assert logs[0] == logs[1]


def test_processes_end_early_together(encoded: EncodedSet, tmp_path: Path) -> None:
    script = (
        "import sys, dnabirnn.training.fit as fit\n"
        "fit.default_bases = lambda classes: 80 * 48 * 40\n"
        "from dnabirnn.encoded import EncodedSet\n"
        "from dnabirnn.training import FitSettings, Hardware, SamplingSettings, train\n"
        "made = train(EncodedSet.open(sys.argv[1]), sys.argv[2], None, SamplingSettings(80, 48),\n"
        "    FitSettings(learning_rate=1e-9), hardware=Hardware('cpu', devices=2))\n"
        "assert made.training['processes'] == 2\n"
        "print(made.training['trained_bases'])\n"
    )
    file = tmp_path / "run.py"
    file.write_text(script)
    command = [sys.executable, str(file), str(encoded.path), str(tmp_path / "m")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"[{80 * 48 * 20}]") == 2  # in any order of the parts of their lines


def test_a_state_of_other_settings_is_not_used(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    with pytest.raises(StoppedError):
        quick(encoded, tmp_path / "m", report=stop_after(5))
    steps: list[int] = []
    quick(
        encoded, tmp_path / "m", validations=2, report=lambda progress: steps.append(progress.bases)
    )
    assert steps[0] == 80 * 48


def test_resume_never_starts_afresh(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    with pytest.raises(StoppedError):
        quick(encoded, tmp_path / "m", report=stop_after(5))
    steps: list[int] = []
    quick(
        encoded, tmp_path / "m", resume=False, report=lambda progress: steps.append(progress.bases)
    )
    assert steps[0] == 80 * 48


def test_a_killed_process_resumes_to_the_same_bytes(encoded: EncodedSet, tmp_path: Path) -> None:
    script = (
        "import sys, dnabirnn.training.training_run as t; t._SECONDS_BETWEEN_STATES = 0.0\n"
        "from dnabirnn.encoded import EncodedSet\n"
        "from dnabirnn.training import FitSettings, SamplingSettings\n"
        "t.train(EncodedSet.open(sys.argv[1]), sys.argv[2], None, SamplingSettings(80, 48),\n"
        "        FitSettings(bases=80 * 48 * 60), validations=3)\n"
    )
    command = [sys.executable, "-c", script, str(encoded.path)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    process = subprocess.Popen([*command, str(tmp_path / "killed")])
    state = tmp_path / "killed.resume" / "state.json"
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    assert state.exists()
    subprocess.run([*command, str(tmp_path / "killed")], check=True)
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()


def test_the_best_weights_are_kept(encoded: EncodedSet, tmp_path: Path) -> None:
    checkpoint = quick(encoded, tmp_path / "m", validations=12)
    rows = log_of(tmp_path / "m.csv")
    figures = [float(row["ap_M"]) for row in rows if row["ap_M"]]
    assert len(figures) == 12
    assert checkpoint.metrics["classes"]["M"]["ap_stranded"] == pytest.approx(
        max(figures), abs=0.02
    )


def test_worse_weights_later_do_not_replace_better_ones(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([0.1, 0.3, 0.9, 0.2])  # the first one is of the matrices alone
    seen = []

    def validate(run):  # type: ignore[no-untyped-def]
        figure = next(figures)
        seen.append({n: p.detach().numpy().copy() for n, p in run.fit.network.named_parameters()})
        return {"M": figure}

    monkeypatch.setattr("dnabirnn.training.training_run.Run._average_precision", validate)
    checkpoint = quick(encoded, tmp_path / "m")
    for name, array in seen[2].items():
        np.testing.assert_array_equal(checkpoint.weights[name], array)


def test_a_model_starts_from_another(encoded: EncodedSet, trained: Path, tmp_path: Path) -> None:
    initial = load_checkpoint(trained)
    settings = FitSettings(bases=1, learning_rate=1e-9)
    sampling = SamplingSettings(window_bp=100)
    shape = {"hidden": 16, "exclusive": True}
    architecture = Architecture(encoded.classes, **shape)  # type: ignore[arg-type]
    ours = train(encoded, tmp_path / "m", architecture, sampling, settings, initial=initial)
    name = "recurrent.0.weight_hh_l0"
    np.testing.assert_allclose(ours.weights[name], initial.weights[name], atol=1e-6)
    np.testing.assert_allclose(
        ours.weights["head.weight"][1:], initial.weights["head.weight"], atol=1e-6
    )
    # A model without k-mers gets a table of zeros; one with k-mers cannot lose them.
    larger = Architecture(encoded.classes, kmer=3, **shape)  # type: ignore[arg-type]
    wider = train(encoded, tmp_path / "k", larger, sampling, settings, initial=initial)
    np.testing.assert_allclose(wider.weights[name], initial.weights[name], atol=1e-6)
    np.testing.assert_allclose(wider.weights["recurrent.0.weight_kmer_l0"], 0, atol=1e-6)
    with pytest.raises(OptionError, match=r"--init: its kmer is 3, .* is 1; give --kmer 3"):
        train(encoded, tmp_path / "m", architecture, initial=wider)
    with pytest.raises(OptionError, match="--init: its hidden is 16"):
        train(encoded, tmp_path / "m", Architecture(encoded.classes), initial=initial)


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("tied", [True, False])
def test_every_kind_of_network_trains(
    encoded: EncodedSet, tmp_path: Path, cell: Cell, tied: bool
) -> None:
    kmer = 3 if tied else 1
    architecture = Architecture(encoded.classes, cell, 4, 2, tied, exclusive=tied, kmer=kmer)
    train(encoded, tmp_path / "m", architecture, SAMPLING, FitSettings(80 * 48 * 3, dropout=0.1))
    found = load_checkpoint(tmp_path / "m").architecture
    assert found == replace(architecture, matrices=found.matrices)
    assert all(found.matrices)


def test_before_the_first_step_a_network_is_the_matrix(encoded: EncodedSet, tmp_path: Path) -> None:
    settings = FitSettings(bases=1, learning_rate=1e-9)
    codes = encoded.codes[:5_000]
    for exclusive, tied in itertools.product((False, True), repeat=2):
        architecture = Architecture(encoded.classes, hidden=4, tied=tied, exclusive=exclusive)
        path = tmp_path / f"{exclusive}{tied}.safetensors"
        model = train(encoded, path, architecture, SAMPLING, settings)
        (fitted,) = fit_matrices(encoded)
        assert fitted is not None
        np.testing.assert_array_equal(model.weights["matrix.0.log_odds"], fitted.log_odds)
        scores = scan(codes, fitted.log_odds, fitted.flank_bp)
        odds = fitted.slope * np.maximum(scores, fitted.least) + fitted.shift
        # Calibration changes the log-odds by a line, which is the same for all bases.
        found = Model(model, engine="fused", device="cpu").score(codes).astype(np.float64)
        rest = 1 - (found.sum(axis=1, keepdims=True) if exclusive else found)
        x, y = odds.T.reshape(-1), np.log(found / np.maximum(rest, 1e-9)).reshape(-1)
        inside = (y > -11) & (y < 8) & (found.reshape(-1) > 2e-6)  # not at a bound
        assert inside.sum() > 1_000
        line = np.polyfit(x[inside], y[inside], 1)
        np.testing.assert_allclose(y[inside], np.polyval(line, x[inside]), atol=0.02)
        ap = model.metrics["classes"]["M"]
        assert ap["matrix_ap_stranded"] == pytest.approx(ap["ap_stranded"], abs=1e-3)


def test_without_matrices_if_asked(encoded: EncodedSet, tmp_path: Path) -> None:
    settings = FitSettings(bases=1)
    plain = train(encoded, tmp_path / "m", None, SAMPLING, settings, matrix=False)
    assert plain.architecture.matrices == ()
    assert "matrix_ap_stranded" not in plain.metrics["classes"]["M"]
    with_matrix = train(encoded, tmp_path / "n", None, SAMPLING, settings)
    assert all(with_matrix.architecture.matrices)


def test_exclusive_classes_start_calibrated(tmp_path: Path) -> None:
    """The probabilities of each class add up to its bases in the training sequence."""
    encoded = alike_set(tmp_path)
    architecture = Architecture(encoded.classes, hidden=4, exclusive=True)
    begun = begin(encoded, architecture, SAMPLING, QUICK, Hardware(device="cpu"))
    begun.fit.close()
    network = begun.fit.network.eval()
    assert all(network.architecture.matrices)
    train_split = Validation(encoded, split="train")
    engine = engine_of(network, begun.maps)
    expected, observed = np.zeros(5), np.zeros(5)
    for block in train_split.blocks(engine, ScoringWindow(1_000, 60), 1):
        counted, truth = train_split.truth_of(block)
        expected += block.probabilities[counted].sum(axis=0)
        observed += truth.sum(axis=0)
    for columns in ([0, 1], [2], [3, 4]):
        assert expected[columns].sum() == pytest.approx(observed[columns].sum(), rel=0.01)


def motifs_of(codes: np.ndarray, weight: float = 9.0) -> ClassMotifs:
    """A motif of one class with these bases."""
    counts = np.eye(4)[codes] * weight + 1
    return ClassMotifs("motifs.jaspar", (Motif("M", "M1", counts),))


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_network_starts_from_the_motif_of_a_file(
    encoded: EncodedSet, tmp_path: Path, exclusive: bool
) -> None:
    settings = FitSettings(bases=1, learning_rate=1e-9)
    architecture = Architecture(encoded.classes, hidden=4, exclusive=exclusive)
    motifs = motifs_of(MOTIF)
    path = tmp_path / "m.safetensors"
    model = train(encoded, path, architecture, SAMPLING, settings, matrix=motifs)
    assert model.architecture.matrices == (MatrixShape(len(MOTIF), 0),)
    assert model.training["matrix"] == motifs.to_json()
    assert model.metrics["classes"]["M"]["ap_stranded"] > 0.99
    found, background = model_motifs(load_checkpoint(path))
    assert motifs.motifs[0] is not None
    np.testing.assert_allclose(found["M"], motifs.motifs[0].frequencies, atol=1e-6)
    counts = np.bincount(encoded.codes[:60_000], minlength=4)
    strong = (counts[1] + counts[2]) / counts.sum()
    np.testing.assert_allclose(background, background_of(strong), atol=1e-4)


def test_another_motif_file_is_another_run(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    with pytest.raises(StoppedError):
        quick(encoded, tmp_path / "m", matrix=motifs_of(MOTIF), report=stop_after(5))
    firsts = []
    for weight in (9.0, 8.0):
        seen: list[int] = []

        def report(progress: TrainingProgress, seen: list[int] = seen) -> None:
            seen.append(progress.bases)
            if len(seen) == 3:
                raise StoppedError

        with pytest.raises(StoppedError):
            quick(encoded, tmp_path / "m", matrix=motifs_of(MOTIF, weight), report=report)
        firsts.append(seen[0])
    assert firsts[0] > 80 * 48
    assert firsts[1] == 80 * 48


def test_motifs_and_a_first_model_exclude_each_other(
    encoded: EncodedSet, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=r"--matrix motifs\.jaspar: with --init, the network has"):
        quick(encoded, tmp_path / "m", matrix=motifs_of(MOTIF), initial=load_checkpoint(trained))


def test_only_classes_with_few_sites_start_from_their_matrix() -> None:
    few, many, long = (
        FittedMatrix(np.zeros((3, 4), np.float32), 0, 1.0, 0.0, 0.0, sites, bases)
        for sites, bases in ((399, 9_999), (400, 9_999), (3, 10_000))
    )
    assert inside_network([few, None, many, long]) == [few, None, None, None]


def test_a_class_behind_its_matrix_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="dnabirnn"):
        compare("M", 0.5, 0.51)
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
        compare("M", 0.5, 0.6)
    assert "M: AP 0.5000 on validation sequence, less than" in caplog.text


def test_without_validation_sequence_training_sequence_stands_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 9_000, "b": 9_000})
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(test_chroms=["b"])
    )
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        checkpoint = quick(made, tmp_path / "m")
    assert "no validation sequence" in caplog.text
    assert checkpoint.metrics["split"] == "train"


def test_a_class_without_validation_truth_does_not_count(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 9_000, "b": 9_000})
    with bed.open("a") as rows:
        rows.write("a\t10\t60\trare\t0\t+\n")
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    checkpoint = quick(made, tmp_path / "m")
    assert set(checkpoint.metrics["classes"]) == {"M"}
    assert {*checkpoint.calls, *checkpoint.unlearned} == {"M", "rare"}
    # The training split stands in, where the class has its one site.
    assert checkpoint.calls["rare"].threshold != 500


def test_sites_are_held_out_for_a_class_without_validation_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 12_000, "b": 9_000})
    with bed.open("a") as rows:
        rows.writelines(f"a\t{at}\t{at + 50}\trare\t0\t+\n" for at in range(500, 12_000, 1_000))
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        checkpoint = quick(made, tmp_path / "m")
    assert "rare: no site in the val split; about a fifth" in caplog.text
    assert "chosen on the training split" not in caplog.text
    held = checkpoint.training["held_out"]
    assert [contig for contig, _, _ in held] == ["a", "a"]
    assert checkpoint.metrics["classes"]["rare"]["positives"] == 50 * 2
    assert load_checkpoint(tmp_path / "m").training["held_out"] == held
    quick(made, tmp_path / "n", hardware=Hardware(threads=2), resume=False)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


def test_overlapping_labels_are_refused_for_exclusive_classes(tmp_path: Path) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 9_000, "b": 9_000})
    with bed.open("a") as rows:
        rows.write("a\t5000\t8000\tother\t0\t+\n")
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    with pytest.raises(EncodedSetError, match=r"a:5\d\d\d .*two labels.*--exclusive"):
        train(made, tmp_path / "m", Architecture(made.classes, exclusive=True), SAMPLING, QUICK)


def test_settings_that_do_not_fit_are_refused(encoded: EncodedSet, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="classes"):
        train(encoded, tmp_path / "m", Architecture((MotifClass("other", True),)))
    with pytest.raises(OptionError, match="--validations"):
        quick(encoded, tmp_path / "m", validations=0)
    with pytest.raises(OptionError, match="--precision"):
        quick(encoded, tmp_path / "m", hardware=Hardware(precision="f8"))
    with pytest.raises(DeviceError, match="must be auto, cpu, cuda"):
        quick(encoded, tmp_path / "m", hardware=Hardware(device="abacus"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_is_refused(encoded: EncodedSet, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="finds no CUDA device"):
        quick(encoded, tmp_path / "m", hardware=Hardware(device="cuda"))


def test_without_any_validation_truth_the_last_weights_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fasta, bed = write_genome(tmp_path, {"a": 9_000, "b": 9_000})
    rows = [row for row in bed.read_text().splitlines() if row.startswith("a")]
    rows = rows[:4]  # too few to hold some out
    bed.write_text("\n".join(rows) + "\n")
    made = encode_genome(
        [fasta], load_labels([bed]), tmp_path / "s", split=split_plan(val_chroms=["b"])
    )
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        often = quick(made, tmp_path / "often", validations=12)
    once = quick(made, tmp_path / "once", validations=1)
    for name, array in often.weights.items():
        np.testing.assert_array_equal(array, once.weights[name])
    assert "the last weights are kept" in caplog.text


def test_probabilities_sum_to_the_positives_of_validation_sequence(
    encoded: EncodedSet, trained: Path
) -> None:
    model = Model(load_checkpoint(trained), device="cpu")
    ((start, end),) = encoded.split("val").tolist()
    scores = model.score(np.asarray(encoded.codes[start:end]))
    positives = np.count_nonzero(np.asarray(encoded.labels[start:end]))
    assert scores.sum() == pytest.approx(positives, rel=0.05)


def test_a_prior_makes_thresholds_and_probabilities_those_of_rarer_sites(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    usual = quick(encoded, tmp_path / "usual.safetensors")
    share = usual.training["prevalence"]["M"]["calibrated"]
    rarer = quick(encoded, tmp_path / "rarer.safetensors", priors={"M": share / 50})
    assert rarer.training["prevalence"]["M"]["calibrated"] == share / 50
    moved = usual.with_prior({"M": share / 50})
    np.testing.assert_allclose(rarer.maps, moved.maps, atol=1e-9)
    assert rarer.maps[0].shift < usual.maps[0].shift - 3
    # As sure as before, but of sites that are rarer: more of what is called would be false.
    for kind in ("bases", "calls"):
        found = [model.discoveries["M"][kind]["0.1"] or 1001 for model in (moved, rarer)]
        assert found[0] <= found[1]
    with pytest.raises(OptionError, match=r"--prior Z=0.1: the model has no such class"):
        quick(encoded, tmp_path / "none.safetensors", priors={"Z": 0.1})
    assert not (tmp_path / "none.safetensors").exists()


@pytest.mark.parametrize("resume", [True, False])
def test_states_are_kept_only_to_resume_from(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    saved = []
    monkeypatch.setattr(
        "dnabirnn.training.states.resume.ResumeFolder.save", lambda *given: saved.append(given)
    )
    quick(encoded, tmp_path / "m", resume=resume)
    assert bool(saved) == resume


def test_foreign_files_beside_a_state_stay(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    (tmp_path / "m.resume").mkdir()
    (tmp_path / "m.resume" / "notes.txt").write_text("mine")
    quick(encoded, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m.resume").iterdir()] == ["notes.txt"]


def test_validation_scores_that_are_not_finite_make_no_model(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Fit.advance

    def overflow(fit: Fit) -> float:
        loss = advance(fit)
        fit.network.head.bias.data.fill_(float("nan"))
        return loss

    monkeypatch.setattr(Fit, "advance", overflow)
    with pytest.raises(TrainingError, match=r"record 'val:60000-75000', .*not a finite"):
        train(encoded, tmp_path / "m", settings=FitSettings(bases=1))
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_two_processes_train_as_one(encoded: EncodedSet, tmp_path: Path) -> None:
    logs = []
    for processes in ("1", "2"):
        out = tmp_path / f"m{processes}"
        command = [sys.executable, "-m", "dnabirnn", "train", str(encoded.path), "-o", str(out)]
        settings = ["--bases", "300k", "--device", "cpu", "--devices", processes, "--threads", "1"]
        subprocess.run([*command, *settings, "--validations", "2"], check=True)
        assert load_checkpoint(out).metrics["split"] == "val"
        logs.append([float(row["loss"]) for row in log_of(out.with_suffix(".log.csv"))])
    np.testing.assert_allclose(logs[0], logs[1], atol=1e-4)
