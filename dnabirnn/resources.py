"""Memory, disk and time: what a run is about to take, and what there is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from dnabirnn.errors import OutputError, RehearsalError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = [
    "Estimate",
    "available_memory",
    "check",
    "estimate_table",
    "fits",
    "free_disk",
    "shown_bytes",
    "shown_seconds",
]

MB = 1_000_000


# What is short of memory or disk by more than this is refused, since it would fail after hours;
# what comes near is warned of.
_SURELY_TOO_MUCH = 1.5
_CLOSE = 0.8


class Estimate(NamedTuple):
    """What a run takes.

    Attributes
    ----------
    memory_bytes : int
        At its peak, of memory that cannot be had back.
    disk_bytes : mapping of folder to int
        At its peak; a folder that is not there is passed over.
    seconds : float, optional
    least_disk_bytes : mapping of folder to int, optional
        What the run takes for sure, where `disk_bytes` comes from a sample.
    """

    memory_bytes: int
    disk_bytes: Mapping[Path, int]
    seconds: float | None = None
    least_disk_bytes: Mapping[Path, int] | None = None


class Shortage(NamedTuple):
    """Something of which there may be too little: "memory" or "disk"."""

    kind: str
    needed: int
    surely: int
    there: int
    place: str


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may have in all: what it holds, and what is left for it.

    That is the least of what the machine has left and what the control groups of the process
    leave it, such as those of a container or of a cluster's job.

    Parameters
    ----------
    root : Path
        Where `proc` and `sys` are.
    """
    left = [int(psutil.virtual_memory().available), *_left_in_groups(root)]
    return int(psutil.Process().memory_info().rss) + max(min(left), 0)


def _left_in_groups(root: Path) -> Iterator[int]:
    """Bytes that each control group with a limit leaves, on Linux (kernel's cgroup-v1, -v2)."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            top, files = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif controllers == "memory":
            top = root / "sys/fs/cgroup/memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the path may be the host's, of which only the top is to be seen.
        group = Path(name.strip("/"))
        for folder in {top / group, *(top / parent for parent in group.parents), top}:
            limit, used = _number(folder / files[0]), _number(folder / files[1])
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(folder / "memory.stat", files[2])


def _number(path: Path) -> int | None:
    """Number in a file; None where there is none, or the word "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _reclaimable(path: Path, key: str) -> int:
    """Bytes of files that lie in memory and can be dropped from it."""
    try:
        rows = dict(line.split(" ", 1) for line in path.read_text().splitlines())
        return int(rows.get(key, 0))
    except (OSError, ValueError):
        return 0


def free_disk(folder: Path) -> int | None:
    """Bytes that may be written to a folder's file system; None where it does not tell."""
    usage = shutil.disk_usage(folder)
    return usage.free if usage.total else None


def _shortages(estimate: Estimate) -> Iterator[Shortage]:
    """All that an estimate needs, with what there is of it."""
    memory = estimate.memory_bytes
    yield Shortage("memory", memory, memory, available_memory(), "")
    least = estimate.disk_bytes if estimate.least_disk_bytes is None else estimate.least_disk_bytes
    disks: dict[int, tuple[Path, int, int]] = {}
    for folder, needed in estimate.disk_bytes.items():
        if not folder.is_dir():
            continue
        device = os.stat(folder).st_dev
        first, before, before_surely = disks.get(device, (folder, 0, 0))
        disks[device] = first, before + needed, before_surely + least[folder]
    for folder, needed, surely in disks.values():
        free = free_disk(folder)
        if free is not None:
            yield Shortage("disk", needed, surely, free, f" in {folder}")


def fits(estimate: Estimate) -> bool:
    """Whether there is room to spare for a run."""
    return all(one.needed < _CLOSE * one.there for one in _shortages(estimate))


def check(estimate: Estimate, remedies: Mapping[str, str]) -> list[str]:
    """Hold an estimate against what there is.

    Parameters
    ----------
    estimate : Estimate
    remedies : mapping
        What the user can do where there is too little "memory" or "disk".

    Returns
    -------
    warnings : list of str
        Of what may not be enough.

    Raises
    ------
    ResourceError
        There is surely too little.
    """
    warnings = []
    for kind, needed, surely, there, place in _shortages(estimate):
        told = (
            f"needs about {shown_bytes(needed)} of {kind}, and there are {shown_bytes(there)}"
            f"{place}; {remedies[kind]}"
        )
        if surely > _SURELY_TOO_MUCH * there:
            raise ResourceError(told)
        if needed > _CLOSE * there:
            warnings.append(told)
    return warnings


def estimate_table(estimate: Estimate) -> str:
    """An estimate as lines of text, with what there is."""
    lines = [
        f"{kind:8}{shown_bytes(needed)} of {shown_bytes(there)} free{place}"
        for kind, needed, _, there, place in _shortages(estimate)
    ]
    if estimate.seconds is not None:
        lines.append(f"{'time':8}{shown_seconds(estimate.seconds)}")
    return "\n".join(lines)


def shown_bytes(count: int) -> str:
    """Bytes for people, in units of 1000.

    Examples
    --------
    >>> shown_bytes(2_000), shown_bytes(18_400_000), shown_bytes(21_340_000_000)
    ('2 kB', '18 MB', '21.3 GB')
    """
    if count < 1e6:
        return f"{-(-count // 1000)} kB"
    if count < 1e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"


def shown_seconds(seconds: float) -> str:
    """Seconds for people.

    Examples
    --------
    >>> shown_seconds(1.26), shown_seconds(380), shown_seconds(30_000)
    ('1.3 s', '6 min 20 s', '8 h 20 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, left = divmod(whole, 60)
    if not minutes:
        return f"{left} s"
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def rehearsing() -> Iterator[None]:
    """Raise RehearsalError for what has no room in the folder of temporary files."""
    try:
        yield
    except (OSError, OutputError) as error:
        raise RehearsalError(
            f"{tempfile.gettempdir()}: no estimate can be made there ({error}); set TMPDIR to a "
            "folder with room"
        ) from error
