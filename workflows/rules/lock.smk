"""What a Snakemake that was killed leaves locked is unlocked by the next one."""

import os
import re
import socket
from pathlib import Path

from snakemake_interface_executor_plugins.settings import ExecMode

# Each Snakemake that runs here shares a lock on this file, which the system ends with the process,
# however it ends.
ALIVE = Path(".snakemake/dnabirnn.alive")
OWN_FILES = re.compile(r"(^|/)provenance/\w+/|\.held_out\.bed$", re.MULTILINE)


def unlock_after_the_dead():
    """Remove locks of this workflow if no other Snakemake is at it; the lock to hold, or None."""
    if workflow.exec_mode != ExecMode.DEFAULT:
        return None  # a job of one that holds it
    try:
        import fcntl

        ALIVE.parent.mkdir(exist_ok=True)
        held = opened()
    except (ImportError, OSError):
        return None  # `snakemake --unlock` is for the user to say
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.seek(0)
        # On some file systems a host sees its own locks only: what another one left is not ours.
        ours = held.read() == socket.gethostname()
        if ours:
            remove_locks()
        if ours or not any(Path(".snakemake/locks").glob("*.lock")):
            held.truncate(0)
            held.write(socket.gethostname())
            held.flush()
    except (
        OSError
    ):  # another one is at it, or there are no such locks here, or it is another user's
        pass
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        held.close()
        return None
    return held


def opened():
    """The file to lock; that of another user can be read, which a shared lock needs only."""
    try:
        return ALIVE.open("a+")
    except PermissionError:
        return ALIVE.open("r")


def remove_locks():
    """Remove Snakemake's locks of this workflow's files."""
    locks = {}
    for path in Path(".snakemake/locks").glob("*.lock"):
        locks.setdefault(path.name.split(".")[0], []).append(path)
    for paths in locks.values():
        if any(OWN_FILES.search(path.read_text()) for path in paths):
            for path in paths:
                path.unlink(missing_ok=True)


HELD = unlock_after_the_dead()
