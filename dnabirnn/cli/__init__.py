"""The command line: a file a command, each imported when it is asked for."""

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

from dnabirnn.cli.look_ahead import BEGUN
from dnabirnn.cli.provenance_option import recorded, recording
from dnabirnn.errors import DnabirnnError
from dnabirnn.names import printable

__all__ = ["main", "run"]

_COMMANDS = (
    *("encode", "train", "score", "call", "evaluate", "report"),
    *("mask", "merge", "hub"),
    *("info", "models", "convert", "export", "scan", "selfcheck", "simulate", "verify"),
)
_WRITING = {
    *("encode", "train", "score", "call", "evaluate", "report"),
    *("mask", "merge", "hub", "convert", "export", "scan", "simulate"),
}
"""Commands that can tell their provenance."""

# Objects made between two searches for unreachable ones. With Python's own 700, a tenth of the time
# to the first score goes into searches while modules are loaded.
_GC_THRESHOLD = 50_000

_LONGEST_MESSAGE = 2_000
_OUT_OF_MEMORY = "out of memory; free some, use fewer --threads, or make the network smaller"


class _Group(click.Group):
    """Loads a command's module when the command is used; tells errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"dnabirnn.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return recorded(command) if cmd_name in _WRITING else command

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
            # Whoever read standard output has seen enough, as `head` does. Python must not
            # flush to it once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(ctx, f"{where}{error.strerror or error}")


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch, which raises no MemoryError, says that it got no memory."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def _fail(ctx: click.Context, message: str, exit_code: int = 1) -> NoReturn:
    command = f"dnabirnn {ctx.invoked_subcommand or ''}".strip()
    text = printable(" ".join(message.split()))
    if len(text) > _LONGEST_MESSAGE:  # of a value that fills a file; the remedy stands at the end
        half = _LONGEST_MESSAGE // 2
        text = f"{text[:half]} ... {text[-half:]}"
    click.echo(f"{command}: error: {text}", err=True)
    ctx.exit(exit_code)


def _fail_usage(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Tell what is wrong with the arguments, in one line; `dnabirnn` alone shows its help."""
    # Which click raises from 8.2 on.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        raise error
    command = f"dnabirnn {ctx.invoked_subcommand or ''}".strip()
    _fail(ctx, f"{error.format_message().rstrip('.')}; see {command} --help", error.exit_code)


_EXAMPLE = """\b
Example:
  dnabirnn encode genome.fa --labels sites.bed -o sites.enc
  dnabirnn train sites.enc -o sites.safetensors
  dnabirnn score genome.fa -m sites.safetensors -o scores.bed --calls calls.bed
"""


@click.command(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLE
)
@click.version_option(package_name="dnabirnn", prog_name="dnabirnn")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors; no progress.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """The probability, for every base of a DNA sequence, that it belongs to a motif.

    From a genome and known sites to calls: encode, train, score.
    """
    ctx.obj = quiet
    ctx.meta[BEGUN] = time.monotonic()
    gc.set_threshold(_GC_THRESHOLD)
    if threading.current_thread() is threading.main_thread():
        # As an exception, so that what is half-written goes away, as it does after Ctrl-C.
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # What is to be survived, as a hang-up is under nohup, stays so.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _terminate)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("dnabirnn")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


def run() -> None:
    """Run the command of this process."""
    # Numba imports scipy, where it is there, to learn whether kernels can multiply matrices. Ours
    # do not; and it is a fifth of the time to the first score, and an OpenBLAS that waits forever
    # where memory is refused.
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]
    main()


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        kind = "warning: " if record.levelno >= logging.WARNING else ""
        return f"dnabirnn: {kind}{printable(record.getMessage())}"
