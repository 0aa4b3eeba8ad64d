"""Sorting, merging and comparing intervals, against naive oracles."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.regions import Regions, check_contigs, merge, sort_intervals

triples = st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(0, 8))


def frame_of(rows, **columns):
    schema = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
    frame = pl.DataFrame([row[:3] for row in rows], schema=schema, orient="row")
    return frame.with_columns(**{name: pl.Series(name, values) for name, values in columns.items()})


def merged_naively(rows, gap):
    """Intervals of each contig by a walk over its bases."""
    found = []
    for chrom in sorted({chrom for chrom, _, _ in rows}):
        covered = sorted({p for c, s, e in rows if c == chrom for p in range(s, e)})
        for place in covered:
            if found and found[-1][0] == chrom and place - found[-1][2] <= gap:
                found[-1][2] = place + 1
            else:
                found.append([chrom, place, place + 1])
    return [tuple(row) for row in found]


@given(st.lists(triples, max_size=12), st.integers(0, 5))
def test_merge_against_a_walk_over_bases(rows, gap):
    rows = [(chrom, start, start + length) for chrom, start, length in rows]
    assert merge(frame_of(rows), gap=gap).rows() == merged_naively(rows, gap)


@given(st.lists(st.tuples(triples, st.sampled_from("+-")), max_size=12))
def test_merge_by_strand(rows):
    plain = [(c, s, s + n, strand) for (c, s, n), strand in rows]
    merged = merge(frame_of(plain, strand=[r[3] for r in plain]), by=("chrom", "strand"))
    assert merged.columns == ["chrom", "start", "end", "strand"]
    for strand in "+-":
        own = [(c, s, e) for c, s, e, x in plain if x == strand]
        of_strand = merged.filter(pl.col("strand") == strand).drop("strand")
        assert of_strand.rows() == merged_naively(own, 0)


def test_merge_keeps_no_empty_interval():
    assert merge(frame_of([("a", 3, 3)])).rows() == []
    assert merge(frame_of([("a", 0, 3), ("a", 3, 3), ("a", 4, 5)])).rows() == [
        ("a", 0, 3),
        ("a", 4, 5),
    ]


@given(st.lists(triples, max_size=12))
def test_sort(rows):
    ordered = sort_intervals(frame_of(rows, line=list(range(len(rows)))))
    expected = sorted(((*row, i) for i, row in enumerate(rows)))
    assert ordered.rows() == expected


@given(st.lists(triples, max_size=12))
def test_regions_are_merged_rows(rows):
    rows = [(chrom, start, start + length) for chrom, start, length in rows]
    regions = Regions(frame_of(rows))
    expected = merged_naively(rows, 0)
    assert sorted(regions.names) == sorted({row[0] for row in expected})
    for chrom in ["a", "b", "c"]:
        spans = regions.of(chrom)
        assert spans.dtype == np.int64
        assert spans.shape[1:] == (2,)
        assert [(chrom, *span) for span in spans.tolist()] == [
            row for row in expected if row[0] == chrom
        ]


ROWS = frame_of([("a", 0, 5), ("x", 1, 2), ("y", 1, 2), ("b", 3, 9)], line=[2, 3, 4, 5])


def test_rows_of_missing_contigs_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        known = check_contigs(ROWS, {"b": 9, "a": 5, "c": 1}, "my.bed")
    assert known["line"].to_list() == [2, 5]
    assert "my.bed: 2 of 4 rows lie on contigs that the FASTA lacks" in caplog.text


def test_row_past_the_end():
    with pytest.raises(LabelError, match=r"my\.bed, line 5: b:3-9 goes past the contig's end at 8"):
        check_contigs(ROWS.vstack(ROWS[3:]), {"a": 5, "b": 8, "x": 2, "y": 2}, "my.bed")


def test_no_name_in_common_shows_both_lists():
    lengths = {f"chr{i}": 100 for i in range(9)}
    with pytest.raises(LabelError) as caught:
        check_contigs(ROWS, lengths, "my.bed")
    message = str(caught.value)
    assert "file has a, x, y, b, FASTA has chr0, chr1, chr2, chr3, chr4 and 4 more" in message


def test_regions_of_a_file(tmp_path):
    path = tmp_path / "r.bed"
    path.write_text("a\t0\t5\na\t5\t8\na\t7\t8\nb\t1\t2\n")
    regions = Regions.read(path)
    assert regions.of("a").tolist() == [[0, 8]]
    regions.check_contigs({"a": 8, "b": 2})
    with pytest.raises(LabelError, match=r"r\.bed, line 2"):
        regions.check_contigs({"a": 7, "b": 2})
