"""Interruptions of a training, and two trainings of one model at once."""

from __future__ import annotations

import csv
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import content
from planted import encoded_set

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import OutputError
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.training import training_run
from dnabirnn.training.fit import Fit, FitSettings
from dnabirnn.training.processes import Signals
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.states import resume
from dnabirnn.training.states.resume import ResumeFolder

STEPS = 24


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("training"))


def quick(encoded: EncodedSet, path: Path, **options: object) -> Checkpoint:
    architecture = Architecture(encoded.classes, hidden=6)
    given = {"validations": 3, "log_path": path.with_suffix(".csv")} | options
    settings = FitSettings(bases=80 * 48 * STEPS, learning_rate=2e-2)
    sampling = SamplingSettings(window_bp=80, batch_windows=48)
    return training_run.train(encoded, path, architecture, sampling, settings, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(encoded: EncodedSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "m.safetensors"
    quick(encoded, path)
    return path


def log_of(path: Path) -> list[dict[str, str]]:
    with path.with_suffix(".csv").open() as file:
        return [{n: x for n, x in row.items() if n != "seconds"} for row in csv.DictReader(file)]


# ----------------------------------------------------------------------- interruptions


def at_call(number: int, name: str, monkeypatch: pytest.MonkeyPatch, *, late: bool = False) -> None:
    """Send SIGINT to this process in a call of a function, before or after its work."""
    owner, attribute = {
        "advance": (Fit, "advance"),
        "validate": (training_run.Run, "_average_precision"),
        "finish": (training_run, "finish"),
        "save": (Checkpoint, "save"),
    }[name]
    calls = []
    usual: Callable[..., object] = getattr(owner, attribute)

    def interrupted(*given: object) -> object:
        calls.append(name)
        if len(calls) == number and not late:
            os.kill(os.getpid(), signal.SIGINT)
        found = usual(*given)
        if len(calls) == number and late:
            os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(owner, attribute, interrupted)


@pytest.mark.parametrize(
    ("name", "number", "late", "step"),
    [
        ("advance", 1, False, 1),
        ("advance", 5, True, 5),
        ("advance", 8, False, 8),  # a step of a validation
        ("advance", STEPS, False, STEPS),
        ("validate", 2, False, 8),  # the first one is of the matrices alone
        ("validate", 3, True, 16),
        ("finish", 1, False, STEPS),
        ("finish", 1, True, STEPS),
        ("save", 1, False, STEPS),
    ],
)
def test_an_interrupted_run_keeps_its_last_step_and_ends_in_the_same_bytes(
    encoded: EncodedSet,
    whole: Path,
    tmp_path: Path,
    name: str,
    number: int,
    late: bool,
    step: int,
) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        at_call(number, name, patch, late=late)
        with pytest.raises(KeyboardInterrupt) as stop:
            quick(encoded, path)
    assert stop.value.__notes__ == [
        f"interrupted at step {step} of {STEPS}; the state of step {step} is kept in "
        f"{path}.resume; run the same command again to continue"
    ]
    left = {file.name for file in Path(f"{path}.resume").iterdir()}
    assert left == {"state.json", f"step-{step}.safetensors"}
    assert not path.exists()
    quick(encoded, path)
    assert path.read_bytes() == whole.read_bytes()
    assert log_of(path) == log_of(whole)
    assert set(content(tmp_path)) == {"m.safetensors", "m.csv"}


def test_without_states_an_interruption_says_so(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_call(5, "advance", monkeypatch)
    with pytest.raises(KeyboardInterrupt) as stop:
        quick(encoded, tmp_path / "m", resume=False)
    (note,) = stop.value.__notes__
    assert note == "interrupted at step 5 of 24; nothing is kept, because of --resume never"
    assert not (tmp_path / "m.resume").exists()


def test_a_step_that_is_broken_off_is_not_kept(
    encoded: EncodedSet, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a second Ctrl-C: the state is that of before."""
    path, usual, calls = tmp_path / "m.safetensors", Fit.advance, []

    def twice(fit: Fit) -> float:
        calls.append(fit.step)
        found = usual(fit)
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Fit, "advance", twice)
        with pytest.raises(KeyboardInterrupt) as stop:
            quick(encoded, path)
        assert "nothing is kept yet" in stop.value.__notes__[0]
        assert not Path(f"{path}.resume").exists()
        calls.clear()
        patch.setattr(training_run, "_SECONDS_BETWEEN_STATES", 0.0)
        with pytest.raises(KeyboardInterrupt) as stop:
            quick(encoded, path)
        assert "the state of step 5 is kept" in stop.value.__notes__[0]
    quick(encoded, path)
    assert path.read_bytes() == whole.read_bytes()


class EndedError(Exception):
    pass


@pytest.fixture
def ending() -> Iterator[None]:
    def end(number: int, frame: object) -> None:
        raise EndedError(number)

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("ending")
def test_a_signal_waits_for_the_end_of_a_step() -> None:
    signals, done = Signals(), []

    def work() -> None:
        with signals.received():
            with signals.held():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("step")
            done.append("next")

    with pytest.raises(EndedError):
        work()
    assert done == ["step"]
    assert signals.whole


@pytest.mark.usefixtures("ending")
def test_a_second_signal_does_not_wait() -> None:
    signals, done = Signals(), []

    def work() -> None:
        with signals.received(), signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("step")

    with pytest.raises(EndedError):
        work()
    assert done == []
    assert not signals.whole


@pytest.mark.usefixtures("ending")
def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals().received():
            assert signal.getsignal(signal.SIGTERM) is not before[1]
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as under nohup
    finally:
        signal.signal(signal.SIGHUP, hang_up)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_do_without_signals() -> None:
    done = []

    def work() -> None:
        signals = Signals()
        with signals.received(), signals.held():
            done.append("step")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["step"]


# ------------------------------------------------------------------- two at once


@pytest.mark.parametrize(
    ("digest", "may_wait"), [("other", True), ("other", False), ("same", False)]
)
def test_a_second_training_of_a_model_is_refused(
    tmp_path: Path, digest: str, may_wait: bool
) -> None:
    first, second = ResumeFolder(tmp_path / "m", "same"), ResumeFolder(tmp_path / "m", digest)
    with first.locked(may_wait=True) as waited:
        assert not waited
        with (
            pytest.raises(OutputError, match=f"m: another .* \\(process {os.getpid()} on .*wait"),
            second.locked(may_wait=may_wait),
        ):
            pass
        with ResumeFolder(tmp_path / "n", digest).locked(may_wait=False):
            assert (tmp_path / "n.resume").exists()
    assert list(tmp_path.iterdir()) == []
    with second.locked(may_wait=False) as waited:
        assert not waited


def test_the_same_training_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ResumeFolder(tmp_path / "m", "same")
    holder = folder.locked(may_wait=True)
    holder.__enter__()

    def end(seconds: float) -> None:
        holder.__exit__(None, None, None)

    monkeypatch.setattr(resume.time, "sleep", end)
    with ResumeFolder(tmp_path / "m", "same").locked(may_wait=True) as waited:
        assert waited
        with pytest.raises(OutputError), folder.locked(may_wait=False):
            pass
    assert "m: the same training already runs (process" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_model_has_the_same_lock(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "m")
    first, second = ResumeFolder(tmp_path / "m", "a"), ResumeFolder(tmp_path / "link", "b")
    refused = pytest.raises(OutputError, match="link: another `dnabirnn train` is writing")
    with first.locked(may_wait=True), refused, second.locked(may_wait=True):
        pass
    with second.locked(may_wait=True):
        assert (tmp_path / "m.resume/lock").exists()


def test_a_lock_without_a_note_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, a training locks the file but cannot write what it is."""
    times: list[float] = []

    def wait(seconds: float) -> None:
        times.append(seconds)
        assert sum(times) < 60

    monkeypatch.setattr(resume.time, "sleep", wait)
    with ResumeFolder(tmp_path / "m", "same").locked(may_wait=True):
        (tmp_path / "m.resume/lock").write_bytes(b"")
        with (
            pytest.raises(OutputError, match="m: another `dnabirnn train` is writing this model;"),
            ResumeFolder(tmp_path / "m", "same").locked(may_wait=True),
        ):
            pass
    assert sum(times) > 1  # the note may be about to be written


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    hold = (
        "import sys, time\n"
        "from dnabirnn.training.states.resume import ResumeFolder\n"
        "with ResumeFolder(sys.argv[1], 'other').locked(may_wait=False):\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", hold, str(tmp_path / "m")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"here\n"
        folder = ResumeFolder(tmp_path / "m", "same")
        with (
            pytest.raises(OutputError, match=f"process {holder.pid} "),
            folder.locked(may_wait=True),
        ):
            pass
        holder.kill()
    assert (tmp_path / "m.resume/lock").exists()
    with folder.locked(may_wait=False) as waited:
        assert not waited
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES])
def test_without_locks_of_files_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = ResumeFolder(tmp_path / "m", "one")
    with folder.locked(may_wait=True), folder.locked(may_wait=True) as waited:
        assert not waited
        assert list(tmp_path.iterdir()) == []


def no_folder(path: Path) -> None:
    path.write_text("mine")


def folder_as_lock(path: Path) -> None:
    (path / "lock").mkdir(parents=True)


def loose_link(path: Path) -> None:
    path.mkdir()
    (path / "lock").symlink_to(path / "none" / "lock")


@pytest.mark.parametrize("make", [no_folder, folder_as_lock, loose_link])
def test_what_cannot_be_locked_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "m.resume")
    before = content(tmp_path)
    with ResumeFolder(tmp_path / "m", "one").locked(may_wait=True) as waited:
        assert not waited
    assert content(tmp_path) == before


def test_a_second_training_takes_the_model_of_the_first(
    encoded: EncodedSet, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a job that outlived its Snakemake: nothing is trained twice."""
    path, steps, waiting = tmp_path / "m.safetensors", [], threading.Event()
    usual, check = Fit.advance, ResumeFolder._check_same

    def advance(fit: Fit) -> float:
        steps.append(fit.step)
        if fit.step == 3:
            waiting.wait(60)
        return usual(fit)

    def note(*given: object) -> None:
        check(*given)  # type: ignore[arg-type]
        waiting.set()

    monkeypatch.setattr(Fit, "advance", advance)
    monkeypatch.setattr(ResumeFolder, "_check_same", note)
    first = threading.Thread(target=quick, args=(encoded, path))
    first.start()
    while not steps:
        time.sleep(0.01)
    with pytest.raises(OutputError, match="another `dnabirnn train` is writing this model"):
        quick(encoded, path, validations=2)
    second = quick(encoded, path)
    first.join()
    assert len(steps) == STEPS
    assert path.read_bytes() == whole.read_bytes()
    assert second.to_bytes() == whole.read_bytes()
    assert log_of(path) == log_of(whole)
    assert set(content(tmp_path)) == {"m.safetensors", "m.csv"}
