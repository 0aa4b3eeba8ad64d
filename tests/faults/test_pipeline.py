"""The workflow under faults, and locks of a Snakemake that was killed."""

from __future__ import annotations

import fcntl
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cases import ROOT
from harness import may_mount

pytest.importorskip("snakemake")

from pipeline import FAULTS, Pipeline
from snakemake_interface_executor_plugins.settings import ExecMode

LOCKED = ("0.input.lock", "0.output.lock")


def unlock(mode: ExecMode = ExecMode.DEFAULT) -> Any:
    """Run the rules' own code here, as a Snakemake that begins; what it holds."""
    names: dict[str, Any] = {
        "workflow": SimpleNamespace(exec_mode=mode),
        "cancel_orphans": lambda: None,
    }
    exec((ROOT / "workflows/rules/lock.smk").read_text(), names)
    return names["HELD"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a Snakemake that was killed."""
    monkeypatch.chdir(tmp_path)
    unlock().close()
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir()
    for name in LOCKED:
        (locks / name).write_text("genome.fa\nresults/provenance/call/genome.json\n")
    return locks


def names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir()))


def test_locks_of_the_dead_go(place: Path) -> None:
    unlock().close()
    assert names(place) == ()


def test_locks_of_the_living_stay(place: Path) -> None:
    for name in LOCKED:
        (place / name).rename(place.parent / name)
    living = unlock()
    for name in LOCKED:
        (place.parent / name).rename(place / name)
    second = unlock()
    assert names(place) == LOCKED
    living.close()
    third = unlock()
    assert names(place) == LOCKED  # the second lives
    second.close()
    third.close()
    unlock().close()
    assert names(place) == ()


def test_a_job_of_a_run_unlocks_nothing(place: Path) -> None:
    assert unlock(ExecMode.SUBPROCESS) is None
    assert unlock(ExecMode.REMOTE) is None
    assert names(place) == LOCKED


def test_locks_of_another_workflow_stay(place: Path) -> None:
    (place / "1.output.lock").write_text("results/count.txt\n")
    unlock().close()
    assert names(place) == ("1.output.lock",)


def test_locks_of_another_host_stay(place: Path) -> None:
    (place.parent / "dnabirnn.alive").write_text("elsewhere")
    for _ in range(2):
        unlock().close()
        assert names(place) == LOCKED


def test_locks_of_another_user_stay(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def refuse(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if mode == "a+":
            raise PermissionError(path)
        return whole(path, mode, *rest, **named)

    with monkeypatch.context() as other:
        other.setattr(Path, "open", refuse)
        living = unlock()
    for name in LOCKED:
        (place / name).write_text("results/provenance/call/genome.json\n")
    unlock().close()
    assert names(place) == LOCKED
    living.close()


def test_without_locks_of_files_nothing_is_unlocked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert unlock() is None
    assert names(place) == LOCKED


def test_who_was_last_is_told(place: Path) -> None:
    unlock().close()
    assert (place.parent / "dnabirnn.alive").read_text() == socket.gethostname()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(tmp_path_factory.mktemp("pipeline"), seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost(pipeline: Pipeline, fault: str) -> None:
    if fault == "full disk" and not may_mount():
        pytest.skip("no small file system can be made here")
    pipeline.trial(fault)
    assert pipeline.tally.lost == []
