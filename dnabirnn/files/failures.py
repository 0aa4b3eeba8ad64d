"""Errors of the system when a file is written, as messages with a remedy."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dnabirnn.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["failures_of"]


@contextmanager
def failures_of(name: str) -> Iterator[None]:
    """Turn OSError into OutputError, except for a closed pipe (BrokenPipeError).

    Parameters
    ----------
    name : str
        Name of the file for the user.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        remedy = {
            errno.ENOSPC: "make room or write elsewhere",
            errno.EDQUOT: "make room or write elsewhere",
            errno.ENAMETOOLONG: "give a shorter name",
        }.get(error.errno or 0, "check the path and its permissions, or write elsewhere")
        raise OutputError(f"{name}: {error.strerror or error}; {remedy}") from error
