"""Remove the locks of a Snakemake that was killed, so that the next one can run.

Snakemake leaves its locks behind when it is killed. To tell a killed Snakemake from a running one,
each holds a shared `flock` on one file for as long as it runs. If the file can be locked
exclusively, no other Snakemake is running here.
"""

import os
import re
import socket
from pathlib import Path

from snakemake_interface_executor_plugins.settings import ExecMode

# Each Snakemake that runs here holds a shared lock on this file. The operating system releases the
# lock when the process ends, however it ends.
ALIVE = Path(".snakemake/dnabirnn.alive")
OWN_FILES = re.compile(r"(^|/)provenance/\w+/|\.held_out\.bed$", re.MULTILINE)


def unlock_after_kill():
    """Remove locks of this workflow if no other Snakemake runs it; return the lock to hold."""
    if workflow.exec_mode != ExecMode.DEFAULT:
        return None  # a job of a Snakemake that holds the lock
    try:
        import fcntl

        ALIVE.parent.mkdir(exist_ok=True)
        held = open_lock_file()
    except (ImportError, OSError):
        return None  # users have to run `snakemake --unlock` themselves
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.seek(0)
        # On some file systems, a host sees only its own locks. Locks left by another host are kept.
        ours = held.read() == socket.gethostname()
        if ours:
            remove_locks()
        if ours or not any(Path(".snakemake/locks").glob("*.lock")):
            held.truncate(0)
            held.write(socket.gethostname())
            held.flush()
        cancel_orphans()
    except BlockingIOError:  # another Snakemake is running
        pass
    except OSError:  # flock is not supported, or the file is another user's
        cancel_orphans()
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        held.close()
        return None
    return held


def open_lock_file():
    """Open the file to lock. Another user's can be read, which is enough for a shared lock."""
    try:
        return ALIVE.open("a+")
    except PermissionError:
        return ALIVE.open("r")


def remove_locks():
    """Remove Snakemake's locks on the files of this workflow."""
    locks = {}
    for path in Path(".snakemake/locks").glob("*.lock"):
        locks.setdefault(path.name.split(".")[0], []).append(path)
    for paths in locks.values():
        if any(OWN_FILES.search(path.read_text()) for path in paths):
            for path in paths:
                path.unlink(missing_ok=True)


HELD = unlock_after_kill()
