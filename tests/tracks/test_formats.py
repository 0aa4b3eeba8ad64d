"""Names and endings of formats."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import OutputError
from dnabirnn.motif_classes import Output
from dnabirnn.tracks.formats import FORMAT_NAMES, TrackFormat, endings, track_format, track_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.bed", TrackFormat.BED),
        ("a.BED.GZ", TrackFormat.BED),
        ("folder.bg/a.bed.bgz", TrackFormat.BED),
        ("a.bed9.gz", TrackFormat.BED9),
        ("a.bedgraph", TrackFormat.BEDGRAPH),
        ("a.bedGraph.gz", TrackFormat.BEDGRAPH),
        ("a.bg.bgz", TrackFormat.BEDGRAPH),
        ("a.bw", TrackFormat.BIGWIG),
        ("a.bigwig", TrackFormat.BIGWIG),
        ("a.bed.bigWig", TrackFormat.BIGWIG),
        ("a.bb", TrackFormat.BIGBED),
        ("a.bigBed", TrackFormat.BIGBED),
        ("a.tsv.gz", TrackFormat.TSV),
        ("a.parquet", TrackFormat.PARQUET),
        ("-", TrackFormat.BED),
        ("/dev/null", TrackFormat.BED),
        ("/dev/stdout", TrackFormat.BED),
    ],
)
def test_format_of_scores_from_the_name(path: str, expected: TrackFormat) -> None:
    assert track_format(path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.bed", TrackFormat.BED),
        ("a.bed9", TrackFormat.BED9),
        ("a.bb", TrackFormat.BIGBED),
        ("a.gff3.gz", TrackFormat.GFF3),
        ("a.gff", TrackFormat.GFF3),
        ("a.narrowPeak", TrackFormat.NARROWPEAK),
        ("a.tsv", TrackFormat.TSV),
        ("a.parquet", TrackFormat.PARQUET),
        ("-", TrackFormat.BED),
    ],
)
def test_format_of_calls_from_the_name(path: str, expected: TrackFormat) -> None:
    assert track_format(path, calls=True) is expected


@pytest.mark.parametrize("path", ["a", "a.wig", "a.gz", "bed", "a.bed.xz", "a.bed/", "a.xbed9x"])
def test_an_unknown_format_names_those_that_are_known(path: str) -> None:
    with pytest.raises(OutputError, match=r"\.bed, \.bed9, \.bedgraph, \.bw, .* or \.parquet"):
        track_format(path)


@pytest.mark.parametrize("path", ["a.bed", "a.bw", "a", "-"])
def test_a_given_format_overrides_the_name(path: str) -> None:
    assert track_format(path, "tsv") is TrackFormat.TSV


@pytest.mark.parametrize(
    ("path", "given", "calls", "message"),
    [
        ("a.gff3", None, False, "GFF3 holds calls, and these are scores; end the name in .bed,"),
        ("a.bed", "narrowpeak", False, "narrowPeak holds calls"),
        ("a.bw", None, True, "bigWig holds scores, and these are calls; end the name in .bed, "),
        ("-", "bedgraph", True, "bedGraph holds scores"),
        ("a.bw.gz", None, False, "a.bw.gz: bigWig is already compressed; remove the last"),
        ("a.bed.bgz", "bigbed", True, "bigBed is already compressed"),
        ("a.parquet.gz", None, True, "Parquet is already compressed"),
    ],
)
def test_a_format_that_cannot_be(path: str, given: str | None, calls: bool, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        track_format(path, given, calls=calls)


def test_every_format_is_told_by_its_endings_and_no_other() -> None:
    every = [ending for form in TrackFormat for ending in form.traits.endings]
    assert len(every) == len(set(every))
    for form in TrackFormat:
        for ending in form.traits.endings:
            assert track_format(f"x{ending}", calls=form.traits.calls) is form
    assert len(FORMAT_NAMES) == len(set(FORMAT_NAMES))
    assert ".gff3" in endings(calls=True)
    assert ".gff3" not in endings()


@pytest.mark.parametrize(
    ("path", "output", "expected"),
    [
        ("out.bedgraph", Output("REP", "+"), "out.REP.plus.bedgraph"),
        ("d/out.x.bg.gz", Output("REP", "-"), "d/out.x.REP.minus.bg.gz"),
        ("out.bedgraph.bgz", Output("a b/c", "."), "out.a%20b%2Fc.both.bedgraph.bgz"),
        ("out.bigWig", Output("REP", "+"), "out.REP.plus.bigWig"),
        ("out.txt", Output("REP", "+"), "out.txt.REP.plus"),
    ],
)
def test_path_of_an_output(path: str, output: Output, expected: str) -> None:
    assert track_path(path, output) == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.sampled_from("+-.")), unique=True, max_size=9))
def test_paths_of_outputs_differ(outputs: list[tuple[str, str]]) -> None:
    paths = {track_path("out.bg", Output(*output)) for output in outputs}
    assert len(paths) == len(outputs)
    assert all("/" not in path and path.isascii() for path in paths)
