"""The section of the report about the calls of assemblies, with or without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dnabirnn.report.curves import class_colours
from dnabirnn.report.ideogram import MAX_CONTIGS, bars_figure, ideogram_figure, shown_contigs
from dnabirnn.report.page import Figure, Heading, Table, TableCell, Text
from dnabirnn.report.summary import VALUES, summarize_calls
from dnabirnn.report.tables import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dnabirnn.report.ideogram import Assembly
    from dnabirnn.report.page import Element

__all__ = ["assembly_blocks"]

MAX_DRAWN = 12
"""Maximum number of assemblies with figures."""
_MAX_ROWS = 40
"""Maximum number of rows of a table on the page. Its CSV has all rows."""
_TITLES = {
    "sample": "assembly",
    "contig": "contig",
    "class": "class",
    "strand": "strand",
    "calls": "calls",
    "bases": "bases",
    "share": "share (%)",
    "longest": "longest (bp)",
    "n50": "N50 (bp)",
}
_FIGURES = (
    "Bases: bases in calls, each counted once. Share: of the {}. N50: calls of this length or "
    "longer have half of the bases of all calls."
)


def assembly_blocks(
    assemblies: Mapping[str, Assembly], classes: list[str] | None = None
) -> Iterator[Element]:
    """Yield the findings, tables and figures of assemblies.

    Parameters
    ----------
    assemblies : mapping of str to Assembly
    classes : list of str, optional
        Classes of the model, in the order of their colours in other figures.
    """
    calls = {name: assembly.calls for name, assembly in assemblies.items()}
    sizes = {name: own.sizes for name, own in assemblies.items() if own.sizes is not None}
    by_class = summarize_calls(calls, sizes, ["class"])
    for name in list(assemblies)[:MAX_DRAWN]:
        yield Text(_finding(name, by_class, sizes.get(name)), finding=True)
    by_strand = summarize_calls(calls, sizes, ["class", "strand"])
    yield _table(by_strand, "Calls by assembly, class and strand. " + _FIGURES.format("assembly"))
    names = by_class["class"].unique().sort().to_list()
    colours = class_colours([*(classes or []), *names])
    by_contig = summarize_calls(calls, sizes, ["contig", "class"])
    for name in list(assemblies)[:MAX_DRAWN]:
        yield from _drawn(name, assemblies[name], by_contig, colours)
    if len(assemblies) > MAX_DRAWN:
        yield Text(f"The first {MAX_DRAWN} of {len(assemblies)} assemblies are drawn.")
    full = summarize_calls(calls, sizes)
    if not full.is_empty():
        yield _table(
            full, "Calls by assembly, contig, class and strand. " + _FIGURES.format("contig")
        )


def _finding(name: str, by_class: pl.DataFrame, sizes: Mapping[str, int] | None) -> str:
    """Return what was found in an assembly, in one sentence."""
    own = by_class.filter((pl.col("sample") == name) & (pl.col("calls") > 0))
    whole = "" if sizes is None else f" ({sum(sizes.values()):,} bases in {_contigs(len(sizes))})"
    if own.is_empty():
        return f"{name}{whole}: no calls."
    parts = []
    for row in own.iter_rows(named=True):
        text = f"{row['calls']:,} call{'s' * (row['calls'] > 1)} of {row['class']}, "
        text += f"{row['bases']:,} bases"
        parts.append(
            text
            if row["share"] is None
            else f"{text} ({_percent(row['share'])}\N{NO-BREAK SPACE}%)"
        )
    return f"{name}{whole}: {'; '.join(parts)}."


def _contigs(count: int) -> str:
    return "1 contig" if count == 1 else f"{count:,} contigs"


def _percent(share: float) -> str:
    """Return a share in per cent, with three digits.

    Examples
    --------
    >>> _percent(0.00469), _percent(0.5), _percent(0.0)
    ('0.469', '50.0', '0')
    """
    return f"{100 * share:#.3g}" if share else "0"


def _table(summary: pl.DataFrame, caption: str) -> Table:
    words = [name for name in summary.columns if name not in VALUES]
    rows = []
    for row in summary.iter_rows(named=True):
        cells = [
            TableCell(str(row[name]) if name != "strand" or row[name] != "." else "both")
            for name in words
        ]
        for name in VALUES:
            share = name == "share" and row[name] is not None
            cells.append(TableCell(_percent(row[name]) if share else number(row[name])))
        rows.append(cells)
    if len(rows) > _MAX_ROWS:
        caption += f" The first {_MAX_ROWS} of {len(rows):,} rows; the CSV has all of them."
    head = [_TITLES[name] for name in summary.columns]
    return Table(caption, head, rows[:_MAX_ROWS], len(words), csv_rows=rows)


def _drawn(
    name: str, assembly: Assembly, by_contig: pl.DataFrame, colours: Mapping[str, str]
) -> Iterator[Element]:
    """Yield the figures of an assembly, if it has calls."""
    own = by_contig.filter(pl.col("sample") == name)
    if own.is_empty():
        return
    contigs = shown_contigs(own)
    count = own["contig"].n_unique()
    left_out = (
        f" The {MAX_CONTIGS} contigs with the most bases in calls, of {count:,} with calls."
        if count > MAX_CONTIGS
        else ""
    )
    yield Heading(name)
    yield Figure(
        ideogram_figure(assembly, contigs, colours),
        f"Where the calls of {name} lie.",
        "Grey bars: contigs. Calls on the + strand are in the upper half of a bar, calls on the "
        "\N{MINUS SIGN} strand in the lower half, and calls of classes without strands in both. "
        "A mark is at least one part in 1,500 of the longest contig wide; calls at one place are "
        "one mark."
        + ("" if assembly.sizes else " Contigs end at their last call: no lengths were given.")
        + left_out,
    )
    yield Figure(
        bars_figure(own, contigs, colours),
        f"Bases of the contigs of {name} in calls.",
        f"Where calls of several classes overlap, a base counts once for each class.{left_out}",
    )
