"""Tell MultiQC which files the module reads."""

from multiqc import config


def find_summaries() -> None:
    """Add the pattern of the names of summaries, unless the user's configuration has one."""
    config.sp.setdefault("dnabirnn", {"fn": "*.dnabirnn.json"})
