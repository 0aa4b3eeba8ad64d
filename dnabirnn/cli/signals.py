"""Signals that end this process: as exceptions, so that partial outputs are removed."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

__all__ = ["EndedError", "receive_signals"]

_CALLBACKS = ("_raw_object_cache_notify", "_raw_object_cache_getbuffer")
"""Functions that LLVM calls when it has compiled a kernel. Python drops exceptions in them."""
_SECONDS = 0.05


class EndedError(SystemExit):
    """A signal other than Ctrl-C has asked this process to end."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


def receive_signals() -> None:
    """Raise KeyboardInterrupt or `EndedError` for the signals that end this process."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Signals that are ignored stay ignored, such as SIGHUP under nohup.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_name in _CALLBACKS:  # where most signals during compilation arrive
            again = threading.Timer(_SECONDS, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise EndedError(number)
