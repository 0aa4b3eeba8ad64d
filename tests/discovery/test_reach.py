"""How far from targets bases matter."""

import numpy as np
from matrix_models import log_odds_of, matrix_checkpoint, with_sites
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import encode, reverse_complement
from dnabirnn.discovery.model import Model
from dnabirnn.discovery.reach import measure_context
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.sequences.survey import Stretch

MATRIX = log_odds_of(encode("ACGTTGCAACCAGGTACGTTGCAACCAGGT"), 0.97)


def measured(model: Model, codes: np.ndarray, rows: list[list[int]]) -> int:
    return measure_context(
        lambda: [Stretch("x", codes)],
        model,
        lambda name, output: np.array(rows, np.int64).reshape(-1, 2),
    )


def test_a_matrix_matters_as_far_as_it_extends() -> None:
    model = Model(matrix_checkpoint(MATRIX), device="cpu", engine="fused")
    codes, sites = with_sites(MATRIX, 10)
    whole = [[start, end] for start, end, _ in sites]
    # Of a base at the left end of a site, the other 29 matter; the share of the last is small.
    ends = [[start, start + 1] for start, _, _ in sites]
    assert measured(model, codes, whole) <= 30
    assert measured(model, codes, ends) == 30
    assert measured(model, codes, []) == 10


def test_the_opposite_strand_has_the_same_reach() -> None:
    checkpoint = random_checkpoint(scoring=ScoringWindow(300, 30), spread=0.4, kmer=3)
    model = Model(checkpoint, device="cpu", engine="fused")
    codes = random_codes(np.random.default_rng(0), 400)
    rows = [[50, 61], [150, 170], [300, 301]]
    turned = [[400 - end, 400 - start] for start, end in rows[::-1]]
    reach = measured(model, codes, rows)
    assert reach == measured(model, reverse_complement(codes), turned)
    assert 10 <= reach <= 200
