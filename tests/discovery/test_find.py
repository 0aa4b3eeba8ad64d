"""From targets to motifs: planted motifs, strands, threads, and bad input."""

import logging

import numpy as np
import polars as pl
import pytest
from matrix_models import log_odds_of, matrix_checkpoint, with_sites
from random_models import random_checkpoint

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.discovery.find import find_motifs
from dnabirnn.discovery.found_motif import Discovery
from dnabirnn.discovery.model import Model
from dnabirnn.discovery.options import DiscoveryOptions
from dnabirnn.errors import LabelError, MotifError, OptionError
from dnabirnn.explanation import Sites
from dnabirnn.sequences.survey import Stretch

WORD = encode("ACGTTGCAACCAGGT")
MATRIX = log_odds_of(WORD)
OTHER = log_odds_of(encode("GGGATTACCCA"))


def frame(rows: list[tuple[str, int, int, str, str]]) -> pl.DataFrame:
    schema = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
    return pl.DataFrame(
        rows, schema={**schema, "class": pl.String, "strand": pl.String}, orient="row"
    )


def calls_of(sites: list[tuple[int, int, str]], name: str = "A", chrom: str = "x") -> pl.DataFrame:
    return frame([(chrom, start, end, name, strand) for start, end, strand in sites])


def model(*matrices: np.ndarray, threads: int = 1, stranded: bool = True) -> Model:
    checkpoint = matrix_checkpoint(*matrices, stranded=stranded)
    return Model(checkpoint, device="cpu", engine="fused", threads=threads)


def found(
    codes: np.ndarray,
    calls: pl.DataFrame,
    reach: int | None = 20,
    threads: int = 1,
    stranded: bool = True,
    circular: tuple[str, ...] = (),
    **options: int,
) -> Discovery:
    reader = model(MATRIX, threads=threads, stranded=stranded)
    return find_motifs(
        lambda: [Stretch("x", codes)],
        reader,
        Sites.of_frame(calls, reader.outputs),
        reach,
        DiscoveryOptions(**options),
        circular,
    )


def same(one: Discovery, other: Discovery) -> bool:
    return one.targets.equals(other.targets) and all(
        a.motif.counts.tolist() == b.motif.counts.tolist()
        and a.importance.tolist() == b.importance.tolist()
        and a.sites.equals(b.sites)
        for a, b in zip(one.motifs, other.motifs, strict=True)
    )


def mirrored(
    codes: np.ndarray, sites: list[tuple[int, int, str]]
) -> tuple[np.ndarray, list[tuple[int, int, str]]]:
    turned = {"+": "-", "-": "+", ".": "."}
    length = len(codes)
    return reverse_complement(codes), [
        (length - end, length - start, turned[strand]) for start, end, strand in reversed(sites)
    ]


def test_a_planted_motif_is_found_where_it_was_planted() -> None:
    codes, sites = with_sites(MATRIX, 80)
    discovery = found(codes, calls_of(sites))
    assert [one.motif.name for one in discovery.motifs] == ["A_1"]
    (motif,) = discovery.motifs
    assert decode(motif.motif.counts.argmax(axis=1).astype(np.uint8)) == decode(WORD)
    # The counts are those of the planted sites, of which each is on the strand of the motif.
    assert motif.sites.select("start", "end", "strand").rows() == sites
    own = [codes[a:b] if s == "+" else reverse_complement(codes[a:b]) for a, b, s in sites]
    counts = np.stack([(np.array(own) == base).sum(axis=0) for base in range(4)], axis=1)
    assert motif.motif.counts.tolist() == counts.tolist()
    assert motif.sites["target"].to_list() == list(range(80))
    assert discovery.targets.select("start", "end", "strand").rows() == sites
    assert discovery.reach_bp == 20


def test_importance_is_that_of_the_library() -> None:
    codes, sites = with_sites(MATRIX, 30)
    discovery = found(codes, calls_of(sites), min_sites=10)
    (motif,) = discovery.motifs
    sums = np.zeros((len(WORD), 4))
    for start, end, strand in sites:
        output = "+-".index(strand)
        own = model(MATRIX).importance(codes, start, end, reach=20)[start:end, output]
        bases = codes[start:end]
        if strand == "-":
            own, bases = own[::-1], reverse_complement(bases)
        sums[np.arange(len(WORD)), bases] += own
    assert np.allclose(motif.importance, sums / len(sites), atol=1e-3)
    assert np.isclose(motif.sites["importance"].sum(), sums.sum(), rtol=1e-5)


@pytest.mark.parametrize("stranded", [True, False])
def test_the_opposite_strand_has_the_same_motifs_and_mirrored_sites(stranded: bool) -> None:
    codes, sites = with_sites(MATRIX, 60)
    if not stranded:
        sites = [(start, end, ".") for start, end, _ in sites]
    one = found(codes, calls_of(sites), stranded=stranded)
    turned, opposite = mirrored(codes, sites)
    other = found(turned, calls_of(opposite), stranded=stranded)
    assert len(one.motifs) == len(other.motifs) == 1
    for a, b in zip(one.motifs, other.motifs, strict=True):
        assert a.motif.counts.tolist() == b.motif.counts.tolist()
        assert a.importance.tolist() == b.importance.tolist()
        rows = [
            (start, end, strand)
            for start, end, strand in b.sites.select("start", "end", "strand").iter_rows()
        ]
        assert a.sites.select("start", "end", "strand").rows() == mirrored(codes, rows)[1]
        assert a.sites["importance"].to_list() == b.sites["importance"].to_list()[::-1]


