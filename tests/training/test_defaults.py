"""Defaults that follow the number and the length of the sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import plant

from dnabirnn.alphabet import decode
from dnabirnn.encoded import EncodedSet, encode_genome, split_plan
from dnabirnn.labels import load_labels
from dnabirnn.training.defaults import default_window_bp


@pytest.mark.parametrize(
    ("sites", "length", "strands", "contig_bp", "window_bp"),
    [
        (400, 20, "+-", 100_000, 400),
        (400, 20, ".", 100_000, 400),
        (399, 20, ".", 100_000, 200),  # too few
        (400, 60, "+-", 100_000, 200),  # too long
        (400, 20, "+-", 399, 200),  # no sequence is as long as a window
    ],
)
def test_windows_are_wider_where_short_sites_are_many(
    tmp_path: Path, sites: int, length: int, strands: str, contig_bp: int, window_bp: int
) -> None:
    contigs = -(-100_000 // contig_bp)
    rng = np.random.default_rng(0)
    (tmp_path / "g.fa").write_text(
        "".join(
            f">c{n}\n{decode(plant(rng, contig_bp, [], ''))}\n>v{n}\nACGT\n" for n in range(contigs)
        )
    )
    step = 200
    places = [(n, at) for n in range(contigs) for at in range(0, contig_bp - length, step)]
    rows = [
        f"c{n}\t{at}\t{at + length}\tsite\t0\t{strands[i % len(strands)]}\n"
        for i, (n, at) in enumerate(places[:sites])
    ]
    assert len(rows) == sites
    (tmp_path / "l.bed").write_text("".join(rows))
    split = split_plan(val_chroms=[f"v{n}" for n in range(contigs)])
    encode_genome(
        [tmp_path / "g.fa"], load_labels([tmp_path / "l.bed"]), tmp_path / "set", split=split
    )
    assert default_window_bp(EncodedSet.open(tmp_path / "set")) == window_bp
