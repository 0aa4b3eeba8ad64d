"""Memory, disk and time: estimates of a run, compared with what is available."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from dnabirnn.errors import OutputError, RehearsalError, ResourceError

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


# Ratio of needed to available memory or disk above which a run is refused, since it would fail
# after hours, and above which a warning is logged. Estimates are rough, so a run that only
# slightly exceeds what is available may still succeed.
_REFUSE_ABOVE = 1.5
_WARN_ABOVE = 0.8


class Estimate(NamedTuple):
    """Estimated memory, disk space and time of a run.

    Attributes
    ----------
    memory_bytes : int
        Peak memory, without memory that the system can reclaim.
    disk_bytes : mapping of folder to int
        Peak disk space per folder; folders that do not exist are ignored.
    seconds : float, optional
        Run time.
    least_disk_bytes : mapping of folder to int, optional
        Minimum disk space per folder, where `disk_bytes` is extrapolated from a sample. If given,
        a run is refused because of this value, and `disk_bytes` leads to warnings only.
    """

    memory_bytes: int
    disk_bytes: Mapping[Path, int]
    seconds: float | None = None
    least_disk_bytes: Mapping[Path, int] | None = None


class _Requirement(NamedTuple):
    """Needed, minimum and available bytes of one resource: `kind` is "memory" or "disk"."""

    kind: str
    needed: int
    minimum: int
    available: int
    place: str


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process can use in total: resident memory plus what is left.

    What is left is the smaller of the machine's available memory and what the control groups of
    the process allow, such as those of a container or a cluster job.

    Parameters
    ----------
    root : Path
        Folder that contains `proc` and `sys`.
    """
    left = [int(psutil.virtual_memory().available), *_left_in_groups(root)]
    return int(psutil.Process().memory_info().rss) + max(min(left), 0)


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield the bytes left in each control group with a limit (Linux cgroup v1 and v2)."""
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
        # A limit of any parent group applies too. In a container the path may be that of the host,
        # of which only the top is visible.
        group = Path(name.strip("/"))
        for folder in {top / group, *(top / parent for parent in group.parents), top}:
            limit, used = _number(folder / files[0]), _number(folder / files[1])
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(folder / "memory.stat", files[2])


def _number(path: Path) -> int | None:
    """Return the number in a file; None if the file is missing or holds the word "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _reclaimable(path: Path, key: str) -> int:
    """Return the bytes of cached files in memory, which the kernel can drop."""
    try:
        rows = dict(line.split(" ", 1) for line in path.read_text().splitlines())
        return int(rows.get(key, 0))
    except (OSError, ValueError):
        return 0


def free_disk(folder: Path) -> int | None:
    """Return the free bytes of a folder's file system; None if it does not report them."""
    usage = shutil.disk_usage(folder)
    return usage.free if usage.total else None


def _requirements(estimate: Estimate) -> Iterator[_Requirement]:
    """Yield what an estimate needs, with what is available; folders of one disk are added up."""
    memory = estimate.memory_bytes
    yield _Requirement("memory", memory, memory, available_memory(), "")
    least = estimate.disk_bytes if estimate.least_disk_bytes is None else estimate.least_disk_bytes
    disks: dict[int, tuple[Path, int, int]] = {}
    for folder, needed in estimate.disk_bytes.items():
        if not folder.is_dir():
            continue
        device = os.stat(folder).st_dev
        first, total, minimum = disks.get(device, (folder, 0, 0))
        disks[device] = first, total + needed, minimum + least[folder]
    for folder, needed, minimum in disks.values():
        free = free_disk(folder)
        if free is not None:
            yield _Requirement("disk", needed, minimum, free, f" in {folder}")


def fits(estimate: Estimate) -> bool:
    """Return whether a run fits into memory and disk with some room to spare."""
    return all(one.needed < _WARN_ABOVE * one.available for one in _requirements(estimate))


def check(estimate: Estimate, remedies: Mapping[str, str]) -> list[str]:
    """Compare an estimate with what is available.

    Parameters
    ----------
    estimate : Estimate
    remedies : mapping
        Advice to the user if there is too little "memory" or "disk".

    Returns
    -------
    warnings : list of str
        One per resource that may not be enough.

    Raises
    ------
    ResourceError
        The minimum is more than 1.5 times what is available.
    """
    warnings = []
    for kind, needed, minimum, available, place in _requirements(estimate):
        message = (
            f"needs about {shown_bytes(needed)} of {kind}, and {shown_bytes(available)} is "
            f"available{place}; {remedies[kind]}"
        )
        if minimum > _REFUSE_ABOVE * available:
            raise ResourceError(message)
        if needed > _WARN_ABOVE * available:
            warnings.append(message)
    return warnings


def estimate_table(estimate: Estimate) -> str:
    """Format an estimate as lines of text, with what is available."""
    lines = [
        f"{kind:8}{shown_bytes(needed)} of {shown_bytes(available)} free{place}"
        for kind, needed, _, available, place in _requirements(estimate)
    ]
    if estimate.seconds is not None:
        lines.append(f"{'time':8}{shown_seconds(estimate.seconds)}")
    return "\n".join(lines)


def shown_bytes(count: int) -> str:
    """Format a number of bytes for messages, in units of 1000.

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
    """Format a number of seconds for messages.

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
    """Turn errors of writing to the folder for temporary files into RehearsalError."""
    try:
        yield
    except (OSError, OutputError) as error:
        raise RehearsalError(
            f"{tempfile.gettempdir()}: cannot make an estimate there ({error}); set TMPDIR to a "
            "folder with free space"
        ) from error
