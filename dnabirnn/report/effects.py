"""Table of the strongest effects of substitutions in the examples of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import decode
from dnabirnn.report.page import Table, TableCell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.report.region import View
    from dnabirnn.report.sites import Example

__all__ = ["effect_table"]

_NONE = TableCell("\N{EN DASH}")


def effect_table(views: Sequence[tuple[Example, View]]) -> Table | None:
    """Make the table of the substitutions that weaken and strengthen each site most.

    Parameters
    ----------
    views : sequence of (Example, View)

    Returns
    -------
    table : Table or None
        One row per example with effects; None if there is none.
    """
    rows = []
    for example, view in views:
        if view.effects is None:
            continue
        site = example.site
        rows.append(
            [
                TableCell(f"{site['class']} {site['strand']}"),
                TableCell(f"{site['chrom']}:{site['start']}-{site['end']}"),
                *_strongest(view, -1),
                *_strongest(view, 1),
            ]
        )
    if not rows:
        return None
    return Table(
        "Substitutions with the strongest effects on the site of each example. Weakening: it "
        "lowers the log-odds of the site most, summed over its bases. Strengthening: it raises "
        "them most. Distance: from the site in bp, along the + strand; 0 within the site. Loss "
        "and gain: the largest change of the probability of any base that the substitution "
        "causes in the region. Substitutions are of the + strand.",
        (
            "class",
            "site",
            *("weakening", "distance", "log-odds", "loss"),
            *("strengthening", "distance", "log-odds", "gain"),
        ),
        rows,
        text_columns=2,
    )


def _strongest(view: View, sign: int) -> list[TableCell]:
    """Return the cells of the substitution that changes the log-odds most in a direction."""
    effects = view.effects
    assert effects is not None
    # Exactly 0 for the base itself, so that the maximum is never below it.
    signed = np.nan_to_num(sign * effects.log_odds)
    base, new = np.unravel_index(int(signed.argmax()), signed.shape)
    if signed[base, new] <= 0:
        return [_NONE] * 4
    position = effects.start + int(base)
    start, end = effects.site
    distance = min(position - start, 0) or max(position - end + 1, 0)
    change = (effects.gain if sign > 0 else effects.loss)[base, new]
    letters = decode(np.array([view.codes[base], new], np.uint8))
    return [
        TableCell(f"{position} {letters[0]}>{letters[1]}"),
        TableCell(f"{distance:+d}".replace("-", "\N{MINUS SIGN}") if distance else "0"),
        TableCell(f"{effects.log_odds[base, new]:+.1f}".replace("-", "\N{MINUS SIGN}")),
        TableCell(f"{change:.3f}"),
    ]
