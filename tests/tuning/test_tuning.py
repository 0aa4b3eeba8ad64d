"""Tuning on a small set, from the command to the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run, succeed
from planted import encoded_set

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.members import train_members
from dnabirnn.training.plan import TrainingPlan
from dnabirnn.training.processes import Hardware
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.states.resume import ResumeFolder
from dnabirnn.training.training_run import TrainingProgress
from dnabirnn.training.trials import Trials
from dnabirnn.tuning.tuning import Tuned, Tuning

SAMPLING = SamplingSettings(window_bp=100, batch_windows=16, seed=2)
SETTINGS = FitSettings(bases=60_000)
FIXED = ("window_bp", "mutation_rate")


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("tuning"))


def shape_of(encoded: EncodedSet) -> Architecture:
    return Architecture(encoded.classes, hidden=16, kmer=3)


def tuning(encoded: EncodedSet, **options: object) -> Tuning:
    given = {"minutes": 1, "fixed": FIXED, "matrix": False, "hardware": Hardware("cpu")} | options
    return Tuning(encoded, shape_of(encoded), SAMPLING, SETTINGS, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tuned(encoded: EncodedSet, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuning(encoded).run(tmp_path_factory.mktemp("tuned") / "m", resume=False)


def test_results_are_in_the_record(tuned: Tuned) -> None:
    record = json.loads(json.dumps(tuned.record, allow_nan=False))
    assert record["fixed"] == sorted(FIXED)
    assert [len(of["tried"]) for of in record["rounds"]] == [9, 3, 2]
    assert [of["bases"] for of in record["rounds"]] == [6_667, 20_000, 60_000]
    for of in record["rounds"]:
        for one in of["tried"]:
            assert one["mean_ap"] == one["ap"]["M"]
            assert 0 < one["mean_ap"] < 1
            assert (one["window_bp"], one["mutation_rate"]) == (100, 0.1)
    last = {one["hidden"]: one["mean_ap"] for one in record["rounds"][-1]["tried"]}
    defaults = record["rounds"][-1]["tried"][0]
    better = max(last.values()) > defaults["mean_ap"] + 0.01
    assert (record["chosen"] != record["defaults"]) == better
    assert tuned.architecture.hidden == record["chosen"]["hidden"]
    assert tuned.settings.learning_rate == record["chosen"]["learning_rate"]
    assert tuned.settings.bases == SETTINGS.bases


def test_results_do_not_depend_on_threads(
    encoded: EncodedSet, tuned: Tuned, tmp_path: Path
) -> None:
    again = tuning(encoded, hardware=Hardware("cpu", threads=2)).run(tmp_path / "m")
    assert again.record == tuned.record


def test_an_interrupted_tuning_continues(
    encoded: EncodedSet, tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, calls = Trials.average_precision, []

    def interrupted(self: Trials, *given: object) -> object:
        calls.append(given)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return measure(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Trials, "average_precision", interrupted)
    with pytest.raises(KeyboardInterrupt) as stop:
        tuning(encoded).run(tmp_path / "m")
    assert "4 results are kept" in stop.value.__notes__[-1]
    assert tuning(encoded).run(tmp_path / "m").record == tuned.record
    assert len(calls) == 5 + 9 + 3 + 2 - 4
    results = tmp_path / "m.resume" / "tuning" / "results.json"
    for damage in ("{", '{"digest": "x", "results": []}', _damaged(results.read_text())):
        results.write_text(damage)
        calls[:] = [()] * 10
        assert tuning(encoded).run(tmp_path / "m").record == tuned.record
        assert len(calls) == 10 + 9 + 3 + 2
    folder = ResumeFolder(tmp_path / "m", "digest")
    folder.clear()
    assert not folder.path.exists()


def test_results_are_kept_until_the_model_is_written(
    encoded: EncodedSet, tuned: Tuned, tmp_path: Path
) -> None:
    chosen = tuning(encoded).run(tmp_path / "m")
    results = tmp_path / "m.resume" / "tuning" / "results.json"

    def train(report: Callable[[TrainingProgress], None] | None = None) -> None:
        shape, sampling, settings, record = chosen
        train_members(
            encoded, tmp_path / "m", shape, sampling, settings, tuning=record, report=report
        )

    def stop(now: TrainingProgress) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        train(stop)
    assert len(json.loads(results.read_text())["results"]) == 9 + 3 + 2
    train()
    assert not (tmp_path / "m.resume").exists()
    assert load_checkpoint(tmp_path / "m").training["tuning"] == tuned.record


def _damaged(text: str) -> str:
    plain = json.loads(text)
    plain["results"][3] = {"M": "high"}
    return json.dumps(plain)


def test_another_tuning_of_the_same_model_is_an_error(encoded: EncodedSet, tmp_path: Path) -> None:
    with (
        ResumeFolder(tmp_path / "m", "other").of_tuning().locked(may_wait=True),
        pytest.raises(OutputError, match="another `dnabirnn train` is writing this model"),
    ):
        tuning(encoded).run(tmp_path / "m")
    assert not (tmp_path / "m.resume").exists()


def test_what_cannot_be_tuned_is_refused(encoded: EncodedSet) -> None:
    splits = encoded.manifest["splits"] | {"val": []}
    without = replace(encoded, manifest=encoded.manifest | {"splits": splits})
    with pytest.raises(OptionError, match=r"--tune: .* has no validation sequence"):
        tuning(without)
    with pytest.raises(OptionError, match="--tune: works with one process"):
        tuning(encoded, hardware=Hardware("cpu", devices=2))
    with pytest.raises(OptionError, match=r"--tune: nothing to choose; leave out one of --window"):
        tuning(encoded, fixed=(*FIXED, "hidden", "learning_rate"))
    with pytest.raises(OptionError, match=r"--tune 0\.001: too short"):
        tuning(encoded, minutes=0.001)


def test_classes_that_are_trained_apart_have_a_network_each(encoded: EncodedSet) -> None:
    trials = Trials(encoded, Hardware("cpu"), separate=True)
    assert trials.longest_window_bp == 60_000
    assert trials.validation_bp == 15_000
    found = trials.average_precision(shape_of(encoded), SAMPLING, SETTINGS)
    together = Trials(encoded, Hardware("cpu"))
    assert found == together.average_precision(shape_of(encoded), SAMPLING, SETTINGS)


def test_a_diverging_trial_has_no_figures(encoded: EncodedSet) -> None:
    settings = FitSettings(bases=60_000, learning_rate=1.0, weight_decay=100.0, clip_norm=1e6)
    trials = Trials(encoded, Hardware("cpu"), matrix=False)
    assert trials.average_precision(shape_of(encoded), SAMPLING, settings) is None


def test_the_largest_settings_bound_the_plan(encoded: EncodedSet, tmp_path: Path) -> None:
    shape, sampling, _ = tuning(encoded, fixed=()).largest()
    assert (shape.hidden, sampling.window_bp) == (64, 800)
    parts = (encoded, tmp_path / "m", shape, sampling, SETTINGS, Hardware("cpu"))
    with_tuning = TrainingPlan(*parts, tuning_minutes=100).estimate().seconds
    assert with_tuning is not None
    assert with_tuning > 6000


def test_the_command_tunes_what_is_not_given(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--window 100 --mutate 0 --batch 16 --bases 30k --validations 1 --device cpu --tune 1"
    given = ["train", str(encoded.path), "-o", "m.safetensors", *options.split()]
    result = succeed(*given, "--preset", "fast")
    assert "tuning, round 3 of 3, 2 of 2: --window 100 --mutate 0 " in result.stderr
    checkpoint = load_checkpoint("m.safetensors")
    record = checkpoint.training["tuning"]
    assert record["fixed"] == ["mutation_rate", "window_bp"]
    assert record["defaults"]["hidden"] == 16
    assert checkpoint.members[0].architecture.hidden == record["chosen"]["hidden"]
    assert not Path("m.safetensors.resume").exists()
    shown = succeed("info", "m.safetensors").stdout
    assert "tuned            1 nominal minutes; " in shown
    assert shown.count("--window 100 --mutate 0 ") == 1 + 9 + 3 + 2
    assert "time" in succeed(*given, "--dry-run").stdout
    refused = run(*given, "--prior", "Z=0.1")
    assert "--prior Z=0.1: the model has no such class" in refused.stderr
    assert "tuning, round 1" not in refused.stderr
    refused = run(*given, "--devices", "2")
    assert refused.exit_code == 1
    assert "--tune: works with one process" in refused.stderr
