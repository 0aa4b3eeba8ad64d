from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from planted import plant

from dnabirnn.alphabet import decode
from dnabirnn.encoded.data_quality import LabelledSites
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.labels.load import load_labels
from dnabirnn.training.held_out import hold_out

Row = tuple[str, int, int, str, str]
COMMON: list[Row] = [(contig, 500, 520, "common", "+") for contig in ("a", "b", "v")]


def encoded(folder: Path, rows: list[Row], **splits: object) -> EncodedSet:
    """Contigs a and b to train on, and v for validation."""
    rng = np.random.default_rng(0)
    sizes = {"a": 60_000, "b": 40_000, "v": 20_000}
    (folder / "g.fa").write_text(
        "".join(f">{name}\n{decode(plant(rng, size, [], ''))}\n" for name, size in sizes.items())
    )
    (folder / "l.bed").write_text(
        "".join(f"{c}\t{s}\t{e}\t{n}\t0\t{x}\n" for c, s, e, n, x in rows)
    )
    split = split_plan(**({"val_chroms": ["v"]} | splits))  # type: ignore[arg-type]
    labels = load_labels([folder / "l.bed"])
    return encode_genome([folder / "g.fa"], labels, folder / "set", split=split)


def rare(contig: str, starts: range, length: int = 30) -> list[Row]:
    return [(contig, at, at + length, "rare", "+-"[n % 2]) for n, at in enumerate(starts)]


def number_of_sites(given: EncodedSet, split: str, name: str) -> int:
    names = [motif_class.name for motif_class in given.classes]
    return len(LabelledSites(given).of(split, names.index(name)))


def test_a_fifth_of_the_sites_is_held_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = rare("a", range(2_000, 59_000, 2_000)) + rare("b", range(1_000, 39_000, 2_000))
    given = encoded(tmp_path, COMMON + rows)
    with caplog.at_level(logging.WARNING, logger="dnabirnn"):
        changed, moved = hold_out(given, 200)
    assert "rare: no site in the val split; about a fifth" in caplog.text
    every = len(rows)
    held = number_of_sites(changed, "val", "rare")
    assert 0.15 * every < held < 0.25 * every
    assert number_of_sites(changed, "train", "rare") == every - held
    assert number_of_sites(changed, "train", "common") == 2
    assert {piece.contig for piece in moved} == {"a", "b"}
    # Ends lie halfway to the neighbours.
    assert {(piece.start - 15) % 1_000 for piece in moved} == {0}
    assert {(piece.end - piece.start) % 2_000 for piece in moved} == {0}
    assert (changed.digest, changed.contigs) == (given.digest, given.contigs)
    # Each base is in the same splits together as before.
    spans = [changed.split(name) for name in ("train", "val")]
    bases = np.concatenate([np.arange(start, end) for of in spans for start, end in of])
    assert np.array_equal(np.sort(bases), np.arange(120_000))
    again = hold_out(given, 200)
    assert again[1] == moved
    assert again[0].manifest == changed.manifest


def test_stretches_end_at_the_ends_of_a_piece_and_outside_other_sites(tmp_path: Path) -> None:
    rows = rare("b", range(4_000, 40_000, 8_000))
    middle = rows[2]
    across = ("b", middle[1] - 4_500, middle[1] - 3_800, "common", "-")
    given = encoded(tmp_path, [*COMMON, *rows, across])
    changed, (stretch,) = hold_out(given, 200)
    # Halfway is 3,985 before the site, in the other site, of which the right end is nearer.
    assert stretch == ("b", middle[1] - 3_800, middle[2] + 3_985)
    assert number_of_sites(changed, "train", "common") == 3
    near = [("a", at, at + 10, "rare", "+") for at in range(59_000, 59_500, 100)]
    one, (stretch,) = hold_out(encoded(tmp_path, COMMON + near), 200)
    assert stretch == ("a", 59_155, 59_255)
    assert number_of_sites(one, "val", "rare") == 1


@pytest.mark.parametrize(
    ("rows", "splits", "window_bp"),
    [
        ([*rare("v", range(900, 9_000, 900)), *rare("a", range(900, 9_000, 900))], {}, 200),
        (rare("a", range(1_000, 5_000, 1_000)), {}, 200),  # four sites
        (rare("a", range(1_000, 9_000, 1_000)), {"val_chroms": [], "test_chroms": ["v"]}, 200),
        (rare("a", range(10_000, 60_000, 10_000)), {}, 60_000),  # no room for a window
        # The only training site of another class would go.
        (
            [
                *rare("a", range(10_000, 60_000, 10_000)),
                ("a", 30_100, 30_120, "one", "+"),
                ("v", 900, 920, "one", "+"),
            ],
            {},
            200,
        ),
    ],
)
def test_nothing_is_held_out(
    tmp_path: Path,
    rows: list[Row],
    splits: dict[str, object],
    window_bp: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = encoded(tmp_path, COMMON + rows, **splits)
    caplog.clear()
    changed, moved = hold_out(given, window_bp)
    assert changed is given
    assert not moved
    assert not caplog.records


def test_two_classes_share_a_stretch(tmp_path: Path) -> None:
    rows = rare("a", range(2_000, 59_000, 2_000))
    beside = [(c, s + 100, e + 100, "second", x) for c, s, e, _, x in rows]
    changed, moved = hold_out(encoded(tmp_path, COMMON + rows + beside), 200)
    assert len(moved) == 5
    assert number_of_sites(changed, "val", "rare") == 6
    assert number_of_sites(changed, "val", "second") == 6
