"""Summits against the first highest base of each call."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given, strategies as st
from scored import CUTS, OUTPUTS, Contig, blocks, genomes

from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings
from dnabirnn.scoring import runs
from dnabirnn.scoring.calls import find_calls
from dnabirnn.scoring.runs import find_runs


@given(
    genomes(),
    CUTS,
    st.integers(1, 40),
    st.sampled_from([1, 100, 500]),
    st.integers(0, 4),
    st.sampled_from(list(CallMethod)),
    st.booleans(),
    st.booleans(),
)
def test_the_summit_is_the_first_highest_base(
    genome: list[Contig],
    cuts: list[int],
    size: int,
    threshold: int,
    gap: int,
    method: CallMethod,
    all_classes: bool,
    single: bool,
) -> None:
    names = ("a", "b", "B") if all_classes else ("b",)
    settings = CallSettings({name: CallRule(threshold, 1, gap) for name in names}, method)
    scores = {
        each.name: np.where(each.codes[:, np.newaxis] == 4, 0, each.scores) for each in genome
    }
    with mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size):
        rows = find_runs(blocks(genome, cuts), min_score=1, single_base=single)
        for calls in find_calls(rows, OUTPUTS, settings, summits=True):
            assert calls.summit is not None
            expected = [
                start + int(scores[calls.chrom][start:end, output].argmax())
                for output, start, end in zip(calls.output, calls.start, calls.end, strict=True)
            ]
            assert calls.summit.tolist() == expected
