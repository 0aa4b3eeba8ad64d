import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import OptionError
from dnabirnn.network.scoring_window import MAX_WINDOW_BP, ScoringWindow
from dnabirnn.scoring.grid import Piece, Window, lay, stitch, windows_keeping

grids = st.integers(0, 9).flatmap(
    lambda halo: st.builds(
        ScoringWindow, length_bp=st.integers(2 * halo + 1, 60), halo_bp=st.just(halo)
    )
)


@pytest.mark.parametrize(
    ("length_bp", "expected"),
    [
        (0, []),
        (1, [(0, 1, 0, 1)]),
        (10, [(0, 10, 0, 10)]),
        (11, [(0, 10, 0, 8), (1, 11, 3, 11)]),
        (16, [(0, 10, 0, 8), (6, 16, 8, 16)]),
        (17, [(0, 10, 0, 8), (6, 16, 8, 14), (1, 11, 3, 9), (7, 17, 9, 17)]),
        (28, [(0, 10, 0, 8), (6, 16, 8, 14), (12, 22, 14, 20), (18, 28, 20, 28)]),
    ],
)
def test_grid(length_bp: int, expected: list[tuple[int, ...]]) -> None:
    windows = list(lay(length_bp, ScoringWindow(length_bp=10, halo_bp=2)))
    assert [tuple(window) for window in windows] == expected


@given(st.integers(0, 500), grids)
def test_grid_is_its_own_mirror_image(length_bp: int, scoring: ScoringWindow) -> None:
    windows = list(lay(length_bp, scoring))
    mirrored = [
        Window(
            length_bp - w.end, length_bp - w.start, length_bp - w.keep_end, length_bp - w.keep_start
        )
        for w in reversed(windows)
    ]
    assert windows == mirrored


@given(st.integers(1, 500), grids)
def test_windows_stay_on_the_contig_and_have_one_length(
    length_bp: int, scoring: ScoringWindow
) -> None:
    expected = min(length_bp, scoring.length_bp)
    for window in lay(length_bp, scoring):
        assert 0 <= window.start <= window.keep_start < window.keep_end <= window.end <= length_bp
        assert window.end - window.start == expected
        for edge, keep in ((window.start, window.keep_start), (window.end, window.keep_end)):
            assert edge == keep or abs(edge - keep) == scoring.halo_bp
        if window.start > 0 and window.end < length_bp:
            assert window.keep_end - window.keep_start == scoring.core_bp


@given(st.integers(0, 500), grids, st.integers(1, 5))
def test_cut_and_stitch_give_each_base_once(
    length_bp: int, scoring: ScoringWindow, together: int
) -> None:
    values = np.random.default_rng(length_bp).random((length_bp, 2), dtype=np.float32)
    kept = adjacent(
        [Piece(w.keep_start, values[w.keep_start : w.keep_end]) for w in lay(length_bp, scoring)],
        together,
    )
    pieces = list(stitch(kept, length_bp, scoring))
    assert [piece.start for piece in pieces] == [0, *(p.end for p in pieces)][: len(pieces)]
    assert all(len(piece.scores) for piece in pieces)
    joined = np.concatenate([piece.scores for piece in pieces]) if pieces else values
    np.testing.assert_array_equal(joined, values)
    for piece in pieces:
        if piece.highest is not None:
            np.testing.assert_array_equal(piece.highest[:1], piece.scores[:1, 0].view(np.uint32))


def adjacent(pieces: list[Piece], most: int) -> list[Piece]:
    """Join up to `most` adjacent pieces; `highest` has the bits of the first score."""
    found: list[list[Piece]] = []
    for piece in pieces:
        if not found or found[-1][-1].end != piece.start or len(found[-1]) == most:
            found.append([])
        found[-1].append(piece)
    joined = [np.concatenate([piece.scores for piece in group]) for group in found]
    return [
        Piece(group[0].start, scores, scores[:1, 0].view(np.uint32))
        for group, scores in zip(found, joined, strict=True)
    ]


def test_middle_is_the_mean_of_both_halves() -> None:
    scoring = ScoringWindow(length_bp=10, halo_bp=2)
    windows = list(lay(17, scoring))
    kept = [
        Piece(w.keep_start, np.full((w.keep_end - w.keep_start, 1), i, np.float32))
        for i, w in enumerate(windows)
    ]
    values = np.concatenate([piece.scores for piece in stitch(kept, 17, scoring)])[:, 0]
    # Kept: 0 has [0, 8), 1 has [8, 14), 2 has [3, 9), 3 has [9, 17).
    expected = [0] * 3 + [1] * 5 + [1.5] + [2] * 5 + [3] * 3
    np.testing.assert_array_equal(values, np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("length_bp", "halo_bp"), [(0, 0), (10, 5), (10, -1), (MAX_WINDOW_BP + 1, 10)]
)
def test_impossible_windows_are_refused(length_bp: int, halo_bp: int) -> None:
    with pytest.raises(OptionError):
        ScoringWindow(length_bp=length_bp, halo_bp=halo_bp)


@given(st.integers(0, 300), grids, st.integers(-5, 305), st.integers(-5, 305))
def test_windows_that_keep_an_interval(
    length_bp: int, scoring: ScoringWindow, start: int, end: int
) -> None:
    found = list(windows_keeping(start, end, length_bp, scoring))
    inside = range(max(start, 0), min(end, length_bp))
    expected = [
        window
        for window in lay(length_bp, scoring)
        if any(window.keep_start <= base < window.keep_end for base in inside)
    ]
    assert found == expected
