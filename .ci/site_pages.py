"""Hook of MkDocs: pages that are made when the site is built, and links that leave the site.

- commands, from click
- the Python interface, from the faces of the subpackages (`__init__.pyi`)
- notebooks, from their files with outputs
- CHANGELOG.md and CONTRIBUTING.md of the top level
"""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING, Any

import command_pages
import notebooks
from packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = ROOT / "docs"
PACKAGE = ROOT / "dnabirnn"
TOP_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages of the top level, and where they are on the site."""

_LINK = re.compile(r"(?<!\!)(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def on_config(config: MkDocsConfig) -> None:
    """Fill the parts of the navigation that follow from files: commands, subpackages, decisions.

    Pages that the navigation does not name come last among the guides.
    """
    parts = {
        "commands/": [_command_uri(page) for page in command_pages.pages()],
        "api/": ["api/dnabirnn.md", *(f"api/{room}.md" for room in rooms())],
        "adr/": ["adr/README.md", *(f"adr/{path.name}" for path in sorted(DOCS.glob("adr/0*.md")))],
    }
    config.nav = _filled(config.nav, parts)
    named = set(_pages(config.nav))
    guides = next(part["Guides"] for part in config.nav if "Guides" in part)
    guides += [path.name for path in sorted(DOCS.glob("*.md")) if path.name not in named]


def _pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for item in entry.values() if isinstance(entry, dict) else entry:
            yield from _pages(item)


def _filled(entry: Any, parts: dict[str, list[str]]) -> Any:
    if isinstance(entry, list):
        return [_filled(item, parts) for item in entry]
    if isinstance(entry, dict):
        return {title: _filled(item, parts) for title, item in entry.items()}
    return parts.get(entry, entry)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    for uri, content in (*_command_pages(), *_api_pages(), *_top_pages(), *_notebook_pages()):
        files.append(File.generated(config, uri, content=content))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files of the repository that are not on the site lead to the repository."""

    def led(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups(default="")
        return f"{before}{_led(target, page.file.src_uri, config, files)}{anchor}{after}"

    return _LINK.sub(led, markdown)


def _led(target: str, source: str, config: MkDocsConfig, files: Files) -> str:
    if "://" in target or target.startswith("mailto:"):
        return target
    there = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if not there.startswith("../"):
        return target
    path = there.removeprefix("../")
    if path in TOP_PAGES:
        return posixpath.relpath(TOP_PAGES[path], posixpath.dirname(source) or ".")
    if not (ROOT / path).exists():
        return target  # MkDocs warns
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{config.extra['repository']}/{kind}/main/{path}"


def _command_uri(page: command_pages.Page) -> str:
    return f"commands/{page.name.split()[-1]}.md"


def _command_pages() -> Iterator[tuple[str, str]]:
    for page in command_pages.pages():
        yield _command_uri(page), command_pages.markdown(page)


def rooms() -> list[str]:
    """Return the subpackages that have a face."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.pyi"))


def names(face: Path) -> list[str]:
    """Return the public names of a face, in its order."""
    imports = (
        node for node in ast.parse(face.read_text()).body if isinstance(node, ast.ImportFrom)
    )
    return [alias.name for node in imports for alias in node.names]


def _api_pages() -> Iterator[tuple[str, str]]:
    for room in ("", *rooms()):
        module = f"dnabirnn.{room}".rstrip(".")
        head = [f"# {module}", *_introduction(PACKAGE / room / "__init__.py")]
        # Users of `dnabirnn` itself see all methods of `Model` in one place.
        more = "" if room else "\n    options:\n      inherited_members: true"
        faces = names(PACKAGE / room / "__init__.pyi")
        entries = [f"::: {module}.{name}{more}" for name in faces]
        yield f"api/{room or 'dnabirnn'}.md", "\n\n".join([*head, *entries]) + "\n"


def _introduction(path: Path) -> list[str]:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return [text.split("\n\n")[0]]


def _top_pages() -> Iterator[tuple[str, str]]:
    for name, uri in TOP_PAGES.items():
        yield uri, (ROOT / name).read_text().replace("](docs/", "](")


def _notebook_pages() -> Iterator[tuple[str, str | bytes]]:
    from mkdocs.exceptions import PluginError

    for source in notebooks.sources():
        try:
            yield from notebooks.site_files(source)
        except ValueError as error:
            raise PluginError(str(error)) from error
