"""Adds the description that PyPI shows: README.md, with links to the files of this release."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup

_LINK = re.compile(r"(!?\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")


def description(readme: str, repository: str, version: str) -> str:
    """Return the text of a readme with absolute links in place of relative ones.

    >>> description("[a](docs/a.md#b), ![c](c.svg), [d](#e)", "https://github.com/o/r", "1.0")
    '[a](https://github.com/o/r/blob/v1.0/docs/a.md#b), ![c](https://github.com/o/r/raw/v1.0/c.svg), [d](#e)'
    """  # noqa: E501

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1].startswith("!") else "blob"
        return f"{link[1]}({repository}/{kind}/v{version}/{link[2]})"

    return _LINK.sub(absolute, readme)


if __name__ == "__main__":
    root = Path(__file__).parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    readme = (root / "README.md").read_text(encoding="utf-8")
    setup(
        long_description=description(readme, project["urls"]["Repository"], project["version"]),
        long_description_content_type="text/markdown",
    )
