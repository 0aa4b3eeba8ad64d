"""A self-contained HTML page of text, tables and figures (inline SVG)."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import quote

from dnabirnn.drawing import save

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup
    from matplotlib.figure import Figure as Drawing

__all__ = [
    "Element",
    "Figure",
    "Heading",
    "Links",
    "Listing",
    "Section",
    "Table",
    "TableCell",
    "Text",
    "inline_svg",
    "render",
]

_COORDINATE = re.compile(r"(-?\d+\.\d\d)\d+")
_NUMBER = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"


class TableCell(NamedTuple):
    """A cell of a table. `note`, such as an interval, is printed small below the text."""

    text: str
    note: str = ""
    code: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph, highlighted if it is a `finding`."""

    kind: ClassVar[str] = "text"
    text: str
    finding: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Listing:
    """Preformatted text, such as command lines."""

    kind: ClassVar[str] = "listing"
    name: str
    text: str


@dataclass(frozen=True)
class Links:
    """Files beside the page: title and path of each."""

    kind: ClassVar[str] = "links"
    items: Sequence[tuple[str, str]]

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Title and address of each file; characters that an address cannot have become %XX."""
        return [(title, quote(path)) for title, path in self.items]


@dataclass(frozen=True)
class Table:
    """A table. The first `text_columns` columns are left-aligned, the others right-aligned.

    The page offers it as CSV, with the rows of `csv_rows` if they are given.
    """

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    text_columns: int = 1
    number: int = 0
    csv_rows: Sequence[Sequence[TableCell]] | None = None

    @property
    def csv(self) -> str:
        r"""The table as CSV: numbers without separators, and notes in columns of their own.

        Examples
        --------
        >>> rows = [[TableCell("REP"), TableCell("1,234", "1 to 2")]]
        >>> Table("", ["class", "bases"], rows).csv
        'class,bases,"bases, interval"\nREP,1234,1 to 2\n'
        """
        rows = self.rows if self.csv_rows is None else self.csv_rows
        width = len(rows[0]) if rows else len(self.head)
        noted = [any(row[i].note for row in rows) for i in range(width)]
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        if self.head:
            titles = zip(self.head, noted, strict=True)
            writer.writerow([t for title, n in titles for t in _with(title, n, "interval")])
        for row in rows:
            cells = zip(row, noted, strict=True)
            writer.writerow([t for cell, n in cells for t in _cells(cell, n)])
        return file.getvalue()

    @property
    def csv_address(self) -> str:
        """The CSV as an address that browsers save as a file."""
        # Names of files need not be UTF-8.
        return f"data:text/csv;charset=utf-8,{quote(self.csv, errors='backslashreplace')}"


def _with(title: str, noted: bool, what: str) -> list[str]:
    return [title, f"{title}, {what}"] if noted else [title]


def _cells(cell: TableCell, noted: bool) -> list[str]:
    plain = cell.text.replace(",", "") if _NUMBER.fullmatch(cell.text) else cell.text
    plain = "" if plain == "\N{EN DASH}" else plain
    return [plain, cell.note] if noted else [plain]


@dataclass(frozen=True)
class Figure:
    """A drawing with a title and a caption. `sequence` is shown on a click, to be copied."""

    kind: ClassVar[str] = "figure"
    drawing: Drawing
    title: str
    caption: str
    sequence: str = ""
    number: int = 0

    @property
    def svg(self) -> Markup:
        """The drawing as an SVG element for HTML."""
        from markupsafe import Markup

        return Markup(inline_svg(self.drawing, f"f{self.number}-", self.title))


Element = Text | Heading | Listing | Links | Table | Figure


@dataclass(frozen=True)
class Section:
    """A section of the page. `key` is the target of links within the page."""

    key: str
    title: str
    blocks: Sequence[Element]


def render(title: str, lead: str, sections: Sequence[Section], footer: str, version: str) -> str:
    """Render the page.

    Parameters
    ----------
    title, lead : str
        First lines of the page.
    sections : sequence of Section
        Tables and figures are numbered in order.
    footer : str
    version : str
        Version of dnabirnn.

    Returns
    -------
    html : str
        A complete document. The same input always gives the same text.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dnabirnn"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=title,
        lead=lead,
        sections=list(_numbered(sections)),
        footer=footer,
        version=version,
    )


def _numbered(sections: Sequence[Section]) -> Iterator[Section]:
    counts = {"table": 0, "figure": 0}
    for section in sections:
        blocks: list[Element] = []
        for block in section.blocks:
            if isinstance(block, Table | Figure):
                counts[block.kind] += 1
                block = replace(block, number=counts[block.kind])
            blocks.append(block)
        yield replace(section, blocks=blocks)


def inline_svg(drawing: Drawing, prefix: str, label: str) -> str:
    """Return the SVG of a drawing, for a page of HTML with other drawings.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
    prefix : str
        Prefix of every id, so that the ids of two drawings differ.
    label : str
        Description for screen readers.

    Returns
    -------
    svg : str
        An `svg` element that fills the available width, up to the width of the drawing.
    """
    from html import escape

    file = io.BytesIO()
    save(drawing, file, "svg")
    text = file.getvalue().decode("utf-8")
    text = text[text.index("<svg") :].strip()
    for pattern in (r"<metadata>.*?</metadata>\s*", r"<style\b.*?</style>\s*", r"<!--.*?-->\s*"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*</defs>\s*", "", text)
    used = set(re.findall(r'xlink:href="#([^"]+)"|url\(#([^)]+)\)', text))
    ids = {name for pair in used for name in pair if name}
    text = re.sub(r"<[^>]+>", lambda tag: _short_tag(tag[0], ids, prefix), text)
    width, height = (float(inches) for inches in drawing.get_size_inches())
    head = (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {72 * width:g} '
        f'{72 * height:g}" preserveAspectRatio="xMinYMid" style="max-width: {width:g}in">'
    )
    return re.sub(r"^<svg\b[^>]*>", lambda _: head, text, count=1)


def _short_tag(tag: str, ids: set[str], prefix: str) -> str:
    """Return a tag with prefixed ids, and coordinates cut to a hundredth of a point."""
    tag = re.sub(r'\s+id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in ids else "", tag)
    tag = re.sub(r'xlink:href="#', f'href="#{prefix}', tag)
    tag = re.sub(r"url\(#", f"url(#{prefix}", tag)
    tag = tag.replace("'DejaVu Sans', sans-serif", _FONTS)
    return re.sub(
        r'\b(d|x|y)="([^"]*)"',
        lambda m: f'{m[1]}="{re.sub(_COORDINATE, _shorter, m[2])}"',
        tag,
    )


def _shorter(number: re.Match[str]) -> str:
    """Return a coordinate without the digits after its second decimal."""
    return number[1]
