"""Networks that learn from another model."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import alike_set, encoded_set
from random_models import random_checkpoint

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.encoded.encoded_set import EncodedSet, MaskMode
from dnabirnn.engine.choose import make_engine
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.labels.bits import IGNORE_BIT, targets
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.call_rules import CallLengths
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.sequence_scores import SequenceRule, SequenceScores
from dnabirnn.scoring.model import Model
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.members import train_members
from dnabirnn.training.plan import TrainingPlan
from dnabirnn.training.processes import Hardware
from dnabirnn.training.sampling import LABEL_SHARE, Prevalence, Sampler, SamplingSettings
from dnabirnn.training.teacher import answers_of, check_teacher, window_shares
from dnabirnn.training.training_run import TrainingProgress, train

SAMPLING = SamplingSettings(window_bp=80, batch_windows=48)
QUICK = FitSettings(bases=80 * 48 * 12, learning_rate=2e-2)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    """A set of the classes A, B (no strands) and C, in which no base has two labels."""
    return alike_set(tmp_path_factory.mktemp("alike"))


def teacher_of(
    classes: tuple[MotifClass, ...], *, share: float = 0.02, **options: object
) -> Checkpoint:
    """A teacher with random weights, calibrated for the same share of each class."""
    checkpoint = random_checkpoint(classes, **options)  # type: ignore[arg-type]
    shares = {name: {"calibrated": share} for name, _ in classes}
    return replace(checkpoint, training={"prevalence": shares})


def asked(
    teacher: Checkpoint, encoded: EncodedSet, folder: Path, architecture: Architecture
) -> np.ndarray:
    engine = make_engine(teacher, "auto", "cpu")
    return answers_of(teacher, engine, encoded, architecture, folder / "m.safetensors", 1)


@pytest.mark.parametrize("exclusive", [False, True])
def test_answers_are_the_scores_of_whole_contigs(
    alike: EncodedSet, tmp_path: Path, exclusive: bool
) -> None:
    """In the order of the network's outputs, which is not that of the teacher's."""
    turned = (alike.classes[2], alike.classes[0], alike.classes[1])
    teacher = teacher_of(turned, exclusive=exclusive, spread=1.0)
    architecture = Architecture(alike.classes, exclusive=exclusive)
    answers = asked(teacher, alike, tmp_path, architecture)
    assert answers.shape == (len(alike.codes), 5)
    model = Model(teacher, device="cpu")
    order = [model.outputs.index(output) for output in architecture.outputs]
    scores = model.score(np.asarray(alike.codes))[:, order]
    for start, end in alike.split("train"):
        np.testing.assert_array_equal(answers[start:end], np.floor(65_535 * scores[start:end]))
    assert answers.max() > 40_000
    if exclusive:
        assert answers.sum(axis=1, dtype=np.int64).max() <= 65_535
    assert not list(tmp_path.iterdir())  # the file has no name


def test_contigs_without_training_sequence_are_not_scored(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    architecture = Architecture(encoded.classes)
    answers = asked(teacher_of(encoded.classes), encoded, tmp_path, architecture)
    (start, end), *_ = encoded.split("train").tolist()
    assert (start, end) == (0, 60_000)
    assert answers[:end].any(axis=1).all()
    assert not answers[end:].any()


def test_answers_that_have_no_place_are_an_error(encoded: EncodedSet, tmp_path: Path) -> None:
    architecture = Architecture(encoded.classes)
    with pytest.raises(OutputError, match=r"m\.safetensors: No such file"):
        asked(teacher_of(encoded.classes), encoded, tmp_path / "gone", architecture)


def taught(encoded: EncodedSet, **settings: object) -> Sampler:
    """A sampler with random answers."""
    rng = np.random.default_rng(4)
    sampler = Sampler(encoded, SamplingSettings(60, 40, **settings))  # type: ignore[arg-type]
    shape = (len(encoded.codes), len(targets(encoded.labels[:1], encoded.classes)[0]))
    sampler.answers = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    return sampler


@pytest.mark.parametrize("mutation_rate", [0.0, 0.5])
def test_a_base_is_taught_as_its_label_and_the_answer(
    alike: EncodedSet, mutation_rate: float
) -> None:
    """An ignored base as the answer alone; mutations change neither."""
    labels = np.array(alike.labels)
    labels[::3] |= IGNORE_BIT
    sampler = taught(replace(alike, labels=labels), mutation_rate=mutation_rate)
    codes, truth, counted, _ = sampler.batch(2)
    starts, ends, *_ = sampler.places(2)
    assert sampler.answers is not None
    assert truth.dtype == np.float32
    for window, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for t in range(end - start):
            answer = sampler.answers[start + t] / 65_535
            label = targets(alike.labels[start + t : start + t + 1], alike.classes)[0]
            share = LABEL_SHARE if (start + t) % 3 else 0
            expected = (1 - share) * answer + share * label
            np.testing.assert_allclose(truth[window, t], expected, rtol=1e-5)
    np.testing.assert_array_equal(counted, codes < AMBIGUOUS)


def test_prevalence_is_that_of_the_labels(alike: EncodedSet) -> None:
    sampler = taught(alike)
    before = Sampler(alike, sampler.settings).prevalence()
    np.testing.assert_array_equal(sampler.prevalence(), before)


def test_shares_in_windows_leave_some_background() -> None:
    classes = (MotifClass("A", True), MotifClass("B", False))
    prevalence = Prevalence(np.zeros(2), np.array([0.3, 0.4]))
    exclusive, others = (
        window_shares(Architecture(classes, exclusive=one), prevalence) for one in (True, False)
    )
    assert 2 * exclusive["A"] + exclusive["B"] == pytest.approx(1 - 1e-6, abs=1e-9)
    assert others == pytest.approx({"A": 0.3, "B": 0.4})


def quick(encoded: EncodedSet, path: Path, **options: object) -> Checkpoint:
    architecture = Architecture(encoded.classes, hidden=6)
    given = {"validations": 3, "matrix": False, "teacher": teacher_of(encoded.classes)} | options
    return train(encoded, path, architecture, SAMPLING, QUICK, **given)  # type: ignore[arg-type]


def test_a_stopped_student_ends_in_the_bytes_of_the_whole_one(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its teacher is asked again."""
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    whole, path = tmp_path / "whole.safetensors", tmp_path / "m.safetensors"
    checkpoint = quick(encoded, whole)
    digest = hashlib.sha256(teacher_of(encoded.classes).to_bytes()).hexdigest()
    assert checkpoint.training["teacher"] == digest
    seen = []

    def stop(now: TrainingProgress) -> None:
        seen.append(now.bases)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(encoded, path, report=stop)
    assert Path(f"{path}.resume").is_dir()
    again: list[int] = []
    quick(encoded, path, report=lambda now: again.append(now.bases), hardware=Hardware(threads=2))
    assert path.read_bytes() == whole.read_bytes()
    assert min(again) >= seen[4]
    assert {file.name for file in tmp_path.iterdir()} == {whole.name, path.name}


