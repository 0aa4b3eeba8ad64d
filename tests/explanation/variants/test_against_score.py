"""Random variants of E. coli, against the scores of the changed sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from variant_files import changed, random_variant, write_vcf

from dnabirnn.alphabet import decode
from dnabirnn.explanation.model import load
from dnabirnn.intervals.bed import read_bed
from dnabirnn.sequences.read import read_fasta


@pytest.mark.slow
def test_random_variants_of_ecoli(real_data: Path, tmp_path: Path) -> None:
    """Half of the variants are in or near elements, where probabilities change most."""
    folder = real_data / "ecoli_k12"
    rng = np.random.default_rng(0)
    size, count, near = 20_000, 1_000, 100
    start = 4_290_000  # a part with many elements
    whole = next(iter(read_fasta(folder / "NC_000913.3.fa.gz"))).codes
    codes = whole[start : start + size]
    rep = read_bed(folder / "rep.bed")
    sites = np.array([s - start for s in rep["start"] if start + 200 < s < start + size - 200])
    assert len(sites) > 5
    alleles = []
    while len(alleles) < count:
        kind = ("substitution", "insertion", "deletion")[len(alleles) % 3]
        place, ref, alt = random_variant(rng, codes, kind)
        if len(alleles) % 2:
            site = int(rng.choice(sites)) + int(rng.integers(-near, near))
            own, ref, alt = random_variant(rng, codes[site : site + 13], kind)
            place = site + own
        alleles.append(("c", place, ref, alt))
    alleles.sort(key=lambda one: one[1])
    (tmp_path / "g.fa").write_text(f">c\n{decode(codes)}\n")
    write_vcf(tmp_path / "v.vcf", alleles)
    model = load("ecoli-rep", device="cpu")
    distance = 240
    table = model.variant_effects(tmp_path / "v.vcf", tmp_path / "g.fa", max_distance=distance)
    found = {
        name: table[name].to_numpy().reshape(count, len(model.outputs)) for name in ("gain", "loss")
    }
    before = model.score(codes)
    errors = {True: [0.0], False: [0.0]}
    largest = 0.0
    for number, (_, place, ref, alt) in enumerate(alleles):
        after = model.score(changed(codes, place, ref, alt))
        kept = np.arange(max(place - distance, 0), min(place + len(ref) + distance, size))
        kept = kept[(kept <= place) | (kept >= place + len(ref))]
        moved = np.where(kept <= place, kept, kept + len(alt) - len(ref))
        change = after[moved] - before[kept]
        old, new = before[place + 1 : place + len(ref)], after[place + 1 : place + len(alt)]
        for name, sign in (("gain", 1), ("loss", -1)):
            expected = (sign * change).max(axis=0).clip(0)
            ends = [place, place + 1]
            if sign > 0 and len(new):
                inserted = new.max(axis=0) - before[ends].max(axis=0)
                expected = np.maximum(expected, inserted)
            if sign < 0 and len(old):
                deleted = old.max(axis=0) - after[ends].max(axis=0)
                expected = np.maximum(expected, deleted)
            error = np.abs(found[name][number] - expected).max()
            errors[len(ref) == len(alt)].append(float(error))
            largest = max(largest, float(expected.max()))
    assert largest > 0.5
    assert min(map(len, errors.values())) > 300
    assert max(errors[True]) < 1e-4
    assert max(errors[False]) < 0.01
