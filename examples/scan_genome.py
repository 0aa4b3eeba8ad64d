"""Scan a genome into a table of calls, and print how much of it each class covers.

Usage: python examples/scan_genome.py MODEL FASTA
"""

from __future__ import annotations

import sys

import polars as pl

import dnabirnn


def main(model_path: str, fasta: str) -> None:
    """Print the calls, and the number of calls and bases per class and strand."""
    calls = dnabirnn.load(model_path).calls(fasta)
    print(calls)
    length = (pl.col("end") - pl.col("start")).sum()
    print(calls.group_by("class", "strand").agg(pl.len().alias("calls"), length.alias("bases")))


if __name__ == "__main__":
    main(*sys.argv[1:])
