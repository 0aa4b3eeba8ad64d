"""Locks: what is read is what was written; hashes come from index, folders and the last lock."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import lock
import packages
import pytest
from packages import CONSTRAINTS, DEV_LOCK, DOCS_LOCK, RUN_LOCK, locked, needed, pinned
from packaging.version import Version
from services import Service


def test_an_entry_is_read_as_written(tmp_path: Path) -> None:
    hashes = {"a" * 64, "b" * 64}
    path = tmp_path / "some.lock"
    path.write_text(f"# for\n-r other.lock\n{lock.entry('Jinja2', '3.1', hashes)}")
    assert locked(path) == {"jinja2": (Version("3.1"), hashes)}


def test_all_files_of_a_version_and_those_known_before(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        ("torch-2.0-cp311-cp311-macosx_14_0_arm64.whl", "1" * 64),
        ("torch-2.0.tar.gz", "2" * 64),
        ("torch-2.1.tar.gz", "3" * 64),
        ("torch-2.0.exe", "4" * 64),
        ("torchvision-2.0.tar.gz", "5" * 64),
    ]
    service.answers["/simple/torch/"] = {
        "files": [{"filename": f, "url": f, "hashes": {"sha256": h}} for f, h in files]
    }
    wheel = tmp_path / "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl"
    wheel.write_bytes(b"bytes")
    for number, version in [("6", "2.0"), ("7", "1.9")]:
        path = tmp_path / f"{number}.lock"
        path.write_text(lock.entry("torch", version, [number * 64]))
    monkeypatch.setattr(lock, "RUN_LOCK", tmp_path / "6.lock")
    monkeypatch.setattr(lock, "DEV_LOCK", tmp_path / "7.lock")
    monkeypatch.setattr(lock, "DOCS_LOCK", tmp_path / "none.lock")
    for name, value in [
        ("PIP_CONFIG_FILE", os.devnull),
        ("PIP_INDEX_URL", f"{service.url}/simple"),
        ("PIP_FIND_LINKS", str(tmp_path)),
    ]:
        monkeypatch.setenv(name, value)
    cpu = hashlib.sha256(b"bytes").hexdigest()
    expected = {"1" * 64, "2" * 64, "6" * 64, cpu}
    assert lock.hashes_of({"torch": Version("2.0")}) == {"torch": expected}


def test_needs_are_those_of_all_places() -> None:
    assert {"numpy", "torch", "click", "packaging"} <= needed()
    assert not needed() & {"snakemake", "pytest", "colorama", "pywin32"}
    assert needed() | {"snakemake", "pulp"} <= needed("workflow")


def test_a_package_is_locked_where_it_is_needed_first() -> None:
    run, dev, docs = (locked(path).keys() for path in (RUN_LOCK, DEV_LOCK, DOCS_LOCK))
    assert not run & dev
    assert not (run | dev) & docs
    assert run | dev | docs == pinned(CONSTRAINTS).keys()
    assert "lightmotif" not in run  # its wheel is under the GPL
    assert f"-r {RUN_LOCK.name}\n" in DEV_LOCK.read_text()
    assert f"-r {DEV_LOCK.name}\n" in DOCS_LOCK.read_text()


def test_what_is_not_installed_has_nothing_behind_it() -> None:
    assert packages.installed_requirements("no-such-package") == []
