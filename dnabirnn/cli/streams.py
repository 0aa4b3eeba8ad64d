"""Standard streams that are closed, full, or cannot represent a letter."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

import click

__all__ = ["prepare_streams", "settle_output", "tell"]


def prepare_streams() -> None:
    """Make the standard streams of this process usable, whatever they are.

    Under cron or a service, streams may be closed. The next file that is opened would then get the
    descriptor of the stream, and a library that writes messages would write into this file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Messages go nowhere. To read or write the other two fails: results would be lost.
            flags = os.O_RDONLY if name == "stdout" else os.O_WRONLY
            descriptor = os.open(os.devnull, flags)
            os.dup2(descriptor, number)
            if descriptor != number:
                os.close(descriptor)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # locales without the letter


def tell(text: str = "") -> None:
    """Print a line on standard error. If it is full, or its reader has left, the line is lost."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def settle_output() -> bool:
    """Return whether standard output takes what is left to write; if not, drop it.

    Otherwise, Python would try to write it again at exit, and print a second message.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return False
    return True
