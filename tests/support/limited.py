"""Run commands in one process whose memory is limited: `python limited.py HEADROOM_BYTES`.

Standard input is JSON, words of each command by a name; standard output a line of JSON a command.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from commands import run, succeed

_PAGE_BYTES = resource.getpagesize()


def warm_up() -> None:
    """Load what commands load, and make their threads: neither is to count."""
    succeed("-q", "score", "genome.fa", "-m", "m.safetensors", "-o", "warm.bed")
    succeed("-q", "encode", "genome.fa", "--labels", "sites.bed", "-o", "warm")
    succeed("-q", "report", "--encoded", "warm", "-m", "m.safetensors", "-o", "warm.html")


def most_rss_bytes() -> int:
    """Most memory that this process had; getrusage tells that of whoever started it, if larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Limit memory, then run."""
    warm_up()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_BYTES
    limit = taken + int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, words in json.load(sys.stdin).items():
        started = time.monotonic()
        result = run("-q", *words, input=b"")
        told = {
            "name": name,
            "exit_code": result.exit_code,
            "stderr": result.stderr,
            "exception": repr(result.exception),
            "seconds": time.monotonic() - started,
            "rss_bytes": most_rss_bytes(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
