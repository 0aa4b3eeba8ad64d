"""Names of outputs that are written in one format, whatever the name."""

from __future__ import annotations

import logging
import os
import re

__all__ = ["check_ending"]

logger = logging.getLogger(__name__)

_ENDING = re.compile(r"\.(?!v\d)(?:[a-z]\w*|2bit)", re.IGNORECASE)
"""Ending of a file name, other than a version, as in "rep.v2" or "rep.1"."""
_COMPRESSED = re.compile(r"\.b?gz$", re.IGNORECASE)


def check_ending(option: str, path: str | None, what: str, *usual: str) -> None:
    """Warn if a name ends like a file of another format than the one that is written.

    Parameters
    ----------
    option : str
        Option that names the output.
    path : str, optional
        Its value. Names without an ending, and those with .gz or .bgz after it, are usual too.
    what : str
        What is written, such as "a model file".
    usual : str
        Endings of such files, the one to name first.
    """
    ending = os.path.splitext(_COMPRESSED.sub("", path or ""))[1]
    if _ENDING.fullmatch(ending) and ending.lower() not in usual:
        logger.warning(
            "%s %s: %s usually ends in %s, and this name ends in %s; it is still written there",
            option,
            path,
            what,
            usual[0],
            ending,
        )
