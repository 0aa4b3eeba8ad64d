from __future__ import annotations

import json
import logging
import shutil
import zipfile
from pathlib import Path

import pytest
from commands import run, succeed
from planted import encoded_set

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.network.architecture import Architecture
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.members import train_members
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.states.kept_state import KeptState, load_state
from dnabirnn.training.states.parts import TrainingPaused
from dnabirnn.training.states.resume import ResumeFolder

SAMPLING = SamplingSettings(window_bp=80, batch_windows=48)
STEPS = 24


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("training"))


def go(encoded: EncodedSet, path: Path, *, bases: int = 80 * 48 * STEPS, **options: object) -> None:
    architecture = Architecture(encoded.classes, hidden=6)
    settings = FitSettings(bases, learning_rate=2e-2)
    given = {"validations": 3, "log_path": path.with_suffix(".csv")} | options
    train_members(encoded, path, architecture, SAMPLING, settings, **given)  # type: ignore[arg-type]


def part(encoded: EncodedSet, path: Path, until: float, **options: object) -> None:
    with pytest.raises(TrainingPaused):
        go(encoded, path, until=until, log_path=None, **options)


def log_of(model: Path) -> list[str]:
    rows = model.with_suffix(".csv").read_text().splitlines()
    seconds = rows[0].split(",").index("seconds")
    return [",".join(row.split(",")[:seconds] + row.split(",")[seconds + 1 :]) for row in rows]


@pytest.mark.parametrize(
    ("shares", "ensemble"), [((0.01, 0.4, 0.99), 1), ((0.3, 0.3), 1), ((0.2, 0.5), 3)]
)
def test_parts_give_the_bytes_of_the_whole_training(
    encoded: EncodedSet, tmp_path: Path, shares: tuple[float, ...], ensemble: int
) -> None:
    whole, last = tmp_path / "whole", tmp_path / "last"
    go(encoded, whole, ensemble=ensemble)
    state = None
    for number, share in enumerate(shares):
        file = tmp_path / f"{number}.state"
        part(encoded, file, share, ensemble=ensemble, state=state)
        assert not file.with_suffix(".csv").exists()
        state = load_state(file)
    steps: list[int] = []
    go(encoded, last, ensemble=ensemble, state=state, report=lambda now: steps.append(now.bases))
    assert len(steps) < ensemble * STEPS * 0.75  # it did not start again
    assert whole.read_bytes() == last.read_bytes()
    assert log_of(whole) == log_of(last)
    assert not list(tmp_path.glob("*.resume"))


def test_a_part_does_its_share_of_the_steps(encoded: EncodedSet, tmp_path: Path) -> None:
    part(encoded, tmp_path / "a.state", 0.25)
    assert "step-6.safetensors" in load_state(tmp_path / "a.state").files
    part(encoded, tmp_path / "b.state", 0.5, ensemble=3)
    found = [name for name in load_state(tmp_path / "b.state").files if "step" in name]
    assert found == ["member-1/step-24.safetensors", "member-2/step-12.safetensors"]


