"""Which packages dnabirnn needs, and at which versions: what pins, locks and metadata say."""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
)
"""What the locks hold for: sys.platform, platform.system() and platform.machine()."""

_ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    for python, (platform, system, machine) in itertools.product(PYTHONS, PLATFORMS)
]


class Locked(NamedTuple):
    """A package of a lock: its exact version and the sha256 of each of its files."""

    version: Version
    hashes: frozenset[str]


def declared(root: Path = ROOT) -> dict[str, list[Requirement]]:
    """Requirements of pyproject.toml by extra; those to run are under the empty name."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(line) for line in lines] for extra, lines in lists.items()}


def needed(*extras: str) -> set[str]:
    """Names of all that dnabirnn with these extras needs, anywhere the locks hold.

    What is behind a package is read from its metadata; behind one that isn't installed, nothing.
    """
    wanted = declared()
    roots = [requirement for extra in ("", *extras) for requirement in wanted[extra]]
    return set().union(*(_reached(roots, environment) for environment in _ENVIRONMENTS))


def _reached(roots: list[Requirement], environment: dict[str, str]) -> set[str]:
    waiting, seen = list(roots), set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting += _asked_by(name, extras, environment)
    return {name for name, _ in seen}


def _asked_by(
    name: str, extras: Iterable[str], environment: dict[str, str]
) -> Iterator[Requirement]:
    for requirement in installed_requirements(name):
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)
        ):
            yield requirement


@functools.cache
def installed_requirements(name: str) -> list[Requirement]:
    """What an installed package asks for; nothing if it isn't installed."""
    try:
        return [Requirement(line) for line in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return []


def installed_versions() -> dict[str, Version]:
    """Versions of all that is installed, without what names a build (`+cpu`)."""
    return {
        canonicalize_name(found.name): Version(Version(found.version).public)
        for found in metadata.distributions()
    }


def pinned(path: Path = CONSTRAINTS) -> dict[str, Version]:
    """Exact versions of a file of constraints, by normal name."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def locked(path: Path) -> dict[str, Locked]:
    """The packages of a lock, by normal name; lines that begin with a dash are not followed."""
    found: dict[str, Locked] = {}
    for line in path.read_text().replace("\\\n", "").splitlines():
        if line and line[0] not in "#-":
            pin, *options = line.split()
            name, version = pin.split("==")
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", " ".join(options)))
            found[canonicalize_name(name)] = Locked(Version(version), hashes)
    return found
