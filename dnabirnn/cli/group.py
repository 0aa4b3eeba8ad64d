"""`dnabirnn`: the group of all commands, and errors printed as one line."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

import click

from dnabirnn.cli.command import WithExample
from dnabirnn.cli.look_ahead import BEGUN
from dnabirnn.cli.provenance_option import recorded, recording
from dnabirnn.errors import DnabirnnError
from dnabirnn.names import printable

__all__ = ["main", "run"]

_SECTIONS = {
    "From labels to calls": ("encode", "train", "score", "call", "evaluate", "report"),
    "Outputs": ("mask", "merge", "hub"),
    "Models": ("models", "info", "convert", "export", "selfcheck"),
    "Motifs and simulation": ("scan", "simulate"),
    "Provenance": ("verify",),
}
"""Commands by the heading that help lists them under."""
_COMMANDS = tuple(name for names in _SECTIONS.values() for name in names)
_WRITING = {
    *("encode", "train", "score", "call", "evaluate", "report"),
    *("mask", "merge", "hub", "convert", "export", "scan", "simulate"),
}
"""Commands with the option `--provenance`."""

# Number of new objects between two runs of the garbage collector. With Python's default of 700, a
# tenth of the time to the first score is spent in the collector while modules are loaded.
_GC_THRESHOLD = 50_000

_LONGEST_MESSAGE = 2_000
_OUT_OF_MEMORY = "out of memory; free memory, use fewer --threads, or use a smaller network"


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
        return recorded(command) if cmd_name in _WRITING else command

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
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _fail_usage(ctx, error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with recording(ctx):
                return super().invoke(ctx)
        except click.UsageError as error:
            _fail_usage(ctx, error)
        except DnabirnnError as error:
            _fail(ctx, str(error))
        except MemoryError:
            _fail(ctx, _OUT_OF_MEMORY)
        except RuntimeError as error:
            if _is_out_of_memory(error):
                _fail(ctx, _OUT_OF_MEMORY)
            raise
        except BrokenPipeError:
            # The reader of standard output has closed it, as `head` does. Python must not flush
            # to it again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(ctx, f"{where}{error.strerror or error}")


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch, which does not raise MemoryError, is out of memory."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def _fail(ctx: click.Context, message: str, exit_code: int = 1) -> NoReturn:
    command = f"dnabirnn {ctx.invoked_subcommand or ''}".strip()
    text = printable(" ".join(message.split()))
    if len(text) > _LONGEST_MESSAGE:  # a value may be very long; the remedy is at the end
        half = _LONGEST_MESSAGE // 2
        text = f"{text[:half]} ... {text[-half:]}"
    click.echo(f"{command}: error: {text}", err=True)
    ctx.exit(exit_code)


def _fail_usage(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Print a usage error in one line; `dnabirnn` without arguments shows its help."""
    # Raised by click 8.2 and later.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        raise error
    command = f"dnabirnn {ctx.invoked_subcommand or ''}".strip()
    _fail(ctx, f"{error.format_message().rstrip('.')}; see {command} --help", error.exit_code)


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
    if threading.current_thread() is threading.main_thread():
        # Raise an exception, so that partial outputs are removed, as after Ctrl-C.
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Signals that are ignored stay ignored, such as SIGHUP under nohup.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _terminate)
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
    main()


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        kind = "warning: " if record.levelno >= logging.WARNING else ""
        return f"dnabirnn: {kind}{printable(record.getMessage())}"
