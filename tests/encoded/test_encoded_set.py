"""Opening encoded sets: whatever does not fit is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import ChromSplit
from dnabirnn.errors import EncodedSetError
from dnabirnn.labels.load import load_labels


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.fa").write_text(">a\nACGTACGT\n>b\nGGGG\n>c\nTT\n")
    (tmp_path / "in.bed").write_text("a\t1\t4\tX\t0\t+\n")
    labels = load_labels([tmp_path / "in.bed"])
    encode_genome([tmp_path / "in.fa"], labels, tmp_path / "set", split=ChromSplit(("b",), ()))
    return tmp_path / "set"


def change(folder, **entries):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_open(folder):
    encoded = EncodedSet.open(folder)
    assert isinstance(encoded.codes, np.memmap)
    assert not encoded.codes.flags.writeable
    assert encoded.split("train").tolist() == [[0, 8], [12, 14]]
    assert encoded.split("val").tolist() == [[8, 12]]
    assert encoded.split("train").dtype == np.int64
    assert encoded.contig_splits("val") == [("b", 0, 4)]
    assert encoded.path == folder


def test_it_may_be_moved(folder, tmp_path):
    digest = EncodedSet.open(folder).digest
    folder.rename(tmp_path / "moved")
    assert EncodedSet.open(tmp_path / "moved").digest == digest


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"format_version": 3}, "format version 3, this dnabirnn reads up to 2; upgrade dnabirnn"),
        ({"format_version": "1"}, "format version '1' is not a positive integer"),
        ({"format_version": 0}, "format version 0 is not a positive integer"),
        ({"format": "other"}, "not the manifest of an encoded set"),
        ({"mask": "half"}, "damaged"),
        ({"contigs": [{"name": "a"}]}, "damaged .KeyError"),
        ({"contigs": 7}, "damaged .TypeError"),
        ({"background": 7}, "damaged .AttributeError"),
        ({"background": {"contigs": [["a"]]}}, "damaged .TypeError"),
        ({"background": {"contigs": ["q"]}}, "damaged .ValueError: background names contigs"),
        ({"classes": []}, "0 classes: a network has 1 to 31"),
        ({"classes": [{"name": "X", "stranded": True}] * 4}, "give each class a different name"),
        (
            {"classes": [{"name": name, "stranded": True} for name in "WXYZ"]},
            r"labels\.npy: uint8 .* says uint16",
        ),
        ({"splits": {"train": []}}, "splits are not train, val, test"),
        ({"splits": {"train": [["a", 0, 9]], "val": [], "test": []}}, "a:0-9 lies outside"),
        ({"splits": {"train": [["a", 3, 3]], "val": [], "test": []}}, "a:3-3 lies outside"),
        ({"splits": {"train": [["q", 0, 1]], "val": [], "test": []}}, "damaged .KeyError: 'q'"),
        ({"splits": {"train": [["a", 0, 5]], "val": [["a", 4, 6]], "test": []}}, "overlap at a:4"),
        ({"splits": {"train": [["a", 0]], "val": [], "test": []}}, "damaged .ValueError"),
        (
            {
                "contigs": [{"name": "a", "offset": 0, "length": 8}],
                "splits": {"train": [], "val": [], "test": []},
            },
            r"codes\.npy: uint8 of shape .14,., the manifest says uint8 of .8,.",
        ),
        ({"contigs": [{"name": "a", "offset": 1, "length": 8}]}, "'a' does not follow"),
    ],
)
def test_bad_manifest(folder, entries, message):
    change(folder, **entries)
    with pytest.raises(EncodedSetError, match=message) as caught:
        EncodedSet.open(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_parts(folder, tmp_path):
    with pytest.raises(EncodedSetError, match="no such folder; make it with dnabirnn encode"):
        EncodedSet.open(tmp_path / "none")
    with pytest.raises(EncodedSetError, match="no such folder"):
        EncodedSet.open(folder / "codes.npy")
    (folder / "labels.npy").unlink()
    with pytest.raises(EncodedSetError, match=r"labels\.npy: no such file"):
        EncodedSet.open(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(EncodedSetError, match="cannot be read"):
        EncodedSet.open(folder)
    (folder / "manifest.json").write_text("[1]")
    with pytest.raises(EncodedSetError, match="not the manifest"):
        EncodedSet.open(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(EncodedSetError, match="not an encoded set"):
        EncodedSet.open(folder)


@pytest.mark.parametrize("keep", [0, 50, 128, -1])
def test_cut_short(folder, keep):
    path = folder / "codes.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EncodedSetError, match=r"codes\.npy: damaged or cut short") as caught:
        EncodedSet.open(folder)
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_refused(folder):
    np.save(folder / "codes.npy", np.array([{}] * 14, dtype=object), allow_pickle=True)
    with pytest.raises(EncodedSetError, match="damaged"):
        EncodedSet.open(folder)


@pytest.mark.parametrize("many", [0, 8])
def test_a_set_of_one_class_has_its_labels_and_those_to_ignore(tmp_path, many):
    """With many classes, labels on disk take more bytes."""
    (tmp_path / "in.fa").write_text(f">a\n{'ACGT' * 30}\n")
    rows = [("X", 1, "+"), ("Y", 5, "-"), ("Z", 9, "."), ("I", 11, ".")]
    rows += [(f"W{n}", 20 + n, "+") for n in range(many)]
    (tmp_path / "in.bed").write_text(
        "".join(f"a\t{start}\t{start + 4}\t{name}\t0\t{s}\n" for name, start, s in rows)
    )
    labels = load_labels([tmp_path / "in.bed"], ignore_classes=["I"])
    every = encode_genome([tmp_path / "in.fa"], labels, tmp_path / "set", split=ChromSplit((), ()))
    for name, start, strand in rows[:3]:
        one = every.only(name)
        bits = {"+": 2, "-": 4, ".": 6}[strand]
        expected = np.zeros(120, np.uint8)
        expected[start : start + 4] = bits
        expected[11:15] |= 1
        assert [c.name for c in one.classes] == [name]
        assert one.labels.dtype == np.uint8
        np.testing.assert_array_equal(np.array(one.labels), expected)
        np.testing.assert_array_equal(one.labels[2:13], expected[2:13])
        places = np.array([[1, 5], [11, 0]])
        np.testing.assert_array_equal(one.labels[places], expected[places])
        assert len(one.labels) == 120
        assert one.split("train").tolist() == every.split("train").tolist()
