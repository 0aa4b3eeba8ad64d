"""Periods of tandem arrays among the calls of a contig."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.sequences import period_of

if TYPE_CHECKING:
    from dnabirnn.alphabet import Codes
    from dnabirnn.tracks import Rows

__all__ = ["with_periods"]


def with_periods(calls: Rows, codes: Codes) -> Rows:
    """Return calls with the columns "period", in bases, and "copies": length in periods.

    Both are 0 for a call without a period; see `dnabirnn.sequences.period_of`. Copies have one
    decimal.

    Parameters
    ----------
    calls : Rows
    codes : ndarray, (L,) uint8
        Sequence of the contig.
    """
    places = zip(calls.start.tolist(), calls.end.tolist(), strict=True)
    found = [period_of(codes[start:end]).length_bp for start, end in places]
    period = np.array(found, dtype=np.int64)
    length = calls.end - calls.start
    copies = np.where(period > 0, np.round(length / np.maximum(period, 1), 1), 0.0)
    return calls._replace(extra={**(calls.extra or {}), "period": period, "copies": copies})
