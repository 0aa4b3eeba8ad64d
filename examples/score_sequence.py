"""Score a sequence in memory.

Usage: python examples/score_sequence.py MODEL SEQUENCE
"""

from __future__ import annotations

import sys

import dnabirnn


def main(model_path: str, sequence: str) -> None:
    """Print each base with its probability for every output."""
    model = dnabirnn.load(model_path)
    scores = model.score(sequence)  # (L, O): one row per base, one column per output
    print("place", "base", *(f"{output.class_name}{output.strand}" for output in model.outputs))
    for place, (base, row) in enumerate(zip(sequence, scores, strict=True)):
        print(place, base, *(f"{p:.3f}" for p in row))


if __name__ == "__main__":
    main(*sys.argv[1:])
