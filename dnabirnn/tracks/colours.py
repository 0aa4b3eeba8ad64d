"""One colour per class, the same in figures and in tracks."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["COLOURS", "item_colours"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito, which color-blind readers can distinguish, without its yellow. Figures
with more classes use shades from dark to light."""


def item_colours(names: Iterable[str]) -> dict[str, str]:
    """Return one colour per class, as genome browsers write it.

    The colour depends on the position of a class among the names.

    Parameters
    ----------
    names : iterable of str
        May name a class more than once.

    Returns
    -------
    colours : dict
        "red,green,blue", each 0 to 255.

    Examples
    --------
    >>> item_colours(["alpha", "hsat", "alpha"])
    {'alpha': '0,114,178', 'hsat': '213,94,0'}
    """
    own = list(dict.fromkeys(names))
    found = []
    for place, _ in enumerate(own):
        if len(own) <= len(COLOURS):
            text = COLOURS[place]
            parts = [int(text[i : i + 2], 16) for i in (1, 3, 5)]
        else:  # evenly spaced hues
            parts = [round(255 * part) for part in colorsys.hsv_to_rgb(place / len(own), 0.9, 0.75)]
        found.append(",".join(map(str, parts)))
    return dict(zip(own, found, strict=True))
