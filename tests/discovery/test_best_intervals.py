"""Regions and whole sequences as targets."""

from dataclasses import replace

import numpy as np
import pytest
from matrix_models import log_odds_of, matrix_checkpoint, with_sites

from dnabirnn.alphabet import encode
from dnabirnn.discovery.best_intervals import best_intervals
from dnabirnn.discovery.find import find_motifs
from dnabirnn.discovery.model import Model
from dnabirnn.errors import MotifError
from dnabirnn.explanation import Sites
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.sequence_scores import WORDS, SequenceRule, SequenceScores, Words
from dnabirnn.sequences.survey import Stretch

MATRIX = log_odds_of(encode("ACGTTGCAACCAGGT"), 0.97)


def model(whole: bool = False) -> Model:
    checkpoint = matrix_checkpoint(MATRIX)
    if whole:
        rules = {"A": SequenceRule(LogOddsMap(1.0, 0.0), 0.9)}
        checkpoint = replace(checkpoint, sequences=SequenceScores(8, 80, rules), calls={})
    return Model(checkpoint, device="cpu", engine="fused")


@pytest.mark.parametrize("whole", [False, True])
def test_the_target_of_a_region_is_its_site_or_what_is_around_it(whole: bool) -> None:
    codes, sites = with_sites(MATRIX, 30)
    regions = np.array([[100 * n + 5, 100 * n + 95] for n in range(1, 30)])
    of = best_intervals([Stretch("x", codes)], model(whole), lambda name, output: regions)
    found = [
        (start, end, strand) for o, strand in enumerate("+-") for start, end in of("x", o).tolist()
    ]
    if not whole:
        assert sorted(found) == sites[1:]
    else:
        # The model is calibrated for sequences of 80 bases.
        assert all(end - start in (80, 81) for start, end, _ in found)
        assert all(
            a <= start and end <= b and strand == own
            for (a, b, own), (start, end, strand) in zip(sorted(found), sites[1:], strict=True)
        )
    assert of("y", 0).shape == (0, 2)


@pytest.mark.parametrize("whole", [False, True])
def test_regions_without_a_site_have_no_target(whole: bool) -> None:
    codes = np.random.default_rng(0).integers(0, 4, 600, dtype=np.uint8)
    contigs = [Stretch("x", codes), Stretch("empty", codes[:0])]
    of = best_intervals(contigs, model(whole), lambda name, output: np.array([[0, 1 << 40]]))
    assert of("x", 0).size == of("x", 1).size == of("empty", 0).size == 0
    with pytest.raises(MotifError, match=r"^no region reaches the threshold of a class; "):
        find_motifs(lambda: contigs, model(whole), Sites.everything())


@pytest.mark.parametrize(("added", "count"), [(0.0, 29), (-100.0, 0)])
def test_words_count_as_in_the_scores_of_sequences(added: float, count: int) -> None:
    codes, _ = with_sites(MATRIX, 30)
    reader = model(whole=True)
    scores = reader.checkpoint.sequences
    assert scores is not None
    weights = np.full((1, 1, WORDS), added, np.float32)
    scores = replace(scores, words=Words(("1111111",), weights))
    reader = Model(replace(reader.checkpoint, sequences=scores), device="cpu", engine="fused")
    regions = np.array([[100 * n + 5, 100 * n + 95] for n in range(1, 30)])
    of = best_intervals([Stretch("x", codes)], reader, lambda name, output: regions)
    assert len(of("x", 0)) + len(of("x", 1)) == count


def test_the_motif_of_whole_sequences() -> None:
    codes, sites = with_sites(MATRIX, 40)
    records = [Stretch(f"r{n}", codes[100 * n : 100 * n + 100]) for n in range(40)]
    discovery = find_motifs(lambda: records, model(whole=True), Sites.everything())
    assert discovery.reach_bp == 80
    (motif,) = discovery.motifs
    expected = [(start % 100, start % 100 + 15, strand) for start, _, strand in sites]
    assert motif.sites.select("start", "end", "strand").rows() == expected
    assert motif.sites["contig"].to_list() == [f"r{n}" for n in range(40)]