def test_another_teacher_makes_another_model(encoded: EncodedSet, tmp_path: Path) -> None:
    one = quick(encoded, tmp_path / "one.safetensors")
    other = quick(
        encoded, tmp_path / "other.safetensors", teacher=teacher_of(encoded.classes, seed=1)
    )
    none = quick(encoded, tmp_path / "none.safetensors", teacher=None)
    heads = [checkpoint.weights["head.weight"] for checkpoint in (one, other, none)]
    assert all(np.abs(heads[i] - heads[j]).max() > 1e-3 for i, j in ((0, 1), (0, 2), (1, 2)))
    assert "teacher" not in none.training


@pytest.mark.parametrize("exclusive", [False, True])
def test_engines_learn_the_same(alike: EncodedSet, tmp_path: Path, exclusive: bool) -> None:
    architecture = Architecture(alike.classes, hidden=6, exclusive=exclusive)
    teacher = teacher_of(alike.classes, exclusive=exclusive)
    settings = replace(QUICK, dropout=0.0)  # which the engines draw differently
    fused, by_torch = (
        train(
            alike,
            tmp_path / f"{engine}.safetensors",
            architecture,
            SAMPLING,
            settings,
            matrix=False,
            validations=1,
            teacher=teacher,
            hardware=Hardware(engine=engine),
        )
        for engine in ("fused", "torch")
    )
    for name, weights in fused.weights.items():
        np.testing.assert_allclose(weights, by_torch.weights[name], atol=2e-3)


