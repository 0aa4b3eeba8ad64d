"""What the model of REP elements reads: the conserved head and tail of the elements it calls."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from commands import succeed

from dnabirnn.alphabet import COMPLEMENT
from dnabirnn.explanation.importance import importance_blocks
from dnabirnn.explanation.model import load
from dnabirnn.explanation.targets import Sites
from dnabirnn.intervals.bed import read_bed

DATA = os.environ.get("DNABIRNN_DATA")
HEAD, TAIL = ((2,), (1,), (1,), (2, 3), (2,), (0,), (3,), (2,)), ((1,), (1,), (3,), (0,), (1,))
REACH_BP, SHORTEST_BP = 50, 30


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="needs DNABIRNN_DATA")
def test_importance_stands_on_the_head_and_tail_of_called_rep_elements(tmp_path: Path) -> None:
    genome = Path(DATA or "", "ecoli_k12", "NC_000913.3.fa.gz")
    calls = tmp_path / "calls.bed"
    succeed("score", genome, "-m", "ecoli-rep", "-o", tmp_path / "scores.bw", "--calls", calls)
    model = load("ecoli-rep", device="cpu")
    (contig,) = model.contigs(genome)
    length = len(contig.codes)
    sites = Sites.of_calls(calls, model.outputs)
    importance = np.full((length, len(model.outputs)), np.nan)
    for block in importance_blocks([contig], model, REACH_BP, sites.of):
        importance[block.start : block.start + len(block.codes)] = block.importance

    heads, tails, of_head, of_tail = [], [], 0, 0
    rest = importance.copy()
    strands = [output.strand for output in model.outputs]
    # Shorter calls are elements without a head. The others begin and end with an element.
    for start, end, strand in read_bed(calls).select("start", "end", "strand").rows():
        if end - start < SHORTEST_BP:
            continue
        onward = strand == "+"
        output, places = strands.index(strand), np.arange(start, end)[:: 1 if onward else -1]
        codes = contig.codes[places] if onward else COMPLEMENT[contig.codes[places]]
        first, last = places[: len(HEAD)], places[-len(TAIL) :]
        heads.append(importance[first, output])
        tails.append(importance[last, output])
        rest[first, output] = rest[last, output] = np.nan
        of_head += all(code in of for code, of in zip(codes, HEAD, strict=False))
        of_tail += all(code in of for code, of in zip(codes[-len(TAIL) :], TAIL, strict=True))
    assert len(heads) > 400
    # The calls are aligned: most begin with GCC[GT]GATG and end with CCTAC.
    assert of_head > 0.6 * len(heads)
    assert of_tail > 0.6 * len(tails)
    head, tail, others = np.nanmean(heads), np.nanmean(tails), np.nanmean(rest)
    assert head > 3 * others
    assert tail > 3 * others
