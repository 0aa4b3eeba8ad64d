"""What is amiss with the packages we build on: pins that disagree, licences, known vulnerabilities.

Vulnerabilities are those that https://osv.dev knows of the locked versions. Where it can't be
reached, a line says so, and all else is still checked. One that doesn't matter here goes into
.ci/ignored.toml, with the reason and a date from which it counts again:

    [GHSA-xxxx-xxxx-xxxx]
    reason = "only servers are affected, and we open none"
    until = 2027-06-30
"""

from __future__ import annotations

import datetime
import json
import tomllib
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from licences import licence_faults
from packages import (
    DEV_LOCK,
    RUN_LOCK,
    Locked,
    declared,
    installed_versions,
    locked,
    needed,
    pinned,
)
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.requirements import Requirement
    from packaging.version import Version

IGNORED = Path(__file__).parent / "ignored.toml"
SERVICE = "https://api.osv.dev/v1"
TIMEOUT_S = 5


@click.command()
@click.option("--service", default=SERVICE, show_default=True, help="Where to ask.")
@click.option(
    "--ignored",
    default=IGNORED,
    type=click.Path(path_type=Path, exists=True),
    help="What doesn't count.  [default: .ci/ignored.toml]",
)
def main(service: str, ignored: Path) -> None:
    """Say what is amiss; fail if anything is."""
    run, dev = locked(RUN_LOCK), locked(DEV_LOCK)
    locks = {**run, **dev}
    faults = [
        *pin_faults(pinned(), locks, [r for part in declared().values() for r in part]),
        *(f"{name} is in both locks: make lock" for name in sorted(run.keys() & dev.keys())),
        *missing_faults(needed("workflow"), run, RUN_LOCK.name),
        *missing_faults(needed("dev"), locks, DEV_LOCK.name),
        *installed_faults(installed_versions(), locks),
        *licence_faults(),
    ]
    try:
        faults += vulnerabilities(locks, service, counted_out(ignored, datetime.date.today()))
        asked = "known vulnerabilities"
    except (OSError, ValueError, KeyError, HTTPException) as error:
        # No network, a proxy's page, a service in trouble.
        asked = f"but no vulnerabilities: {service} gave no answer ({error})"
    click.echo(f"{len(locks)} packages: pins, hashes, licences were looked at, {asked}")
    if faults:
        raise click.ClickException("\n".join(faults))


def pin_faults(
    pins: Mapping[str, Version], locks: Mapping[str, Locked], wanted: Iterable[Requirement]
) -> Iterator[str]:
    """Where constraints.txt, locks and pyproject.toml disagree."""
    for name in sorted(pins.keys() | locks.keys()):
        lock, pin = locks.get(name), pins.get(name)
        if lock is None or lock.version != pin:
            there = lock.version if lock else "nothing"
            yield f"{name}: constraints.txt has {pin or 'nothing'}, the locks {there}: make lock"
        if lock and not lock.hashes:
            yield f"{name}: no hash in its lock: make lock"
    for requirement in wanted:
        version = pins.get(canonicalize_name(requirement.name))
        if version is not None and version not in requirement.specifier:
            yield f"{requirement} of pyproject.toml excludes {version} of constraints.txt"


def missing_faults(names: set[str], locks: Mapping[str, Locked], file: str) -> list[str]:
    """Packages that are needed somewhere, and stand in no lock."""
    return [f"{name} is needed and not in {file}: make lock" for name in sorted(names - set(locks))]


def installed_faults(versions: Mapping[str, Version], locks: Mapping[str, Locked]) -> list[str]:
    """Packages that are installed in another version; one that isn't installed is none."""
    return [
        f"{name} {versions[name]} is installed, and {lock.version} locked: make clean test"
        for name, lock in sorted(locks.items())
        if name in versions and versions[name] != lock.version
    ]


def counted_out(path: Path, today: datetime.date) -> set[str]:
    """Names of vulnerabilities that don't count today."""
    entries = tomllib.loads(path.read_text())
    for name, entry in entries.items():
        if not entry.get("reason") or type(entry.get("until")) is not datetime.date:
            raise click.ClickException(f"{path.name}: {name} needs a reason and a date, until")
    return {name for name, entry in entries.items() if today <= entry["until"]}


def vulnerabilities(locks: Mapping[str, Locked], service: str, ignored: set[str]) -> list[str]:
    """A line for each vulnerability of a locked version; one with several names is told once."""
    faults, told = [], set(ignored)
    for name, version, vulnerability in _found(locks, service):
        try:
            record = _ask(f"{service}/vulns/{vulnerability}")
        except (OSError, ValueError, HTTPException):
            record = {}  # it counts without its text
        names = {vulnerability, *record.get("aliases", [])}
        if record.get("withdrawn") or names & told:
            continue
        told |= names
        what = record.get("summary") or record.get("details", "").partition("\n")[0] or "no text"
        mended = ", ".join(sorted(_mended(record, name))) or "no release yet"
        faults.append(f"{name} {version}: {', '.join(sorted(names))}: {what}; mended: {mended}")
    return faults


def _found(locks: Mapping[str, Locked], service: str) -> Iterator[tuple[str, str, str]]:
    """Name, version, and name of a vulnerability."""
    queries: list[dict[str, Any]] = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": str(lock.version)}
        for name, lock in sorted(locks.items())
    ]
    while queries:
        results = _ask(f"{service}/querybatch", {"queries": queries})["results"]
        pages = []
        for query, result in zip(queries, results, strict=True):
            for found in result.get("vulns", []):
                yield query["package"]["name"], query["version"], found["id"]
            if token := result.get("next_page_token"):
                pages.append({**query, "page_token": token})
        queries = pages


def _mended(record: dict[str, Any], name: str) -> set[str]:
    """Releases of a package that a vulnerability is mended in."""
    return {
        event["fixed"]
        for affected in record.get("affected", [])
        if canonicalize_name(affected.get("package", {}).get("name", "")) == name
        for span in affected.get("ranges", [])
        if span.get("type") == "ECOSYSTEM"
        for event in span.get("events", [])
        if "fixed" in event
    }


def _ask(url: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
    """Answer to a query, or to none; an error in what is asked is one of ours, and not caught."""
    data = None if query is None else json.dumps(query).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (400, 404):
            raise click.ClickException(f"{url} does not know what we ask: {error}") from None
        raise


if __name__ == "__main__":
    main()
