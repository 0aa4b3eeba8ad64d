"""Options that take names with commas between them, and names that have commas."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import make_material, succeed
from hypothesis import given, strategies as st

from dnabirnn.cli.options import COMMA_LIST, comma_separated
from dnabirnn.encoded import EncodedSet

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


@pytest.mark.parametrize(("text", "names"), CASES.items())
def test_lists(text: str, names: tuple[str, ...]) -> None:
    assert COMMA_LIST.convert(text, None, None) == names


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5))
def test_quoted_names_come_back(names: list[str]) -> None:
    text = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    assert list(COMMA_LIST.convert(text, None, None)) == names


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
