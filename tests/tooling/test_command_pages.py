"""Pages of commands and man pages say what help says."""

from __future__ import annotations

import re
import shutil
import subprocess

import click
import command_pages
import pytest

from dnabirnn.cli import main

PAGES = {page.name: page for page in command_pages.pages()}
COMMANDS = [name for name in PAGES if name != "dnabirnn"]


def test_one_page_per_command() -> None:
    assert [f"dnabirnn {name}" for name in main.list_commands(click.Context(main))] == COMMANDS


def test_the_first_page_lists_the_others() -> None:
    page = PAGES["dnabirnn"]
    assert [entry.names for entry in page.groups["Commands"]] == COMMANDS
    assert "[`dnabirnn mask`](mask.md)\n:   Mask the calls" in command_pages.markdown(page)


def words(text: str) -> list[str]:
    """The words of a text, also of those that help breaks at a hyphen."""
    return re.sub(r"-\s+", "-", text).split()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_the_words_of_help(name: str) -> None:
    page = PAGES[name]
    top = click.Context(main, info_name="dnabirnn")
    command = main.get_command(top, name.split()[1])
    assert command is not None
    shown = command.get_help(click.Context(command, info_name=command.name, parent=top))
    entries = [entry for group in page.groups.values() for entry in group]
    parts = [page.usage, *page.paragraphs, *page.groups, page.example]
    parts += [text for entry in entries for text in entry]
    known = {word.rstrip(":") for part in parts for word in words(part)}
    missing = {word.rstrip(":") for word in words(shown)} - known
    assert missing - {"Usage", "Example", "\\"} == set()  # long examples are broken elsewhere


@pytest.mark.parametrize("name", sorted(PAGES))
def test_man_pages_are_right(name: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff here: apt-get install groff")
    text = command_pages.roff(PAGES[name], "1.0")
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tascii", "-P-c"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = words(re.sub(".\b", "", done.stdout))
    example = words(PAGES[name].example)
    assert shown[shown.index("EXAMPLE") + 1 :][: len(example)] == example