def test_threads_and_repeated_runs_change_nothing() -> None:
    codes, sites = with_sites(MATRIX, 60)
    one = found(codes, calls_of(sites), reach=None)
    assert same(one, found(codes, calls_of(sites), reach=None, threads=3))


def test_a_sample_of_the_targets_does_not_depend_on_the_strand() -> None:
    codes, sites = with_sites(MATRIX, 60)
    one = found(codes, calls_of(sites), max_targets=25)
    turned, opposite = mirrored(codes, sites)
    other = found(turned, calls_of(opposite), max_targets=25)
    assert one.targets.height == 25 == one.motifs[0].sites.height
    rows = other.targets.select("start", "end", "strand").rows()
    assert one.targets.select("start", "end", "strand").rows() == mirrored(codes, rows)[1]


def test_a_motif_near_two_targets_has_one_site() -> None:
    codes, sites = with_sites(MATRIX, 40, apart_bp=60)
    # Each site is explained by two targets, its halves.
    halves = [
        (start, end, strand)
        for first, last, strand in sites
        for start, end in ((first, first + 7), (first + 8, last))
    ]
    discovery = found(codes, calls_of(halves))
    (motif,) = discovery.motifs
    assert motif.sites.select("start", "end", "strand").rows() == sites


def test_a_site_across_the_origin_of_a_circle() -> None:
    codes, sites = with_sites(MATRIX, 40)
    start, _end, strand = sites[0]
    turned = np.roll(codes, -(start - 2))
    moved = [(a - start + 2, b - start + 2, s) for a, b, s in sites]
    discovery = found(turned, calls_of(moved), circular=("x",))
    assert discovery.motifs[0].sites.select("start", "end", "strand").rows() == moved
    # The bases before the origin are part of the motif's surroundings.
    origin = np.roll(codes, -(start + 4))
    parts = [(0, 11, strand), *((a - start - 4, b - start - 4, s) for a, b, s in sites[1:])]
    discovery = found(origin, calls_of(parts), circular=("x",))
    # A BED has no row across the origin.
    assert discovery.motifs[0].sites.height == 39


def test_two_classes_have_their_own_motifs() -> None:
    first, of_first = with_sites(MATRIX, 40)
    second, of_second = with_sites(OTHER, 40, seed=1)
    reader = model(MATRIX, OTHER)
    calls = pl.concat([calls_of(of_first), calls_of(of_second, "B", "y")])
    discovery = find_motifs(
        lambda: [Stretch("x", first), Stretch("y", second)],
        reader,
        Sites.of_frame(calls, reader.outputs),
        10,
    )
    assert [(one.class_name, one.motif.name) for one in discovery.motifs] == [
        ("A", "A_1"),
        ("B", "B_1"),
    ]
    assert [one.sites["contig"].unique().to_list() for one in discovery.motifs] == [["x"], ["y"]]
    best = [decode(one.motif.counts.argmax(axis=1).astype(np.uint8)) for one in discovery.motifs]
    assert best == [decode(WORD), "GGGATTACCCA"]


def test_a_class_without_calls_or_motifs_gets_one_line(caplog: pytest.LogCaptureFixture) -> None:
    codes, sites = with_sites(MATRIX, 40)
    reader = model(MATRIX, OTHER)
    with caplog.at_level(logging.WARNING):
        discovery = find_motifs(
            lambda: [Stretch("x", codes)], reader, Sites.of_frame(calls_of(sites), reader.outputs)
        )
    assert [one.class_name for one in discovery.motifs] == ["A"]
    assert caplog.messages == ["B: no target; a motif needs two or more"]


def test_calls_of_another_model_are_an_error() -> None:
    codes, sites = with_sites(MATRIX, 40)
    calls = calls_of(sites).with_columns(pl.lit("Z").alias("class"))
    with pytest.raises(LabelError, match=r"Z on strand [+-] is not an output of the model"):
        found(codes, calls)


def test_sites_that_targets_share_count_once() -> None:
    codes, sites = with_sites(MATRIX, 21)
    calls = calls_of(sites)
    nearby = calls.with_columns(pl.col("start") + 16, pl.col("end") + 16)
    with pytest.raises(MotifError, match="no motif with 22 sites or more in 42 targets"):
        found(codes, pl.concat([calls, nearby]), min_sites=22)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "no call to find motifs in; make calls with a lower threshold"),
        (1, "no motif with 20 sites or more in 1 target; "),
        (19, "no motif with 20 sites or more in 19 targets; "),
    ],
)
def test_too_few_targets(count: int, message: str) -> None:
    codes, sites = with_sites(MATRIX, 20)
    with pytest.raises(MotifError, match=f"^{message}") as error:
        found(codes, calls_of(sites[:count]))
    assert "\n" not in str(error.value)


def test_a_model_without_motifs() -> None:
    codes, sites = with_sites(MATRIX, 40)
    checkpoint = random_checkpoint(scoring=None, spread=0.1, seed=5)
    reader = Model(checkpoint, device="cpu", engine="fused")
    calls = Sites.of_frame(calls_of(sites), reader.outputs)
    with pytest.raises(MotifError, match="no motif with 39 sites or more in 40 targets; give more"):
        find_motifs(lambda: [Stretch("x", codes)], reader, calls, 5, DiscoveryOptions(min_sites=39))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_targets": 1}, "--max-sites 1: must be 2 or more"),
        ({"min_sites": 1}, "--min-sites 1: must be 2 or more"),
        ({"max_motifs": 0}, "--max-motifs 0: must be 1 or more"),
    ],
)
def test_options_that_are_too_small(options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        DiscoveryOptions(**options)
