"""Licences: the page says what metadata says, and what runs is under none but those allowed."""

from __future__ import annotations

import licences
import packages
import pytest


def test_the_page_says_what_metadata_says() -> None:
    installed, pins = packages.installed_versions(), packages.pinned()
    names = {
        name for name in packages.needed("dev", "docs") if installed.get(name) == pins.get(name)
    }
    lines = licences.PAGE.read_text().splitlines()
    assert [row for row in licences.rows(names) if row not in lines] == []
    if len(names) == len(pins):
        assert licences.page().splitlines() == lines


def test_what_runs_is_permissive() -> None:
    assert licences.licence_faults() == []


def test_another_licence_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "needed", lambda: {"lightmotif", "click"})
    (fault,) = licences.licence_faults()
    assert fault.startswith("lightmotif is needed to run, but is under GPL-3.0-or-later")


@pytest.mark.parametrize(
    ("expression", "classifiers", "field", "licence"),
    [
        ("MIT AND PSF-2.0", [], None, "MIT AND PSF-2.0"),
        (None, ["License :: OSI Approved :: BSD License"], "BSD-3-Clause", "BSD-3-Clause"),
        (None, ["License :: OSI Approved :: BSD License"], "BSD", "BSD"),
        (None, ["License :: OSI Approved", "Topic :: Other"], "MIT License", "MIT"),
        (None, ["License :: OSI Approved :: MIT License"], "Copyright ...\n" * 99, "MIT"),
        (None, [], "Copyright ...\n" * 99, "unknown"),
        (
            None,
            ["License :: OSI Approved :: Apache Software License", "License :: OSI Approved :: X"],
            None,
            "Apache-2.0 AND X",
        ),
    ],
)
def test_which_field_tells(
    expression: str | None, classifiers: list[str], field: str | None, licence: str
) -> None:
    assert licences.licence_in(expression, classifiers, field) == licence


@pytest.mark.parametrize("licence", ["GPL-3.0-or-later", "LGPL", "unknown", "not installed"])
def test_what_is_not_on_the_list_is_refused(licence: str) -> None:
    assert licences.refused(f"MIT AND {licence}") == [licence]
