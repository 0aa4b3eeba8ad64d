"""Licences of all packages, from their metadata: docs/licences.md, and which may not be."""

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
    "MPL-2.0",  # asks for changes to its own files only, and we make none (tqdm)
    "PSF-2.0",
    "Zlib",
}
"""What a package that is needed to run may be under. Each part of an expression must be here."""

_SAID_OTHERWISE = {
    "conda-inject": "MIT",
    "docutils": "Public domain AND BSD-2-Clause",  # GPL for a file for Emacs, not in the wheel
    "lightmotif": "GPL-3.0-or-later",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "py2bit": "MIT",
    "pybigwig": "MIT",
    "snakemake-interface-common": "MIT",
    "snakemake-interface-logger-plugins": "MIT",
    "snakemake-interface-report-plugins": "MIT",
    "snakemake-interface-scheduler-plugins": "MIT",
    "snakemake-interface-storage-plugins": "MIT",
}
"""Where metadata says nothing, or not all: what the licence file or the readme says."""

_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Other words for the names of SPDX. Some tell no version or number of clauses."""

_COPYLEFT = re.compile(r"GPL|MPL|EPL|CDDL|EUPL")

_GROUPS = [
    ("To run", ()),
    ("The extra `index`", ("index",)),
    ("The extra `motifs`", ("motifs",)),
    ("The extra `onnx`", ("onnx",)),
    ("The extra `workflow`", ("workflow",)),
    ("To develop", ("dev",)),
]

_HEAD = """\
# Licences

Of dnabirnn and of each package that it needs, by `make licences` from what the packages say of
themselves. **Copyleft** is marked; to run, only permissive licences are allowed, and MPL-2.0, which
asks for changes to its own files only. `make check` fails for any other.

dnabirnn itself is under the MIT licence. lightmotif says MIT in its metadata and GPL in its readme,
since its wheel holds TFM-PVALUE: hence the extra. On Linux, torch of PyPI brings libraries of CUDA
along, which are under NVIDIA's own terms, and triton (MIT); PyTorch's CPU builds need neither. What
wheels hold of others is told in the licence files within them.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """Text of the page; each package stands in the first group that needs it."""
    parts, before = [_HEAD], set[str]()
    for title, extras in _GROUPS:
        names = needed(*extras) - before
        before |= names
        head = [f"## {title}", "", "| package | version | licence |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows(names)]) + "\n")
    return "\n".join(parts)


def rows(names: Iterable[str]) -> Iterator[str]:
    """Lines of a table."""
    versions = pinned()
    for name in sorted(names):
        licence = licence_of(name)
        mark = " (**copyleft**)" if _COPYLEFT.search(licence) else ""
        yield f"| {name} | {versions.get(name, 'not pinned')} | {licence}{mark} |"


def licence_of(name: str) -> str:
    """Licence of an installed package: an expression of SPDX where it gives one."""
    if name in _SAID_OTHERWISE:
        return _SAID_OTHERWISE[name]
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed"
    expression, field = (
        (told.get_all(key) or [None])[0] for key in ("License-Expression", "License")
    )
    return licence_in(expression, told.get_all("Classifier") or [], field)


def licence_in(expression: str | None, classifiers: Iterable[str], field: str | None) -> str:
    """Give the licence that metadata tells of, by the first of these that tells any.

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
    known = [_WORDS.get(word, word) for word in words]
    short = [word for word in known if word and len(word) < 80]
    return " AND ".join(short) or "unknown"


def refused(licence: str) -> list[str]:
    """Parts of an expression that a package needed to run may not be under.

    A choice (OR) counts as both, so that nobody has to choose in silence.

    >>> refused("MIT AND (Apache-2.0 WITH LLVM-exception)"), refused("MIT OR GPL-2.0-only")
    ([], ['GPL-2.0-only'])
    """
    parts = re.split(r" AND | OR ", re.sub(r"[()]", "", licence))
    return [part for part in parts if part not in ALLOWED]


def licence_faults() -> list[str]:
    """A line for each package that is needed to run and is under what isn't allowed."""
    licences = {name: licence_of(name) for name in sorted(needed())}
    return [
        f"{name} is needed to run and under {licence}; take another, or allow it in .ci/licences.py"
        for name, licence in licences.items()
        if refused(licence)
    ]


if __name__ == "__main__":
    main()
