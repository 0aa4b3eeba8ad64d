"""Check the packages that dnabirnn depends on: pins, hashes, licences, known vulnerabilities.

Known vulnerabilities of the locked versions come from https://osv.dev. If it cannot be reached, the
output says so, and all other checks still run. A vulnerability that does not affect dnabirnn can be
listed in .ci/ignored.toml, with a reason and the last day on which it is ignored:

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
    DOCS_LOCK,
    RUN_EXTRAS,
    RUN_LOCK,
    SCORE_LOCK,
    Locked,
    declared,
    installed_versions,
    locked,
    needed,
    needed_to_score,
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
@click.option("--service", default=SERVICE, show_default=True, help="URL of the OSV service.")
@click.option(
    "--ignored",
    default=IGNORED,
    type=click.Path(path_type=Path, exists=True),
    help="TOML file of vulnerabilities to ignore.  [default: .ci/ignored.toml]",
)
def main(service: str, ignored: Path) -> None:
    """Check pins, locks, licences and vulnerabilities; fail if there are any faults."""
    run, dev, docs, score = map(locked, (RUN_LOCK, DEV_LOCK, DOCS_LOCK, SCORE_LOCK))
    locks = {**run, **dev, **docs}
    faults = [
        *pin_faults(pinned(), locks, [r for part in declared().values() for r in part]),
        *(f"{name} is in both locks; run `make lock`" for name in sorted(run.keys() & dev.keys())),
        *missing_faults(needed(*RUN_EXTRAS), run, RUN_LOCK.name),
        *missing_faults(needed("dev"), {**run, **dev}, DEV_LOCK.name),
        *missing_faults(needed("docs"), locks, DOCS_LOCK.name),
        *missing_faults(needed_to_score(), score, SCORE_LOCK.name),
        *part_faults(score, run),
        *installed_faults(installed_versions(), locks),
        *licence_faults(),
    ]
    try:
        faults += vulnerabilities(locks, service, ignored_names(ignored, datetime.date.today()))
        checked = "known vulnerabilities"
    except (OSError, ValueError, KeyError, HTTPException) as error:
        # No network, a web page from a proxy, or a fault of the service.
        checked = f"but not vulnerabilities: {service} gave no answer ({error})"
    click.echo(f"{len(locks)} packages: checked pins, hashes, licences, {checked}")
    if faults:
        raise click.ClickException("\n".join(faults))


def pin_faults(
    pins: Mapping[str, Version], locks: Mapping[str, Locked], wanted: Iterable[Requirement]
) -> Iterator[str]:
    """Yield a line for each disagreement of constraints.txt, the locks and pyproject.toml."""
    for name in sorted(pins.keys() | locks.keys()):
        lock, pin = locks.get(name), pins.get(name)
        if lock is None or lock.version != pin:
            found = lock.version if lock else "nothing"
            yield (
                f"{name}: constraints.txt has {pin or 'nothing'}, the locks have {found}; "
                "run `make lock`"
            )
        if lock and not lock.hashes:
            yield f"{name}: no hash in its lock; run `make lock`"
    for requirement in wanted:
        version = pins.get(canonicalize_name(requirement.name))
        if version is not None and version not in requirement.specifier:
            yield f"{requirement} in pyproject.toml excludes {version} in constraints.txt"


def missing_faults(names: set[str], locks: Mapping[str, Locked], file: str) -> list[str]:
    """Return a line for each package that is needed on some platform and is in no lock."""
    missing = sorted(names - set(locks))
    return [f"{name} is needed but not in {file}; run `make lock`" for name in missing]


def part_faults(part: Mapping[str, Locked], whole: Mapping[str, Locked]) -> list[str]:
    """Return a line for each package that is locked otherwise in the lock for scoring."""
    return [
        f"{name} is not the same in {SCORE_LOCK.name} as in {RUN_LOCK.name}; run `make lock`"
        for name in sorted(part)
        if part[name] != whole.get(name)
    ]


def installed_faults(versions: Mapping[str, Version], locks: Mapping[str, Locked]) -> list[str]:
    """Return a line for each package installed in another version than the locked one.

    Packages that are not installed are not faults.
    """
    return [
        f"{name} {versions[name]} is installed, but {lock.version} is locked; run `make clean test`"
        for name, lock in sorted(locks.items())
        if name in versions and versions[name] != lock.version
    ]


def ignored_names(path: Path, today: datetime.date) -> set[str]:
    """Return the names of the vulnerabilities that are ignored today."""
    entries = tomllib.loads(path.read_text())
    for name, entry in entries.items():
        if not entry.get("reason") or type(entry.get("until")) is not datetime.date:
            raise click.ClickException(f"{path.name}: {name} needs a `reason` and a date `until`")
    return {name for name, entry in entries.items() if today <= entry["until"]}


def vulnerabilities(locks: Mapping[str, Locked], service: str, ignored: set[str]) -> list[str]:
    """Return one line per vulnerability of a locked version, even if it has several names."""
    faults, reported = [], set(ignored)
    for name, version, vulnerability in _found(locks, service):
        try:
            record = _ask(f"{service}/vulns/{vulnerability}")
        except (OSError, ValueError, HTTPException):
            record = {}  # reported without its text
        names = {vulnerability, *record.get("aliases", [])}
        if record.get("withdrawn") or names & reported:
            continue
        reported |= names
        details = record.get("details", "").partition("\n")[0]
        text = record.get("summary") or details or "no description"
        fixed = ", ".join(sorted(_fixed_in(record, name))) or "no release yet"
        faults.append(f"{name} {version}: {', '.join(sorted(names))}: {text}; fixed in: {fixed}")
    return faults


def _found(locks: Mapping[str, Locked], service: str) -> Iterator[tuple[str, str, str]]:
    """Yield the name and version of a package, and the name of a vulnerability that it has."""
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


def _fixed_in(record: dict[str, Any], name: str) -> set[str]:
    """Return the releases of a package in which a vulnerability is fixed."""
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
    """Return the answer of the service to a query, or to a plain GET without one.

    A query that the service does not understand (status 400 or 404) is a fault of this script, so
    it fails the audit; other errors are left to the caller.
    """
    data = None if query is None else json.dumps(query).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            record: dict[str, Any] = json.load(answer)
            return record
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (400, 404):
            raise click.ClickException(f"{url} does not understand the query: {error}") from None
        raise


if __name__ == "__main__":
    main()
