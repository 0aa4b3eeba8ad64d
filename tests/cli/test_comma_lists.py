"""Options that take names with commas between them, and names that have commas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from commands import make_material, run, succeed, write_model
from hypothesis import given, strategies as st

from dnabirnn.cli import main
from dnabirnn.cli.options import comma_separated, unquoted
from dnabirnn.encoded import EncodedSet
from dnabirnn.motif_classes import MotifClass

CASES = {
    "a,b": ("a", "b"),
    " a , b ,": ("a", "b"),
    '"a,b"': ("a,b",),
    '"a,b",c, "d,e" ': ("a,b", "c", "d,e"),
    '"chr1 ",chr2': ("chr1 ", "chr2"),
    '"5"" cap,x",y': ('5" cap,x', "y"),
    "5'-UTR,5\"x": ("5'-UTR", '5"x'),
    '"open,b': ('"open', "b"),
    '"a"b,c': ('"a"b', "c"),
    '"",,a': ("a",),
    "": (),
}


LISTS = {
    ("encode", "classes"),
    ("encode", "feature_types"),
    ("encode", "ignore_classes"),
    ("encode", "split_fractions"),
    ("encode", "test_chroms"),
    ("encode", "unstranded"),
    ("encode", "val_chroms"),
    ("score", "circular"),
    ("evaluate", "circular"),
    ("evaluate", "feature_types"),
    ("evaluate", "ignore_classes"),
    ("report", "feature_types"),
    ("report", "ignore_classes"),
    ("review", "circular"),
    ("review", "feature_types"),
    ("review", "ignore_classes"),
    ("summary", "by"),
    ("summary", "names"),
    ("explain", "circular"),
    ("discover", "circular"),
    ("mutate", "circular"),
    ("variants", "circular"),
    ("mask", "classes"),
    ("scan", "classes"),
    ("convert", "classes"),
}
"""Commands and parameters that take lists of names."""


def commands() -> Iterator[tuple[str, click.Command]]:
    assert isinstance(main, click.Group)
    ctx = click.Context(main)
    for name in main.list_commands(ctx):
        command = main.get_command(ctx, name)
        assert command is not None
        yield name, command


def parsed(command: click.Command, parameter: str, *texts: str) -> Any:
    """Value of an option that is given once for each text, with all that is required."""
    words: list[str] = []
    for param in command.params:
        given = texts if param.name == parameter else ("x",) if param.required else ()
        for text in given:
            words += [param.opts[0], text] if isinstance(param, click.Option) else [text]
    return command.make_context(command.name, words).params[parameter]


def test_every_option_that_takes_a_list_is_in_the_table() -> None:
    found = {
        (name, param.name)
        for name, command in commands()
        for param in command.params
        if param.type.name == "a,b"
    }
    assert found == LISTS


@pytest.mark.parametrize(("name", "parameter"), sorted(LISTS))
def test_a_list_in_every_option(name: str, parameter: str) -> None:
    command = dict(commands())[name]
    for text, names in CASES.items():
        assert parsed(command, parameter, text) == names
    assert parsed(command, parameter, "a", '"b,c"', " d,e ") == ("a", "b,c", "d", "e")
    assert not parsed(command, parameter)
    (option,) = (param for param in command.params if param.name == parameter)
    assert isinstance(option, click.Option)
    whole = parameter in ("by", "split_fractions")  # lists that are given once
    assert whole or "Can be repeated." in (option.help or "")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5))
def test_quoted_names_come_back(names: list[str]) -> None:
    text = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    assert list(map(unquoted, comma_separated(text))) == names


@given(st.text(st.characters(exclude_characters='"', codec="utf-8")))
def test_without_quotes_commas_cut(text: str) -> None:
    parts = (part.strip() for part in text.split(","))
    assert comma_separated(text) == [part for part in parts if part]


def test_in_every_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_material(tmp_path)
    Path("l.bed").write_text(
        "a\t10\t20\tx,y\t0\t+\na\t30\t40\tx,y\t0\t+\nb\t30\t40\tz,\t0\t.\nc\t3\t4\tq\t0\t.\n"
    )
    succeed(
        *("encode", "genome.fa", "--labels", "l.bed", "-o", "out", "--classes", '"x,y"'),
        *("--ignore-classes", '"z,"', "--unstranded", '"x,y",q', "--split-fractions", "1,0,0"),
    )
    encoded = EncodedSet.open("out")
    assert [tuple(own) for own in encoded.classes] == [("x,y", False)]
    Path("l.gff3").write_text(
        "a\tx\tm,RNA\t11\t20\t.\t+\t.\tID=1\na\tx\tgene\t1\t9\t.\t+\t.\tID=2\n"
    )
    gff = ("encode", "genome.fa", "--labels", "l.gff3", "--feature-type", '"m,RNA"')
    succeed(*gff, "-o", "out", "--split-fractions", "1,0,0")
    assert [name for name, _ in EncodedSet.open("out").classes] == ["m,RNA"]
    mask = ("mask", "genome.fa", "--calls", "l.bed", "--hard", "--unmask", "-o", "o.fa")
    succeed(*mask, "--classes", '"x,y"')
    assert Path("o.fa").read_text().count("N") == 20


def test_repeated_options_choose_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_material(tmp_path)
    Path("l.bed").write_text("a\t10\t20\tx\na\t30\t40\ty\nb\t30\t40\tz\nc\t3\t4\tq\n")
    succeed(
        *("encode", "genome.fa", "--labels", "l.bed", "-o", "out", "--classes", "x"),
        *("--classes", "y", "--ignore-classes", "z", "--ignore-classes", "q"),
        *("--val-chroms", "b", "--val-chroms", "c"),
    )
    encoded = EncodedSet.open("out")
    assert [name for name, _ in encoded.classes] == ["x", "y"]
    assert [piece[0] for piece in encoded.contig_splits("val")] == ["b", "c"]
    mask = ("mask", "genome.fa", "--calls", "l.bed", "--hard", "-o", "o.fa")
    succeed(*mask, "--classes", "x", "--classes", "y,z")
    assert Path("o.fa").read_text().count("N") == 30
    twice = run("encode", "genome.fa", "--labels", "l.bed", "-o", "o", *("--classes", "x") * 2)
    assert "--classes: 'x' is given twice" in twice.stderr


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        # These classes are in the model, which was not trained.
        (("a,b=0.1",), "the model file does not have the share of a,b in training"),
        (('"a,b"=0.1', "c=0.2"), "the model file does not have the share of a,b in training"),
        (("c=0.1", "c=0.10"), "the model file does not have the share of c in training"),
        (("c=0.1", "c=0.2"), "--prior: 'c' has the values 0.1 and 0.2; give one"),
        (("b=0.1",), "--prior b=0.1: the model has no such class"),
    ],
)
def test_shares(tmp_path: Path, shares: tuple[str, ...], words: str) -> None:
    model = write_model(
        tmp_path / "m.safetensors", classes=(MotifClass("a,b", True), MotifClass("c", True))
    )
    given = [word for share in shares for word in ("--prior", share)]
    result = run("export", model, "-o", tmp_path / "m.onnx", *given)
    assert words in result.stderr
