"""Benchmarks: one command a figure, `python -m benchmarks --help`."""
