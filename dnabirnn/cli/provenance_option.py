"""`--provenance`, an option of every command that writes files."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import click

from dnabirnn.cli.command import FILE_NAME, Option
from dnabirnn.cli.options import OUTPUT
from dnabirnn.cli.output_names import check_ending

__all__ = ["recorded", "recording"]

_KEY = "dnabirnn.provenance"
_PATHS = {"BED", "FASTA", "FILE", "MODEL", "DIR", "JSON", "CSV"}
"""Metavariables of options that name files; all arguments name files."""
_WRITTEN = {"out", "hub_folder"}
"""Parameters that name outputs: files, folders or standard output."""
_ALSO_WRITTEN = {
    *(("train", "log"), ("evaluate", "curves"), ("review", "session"), ("scan", "partly")),
    *(("discover", name) for name in ("sites", "table", "grammar", "matches", "logos", "summary")),
}
"""Commands and parameters that name outputs only there."""


class _Wanted(NamedTuple):
    path: str
    ctx: click.Context


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        from dnabirnn.files import check_free, check_target

        check_target(value)
        check_free(value)
        check_ending("--provenance", value, "a JSON file", ".json")
        ctx.meta[_KEY] = _Wanted(value, ctx)


def recorded(command: click.Command) -> click.Command:
    """Return the command with the option added, which also notes its inputs when it starts."""
    option = Option(
        ["--provenance"],
        group=OUTPUT,
        type=FILE_NAME,
        metavar="FILE",
        expose_value=False,
        callback=_remember,
        help="Also write a JSON record of the command, the versions of dnabirnn and its packages, "
        "and the SHA-256 digests of all inputs and outputs. `dnabirnn verify` checks it.",
    )
    copied = copy.copy(command)
    copied.params = [*command.params, option]
    assert command.callback is not None
    copied.callback = _noting_inputs(command.callback)
    return copied


def _noting_inputs(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Note the files of the command line as inputs before any of them is read.

    An output at an address is an error.

    Readers note what they open, but a library opens some files by name.
    """

    @wraps(callback)
    def noted(*arguments: Any, **options: Any) -> Any:
        from dnabirnn.files import check_local, note_read

        ctx = click.get_current_context()
        for param in ctx.command.params:
            if _is_written(param, ctx) and isinstance(path := ctx.params.get(param.name), str):
                check_local(path)
        for path in _inputs(ctx):
            note_read(path)
        return callback(*arguments, **options)

    return noted


@contextmanager
def recording(ctx: click.Context) -> Iterator[None]:
    """Write the provenance of the command that runs inside, if requested and successful."""
    from dnabirnn.files import check_read, noting

    with noting() as noted:
        yield
        check_read()  # commands that wrote to standard output only
        wanted = ctx.meta.get(_KEY)
        if wanted is not None and not wanted.ctx.params.get("dry_run"):
            from dnabirnn.files import check_apart, write_provenance

            outputs = sorted(map(str, noted.paths))
            check_apart(wanted.path, outputs)
            write_provenance(
                wanted.path,
                sys.argv[1:],
                {name: _plain(value) for name, value in sorted(wanted.ctx.params.items())},
                [path for path in _inputs(wanted.ctx) if os.path.realpath(path) not in outputs],
                outputs,
            )


def _is_written(param: click.Parameter, ctx: click.Context) -> bool:
    """Return whether a parameter names an output."""
    return param.name in _WRITTEN or (ctx.info_name, param.name) in _ALSO_WRITTEN


def _inputs(ctx: click.Context) -> Iterator[str]:
    """Yield the paths among a command's arguments and options, and files of shipped models."""
    from dnabirnn.files import is_address
    from dnabirnn.network import find_model

    for param in ctx.command.params:
        names_files = isinstance(param, click.Argument) or param.metavar in _PATHS
        if names_files and param.name in ctx.params and not _is_written(param, ctx):
            for path in _texts(ctx.params[param.name]):
                if is_address(path):
                    yield path
                    continue
                # A folder never hides a model that comes with dnabirnn.
                model = param.name == "model" or param.metavar == "MODEL"
                there = os.path.exists(path) and not (model and os.path.isdir(path))
                found = path if there else str(find_model(path))
                if found == "-" or os.path.exists(found):
                    yield found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _texts(part)


def _plain(value: Any) -> Any:
    """Convert a value to one that JSON can represent."""
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
