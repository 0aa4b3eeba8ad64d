"""Signals: none is lost while a kernel is compiled."""

from __future__ import annotations

import ctypes
import inspect
import os
import signal
import time
from collections.abc import Iterator

import pytest
from llvmlite.binding.executionengine import ExecutionEngine

from dnabirnn.cli import signals

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

NUMBERS = {"SIGINT": KeyboardInterrupt, "SIGTERM": signals.EndedError, "SIGHUP": signals.EndedError}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Handlers of `receive_signals`; those before it come back in the end."""
    before = {name: signal.getsignal(getattr(signal, name)) for name in NUMBERS}
    signals.receive_signals()
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.parametrize(("name", "error"), NUMBERS.items())
def test_a_signal_in_a_callback_of_the_compiler_ends_the_process_after_it(
    name: str, error: type[BaseException]
) -> None:
    ended = []

    def _raw_object_cache_notify() -> None:
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(0.01)
        ended.append(name)

    callback = ctypes.CFUNCTYPE(None)(_raw_object_cache_notify)
    with pytest.raises(error):  # noqa: PT012
        callback()
        assert ended == [name]
        time.sleep(60)


def test_the_compiler_has_these_callbacks() -> None:
    for name in signals._CALLBACKS:
        assert inspect.isfunction(getattr(ExecutionEngine, name))


@pytest.mark.parametrize("name", NUMBERS)
def test_an_ignored_signal_stays_ignored(name: str) -> None:
    number = getattr(signal, name)
    signal.signal(number, signal.SIG_IGN)
    signals.receive_signals()
    assert signal.getsignal(number) is signal.SIG_IGN
