"""Write constraints.txt and the locks from the packages installed in this environment.

constraints.txt has the versions; the locks also have the hashes of the files of each release.
`make lock` runs this script in a fresh environment, after
`pip install -c constraints.txt ".[dev,docs]"`.
Packages that are already pinned keep their version; new packages get a pin.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packages import (
    CONSTRAINTS,
    DEV_LOCK,
    DOCS_LOCK,
    PYTHONS,
    RUN_EXTRAS,
    RUN_LOCK,
    SCORE_LOCK,
    locked,
    needed,
    needed_to_score,
)
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HOLDS = f"""\
# Written by `make lock`. Valid on Linux and macOS, for Python {PYTHONS[0]} to {PYTHONS[-1]}.
"""
_RUN_HEADER = f"""{_HOLDS}\
# Packages needed to run dnabirnn with the extras {", ".join(f"`{extra}`" for extra in RUN_EXTRAS)}.
# On Linux, torch from PyPI also needs CUDA libraries. It pins them itself, so they are not listed
# here: docs/dependencies.md.
"""
_DEV_HEADER = f"""{_HOLDS}\
# Further packages needed by the extra `dev`.
-r {RUN_LOCK.name}
"""
_DOCS_HEADER = f"""{_HOLDS}\
# Further packages needed by the extra `docs`.
-r {DEV_LOCK.name}
"""
_SCORE_HEADER = f"""{_HOLDS}\
# Packages needed for scoring alone, without torch: docs/dependencies.md. All of them are in
# {RUN_LOCK.name}, too.
"""


def main() -> None:
    """Write constraints.txt and the locks."""
    oldest = PYTHONS[0]
    if sys.version_info[:2] != tuple(map(int, oldest.split("."))):
        raise SystemExit(f"Python {oldest} is needed, the oldest version that the locks are for")
    names = needed("dev", "docs")
    found: dict[str, metadata.Distribution]
    found = {canonicalize_name(dist.name): dist for dist in metadata.distributions()}
    missing = sorted(names - found.keys())
    if missing:
        raise SystemExit(f"cannot pin packages that are not installed: {', '.join(missing)}")
    pins = {name: (found[name].name, Version(found[name].version).public) for name in names}
    header = [line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("#")]
    lines = sorted((f"{name}=={version}" for name, version in pins.values()), key=str.casefold)
    hashes = hashes_of({name: Version(version) for name, (_, version) in pins.items()})
    CONSTRAINTS.write_text("\n".join([*header, *lines]) + "\n")
    run, dev = needed(*RUN_EXTRAS), needed("dev")
    locks = [
        (RUN_LOCK, _RUN_HEADER, run),
        (DEV_LOCK, _DEV_HEADER, dev - run),
        (DOCS_LOCK, _DOCS_HEADER, names - dev),
        (SCORE_LOCK, _SCORE_HEADER, needed_to_score()),
    ]
    everywhere = needed("dev", "docs", on="darwin")
    for path, text, part in locks:
        entries = (
            entry(*pins[name], hashes[name], linux=name not in everywhere) for name in sorted(part)
        )
        path.write_text(text + "".join(entries))


def entry(name: str, version: str, hashes: Iterable[str], *, linux: bool = False) -> str:
    r"""Return the lines of a package in a lock; one that is for Linux only is marked.

    >>> print(entry("click", "8.1.0", ["bb", "aa"]), end="")
    click==8.1.0 \
        --hash=sha256:aa \
        --hash=sha256:bb
    >>> print(entry("triton", "3.7.1", ["aa"], linux=True), end="")
    triton==3.7.1 ; sys_platform == "linux" \
        --hash=sha256:aa
    """
    pin = f"{name}=={version}" + ' ; sys_platform == "linux"' * linux
    lines = [pin, *(f"--hash=sha256:{sha256}" for sha256 in sorted(hashes))]
    return " \\\n    ".join(lines) + "\n"


def hashes_of(pins: dict[str, Version]) -> dict[str, set[str]]:
    """Return the hashes of all files of each version, from pip's index and --find-links.

    Hashes that a lock already has for the same version are kept, since other places may list other
    files.
    """
    hashes: dict[str, set[str]] = {name: set() for name in pins}
    for path in filter(Path.exists, (RUN_LOCK, DEV_LOCK, DOCS_LOCK)):
        for name, (version, known) in locked(path).items():
            if pins.get(name) == version:
                hashes[name] |= known
    for filename, sha256 in _files(pins):
        name, release = release_of(filename) or ("", None)
        if release is not None and pins.get(name) == Version(release.public):
            hashes[name].add(sha256)
    return hashes


def release_of(filename: str) -> tuple[str, Version] | None:
    """Return the name and version in the name of a wheel or sdist, or None for other files.

    >>> release_of("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl")
    ('torch', <Version('2.13.0+cpu')>)
    >>> release_of("click-8.1.0.tar.gz")
    ('click', <Version('8.1.0')>)
    >>> release_of("click-0.1.egg")
    """
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[:2]
        return parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
        return None


def _files(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and sha256 of each file in pip's index and --find-links.

    No command of pip lists all files of a release, so this uses pip's internal modules. They know
    the configured index, certificates and proxies.
    """
    from pip._internal.commands.download import DownloadCommand
    from pip._internal.index.collector import LinkCollector, parse_links
    from pip._internal.models.link import Link

    command = DownloadCommand("download", "")
    options, _ = command.parse_args([])
    folders = [Path(place) for place in options.find_links if Path(place).is_dir()]
    for wheel in (path for folder in folders for path in folder.glob("*.whl")):
        yield wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()
    pages = [place for place in options.find_links if "://" in place]
    with command.main_context():
        collector = LinkCollector.create(command.get_default_session(options), options)
        for url in [*pages, *(f"{options.index_url}/{name}/" for name in sorted(names))]:
            page = collector.fetch_response(Link(url))
            for link in parse_links(page) if page else ():
                if link.hash_name == "sha256" and link.hash:
                    yield link.filename, link.hash


if __name__ == "__main__":
    main()
