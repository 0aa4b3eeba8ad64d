"""Tables of the names of contigs, from UCSC, NCBI and others.

A table is one of these, detected by its header or its cells:

- one row per contig and one column per naming scheme, such as UCSC's chromAlias.txt
- one row per alias: UCSC's database table chromAlias, with the columns alias, chrom and source
- a report of NCBI: assembly_report.txt, or the table of sequences that NCBI Datasets writes
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from dnabirnn.errors import LabelError

__all__ = ["parse_aliases"]

logger = logging.getLogger(__name__)

_SOURCES = {
    *("assembly", "ensembl", "flybase", "genbank", "ncbi", "refseq", "ucsc", "wormbase"),
    *("chromalias", "custom", "gencode", "tair", "vectorbase", "xenbase"),
}
"""Values of the column source of UCSC's table chromAlias; several are separated by commas."""

_ROLES = {
    *("assembled-molecule", "unlocalized-scaffold", "unplaced-scaffold"),
    *("alt-scaffold", "fix-patch", "novel-patch"),
}
_REPORT = (
    *("sequence name", "role", "molecule", "location", "genbank", "relationship", "refseq"),
    *("unit", "length", "ucsc"),
)
"""Columns of assembly_report.txt, for a file whose header was removed."""
_COLUMNS = {
    **dict.fromkeys(("sequence-name", "sequence name"), "sequence name"),
    **dict.fromkeys(("sequence-role", "role"), "role"),
    **dict.fromkeys(("assigned-molecule", "chromosome name"), "molecule"),
    **dict.fromkeys(("genbank-accn", "genbank seq accession"), "genbank"),
    **dict.fromkeys(("refseq-accn", "refseq seq accession"), "refseq"),
    **dict.fromkeys(("ucsc-style-name", "ucsc style name"), "ucsc"),
    "relationship": "relationship",
}
"""Columns of reports of NCBI, by their titles in lower case."""
_ABSENT = ("", "na")


def parse_aliases(text: str, source: str) -> list[list[str]]:
    r"""Return the names of each contig in a table of names.

    Parameters
    ----------
    text : str
        Rows with tabs between cells. Lines that begin with "#" are headers.
    source : str
        Name of the file, for errors.

    Returns
    -------
    rows : list of list of str
        At least two names of one contig per row.

    Raises
    ------
    LabelError
        No row with two names.

    Examples
    --------
    >>> parse_aliases("#ucsc\tassembly\nchr1\t1\nchrM\tMT\n", "chromAlias.txt")
    [['chr1', '1'], ['chrM', 'MT']]
    >>> parse_aliases("1\tchr1\tensembl\nNC_1.1\tchr1\trefseq\n", "chromAlias.txt")
    [['chr1', '1', 'NC_1.1']]
    """
    header: list[str] = []
    rows: list[list[str]] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        cells = [cell.strip() for cell in line.split("\t")]
        if line.startswith("#"):
            if not rows and len(cells) > 1:
                header = [cells[0].lstrip("# "), *cells[1:]]
        elif any(cells):
            rows.append(cells)
    columns = _report_columns(header, rows)
    if columns is not None:
        found = _of_report(rows, columns, source)
    elif _is_pairs(header, rows):
        found = _of_pairs(rows)
    else:
        found = [[cell for cell in cells if cell] for cells in rows]
    found = [names for names in found if len(names) > 1]
    if not found:
        raise LabelError(f"{source}: no row with two names; give tab-separated columns of names")
    return found


def _report_columns(header: Sequence[str], rows: list[list[str]]) -> dict[str, int] | None:
    """Return the columns of a report of NCBI by their meaning, or None for another table.

    A header without "#" is removed from the rows.
    """
    for titles, is_row in ((header, False), (rows[0] if rows else [], True)):
        columns: dict[str, int] = {}
        for number, title in enumerate(titles):
            if title.lower() in _COLUMNS:
                columns.setdefault(_COLUMNS[title.lower()], number)
        if len(columns.keys() & {"sequence name", "genbank", "refseq", "ucsc"}) > 1:
            del rows[: int(is_row)]
            return columns
    if rows and all(len(cells) > 6 and cells[1] in _ROLES for cells in rows):
        return {name: number for number, name in enumerate(_REPORT)}
    return None


def _of_report(
    rows: Iterable[Sequence[str]], columns: Mapping[str, int], source: str
) -> list[list[str]]:
    """Return the names of each sequence of a report.

    Scaffolds and patches have the molecule that they belong to; it is a name only of the assembled
    molecule itself. If the sequences of GenBank and RefSeq differ, positions do not carry over.
    """
    found, different = [], 0
    for cells in rows:
        values = {name: cells[n] for name, n in columns.items() if n < len(cells)}
        keys = ["sequence name", "genbank", "refseq", "ucsc"]
        if values.get("role", "").lower() == "assembled-molecule":
            keys.append("molecule")
        both = all(values.get(key, "") not in _ABSENT for key in ("genbank", "refseq"))
        if both and values.get("relationship") == "<>":
            different += 1
            keys.remove("refseq")
        names = (values.get(key, "") for key in keys)
        found.append(list(dict.fromkeys(name for name in names if name not in _ABSENT)))
    if different:
        logger.warning(
            "%s: %d of %d sequences differ between GenBank and RefSeq ('<>'); their RefSeq names "
            "are not translated",
            source,
            different,
            len(found),
        )
    return found


def _is_pairs(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether rows are alias, contig and the source of the alias."""
    titles = [title.lower() for title in header]
    if titles[:3] == ["alias", "chrom", "source"]:
        return True
    return bool(rows) and all(
        len(cells) == 3 and {part.strip().lower() for part in cells[2].split(",")} <= _SOURCES
        for cells in rows
    )


def _of_pairs(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return the names of each contig: the contig, then its aliases.

    The contig is in the second column, but in older files of UCSC in the first. It is the one with
    fewer different names, as a contig has several aliases.
    """
    pairs = [cells[:2] for cells in rows if len(cells) > 1 and cells[0] and cells[1]]
    first, second = (len({pair[column] for pair in pairs}) for column in (0, 1))
    contig = 0 if first < second else 1
    names: dict[str, dict[str, None]] = {}
    for pair in pairs:
        names.setdefault(pair[contig], {pair[contig]: None})[pair[1 - contig]] = None
    return [list(own) for own in names.values()]
