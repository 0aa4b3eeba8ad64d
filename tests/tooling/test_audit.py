"""The audit: pins that disagree, and vulnerabilities, with and without a service that answers."""

from __future__ import annotations

import datetime
import re
import socket
from pathlib import Path
from typing import Any

import audit
import click
import pytest
from audit import ignored_names, installed_faults, pin_faults, vulnerabilities
from click.testing import CliRunner, Result
from packages import DEV_LOCK, DOCS_LOCK, RUN_LOCK, Locked, declared, locked, pinned
from packaging.requirements import Requirement
from packaging.version import Version
from services import Service

HASHES = frozenset({"a" * 64})
PINS = {"alpha": Version("1.0"), "beta": Version("2.0")}
LOCKS = {name: Locked(version, HASHES) for name, version in PINS.items()}
RECORD: dict[str, Any] = {
    "aliases": ["CVE-1"],
    "summary": "Reads past the end",
    "affected": [
        {
            "package": {"name": "Alpha", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "GIT", "events": [{"fixed": "0a1b2c"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]},
            ],
        }
    ],
}


def found(*names: str, **more: str) -> dict[str, Any]:
    return {"vulns": [{"id": name} for name in names], **more}


def test_pins_locks_and_declared_ranges_agree() -> None:
    wanted = [requirement for part in declared().values() for requirement in part]
    locks = {**locked(RUN_LOCK), **locked(DEV_LOCK), **locked(DOCS_LOCK)}
    assert list(pin_faults(pinned(), locks, wanted)) == []


@pytest.mark.parametrize(
    ("locks", "wanted", "told"),
    [
        (LOCKS, "alpha>=1", []),
        (LOCKS | {"beta": Locked(Version("2.1"), HASHES)}, "alpha", ["beta: .* has 2.0.* 2.1;"]),
        ({"alpha": LOCKS["alpha"]}, "alpha", ["beta: .* the locks have nothing"]),
        (LOCKS | {"gamma": LOCKS["beta"]}, "alpha", ["gamma: constraints.txt has nothing"]),
        (LOCKS | {"beta": Locked(Version("2.0"), frozenset())}, "alpha", ["beta: no hash"]),
        (LOCKS, "Alpha>=1.1", ["Alpha>=1.1 in pyproject.toml excludes 1.0"]),
    ],
)
def test_what_disagrees_is_named(locks: dict[str, Locked], wanted: str, told: list[str]) -> None:
    faults = list(pin_faults(PINS, locks, [Requirement(wanted)]))
    assert len(faults) == len(told)
    assert all(re.match(pattern, fault) for pattern, fault in zip(told, faults, strict=True))


def test_another_version_installed_is_a_fault_and_none_is_not() -> None:
    assert installed_faults({"alpha": Version("1.0")}, LOCKS) == []
    (fault,) = installed_faults({"alpha": Version("1.0.1")}, LOCKS)
    assert fault.startswith("alpha 1.0.1 is installed, but 1.0 is locked")


def test_a_vulnerability_is_told_once_with_all_its_names(service: Service) -> None:
    service.answers = {
        "/querybatch": {"results": [found("GHSA-1", "PYSEC-1"), {}]},
        "/vulns/GHSA-1": RECORD,
        "/vulns/PYSEC-1": RECORD | {"aliases": ["CVE-1", "GHSA-1"]},
    }
    told = "alpha 1.0: CVE-1, GHSA-1: Reads past the end; fixed in: 1.1"
    assert vulnerabilities(LOCKS, service.url, set()) == [told]
    assert service.asked[0]["queries"][0] == {
        "package": {"name": "alpha", "ecosystem": "PyPI"},
        "version": "1.0",
    }
    assert vulnerabilities(LOCKS, service.url, {"CVE-1"}) == []


def test_withdrawn_ones_do_not_count_and_those_without_text_do(service: Service) -> None:
    service.answers = {
        "/querybatch": {"results": [found("GHSA-1"), found("GHSA-2")]},
        "/vulns/GHSA-1": RECORD | {"withdrawn": "2026-01-01T00:00:00Z"},
        "/vulns/GHSA-2": 503,
    }
    told = "beta 2.0: GHSA-2: no description; fixed in: no release yet"
    assert vulnerabilities(LOCKS, service.url, set()) == [told]


def test_further_pages_are_asked_for(service: Service) -> None:
    pages = [{"results": [{}, {"next_page_token": "t"}]}, {"results": [found("GHSA-1")]}]
    service.answers = {"/querybatch": pages, "/vulns/GHSA-1": RECORD}
    assert len(vulnerabilities(LOCKS, service.url, set())) == 1
    assert [query["page_token"] for query in service.asked[1]["queries"]] == ["t"]


def ran(service: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setattr(audit, "installed_versions", dict)  # tests run with any
    return CliRunner().invoke(audit.main, ["--service", service])


def test_all_well(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(pinned())
    service.answers = {"/querybatch": {"results": [{} for _ in names]}}
    result = ran(service.url, monkeypatch)
    assert result.exit_code == 0
    assert result.output.endswith("licences, known vulnerabilities\n")
    assert [query["package"]["name"] for query in service.asked[0]["queries"]] == names


def test_a_found_one_fails(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    results = [found("GHSA-1") if name == "torch" else {} for name in sorted(pinned())]
    service.answers = {"/querybatch": {"results": results}, "/vulns/GHSA-1": RECORD}
    result = ran(service.url, monkeypatch)
    assert result.exit_code == 1
    assert f"Error: torch {pinned()['torch']}: CVE-1, GHSA-1: Reads past the end" in result.output


@pytest.mark.parametrize("answer", [403, 500, "<html>a proxy's page</html>"])
def test_a_service_in_trouble_is_told_and_no_failure(
    answer: object, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers = {"/querybatch": answer}
    result = ran(service.url, monkeypatch)
    assert (result.exit_code, "gave no answer" in result.output) == (0, True)


def test_without_a_network_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        unanswered = ran(url, monkeypatch)
    for each in (unanswered, ran(url, monkeypatch)):
        assert each.exit_code == 0
        assert len(each.output.splitlines()) == 1
        assert "gave no answer" in each.output


def test_a_question_not_understood_is_a_failure(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers = {"/querybatch": 400}
    result = ran(service.url, monkeypatch)
    assert (result.exit_code, "does not understand the query" in result.output) == (1, True)


def test_what_is_ignored_has_a_reason_and_an_end(tmp_path: Path) -> None:
    path = tmp_path / "ignored.toml"
    path.write_text('[GHSA-1]\nreason = "no server"\nuntil = 2026-06-30\n')
    assert ignored_names(path, datetime.date(2026, 6, 30)) == {"GHSA-1"}
    assert ignored_names(path, datetime.date(2026, 7, 1)) == set()
    for text in ('[GHSA-1]\nreason = "no server"\n', "[GHSA-1]\nuntil = 2026-06-30\n"):
        path.write_text(text)
        with pytest.raises(click.ClickException, match="GHSA-1 needs a `reason` and a date"):
            ignored_names(path, datetime.date(2026, 6, 30))
