"""Plant a motif in random sequence, train on it, and find it again.

Usage: python examples/train.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import dnabirnn
from dnabirnn.encoded import encode_genome
from dnabirnn.labels import load_labels
from dnabirnn.network import Architecture
from dnabirnn.training import FitSettings, TrainingProgress, train

MOTIF = "GCCGGATGCGGCGTGAACGCCTTATCCGGCAT"
CONTIGS = 5
CONTIG_BP = 50_000
SPACING_BP = 500


def write_genome(fasta: Path, bed: Path) -> None:
    """Write random contigs with the motif every 500 bp, on a random strand."""
    rng = np.random.default_rng(0)
    opposite = dnabirnn.decode(dnabirnn.reverse_complement(dnabirnn.encode(MOTIF)))
    with fasta.open("w") as sequence, bed.open("w") as rows:
        for name in (f"contig{number}" for number in range(CONTIGS)):
            bases = "".join(rng.choice(list("ACGT"), CONTIG_BP))
            for start in range(200, CONTIG_BP - SPACING_BP, SPACING_BP):
                end, strand = start + len(MOTIF), rng.choice(["+", "-"])
                bases = bases[:start] + (MOTIF if strand == "+" else opposite) + bases[end:]
                rows.write(f"{name}\t{start}\t{end}\tmotif\t0\t{strand}\n")
            sequence.write(f">{name}\n{bases}\n")


def show(now: TrainingProgress) -> None:
    """Print the progress of training after each validation."""
    if now.validation_ap is not None:
        print(f"{now.bases / 1e6:.1f} Mb: loss {now.loss:.4f}, AP {now.validation_ap:.4f}")


def main(folder: Path) -> None:
    """Train a model on a simulated genome, and call the motif with it."""
    fasta, bed = folder / "genome.fa", folder / "sites.bed"
    write_genome(fasta, bed)
    encoded = encode_genome([fasta], load_labels([bed]), folder / "sites.enc")
    train(
        encoded,
        folder / "sites.safetensors",
        Architecture(encoded.classes, hidden=16),
        settings=FitSettings(bases=3_000_000, learning_rate=2e-2),
        validations=5,
        report=show,
    )
    model = dnabirnn.load(folder / "sites.safetensors")
    print(model.checkpoint.metrics)
    print(model.calls(fasta).head())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
