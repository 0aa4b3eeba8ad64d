"""`dnabirnn`: the group of all commands, and errors printed as one line."""

from __future__ import annotations

import errno
import gc
import importlib
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NoReturn

import click

from dnabirnn.cli.address_space import save_address_space, with_room
from dnabirnn.cli.command import WithExample
from dnabirnn.cli.look_ahead import BEGUN
from dnabirnn.cli.missing_packages import missing_package
from dnabirnn.cli.provenance_option import recorded, recording
from dnabirnn.cli.signals import EndedError, receive_signals
from dnabirnn.cli.streams import prepare_streams, settle_output, tell
from dnabirnn.errors import DnabirnnError
from dnabirnn.files import without_secrets
from dnabirnn.names import printable

__all__ = ["main", "run"]

_SECTIONS = {
    "From labels to calls": ("encode", "train", "score", "call", "evaluate", "report"),
    "Why": ("explain", "mutate", "variants", "discover"),
    "Labels and frequencies": ("review", "prior"),
    "Outputs": ("summary", "mask", "merge", "hub"),
    "Models": ("models", "info", "convert", "export", "selfcheck"),
    "Motifs and simulation": ("scan", "simulate"),
    "Provenance": ("verify",),
}
"""Commands by the heading that help lists them under."""
_COMMANDS = tuple(name for names in _SECTIONS.values() for name in names)
_WRITING = {
    *("encode", "train", "score", "call", "evaluate", "review", "report", "explain", "mutate"),
    *("variants", "summary", "mask", "merge", "hub", "convert", "export", "scan", "simulate"),
    "discover",
}
"""Commands with the option `--provenance`."""

# Number of new objects between two runs of the garbage collector. With Python's default of 700, a
# tenth of the time to the first score is spent in the collector while modules are loaded.
_GC_THRESHOLD = 50_000

_LONGEST_MESSAGE = 2_000
_OUT_OF_MEMORY = (
    "out of memory; free memory, raise the limit of `ulimit -v` if there is one, use fewer "
    "--threads, or use a smaller network"
)
_SIGNS_OF_LITTLE_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "Cannot allocate memory",
    "can't start new thread",
    "failed to map segment from shared object",
)
"""In messages of torch, of threads, and of the dynamic loader."""
_FAILURES_OF_STREAMS = (errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC)


class _Group(WithExample, click.Group):
    """Import a command's module when the command is used, and print errors in one line."""

    example = """\
dnabirnn encode genome.fa --labels sites.bed -o sites.enc
dnabirnn train sites.enc -o sites.safetensors
dnabirnn score genome.fa -m sites.safetensors -o scores.bed --calls calls.bed"""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"dnabirnn.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return with_room(recorded(command) if cmd_name in _WRITING else command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                assert command is not None
                rows.append((name, command.get_short_help_str(limit=68)))
            with formatter.section(title):
                formatter.write_dl(rows, col_spacing=3)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, _COMMANDS, n=1)
            ctx.fail(f"no such command {name!r}{_suggestion(near)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line(ctx), recording(ctx):
            return super().invoke(ctx)


@contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    """End with one line on standard error if the user can correct what has failed."""
    try:
        yield
    except click.exceptions.Exit:
        raise
    except (KeyboardInterrupt, EndedError) as stop:
        settle_output()
        if isinstance(stop, KeyboardInterrupt) and sys.stderr.isatty():
            tell()  # after the ^C of the terminal
        tell(f"{_command(ctx)}: interrupted; run the same command again")
        ctx.exit(stop.exit_code if isinstance(stop, EndedError) else 1)
    except click.UsageError as error:
        _fail_usage(ctx, error)
    except DnabirnnError as error:
        _fail(ctx, str(error))
    except BrokenPipeError:  # the reader of standard output has closed it, as `head` does
        settle_output()
        ctx.exit(1)
    except UnicodeEncodeError as error:
        _fail(
            ctx,
            f"{error.object}: cannot be written as {error.encoding}; use other letters, or set the "
            "environment variable LC_ALL to C.UTF-8",
        )
    except Exception as error:
        if _is_out_of_memory(error):
            _fail(ctx, _OUT_OF_MEMORY)
        if (needed := missing_package(error)) is not None:
            _fail(ctx, needed)
        if not isinstance(error, OSError):
            raise
        where = error.filename
        if where is None and error.errno in _FAILURES_OF_STREAMS:
            where = "standard output"  # all other writers name their file
        reason = error.strerror or str(error)
        _fail(ctx, reason if where is None else f"{where}: {reason}")


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or what it comes from, is a lack of memory.

    torch, threads and shared libraries that are loaded do not raise MemoryError.
    """
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if any(sign in str(error) for sign in _SIGNS_OF_LITTLE_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _suggestion(near: Sequence[str] | None) -> str:
    return f"; did you mean {near[0]}?" if near else ""


def _command(ctx: click.Context) -> str:
    return f"dnabirnn {ctx.invoked_subcommand or ''}".strip()


def _fail(ctx: click.Context, message: str, exit_code: int = 1) -> NoReturn:
    settle_output()
    text = without_secrets(printable(" ".join(message.split())))
    if len(text) > _LONGEST_MESSAGE:  # a value may be very long; the remedy is at the end
        half = _LONGEST_MESSAGE // 2
        text = f"{text[:half]} ... {text[-half:]}"
    tell(f"{_command(ctx)}: error: {text}")
    ctx.exit(exit_code)


def _fail_usage(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Print a usage error in one line; `dnabirnn` without arguments shows its help."""
    # Raised by click 8.2 and later.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        raise error
    text = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption):
        if any(error.option_name in param.opts for param in ctx.command.params):
            _fail(
                ctx,
                f"{error.option_name}: goes before the command: dnabirnn {error.option_name} "
                f"{ctx.invoked_subcommand}",
                error.exit_code,
            )
        near = get_close_matches(error.option_name, error.possibilities or (), cutoff=0.7)
        text = f"no such option {error.option_name!r}{_suggestion(near)}"
    see = "" if text.endswith("?") else f"; see {_command(ctx)} --help"
    _fail(ctx, f"{text}{see}", error.exit_code)


@click.command(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Score every base of DNA sequences with the probability that it belongs to a motif.

    From a genome and known sites to calls: encode, train, score. Each command has its own help:
    dnabirnn COMMAND --help.
    """,
)
@click.version_option(package_name="dnabirnn", prog_name="dnabirnn")
@click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors, and no progress.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """Run a command."""
    ctx.obj = quiet
    ctx.meta[BEGUN] = time.monotonic()
    gc.set_threshold(_GC_THRESHOLD)
    receive_signals()
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("dnabirnn")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


def run() -> None:
    """Run the command line of this process."""
    # If scipy is installed, Numba imports it to support matrix products in kernels. Our kernels do
    # not need it. The import takes a fifth of the time to the first score, and its OpenBLAS can
    # hang when memory is refused.
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]
    prepare_streams()
    save_address_space()
    main()


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        kind = "warning: " if record.levelno >= logging.WARNING else ""
        return f"dnabirnn: {kind}{without_secrets(printable(record.getMessage()))}"
