"""Available memory and disk, and the comparison of estimates with them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from dnabirnn import resources
from dnabirnn.errors import ResourceError
from dnabirnn.resources import Estimate, available_memory, check, estimate_table, fits

REMEDIES = {"memory": "free some", "disk": "make room"}
GB = 10**9


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 10 GB of memory and 100 GB of disk."""
    monkeypatch.setattr(resources, "available_memory", lambda: 10 * GB)
    monkeypatch.setattr(resources, "free_disk", lambda folder: 100 * GB)


def group(root: Path, folder: str, **files: object) -> None:
    place = root / "sys/fs/cgroup" / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (place / name.replace("__", ".")).write_text(f"{value}\n")


def groups_of(root: Path, lines: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(lines)


def left(root: Path) -> float:
    """Available memory without the resident memory of this process."""
    return available_memory(root) - psutil.Process().memory_info().rss


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert left(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_the_tightest_group_counts(tmp_path: Path) -> None:
    groups_of(tmp_path, "0::/slurm/job_7/step_0\n")
    group(tmp_path, ".", memory__current=900)
    group(tmp_path, "slurm/job_7", memory__max=50_000_000, memory__current=20_000_000)
    group(tmp_path, "slurm/job_7/step_0", memory__max="max", memory__current=20_000_000)
    group(tmp_path, "slurm/job_7", memory__stat="anon 5\ninactive_file 1000000")
    assert left(tmp_path) == pytest.approx(31_000_000, abs=5_000_000)


def test_groups_of_the_older_kind(tmp_path: Path) -> None:
    groups_of(tmp_path, "11:cpuset:/a\n7:memory:/docker/abc\n")
    files = {"memory__limit_in_bytes": 80_000_000, "memory__usage_in_bytes": 10_000_000}
    group(tmp_path, "memory", **files)  # all that a container sees
    assert left(tmp_path) == pytest.approx(70_000_000, abs=5_000_000)


def test_a_group_that_is_full_leaves_what_the_process_has(tmp_path: Path) -> None:
    groups_of(tmp_path, "0::/\n")
    group(tmp_path, ".", memory__max=10, memory__current=20)
    assert available_memory(tmp_path) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


@pytest.mark.usefixtures("machine")
def test_room_to_spare(tmp_path: Path) -> None:
    assert fits(Estimate(7 * GB, {tmp_path: 70 * GB}))
    assert check(Estimate(7 * GB, {tmp_path: 70 * GB}), REMEDIES) == []


@pytest.mark.usefixtures("machine")
def test_a_warning_if_there_may_not_be_enough(tmp_path: Path) -> None:
    estimate = Estimate(9 * GB, {tmp_path: 120 * GB})
    assert not fits(estimate)
    assert check(estimate, REMEDIES) == [
        "needs about 9.0 GB of memory, and 10.0 GB is available; free some",
        f"needs about 120.0 GB of disk, and 100.0 GB is available in {tmp_path}; make room",
    ]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("memory", "disk", "kind"), [(16, 0, "memory"), (1, 160, "disk")])
def test_what_cannot_be_enough_is_refused(
    tmp_path: Path, memory: int, disk: int, kind: str
) -> None:
    with pytest.raises(ResourceError, match=rf"of {kind}, .*{REMEDIES[kind]}"):
        check(Estimate(memory * GB, {tmp_path: disk * GB}), REMEDIES)


@pytest.mark.usefixtures("machine")
def test_an_extrapolated_need_is_refused_only_if_the_minimum_is_too_much(tmp_path: Path) -> None:
    likely = {tmp_path: 900 * GB}
    (warning,) = check(Estimate(0, likely, least_disk_bytes={tmp_path: 10 * GB}), REMEDIES)
    assert "900.0 GB of disk" in warning
    with pytest.raises(ResourceError, match=r"900\.0 GB of disk"):
        check(Estimate(0, likely, least_disk_bytes={tmp_path: 200 * GB}), REMEDIES)


@pytest.mark.usefixtures("machine")
def test_folders_of_one_file_system_share_its_room(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    disk = {tmp_path: 80 * GB, tmp_path / "a": 80 * GB, tmp_path / "not there": 80 * GB}
    with pytest.raises(ResourceError, match=r"160\.0 GB of disk"):
        check(Estimate(0, disk), REMEDIES)


def test_a_file_system_that_does_not_report_its_size_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"total": 0, "free": 0})
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda folder: usage)
    assert check(Estimate(0, {tmp_path: 80 * GB}), REMEDIES) == []


@pytest.mark.usefixtures("machine")
def test_the_table(tmp_path: Path) -> None:
    assert estimate_table(Estimate(2 * GB, {tmp_path: 5_000_000}, 200)).splitlines() == [
        "memory  2.0 GB of 10.0 GB free",
        f"disk    5 MB of 100.0 GB free in {tmp_path}",
        "time    3 min 20 s",
    ]
