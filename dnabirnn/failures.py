"""What the system says of a file that cannot be written, as an error that tells the remedy."""

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
    """Raise OutputError for what is an OSError, but not for a pipe that is closed.

    Parameters
    ----------
    name : str
        What the user calls the file.
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
