"""Licences of all packages, from their metadata: write docs/licences.md, and check them."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from packages import ROOT, needed, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = ROOT / "docs" / "licences.md"

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "HPND",
    "LicenseRef-Biopython-License-Agreement",
    "MIT",
    "MIT-CMU",
    "MPL-2.0",  # applies only to changes of its own files, and dnabirnn makes none (tqdm)
    "PSF-2.0",
    "Zlib",
}
"""Licences allowed for packages that are needed to run. Each part of an expression must be here."""

_CORRECTIONS = {
    "conda-inject": "MIT",
    "defusedxml": "PSF-2.0",
    "docutils": "Public domain AND BSD-2-Clause",  # GPL for a file for Emacs, not in the wheel
    "lightmotif": "GPL-3.0-or-later",
    "mergedeep": "MIT",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "ptyprocess": "ISC",
    "py2bit": "MIT",
    "pybigwig": "MIT",
    "snakemake-interface-common": "MIT",
    "snakemake-interface-logger-plugins": "MIT",
    "snakemake-interface-report-plugins": "MIT",
    "snakemake-interface-scheduler-plugins": "MIT",
    "snakemake-interface-storage-plugins": "MIT",
}
"""Licences from the licence file or readme of packages whose metadata are missing or incomplete."""

_SPDX_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""SPDX names of licences by other names; some of these do not state a version or clauses."""

_COPYLEFT = re.compile(r"GPL|MPL|EPL|CDDL|EUPL")

_GROUPS = [
    ("To run", ()),
    ("The extra `discover`", ("discover",)),
    ("The extra `index`", ("index",)),
    ("The extra `motifs`", ("motifs",)),
    ("The extra `onnx`", ("onnx",)),
    ("The extra `triton`", ("triton",)),
    ("The extra `remote`", ("remote",)),
    ("The extra `workflow`", ("workflow",)),
    ("The extra `cluster`", ("cluster",)),
    ("To develop", ("dev",)),
    ("The site (the extra `docs`)", ("docs",)),
]

_HEAD = """\
# Licences

This page lists the licence of each package that dnabirnn needs. `make licences` writes it from the
metadata of the packages. **Copyleft** licences are marked. For packages that are needed to run,
only permissive licences and MPL-2.0 are allowed; MPL-2.0 applies only to changes of its own files.
`make check` fails for any other licence.

dnabirnn itself is under the MIT licence. lightmotif is optional because of its licence: its
metadata state MIT, but its readme states GPL, since its wheel contains TFM-PVALUE. On Linux, torch
from PyPI also installs CUDA libraries, which are under NVIDIA's own terms, and triton (MIT).
PyTorch's CPU builds need neither. Wheels may contain code of other projects; its licences are in
the licence files inside the wheels.
"""


def main() -> None:
    """Write docs/licences.md."""
    PAGE.write_text(page())


def page() -> str:
    """Return the text of the page; each package is listed in the first group that needs it."""
    parts, before = [_HEAD], set[str]()
    for title, extras in _GROUPS:
        names = needed(*extras) - before
        before |= names
        head = [f"## {title}", "", "| package | version | licence |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows(names)]) + "\n")
    return "\n".join(parts)


def rows(names: Iterable[str]) -> Iterator[str]:
    """Yield the rows of a table of packages."""
    versions = pinned()
    for name in sorted(names):
        licence = licence_of(name)
        mark = " (**copyleft**)" if _COPYLEFT.search(licence) else ""
        yield f"| {name} | {versions.get(name, 'not pinned')} | {licence}{mark} |"


def licence_of(name: str) -> str:
    """Return the licence of an installed package, as an SPDX expression if it has one."""
    if name in _CORRECTIONS:
        return _CORRECTIONS[name]
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed"
    expression, field = (
        (found.get_all(key) or [None])[0] for key in ("License-Expression", "License")
    )
    return licence_in(expression, found.get_all("Classifier") or [], field)


def licence_in(expression: str | None, classifiers: Iterable[str], field: str | None) -> str:
    """Return the licence in a package's metadata, or "unknown".

    An SPDX expression comes first, then a `License` field that is a short SPDX name, then the
    classifiers.

    >>> licence_in(None, ["License :: OSI Approved :: BSD License"], "BSD-3-Clause")
    'BSD-3-Clause'
    >>> licence_in(None, ["License :: OSI Approved :: MIT License"], "Copyright 2020 ...")
    'MIT'
    >>> licence_in(None, [], None)
    'unknown'
    """
    if expression:
        return expression
    if field and re.fullmatch(r"[\w.+-]+( (AND|OR|WITH) [\w.+-]+)*", field) and field != "BSD":
        return field
    tails = [text.split(" :: ")[-1] for text in classifiers if text.startswith("License :: ")]
    words = [tail for tail in tails if tail != "OSI Approved"] or [field or ""]
    known = [_SPDX_NAMES.get(word, word) for word in words]
    short = [word for word in known if word and len(word) < 80]
    return " AND ".join(short) or "unknown"


def refused(licence: str) -> list[str]:
    """Return the parts of an expression that are not allowed for packages needed to run.

    All alternatives of an OR must be allowed, so that dnabirnn never chooses one implicitly.

    >>> refused("MIT AND (Apache-2.0 WITH LLVM-exception)"), refused("MIT OR GPL-2.0-only")
    ([], ['GPL-2.0-only'])
    """
    parts = re.split(r" AND | OR ", re.sub(r"[()]", "", licence))
    return [part for part in parts if part not in ALLOWED]


def licence_faults() -> list[str]:
    """Return a line for each package that is needed to run and has a refused licence."""
    licences = {name: licence_of(name) for name in sorted(needed())}
    return [
        f"{name} is needed to run, but is under {licence}; "
        "replace it, or allow the licence in .ci/licences.py"
        for name, licence in licences.items()
        if refused(licence)
    ]


if __name__ == "__main__":
    main()
