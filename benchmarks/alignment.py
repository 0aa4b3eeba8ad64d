"""Alignment of the training sites of a class, and its hairpin, for programs that search with them.

Sites are read on their own strand, and aligned by MAFFT where it is installed. Otherwise they are
aligned without gaps, as for a position weight matrix.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import decode
from dnabirnn.evaluation import AlignedSites, alignments
from dnabirnn.labels import class_bits, intervals_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.evaluation import Alignment

__all__ = ["aligned_sites", "hairpin", "write_stockholm"]

_MAFFT = ("mafft", "--quiet", "--globalpair", "--maxiterate", "100")
"""nhmmer's AP by strand on validation sequence of REP: 0.718; with --localpair 0.672."""
_LOOP_BP, _BULGE_BP = 3, 2
_CHANCE = 0.5
"""Share of paired bases at which a pair of columns is worth nothing; by chance it is 0.38."""
_PAIRS = frozenset(("AT", "TA", "CG", "GC", "GT", "TG"))


def aligned_sites(data: EncodedSet, number: int, folder: Path) -> tuple[list[str], str]:
    """Return the aligned training sites of a class, with "-" for gaps, and the aligner's name."""
    sites = _sites(data, number)
    if shutil.which(_MAFFT[0]):
        none = np.zeros(1, dtype=np.int64)
        letters = []
        for i, length in enumerate(sites.length.tolist()):
            one = AlignedSites(*(field[i : i + 1] for field in sites))
            letters.append(decode(one.letters(data.codes, none, length)[0]))
        fasta = folder / "sites.fa"
        fasta.write_text("".join(f">site{i}\n{text}\n" for i, text in enumerate(letters)))
        done = subprocess.run([*_MAFFT, str(fasta)], check=True, capture_output=True, text=True)
        records = done.stdout.upper().split(">")[1:]
        return ["".join(record.splitlines()[1:]) for record in records], "MAFFT"
    background = np.full(4, 0.25)
    ways = alignments(data.codes, sites, background, data.classes[number].stranded)
    best = max((way for way in ways if not way.flank_bp), key=lambda w: _fit(w, data, background))
    return [decode(row) for row in best.letters(data.codes)], "ungapped"


def _fit(alignment: Alignment, data: EncodedSet, background: NDArray[np.float64]) -> float:
    """Return the sum of the log-odds of the sites in the matrix of an alignment."""
    letters = np.minimum(alignment.letters(data.codes), 3)
    log_odds = alignment.log_odds(data.codes, background)
    return float(log_odds[np.arange(len(log_odds)), letters].sum())


def _sites(data: EncodedSet, number: int) -> AlignedSites:
    rows = []
    for low, high in data.split("train").tolist():
        for strand in "+-" if data.classes[number].stranded else ".":
            bits = class_bits(number, strand)
            for start, end in (intervals_of(data.labels[low:high], bits) + low).tolist():
                head, step = (end - 1, -1) if strand == "-" else (start, 1)
                rows.append((head, end - start, step, low, high))
    return AlignedSites(*np.array(rows, dtype=np.int64).T)


def hairpin(rows: Sequence[str]) -> str:
    """Return the best hairpin of an alignment as a line of "<", ">" and ".", one per column.

    A stem may have bulges and inner loops of up to two columns on each side. A pair of columns
    scores the share of the sites that pair there, less 0.5.

    Examples
    --------
    >>> hairpin(["GCCGATTTTTCGGC", "GACGATTTTTCGTC"])
    '<<<<<....>>>>>'
    """
    columns = [[row[i] for row in rows] for i in range(len(rows[0]))]
    size = len(columns)
    best = np.zeros((size, size))
    inner: dict[tuple[int, int], tuple[int, int] | None] = {}
    for width in range(_LOOP_BP + 1, size):
        for i in range(size - width):
            j = i + width
            paired = sum(a + b in _PAIRS for a, b in zip(columns[i], columns[j], strict=True))
            score = paired / len(rows) - _CHANCE
            ways = [
                (best[k, m], (k, m))
                for k in range(i + 1, i + 2 + _BULGE_BP)
                for m in range(j - 1, j - 2 - _BULGE_BP, -1)
                if (k, m) in inner
            ]
            value, place = max(ways, default=(0.0, None))
            if score > 0:
                best[i, j], inner[i, j] = score + value, place
    line = ["."] * size
    at = max(inner, key=lambda pair: best[pair], default=None)
    while at is not None:
        line[at[0]], line[at[1]] = "<", ">"
        at = inner[at]
    return "".join(line)


def write_stockholm(path: Path, rows: Sequence[str], structure: str) -> None:
    """Write an alignment with its structure in Stockholm format."""
    lines = [f"site{i:<12} {row}" for i, row in enumerate(rows)]
    path.write_text(
        "\n".join(["# STOCKHOLM 1.0", "", *lines, f"#=GC SS_cons     {structure}", "//"])
    )
