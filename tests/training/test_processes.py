"""Processes of one training run, of which one is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCH = (
    "import os, subprocess, sys, time\n"
    "from dnabirnn.training import processes\n"
    "processes._SECONDS_TO_REPORT = 0.1\n"
    "started = []\n"
    "with processes.watching(started):\n"
    "    started.append(subprocess.Popen([sys.executable, '-c', {code!r}]))\n"
    "time.sleep({seconds})\n"
    "print(len(started))\n"
)


@pytest.mark.parametrize(
    ("code", "seconds", "exit_code"),
    [
        ("import os; os.kill(os.getpid(), 9)", 60, 1),
        ("raise SystemExit(3)", 60, 1),
        ("pass", 1, 0),
        ("import time; time.sleep(3)", 1, 0),
    ],
)
def test_a_process_ends_soon_after_one_that_it_started(
    code: str, seconds: float, exit_code: int
) -> None:
    words = [sys.executable, "-c", WATCH.format(code=code, seconds=seconds)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == exit_code
    if exit_code:
        assert done.stderr.startswith("dnabirnn train: error: a process of this training has ended")
        assert len(done.stderr.splitlines()) == 1
    else:
        assert done.stdout == "0\n"  # nobody else looks at them
        assert done.stderr == ""


def test_a_process_ends_soon_after_the_one_that_started_it() -> None:
    follow = (
        "import os, time\n"
        "os.environ['LOCAL_RANK'] = '1'\n"
        "from dnabirnn.training import processes\n"
        "with processes.watching([]):\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
    )
    lead = (
        "import os, subprocess, sys\n"
        "os.environ['DNABIRNN_LEADER'] = str(os.getpid())\n"
        f"subprocess.Popen([sys.executable, '-c', {follow!r}]).communicate()\n"
    )
    leader = subprocess.Popen([sys.executable, "-c", lead], stdout=subprocess.PIPE)
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"here\n"
    leader.kill()
    assert leader.stdout.read() == b""  # which ends when both have
    leader.wait()