def test_a_training_that_ends_early_pauses_there(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.fit.default_bases", lambda classes: 80 * 48 * 40)
    settings = FitSettings(learning_rate=1e-9)
    given = {"sampling": SAMPLING, "settings": settings}
    shape = Architecture(encoded.classes, hidden=6)
    whole = train_members(encoded, tmp_path / "whole", shape, **given)  # type: ignore[arg-type]
    file, last = tmp_path / "a.state", tmp_path / "last"
    with pytest.raises(TrainingPaused):
        train_members(encoded, file, shape, until=0.9, **given)  # type: ignore[arg-type]
    assert "step-20.safetensors" in load_state(file).files
    train_members(encoded, last, shape, state=load_state(file), **given)  # type: ignore[arg-type]
    assert whole.training["trained_bases"] == [80 * 48 * 20]
    assert (tmp_path / "whole").read_bytes() == last.read_bytes()


def test_equal_states_have_equal_bytes(encoded: EncodedSet, tmp_path: Path) -> None:
    part(encoded, tmp_path / "a.state", 0.4)
    part(encoded, tmp_path / "b.state", 0.2)
    part(encoded, tmp_path / "c.state", 0.4, state=load_state(tmp_path / "b.state"))
    with zipfile.ZipFile(tmp_path / "a.state") as a, zipfile.ZipFile(tmp_path / "c.state") as c:
        arrays = "step-10.safetensors"
        assert a.read(arrays) == c.read(arrays)


def folder_of(model: Path, state: KeptState) -> ResumeFolder:
    return ResumeFolder(model, json.loads(state.files["state.json"])["digest"])


def test_the_later_state_of_the_same_run_is_used(encoded: EncodedSet, tmp_path: Path) -> None:
    for share in (0.25, 0.5):
        part(encoded, tmp_path / f"{share}.state", share)
    early, late = (load_state(tmp_path / f"{share}.state") for share in (0.25, 0.5))
    folder = folder_of(tmp_path / "m", early)
    for state in (early, late, early):
        state.restore(folder)
    assert sorted(file.name for file in folder.path.iterdir()) == [
        "state.json",
        "step-12.safetensors",
    ]
    steps: list[int] = []
    go(encoded, tmp_path / "m", state=early, report=lambda now: steps.append(now.bases))
    assert steps[0] == 80 * 48 * 13


def test_a_state_of_another_run_is_replaced(encoded: EncodedSet, tmp_path: Path) -> None:
    part(encoded, tmp_path / "other.state", 0.9, bases=80 * 48 * 30)
    part(encoded, tmp_path / "a.state", 0.5)
    other = load_state(tmp_path / "other.state")
    other.restore(folder_of(tmp_path / "m", other))
    steps: list[int] = []
    state = load_state(tmp_path / "a.state")
    go(encoded, tmp_path / "m", state=state, report=lambda now: steps.append(now.bases))
    assert steps[0] == 80 * 48 * 13


def test_a_state_of_other_settings_is_not_used(
    encoded: EncodedSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part(encoded, tmp_path / "a.state", 0.5)
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        go(encoded, tmp_path / "m", bases=80 * 48 * 8, state=load_state(tmp_path / "a.state"))
    unused = "this state is from other data, options or versions, and is not used"
    assert f"{tmp_path / 'a.state'}: {unused}" in caplog.text
    go(encoded, tmp_path / "n", bases=80 * 48 * 8)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


@pytest.mark.parametrize("networks", [(1, 2), (2, 1)])
def test_a_state_of_another_number_of_networks_is_not_used(
    encoded: EncodedSet,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    networks: tuple[int, int],
) -> None:
    before, now = networks
    part(encoded, tmp_path / "a.state", 0.5, ensemble=before)
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        go(encoded, tmp_path / "m", ensemble=now, state=load_state(tmp_path / "a.state"))
    assert "a.state: this state is from other data, options or versions" in caplog.text
    go(encoded, tmp_path / "n", ensemble=now)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()
    assert not Path(f"{tmp_path / 'm'}.resume").exists()


def test_a_state_of_another_run_leaves_that_of_an_interrupted_run(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    part(encoded, tmp_path / "other.state", 0.9, bases=80 * 48 * 30)
    part(encoded, tmp_path / "a.state", 0.5)
    own = load_state(tmp_path / "a.state")
    own.restore(folder_of(tmp_path / "m", own))
    steps: list[int] = []
    state = load_state(tmp_path / "other.state")
    go(encoded, tmp_path / "m", state=state, report=lambda now: steps.append(now.bases))
    assert steps[0] == 80 * 48 * 13


def test_a_state_without_its_parts_is_not_used(
    encoded: EncodedSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part(encoded, tmp_path / "a.state", 0.5)
    whole = load_state(tmp_path / "a.state")
    arrays = {name: data for name, data in whole.files.items() if name != "state.json"}
    for files in (arrays, arrays | {"state.json": b"[]"}, arrays | {"state.json": b"{"}):
        caplog.clear()
        folder = folder_of(tmp_path / "m", whole)
        whole._replace(files=files).restore(folder)
        assert "a.state: this state is from other data, options or versions" in caplog.text
        assert not folder.path.exists()


def test_files_that_are_no_states(tmp_path: Path) -> None:
    text = tmp_path / "text.state"
    text.write_text("no state\n")
    empty, outside, packed = (tmp_path / f"{name}.state" for name in ("empty", "outside", "packed"))
    with zipfile.ZipFile(empty, "w"):
        pass
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("../state.json", "{}")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state.json", "{}" * 1000)
    for file, reason in (
        (text, "File is not a zip file"),
        (empty, "it is empty"),
        (outside, r"'\.\./state\.json' does not belong to a state"),
        (packed, "'state.json' does not belong to a state"),
    ):
        with pytest.raises(ModelFileError, match=rf"{file.name}: not the state .*{reason}"):
            load_state(file)
    with pytest.raises(ModelFileError, match=r"nothing\.state: no such file"):
        load_state(tmp_path / "nothing.state")
    with pytest.raises(ModelFileError, match="is a folder"):
        load_state(tmp_path)


def test_a_damaged_state(encoded: EncodedSet, tmp_path: Path) -> None:
    file = tmp_path / "a.state"
    part(encoded, file, 0.5)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"a\.state: .*a damaged one \(Bad CRC-32"):
        load_state(file)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelFileError, match=r"a\.state: .*a damaged one \(File is not a zip file"):
        load_state(file)


@pytest.mark.parametrize("until", [0.0, -1.0, 1.5, float("nan")])
def test_shares_that_cannot_be(encoded: EncodedSet, tmp_path: Path, until: float) -> None:
    for ensemble in (1, 2):
        with pytest.raises(OptionError, match=r"--until .*: must be more than 0 and at most 1"):
            go(encoded, tmp_path / "m", until=until, ensemble=ensemble)


def test_the_command_trains_and_tunes_in_parts(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--preset fast --window 100 --mutate 0 --batch 16 --bases 30k --device cpu --tune 1"
    command = ["train", str(encoded.path), *options.split()]
    succeed(*command, "-o", "whole.safetensors")
    first = succeed(*command, "-o", "a.state", "--until", "0.5", "--validations", "10")
    assert "tuning, round 1 of 3" in first.stderr
    assert "a.state: the state of training; give it to --continue-from" in first.stderr
    assert "tuning/results.json" in load_state("a.state").files
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "a.state",
        "whole.log.csv",
        "whole.safetensors",
    ]
    last = succeed(*command, "-o", "last.safetensors", "--continue-from", "a.state")
    assert "tuning, round 3 of 3, 2 of 2" in last.stderr
    assert "is not used" not in last.stderr
    whole = Path("whole.safetensors").read_bytes()
    assert whole == Path("last.safetensors").read_bytes()
    assert log_of_names("whole") == log_of_names("last")


def log_of_names(name: str) -> list[str]:
    shutil.copy(f"{name}.log.csv", f"{name}.csv")
    return log_of(Path(f"{name}.safetensors"))


def test_options_of_parts_that_do_not_fit(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    part(encoded, tmp_path / "a.state", 0.5)
    command = ["train", str(encoded.path), "-o", "m.safetensors"]
    for options, message in (
        (["--until", "2"], "--until 2.0: must be more than 0 and at most 1"),
        (
            ["--until", "0.5", "--resume", "never"],
            "--until: needs the state of training; leave out --resume never",
        ),
        (
            ["--continue-from", "a.state", "--resume", "never"],
            "--continue-from: needs the state of training; leave out --resume never",
        ),
        (["--continue-from", "b.state"], "b.state: no such file; check the path"),
    ):
        failed = run(*command, *options)
        assert failed.exit_code == 1
        assert message in failed.stderr
    failed = run(*command[:2], "-o", "a.state", "--until", "0.5", "--continue-from", "a.state")
    assert failed.exit_code == 1
    assert "a.state: is also an input of this command" in failed.stderr
    failed = run(*command[:2], "-o", "a.state.gz", "--until", "0.5")
    assert "give a file name that ends in .safetensors, or in .state with --until" in failed.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["a.state"]
