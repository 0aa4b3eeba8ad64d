"""Comparison of motifs with those of a database, by the TOMTOM of the package memelite."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dnabirnn.discovery.significance import false_discovery_rates
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dnabirnn.motifs import Motif

__all__ = ["MATCH_SCHEMA", "MAX_MATCH_Q", "check_tomtom", "compare_motifs"]

logger = logging.getLogger(__name__)

MATCH_SCHEMA: dict[str, type[pl.DataType]] = {
    "name": pl.String,
    "match": pl.String,
    "match_name": pl.String,
    "pvalue": pl.Float64,
    "qvalue": pl.Float64,
    "orientation": pl.String,
    "offset": pl.Int64,
    "overlap": pl.Int64,
}
MAX_MATCH_Q = 0.1

_MOST_COLUMNS = 50
"""TOMTOM's memory grows with the cube of the longest motif: 170 columns need 8 GB per thread."""
_FEWEST_MOTIFS = 25
"""With fewer motifs in the database, p-values depend on which they are, says memelite."""


def check_tomtom() -> Callable[..., Any]:
    """Return the TOMTOM of memelite.

    Raises
    ------
    OptionError
        If the package is not installed.
    """
    try:
        from memelite import tomtom
    except ImportError as cause:
        raise OptionError(
            "comparing motifs needs the package memelite, which is not installed; install it with "
            '`pip install "dnabirnn[discover]"`'
        ) from cause
    return tomtom  # type: ignore[no-any-return]


def compare_motifs(
    motifs: Sequence[Motif],
    database: Sequence[Motif],
    *,
    most: int = 5,
    max_q: float = MAX_MATCH_Q,
    threads: int = 1,
) -> pl.DataFrame:
    """Return the motifs of a database that resemble each of some motifs.

    p-values are those of TOMTOM (Gupta et al. 2007, doi:10.1186/gb-2007-8-2-r24), with the complete
    scores of Euclidean distances of columns, for the best of all offsets on both strands. q-values
    are those of Benjamini and Hochberg over the database, for each motif. Of a motif with more than
    50 columns, the 50 neighbouring ones with most information are compared.

    Parameters
    ----------
    motifs, database : sequence of Motif
    most : int
        Largest number of matches of each motif.
    max_q : float
        Largest q-value of a match.
    threads : int
        Results do not depend on it.

    Returns
    -------
    table : polars.DataFrame
        By motif in their order, then by p-value: name (of the motif), match (identifier),
        match_name, pvalue, qvalue, orientation (of the match: "same" as in the database, or
        "opposite"), offset (column of the match, turned if opposite, at which the first column of
        the motif stands; negative if it stands before), overlap (columns).

    Raises
    ------
    OptionError
        If the package memelite is not installed.
    """
    tomtom = check_tomtom()
    if len(database) < _FEWEST_MOTIFS:
        logger.warning(
            "the database has %d motifs; with fewer than %d, p-values depend on which motifs they "
            "are",
            len(database),
            _FEWEST_MOTIFS,
        )
    rows: list[tuple[Any, ...]] = []
    if motifs and database:
        windows = [_window(motif) for motif in motifs]
        targets = [np.ascontiguousarray(motif.frequencies.T) for motif in database]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="tomtom was given")
            found = tomtom(
                [columns.T for _, columns in windows],
                targets,
                n_jobs=threads,
            )
        for motif, (first, _), *results in zip(motifs, windows, *found, strict=True):
            rows += _rows(motif, first, database, results, most, max_q)
    return pl.DataFrame(rows, schema=MATCH_SCHEMA, orient="row")


def _window(motif: Motif) -> tuple[int, NDArray[np.float64]]:
    """Return the columns to compare, and the index of the first."""
    width = min(motif.width_bp, _MOST_COLUMNS)
    sums = np.convolve(motif.bits, np.ones(width), "valid")
    first = int(sums.argmax())
    return first, motif.frequencies[first : first + width]


def _rows(
    motif: Motif,
    first: int,
    database: Sequence[Motif],
    results: Sequence[NDArray[np.float64]],
    most: int,
    max_q: float,
) -> list[tuple[Any, ...]]:
    pvalues, _, offsets, overlaps, strands = results
    pvalues = np.clip(pvalues, 0, 1)
    qvalues = false_discovery_rates(pvalues, len(database))
    best = np.argsort(pvalues, kind="stable")[:most]
    return [
        (
            motif.name,
            database[i].identifier,
            database[i].name,
            float(pvalues[i]),
            float(qvalues[i]),
            "opposite" if strands[i] else "same",
            int(offsets[i]) - first,
            int(overlaps[i]),
        )
        for i in best.tolist()
        if qvalues[i] <= max_q
    ]
