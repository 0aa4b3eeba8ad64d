"""Packages that dnabirnn needs, and their versions, from pins, locks and metadata."""

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
SCORE_LOCK = ROOT / "requirements-score.lock"
DOCS_LOCK = ROOT / "requirements-docs.lock"

RUN_EXTRAS = ("cluster", "discover", "index", "remote", "workflow")
"""Extras that the lock for runs covers. The image is installed from it."""

SCORING = (
    "biopython",
    "click",
    "lazy-loader",
    "numba",
    "numpy",
    "polars",
    "psutil",
    "safetensors",
    "tqdm",
)
"""Dependencies that scoring needs, without those that only training and figures need."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
)
"""Platforms that the locks are for: sys.platform, platform.system(), platform.machine()."""

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
    """A package in a lock: its exact version and the sha256 of each of its files."""

    version: Version
    hashes: frozenset[str]


def declared(root: Path = ROOT) -> dict[str, list[Requirement]]:
    """Return the requirements in pyproject.toml by extra; those needed to run have the key ""."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(line) for line in lines] for extra, lines in lists.items()}


def needed(*extras: str, on: str | None = None) -> set[str]:
    """Return the names of all packages that dnabirnn needs with these extras.

    They are those of any platform, or of one `sys.platform`. Requirements of a package are read
    from its metadata. A package that is not installed counts as having none.
    """
    wanted = declared()
    roots = (requirement for extra in ("", *extras) for requirement in wanted[extra])
    return _needed(roots, on)


def needed_to_score() -> set[str]:
    """Return the names of all packages that scoring needs, on any platform."""
    return _needed(wanted for wanted in declared()[""] if wanted.name in SCORING)


def _needed(requirements: Iterable[Requirement], on: str | None = None) -> set[str]:
    """Return the names of packages, and of all that they need, on any platform or on one."""
    roots = list(requirements)
    places = [place for place in _ENVIRONMENTS if on in (None, place["sys_platform"])]
    return set().union(*(_reached(roots, environment) for environment in places))


def _reached(roots: list[Requirement], environment: dict[str, str]) -> set[str]:
    waiting = [root for root in roots if root.marker is None or root.marker.evaluate(environment)]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting += _required_by(name, extras, environment)
    return {name for name, _ in seen}


def _required_by(
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
    """Return the requirements of an installed package; an empty list if it is not installed."""
    try:
        return [Requirement(line) for line in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return []


def installed_versions() -> dict[str, Version]:
    """Return the versions of all installed packages, without a build label such as `+cpu`."""
    return {
        canonicalize_name(found.name): Version(Version(found.version).public)
        for found in metadata.distributions()
    }


def pinned(path: Path = CONSTRAINTS) -> dict[str, Version]:
    """Return the exact versions in a file of constraints, by normalized name."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def locked(path: Path) -> dict[str, Locked]:
    """Return the packages in a lock, by normalized name; options such as `-r` are ignored."""
    found: dict[str, Locked] = {}
    for line in path.read_text().replace("\\\n", "").splitlines():
        if line and line[0] not in "#-":
            pin, *options = line.split()
            name, version = pin.split("==")
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", " ".join(options)))
            found[canonicalize_name(name)] = Locked(Version(version), hashes)
    return found