def test_a_student_resembles_its_teacher(encoded: EncodedSet, tmp_path: Path) -> None:
    """More than a network that has learned the labels alone does."""
    settings = FitSettings(bases=80 * 48 * 60, learning_rate=2e-2)
    architecture = Architecture(encoded.classes, hidden=8)
    teacher = teacher_of(encoded.classes, spread=0.3)
    codes = np.asarray(encoded.codes[:5000])
    labels = targets(encoded.labels[:5000], encoded.classes).any(axis=1)

    def log_odds(checkpoint: Checkpoint) -> np.ndarray:
        p = Model(checkpoint, device="cpu").score(codes)[~labels].astype(np.float64)
        return np.log(p.clip(1e-9)) - np.log((1 - p).clip(1e-9))

    wanted = log_odds(teacher)
    alone, student = (
        train(
            encoded,
            tmp_path / f"{number}.safetensors",
            architecture,
            SAMPLING,
            settings,
            matrix=False,
            teacher=one,
        )
        for number, one in enumerate((None, teacher))
    )
    like = [
        np.corrcoef(wanted.ravel(), log_odds(network).ravel())[0, 1] for network in (alone, student)
    ]
    assert like[1] > 0.5
    assert like[1] > like[0] + 0.15


def test_teachers_that_do_not_fit(alike: EncodedSet, caplog: pytest.LogCaptureFixture) -> None:
    classes = alike.classes
    architecture = Architecture(classes)
    faults = (
        (teacher_of(classes[:2]), "its classes are A, B .no strand., and those .* are A, B .* C;"),
        (
            teacher_of((*classes[:2], MotifClass("C", False))),
            r"are A, B \(no strand\), C \(no strand\), and those of the encoded set are A, B ",
        ),
        (teacher_of(classes, exclusive=True), "trained with --exclusive; train with --exclusive"),
        (teacher_of(classes, mask="hard"), "trained with --mask hard, and .* with --mask none;"),
        (
            replace(
                teacher_of(classes),
                sequences=SequenceScores(
                    8,
                    100,
                    {name: SequenceRule(LogOddsMap(1.0, 0.0), 0.5) for name, _ in classes},
                ),
            ),
            "it learned labels of whole sequences",
        ),
        (random_checkpoint(classes), "does not have the shares of its classes in training; give a"),
    )
    for teacher, words in faults:
        with pytest.raises(OptionError, match=f"^--teacher: .*{words}"):
            check_teacher(teacher, alike, architecture)
    check_teacher(teacher_of(classes, mask="loss"), alike, architecture)
    hard = replace(alike, mask=MaskMode.HARD)
    check_teacher(teacher_of(classes, mask="hard"), hard, architecture)
    check_teacher(None, alike, architecture, networks=9)
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        unlearned = replace(teacher_of(classes), unlearned={"B": CallLengths(1, 0)})
        check_teacher(unlearned, alike, architecture)
    assert "B: not learned by the teacher" in caplog.text


def test_a_teacher_teaches_one_network(alike: EncodedSet, tmp_path: Path) -> None:
    architecture, teacher = Architecture(alike.classes, hidden=6), teacher_of(alike.classes)
    for several, networks in (({"ensemble": 2}, 2), ({"separate": True}, 3)):
        parts = {"teacher": teacher} | several
        with pytest.raises(OptionError, match=f"^--teacher: {networks} networks would be trained"):
            train_members(
                alike,
                tmp_path / "m.safetensors",
                architecture,
                SAMPLING,
                QUICK,
                **parts,  # type: ignore[arg-type]
            )
        plan = TrainingPlan(
            alike,
            tmp_path / "m.safetensors",
            architecture,
            SAMPLING,
            QUICK,
            Hardware(),
            **parts,  # type: ignore[arg-type]
        )
        with pytest.raises(OptionError, match=f"^--teacher: {networks} networks"):
            plan.estimate()
    assert not list(tmp_path.iterdir())


def test_an_estimate_includes_the_answers(alike: EncodedSet, tmp_path: Path) -> None:
    architecture = Architecture(alike.classes, hidden=6)
    plan = TrainingPlan(
        alike, tmp_path / "m.safetensors", architecture, SAMPLING, QUICK, Hardware()
    )
    taught = replace(plan, teacher=teacher_of(alike.classes))
    more = taught.bound().disk_bytes[tmp_path] - plan.bound().disk_bytes[tmp_path]
    assert more == 2 * 5 * len(alike.codes)
    assert taught.estimate().seconds
