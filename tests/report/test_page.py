"""The page: numbered, escaped, whole on its own."""

from __future__ import annotations

import re

from dnabirnn.report.curves import blank
from dnabirnn.report.page import (
    Figure,
    Heading,
    Listing,
    Section,
    Table,
    TableCell,
    Text,
    inline_svg,
    render,
)


def drawing(label="a <b> & c"):
    figure, axes = blank((4, 3))
    axes[0, 0].plot([0, 1 / 3, 1], [0, 1, 0.123456789], marker="o")
    axes[0, 0].set_xlabel(label)
    return figure


def page(*blocks):
    return render("T <1>", "lead", [Section("s", "S & s", blocks)], "end", "1.0")


def test_the_same_text_each_time():
    blocks = [Figure(drawing(), "t", "c") for _ in range(2)]
    assert page(*blocks) == page(*blocks)


def test_what_is_put_in_is_text_and_no_markup():
    evil = "<script>alert(1)</script>"
    html = page(
        Text(evil),
        Heading(evil),
        Listing(evil, evil),
        Table(
            evil, [evil] * 3, [[TableCell(evil), TableCell(evil, evil), TableCell(evil, code=True)]]
        ),
        Figure(drawing(evil), evil, evil, sequence=evil),
    )
    assert "<script" not in html
    assert html.count("alert(1)") == 17


def test_tables_and_figures_are_numbered_on():
    blocks = [Table("c", ["h"], []), Figure(drawing(), "t", "c"), Table("c", ["h"], [])]
    html = page(*blocks, Figure(drawing(), "t", "c"))
    assert re.findall(r"<b>(Table|Figure) (\d)", html) == [
        ("Table", "1"),
        ("Figure", "1"),
        ("Table", "2"),
        ("Figure", "2"),
    ]


def test_nothing_is_asked_of_a_network():
    html = page(Figure(drawing(), "t", "c"))
    assert "http:" not in html
    assert "https:" not in html
    assert not re.search(r"<(script|link (?!rel=\"icon\" href=\"data:,\")|img|iframe|object)", html)
    assert "default-src 'none'" in html


def test_ids_are_the_drawings_own_and_every_one_that_is_named_is_there():
    first, second = (inline_svg(drawing(), prefix, "t") for prefix in ("f1-", "f2-"))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip((first, second), ids, strict=True):
        named = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
        assert {name for pair in named for name in pair if name} == own


def test_a_drawing_keeps_its_text_and_has_a_label_and_a_size():
    svg = inline_svg(drawing(), "f1-", 'say "x" <y>')
    assert svg.startswith("<svg role=")
    assert 'aria-label="say &quot;x&quot; &lt;y&gt;"' in svg
    assert 'viewBox="0 0 288 216"' in svg
    assert "a &lt;b&gt; &amp; c" in svg
    assert "<metadata" not in svg
    assert "<style" not in svg
    assert "'DejaVu Sans', Verdana" in svg
    assert not re.search(r'\bd="[^"]*\.\d{3}', svg)
