"""Benchmarks, one command per table of results: `python -m benchmarks --help`."""
