"""KANN's files: what is written is read; what is damaged is told of, before memory is taken."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from knm import Knm

from dnabirnn.errors import ModelFileError
from dnabirnn.network.kann import Op, read_kann


@pytest.fixture(scope="module")
def knm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Knm, Path]:
    made = Knm(np.random.default_rng(1), hidden=3, labels=3, layers=2)
    return made, made.write(tmp_path_factory.mktemp("knm") / "m.knm")


def test_nodes_and_values_make_a_round_trip(knm: tuple[Knm, Path]) -> None:
    made, path = knm
    graph = read_kann(path)
    assert [node[:4] for node in graph] == [node[:4] for node in made.nodes]
    for number, node in enumerate(graph):
        assert (node.values is not None) == (number in made.values)
        if node.values is not None:
            np.testing.assert_array_equal(node.values, made.values[number])
    assert graph[-1].op == Op.SOFTMAX


def test_every_prefix_and_every_changed_count_is_told_of(
    knm: tuple[Knm, Path], tmp_path: Path
) -> None:
    data = knm[1].read_bytes()
    bad = tmp_path / "bad.knm"
    for size in (0, 3, 4, 7, 8, 20, 300, len(data) - 1):
        bad.write_bytes(data[:size])
        with pytest.raises(ModelFileError, match=r"bad\.knm: (a damaged|not a) KANN file"):
            read_kann(bad)
    bad.write_bytes(data + b"\0\0\0\0")
    with pytest.raises(ModelFileError, match="values announced"):
        read_kann(bad)
    for count in (-1, 0, 1 << 30):
        bad.write_bytes(data[:4] + struct.pack("<i", count) + data[8:])
        with pytest.raises(ModelFileError, match=f"{count} nodes announced"):
            read_kann(bad)


@given(place=st.integers(0, 1 << 20), byte=st.integers(0, 255))
def test_any_changed_byte_is_read_or_told_of(
    knm: tuple[Knm, Path], tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    data = bytearray(knm[1].read_bytes())
    data[place % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "changed.knm"
    path.write_bytes(data)
    with suppress(ModelFileError):  # and nothing else
        read_kann(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no such file; give a model that `dna-brnn -o` wrote"),
        (b"PK\3\4 a zip", r"not a KANN file \(it begins with b'PK"),
        (b"KAN\1" + struct.pack("<iiIBiB", 1, 0, 0, 1, 0, 9), "9 axes"),
        (b"KAN\1" + struct.pack("<iiIBiBi", 1, 0, 0, 1, 0, 1, -5), r"invalid shape \(-5,\)"),
        (b"KAN\1" + struct.pack("<iiIBiBi", 1, 0, 0, 1, 0, 1, 1 << 30), "values announced"),
        (b"KAN\1" + struct.pack("<iiIBiHiii", 1, 0, 0, 1, 1, 1, 0, -1, 0), "not earlier nodes"),
        (b"KAN\1" + struct.pack("<iiIBiBf", 1, 0, 0, 1, 0, 0, float("nan")), "value is not finite"),
    ],
)
def test_what_is_no_file_of_kann(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.knm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        read_kann(path)
