"""Pages about the commands, from click: Markdown for the site, man pages for `make man`.

Both have the texts of `dnabirnn COMMAND --help`.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, NamedTuple

import click
from packages import ROOT

from dnabirnn.cli import main as dnabirnn
from dnabirnn.cli.command import WithExample
from dnabirnn.names import wrapped_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

MAN = ROOT / "build" / "man"


class Entry(NamedTuple):
    """An option, or a command in a list of commands: its names, and what it does."""

    names: str
    text: str


class Page(NamedTuple):
    """What the help of a command says.

    Attributes
    ----------
    name : str
        As typed: `dnabirnn mask`.
    usage : str
    paragraphs : list of str
        The first one begins with the sentence that lists of commands show.
    groups : dict of str to list of Entry
        Options by heading; for `dnabirnn` itself also the commands.
    example : str
        Command lines.
    """

    name: str
    usage: str
    paragraphs: list[str]
    groups: dict[str, list[Entry]]
    example: str

    @property
    def title(self) -> str:
        """The first sentence, without its full stop."""
        return re.split(r"\.(?:\s|$)", self.paragraphs[0], maxsplit=1)[0]

    @property
    def file_name(self) -> str:
        """Name of the man page without its section: `dnabirnn-mask`."""
        return self.name.replace(" ", "-")


def pages() -> list[Page]:
    """Return the page of `dnabirnn`, then one per command."""
    context = dnabirnn.make_context("dnabirnn", [], resilient_parsing=True)
    names = dnabirnn.list_commands(context)
    found = [dnabirnn.get_command(context, name) for name in names]
    commands = [command for command in found if command is not None]
    own = [_page(command, click.Context(command, context, command.name)) for command in commands]
    group = _page(dnabirnn, context)
    listed = [Entry(page.name, page.paragraphs[0]) for page in own]
    return [group._replace(groups={"Commands": listed, **group.groups}), *own]


def _page(command: click.Command, context: click.Context) -> Page:
    assert isinstance(command, WithExample)
    text = inspect.cleandoc(command.help or "")
    groups: dict[str, list[Entry]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            heading = getattr(parameter, "group", "Other options")
            groups.setdefault(heading, []).append(Entry(*record))
    other = groups.pop("Other options")
    return Page(
        context.command_path,
        " ".join([context.command_path, *command.collect_usage_pieces(context)]),
        [" ".join(paragraph.split()) for paragraph in text.split("\n\n")],
        {**groups, "Other options": other},
        wrapped_commands(command.example.strip()),
    )


def markdown(page: Page) -> str:
    """Return a page of the site."""
    parts = [f"# {page.name}", f"```\n{page.usage}\n```", *map(_escaped, page.paragraphs)]
    parts += ["## Example", f"```sh\n{page.example}\n```"]
    for heading, entries in page.groups.items():
        parts.append(f"## {heading}")
        for names, text in entries:
            link = f"{names.split()[-1]}.md"
            shown = f"[`{names}`]({link})" if heading == "Commands" else f"`{names}`"
            parts.append(f"{shown}\n:   {_escaped(text)}")
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    r"""Escape what Markdown would read as markup, except for code in backticks.

    >>> print(_escaped("Write *.bed or `a_b`"))
    Write \*.bed or `a_b`
    """
    parts = re.split("(`[^`]*`)", text)
    return "".join(p if p[:1] == "`" else re.sub(r"([\\*_<>\[\]#|~])", r"\\\1", p) for p in parts)


def roff(page: Page, version: str) -> str:
    """Return a man page."""
    lines = [f'.TH "{page.file_name.upper()}" 1 "" "dnabirnn {version}" "dnabirnn"']
    lines += [".SH NAME", rf"{_roff(page.file_name)} \- {_roff(page.title)}"]
    lines += [".SH SYNOPSIS", f".B {_roff(page.usage)}", ".SH DESCRIPTION"]
    for paragraph in page.paragraphs:
        lines += [".PP", _roff(paragraph)]
    for heading, entries in page.groups.items():
        lines.append(f".SH {_roff(heading.upper())}")
        for names, text in entries:
            lines += [".TP", f".B {_roff(names)}", _roff(text)]
    lines += [".SH EXAMPLE", ".nf", *map(_roff, page.example.splitlines()), ".fi"]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    r"""Escape what roff would read as a request.

    >>> print(_roff(".bed to -"))
    \&.bed to \-
    """
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "")
    return rf"\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def man_pages(version: str) -> Iterator[tuple[str, str]]:
    """Yield file name and content of each man page."""
    for page in pages():
        yield f"{page.file_name}.1", roff(page, version)


def main() -> None:
    """Write the man pages into build/man."""
    from importlib.metadata import version

    MAN.mkdir(parents=True, exist_ok=True)
    for name, text in man_pages(version("dnabirnn")):
        (MAN / name).write_text(text)


if __name__ == "__main__":
    main()
