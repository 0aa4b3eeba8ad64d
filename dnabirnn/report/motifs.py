"""Motifs that a model has learned: their logos, figures, and spacings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.discovery import (
    DISCOVERY_FORMAT,
    DISCOVERY_VERSION,
    LogoPanel,
    importance_panel,
    information_panel,
    logo_figure,
)
from dnabirnn.errors import ReportError
from dnabirnn.files import parse_json, read_text
from dnabirnn.motifs import Motif
from dnabirnn.report.page import Figure, Heading, Links, Table, TableCell, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.report.page import Element

__all__ = ["FoundMotifs", "motif_blocks", "read_found_motifs"]

_NONE = TableCell("\N{EN DASH}")
_MOST_LOGOS = 30
_KEYS = ("classes", "motifs", "grammar", "matches")
_FILES = {"motifs": "motifs", "sites": "sites of the motifs (BED)"}


@dataclass(frozen=True)
class FoundMotifs:
    """Motifs of a sample.

    Attributes
    ----------
    plain : dict
        Contents of the file of `dnabirnn discover --json`.
    links : sequence of (str, str)
        Title and path, relative to the page, of the files that were written with it.
    """

    plain: dict[str, Any]
    links: Sequence[tuple[str, str]]


def read_found_motifs(path: PathLike, beside: PathLike = ".") -> FoundMotifs:
    """Read the file that `dnabirnn discover --json` wrote.

    Parameters
    ----------
    path : str or PathLike
    beside : str or PathLike
        Folder of the page.

    Raises
    ------
    ReportError
        The file has another format.
    """
    what = "give a file written by `dnabirnn discover --json`"
    try:
        plain = parse_json(read_text(path, ReportError, "a smaller file", lenient=True))
    except ValueError as cause:
        raise ReportError(f"{path}: not valid JSON ({cause}); {what}") from cause
    if not isinstance(plain, dict) or plain.get("format") != DISCOVERY_FORMAT:
        raise ReportError(f"{path}: not a file of motifs that a model has learned; {what}")
    if plain.get("version") != DISCOVERY_VERSION:
        raise ReportError(
            f"{path}: version {plain.get('version')} of the format; this dnabirnn reads version "
            f"{DISCOVERY_VERSION}: run `dnabirnn discover` again"
        )
    for key in _KEYS:
        entries = plain.get(key)
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise ReportError(f"{path}: {key!r} is missing or damaged; {what}")
    files = plain.get("files")
    folder = os.path.dirname(os.path.abspath(path))
    links = [
        (title, os.path.relpath(os.path.join(folder, str(files[key])), beside))
        for key, title in _FILES.items()
        if isinstance(files, dict) and files.get(key)
    ]
    return FoundMotifs(plain, links)


def motif_blocks(samples: Mapping[str, FoundMotifs]) -> Iterator[Element]:
    """Yield the elements of the section.

    Parameters
    ----------
    samples : mapping of str to FoundMotifs
        By name.
    """
    yield Text(
        "Stretches of bases that matter for the calls of the model were cut out of the calls and "
        "their surroundings, aligned and clustered. Importance is the mean decrease of the "
        "log-odds of a call, summed over its bases, by the three substitutions of a base. A motif "
        "explains a call if a site of it is in the call or within reach of it."
    )
    for name, found in samples.items():
        if len(samples) > 1:
            yield Heading(name)
        of = f" of {name}" if len(samples) > 1 else ""
        yield from _of_sample(found, of)


def _of_sample(found: FoundMotifs, of: str) -> Iterator[Element]:
    plain = found.plain
    if not plain["motifs"]:
        yield Text(f"No motif was found{of}.", finding=True)
        return
    for entry in plain["classes"]:
        yield Text(_finding(entry, plain), finding=True)
    yield _motif_table(plain, of)
    if plain["grammar"]:
        yield _grammar_table(plain, of)
    else:
        yield Text("No two motifs stand at any spacing more often than by chance (q < 0.05).")
    best = _best_matches(plain)
    for motif in plain["motifs"][:_MOST_LOGOS]:
        yield _logo(motif, best.get(motif["name"]), plain, of)
    if len(plain["motifs"]) > _MOST_LOGOS:
        yield Text(f"Only the logos of the first {_MOST_LOGOS} motifs are drawn.")
    if found.links:
        yield Links(found.links)


def _finding(entry: Mapping[str, Any], plain: Mapping[str, Any]) -> str:
    """Return what was found for a class, in a few sentences."""
    name = entry["class"]
    own = [motif for motif in plain["motifs"] if motif["class"] == name]
    if not own:
        return f"{name}: no motif was found in {entry['targets']:,} {_kind(plain)}."
    motifs = "1 motif explains" if len(own) == 1 else f"{len(own)} motifs explain"
    share = _percent(entry["explained"])
    text = f"{name}: {motifs} {share} of {entry['targets']:,} {_kind(plain)}."
    pairs = [row for row in plain["grammar"] if row["class"] == name]
    if pairs:
        row = max(pairs, key=lambda row: row["targets"])
        second = row["second"] if row["first"] != row["second"] else f"Another {row['second']}"
        text += (
            f" {second} stands {_place(row)} of {row['first']}, {_strand(row)}, in "
            f"{row['targets']:,} of them; {row['expected']:,.1f} are expected by chance."
        )
    return text


def _kind(plain: Mapping[str, Any]) -> str:
    return "regions" if plain.get("kind") == "regions" else "calls"


def _place(row: Mapping[str, Any]) -> str:
    """Return where the second motif of a pair stands, from the first, by gaps.

    Examples
    --------
    >>> _place({"distance": 23, "low": 21, "high": 31, "gap": 9})
    '7 to 17 bp downstream'
    >>> _place({"distance": -23, "low": -23, "high": -23, "gap": 9})
    '9 bp upstream'
    """
    low, high = _gaps(row)
    side = "downstream" if row["distance"] > 0 else "upstream"
    return f"{low} bp {side}" if low == high else f"{low} to {high} bp {side}"


def _gaps(row: Mapping[str, Any]) -> tuple[int, int]:
    ends = [row["gap"] + abs(end) - abs(row["distance"]) for end in (row["low"], row["high"])]
    return min(ends), max(ends)


def _strand(row: Mapping[str, Any]) -> str:
    return "on the same strand" if row["orientation"] == "same" else "on the other strand"


def _q(value: float) -> str:
    """Return a q-value as text.

    Examples
    --------
    >>> _q(0.00123), _q(0.0)
    ('1.2e-03', '< 1e-300')
    """
    return f"{value:.1e}" if value >= 1e-300 else "< 1e-300"


def _percent(share: float | None) -> str:
    return "\N{EN DASH}" if share is None else f"{100 * share:.1f} %"


def _motif_table(plain: Mapping[str, Any], of: str) -> Table:
    best = _best_matches(plain)
    compared, kind = plain.get("database") is not None, _kind(plain)
    rows = []
    for motif in plain["motifs"]:
        row = [
            TableCell(motif["class"]),
            TableCell(motif["name"]),
            TableCell(motif["consensus"], code=True),
            TableCell(f"{motif['sites']:,}"),
            TableCell(_percent(motif["explained"])),
            TableCell(f"{motif['information']:.1f}"),
            TableCell(f"{motif['importance']:.1f}"),
            TableCell(f"{motif['distance']:g}"),
            TableCell(_percent(motif["same_strand"])),
        ]
        if compared:
            match = best.get(motif["name"])
            row.append(_NONE if match is None else _match_cell(match))
        rows.append(row)
    head = ["class", "motif", "consensus", "sites", "explained", "bits", "importance"]
    head += ["distance", "same strand", *(["like"] if compared else [])]
    return Table(
        f"Motifs{of}. Explained: share of the {kind} with a site in them or within "
        f"{plain['reach']:,} bp. Importance: mean of the sites, in log-odds summed over the "
        f"{kind[:-1]}. Distance: median, in bp, from the middle of a site to the middle of its "
        f"{kind[:-1]}. Same strand: share of the sites on the strand of their {kind[:-1]}."
        + (" Like: the most similar motif of the database, with its q-value." if compared else ""),
        head,
        rows,
        text_columns=3,
    )


def _match_cell(match: Mapping[str, Any]) -> TableCell:
    return TableCell(f"{match['match_name']} ({match['match']})", f"q {_q(match['qvalue'])}")


def _grammar_table(plain: Mapping[str, Any], of: str) -> Table:
    rows = [
        [
            TableCell(row["first"]),
            TableCell(row["second"]),
            TableCell("same" if row["orientation"] == "same" else "other"),
            TableCell(_place(row)),
            TableCell(f"{row['targets']:,}"),
            TableCell(f"{row['expected']:,.1f}"),
            TableCell(_percent(row["share"])),
            TableCell(_q(row["qvalue"])),
        ]
        for row in plain["grammar"]
    ]
    return Table(
        f"Spacings of pairs of motifs{of} that are more frequent than by chance (q < 0.05). Place: "
        "bases between the two, and the side on the strand of the first. Seen: number of "
        f"{_kind(plain)} with the pair at this spacing. Share: of those with both motifs.",
        ("first", "second", "strand", "place", "seen", "expected", "share", "q-value"),
        rows,
        text_columns=4,
    )


def _best_matches(plain: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    best: dict[str, Mapping[str, Any]] = {}
    for row in plain["matches"]:
        best.setdefault(row["name"], row)
    return best


def _logo(
    motif: Mapping[str, Any],
    match: Mapping[str, Any] | None,
    plain: Mapping[str, Any],
    of: str,
) -> Figure:
    name = motif["name"]
    panels = [information_panel(_motif(name, motif["counts"]), name)]
    caption = (
        f"Top: information of {motif['sites']:,} sites, as the height of letters. Bottom: mean "
        "importance of the bases of the sites."
    )
    if match is not None:
        panels.append(_match_panel(match))
        turned = "; its reverse complement is drawn" if match["orientation"] == "opposite" else ""
        caption = caption.replace(
            "Bottom",
            f"Middle: {match['match_name']} ({match['match']}) of "
            f"{os.path.basename(str(plain['database']))}, the most similar motif "
            f"(q {_q(match['qvalue'])}){turned}. Bottom",
        )
    panels.append(importance_panel(np.array(motif["importance_of_bases"], np.float32)))
    return Figure(logo_figure(panels), f"Logo of {name}{of}.", caption)


def _match_panel(match: Mapping[str, Any]) -> LogoPanel:
    counts = np.array(match["counts"], np.float64)
    if match["orientation"] == "opposite":
        counts = counts[::-1, ::-1]
    title = f"{match['match_name']} ({match['match']})"
    return information_panel(_motif(title, counts), title, -match["offset"])


def _motif(name: str, counts: Any) -> Motif:
    return Motif(name, name, np.array(counts, np.float64))
