"""Decoys of contigs: what they keep, and what they leave out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from random_models import random_codes

from dnabirnn.errors import OptionError
from dnabirnn.scoring.decoys import DecoyKind, Decoys, decoy_of
from dnabirnn.sequences.records import Record

NOTHING = np.empty((0, 2), dtype=np.int64)
WHOLE = Decoys()


def contig(length: int = 23_000, ambiguous: float = 0.0, name: str = "c") -> Record:
    return Record(name, random_codes(np.random.default_rng(0), length, ambiguous), None)


def pairs(codes: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter(zip(codes[:-1].tolist(), codes[1:].tolist(), strict=True))


def test_each_block_keeps_its_pairs_of_bases() -> None:
    record = contig()
    found = decoy_of(record, WHOLE, NOTHING)
    assert found.size == 23_000
    for start in range(0, 23_000, 5000):
        block = slice(start, start + 5000)
        assert pairs(found[block]) == pairs(record.codes[block])
    assert (found == record.codes).mean() < 0.35


def test_ambiguous_bases_stay_in_place() -> None:
    record = contig(ambiguous=0.1)
    found = decoy_of(record, WHOLE, NOTHING)
    np.testing.assert_array_equal(found == 4, record.codes == 4)
    assert np.bincount(found).tolist() == np.bincount(record.codes).tolist()


def test_calls_are_left_out() -> None:
    record = contig(10_000)
    codes = record.codes
    codes[3000:6000] = 0
    found = decoy_of(record, WHOLE, np.array([[3000, 4500], [4000, 6000]]))
    assert found.size == 7000
    expected = np.bincount(codes[:3000], minlength=4) + np.bincount(codes[6000:], minlength=4)
    assert np.bincount(found, minlength=4).tolist() == expected.tolist()
    assert decoy_of(record, WHOLE, np.array([[10, 10_000]])).size == 0  # too little is left


def test_soft_masked_tandem_repeats_are_left_out_and_other_repeats_are_not() -> None:
    record = contig(5000)
    record.codes[1000:1300] = np.tile([0, 1, 2, 2, 3], 60)
    lower = np.zeros(5000, bool)
    lower[1000:1300] = lower[2000:2300] = True
    assert decoy_of(record, WHOLE, NOTHING).size == 5000
    assert decoy_of(record._replace(lower=lower), WHOLE, NOTHING).size == 4700


def test_only_regions_are_used() -> None:
    record = contig(20_000)
    record.codes[:] = 1
    record.codes[7000:15_000] = np.random.default_rng(1).choice([0, 3], 8000)
    found = decoy_of(record, WHOLE, NOTHING, np.array([[7000, 15_000], [19_000, 30_000]]))
    assert np.bincount(found, minlength=4)[1] == 1000
    assert found.size == 9000


def test_a_share_of_the_blocks_is_drawn_by_seed_and_name() -> None:
    record = contig(5_000_000)
    some = decoy_of(record, Decoys(share=0.25), NOTHING)
    assert 0.2 < some.size / 5_000_000 < 0.3
    np.testing.assert_array_equal(decoy_of(record, Decoys(share=0.25), NOTHING), some)
    for other, decoys in (
        (record, Decoys(share=0.25, seed=1)),
        (record._replace(name="d"), Decoys(share=0.25)),
    ):
        found = decoy_of(other, decoys, NOTHING)
        assert found.size != some.size or (found != some).any()


def test_the_reverse_is_read_backwards() -> None:
    record = contig(12_345, 0.05)
    found = decoy_of(record, Decoys(DecoyKind.REVERSE), np.array([[0, 12_345]]))
    np.testing.assert_array_equal(found, record.codes[::-1])


def test_an_empty_contig() -> None:
    for kind in DecoyKind:
        assert decoy_of(contig(0), Decoys(kind), NOTHING).size == 0


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_shares_that_make_no_sense(share: float) -> None:
    with pytest.raises(OptionError, match="--decoy-share"):
        Decoys(share=share)
