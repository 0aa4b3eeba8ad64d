"""Every parser: what is written is read again, and any bytes at all are read or refused.

Round trips of FASTA, FASTQ, GenBank, 2bit, BED, GFF3, GTF, feature tables, RepeatMasker's tables,
labelled FASTQ, tracks and encoded sets stand in the tests of their modules; here are the others.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from fuzz import SEEDS, TARGETS, run as read_or_refuse
from hypothesis import given, settings, strategies as st
from knm import Knm

from dnabirnn.errors import OptionError
from dnabirnn.files.provenance import verify, write_provenance
from dnabirnn.labels.aliases import read_aliases
from dnabirnn.motif_classes import MotifClass
from dnabirnn.motifs.motif import parse_motifs
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.call_rules import CallRule
from dnabirnn.network.checkpoint import Checkpoint, weight_shapes
from dnabirnn.network.dna_brnn import convert
from dnabirnn.network.kann import read_kann
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.sequences.selection import Shard
from dnabirnn.tracks.read import read_sizes

PIECES = (
    *(b"\t", b"\n", b"\r\n", b" ", b",", b";", b'"', b"=", b"%", b"#", b">", b"@", b"+", b"//"),
    *(b"0", b"1", b"-1", b"7", b"9" * 19, b"1e999", b"nan", b".", b"chr1", b"\0", b"\xff", b"\xc2"),
    *(b"{", b"}", b"[", b"]", b"null", b'"inputs"', b"track", b"LOCUS ", b"MOTIF ", b"P0"),
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """Bytes of all kinds, signs that mean something, and both within what is right."""
    made = data.draw(
        st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES)).map(b"".join))
    )
    seed = data.draw(st.sampled_from(SEEDS[name]))
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(seed))] * 2)))
    for given_bytes in (made, seed[:first] + made + seed[last:]):
        read_or_refuse(name, given_bytes)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
NAMES = WORDS.filter(lambda name: not name.startswith("#") and name != ".")


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    architecture = Architecture(
        tuple(MotifClass(name, draw(st.booleans())) for name in names),
        draw(st.sampled_from(Cell)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 3)),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    length = draw(st.integers(1, 65_535))
    finite = st.floats(-1e6, 1e6)
    return Checkpoint(
        architecture=architecture,
        weights={
            name: rng.normal(size=shape).astype(np.float32)
            for name, shape in weight_shapes(architecture).items()
        },
        training_window_bp=draw(st.integers(1, 10**6)),
        scoring_window=ScoringWindow(length, draw(st.integers(0, (length - 1) // 2))),
        mask=draw(st.sampled_from(["none", "loss", "hard"])),
        maps=tuple(LogOddsMap(draw(st.floats(1e-6, 1e6)), draw(finite)) for _ in names),
        calls={
            name: CallRule(*(draw(st.integers(low, 1000)) for low in (1, 0, 0))) for name in names
        },
        training={"by": draw(WORDS), "share": draw(finite)},
        metrics={"split": draw(st.none() | st.booleans())},
        card=draw(st.dictionaries(WORDS, WORDS, max_size=2)),
    )


@settings(max_examples=50)
@given(checkpoint=checkpoints())
def test_models(tmp_path_factory: pytest.TempPathFactory, checkpoint: Checkpoint) -> None:
    path = tmp_path_factory.getbasetemp() / "parsed.safetensors"
    checkpoint.save(path)
    found = load_checkpoint(path)
    assert found.description() == checkpoint.description()
    assert found.weights.keys() == checkpoint.weights.keys()
    assert all(np.array_equal(found.weights[n], w) for n, w in checkpoint.weights.items())
    assert found.to_bytes() == path.read_bytes()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    hidden=st.integers(1, 4),
    labels=st.integers(2, 5),
    layers=st.integers(1, 3),
)
def test_networks_of_dna_brnn(
    tmp_path_factory: pytest.TempPathFactory, seed: int, hidden: int, labels: int, layers: int
) -> None:
    made = Knm(np.random.default_rng(seed), hidden, labels, layers)
    path = made.write(tmp_path_factory.getbasetemp() / "parsed.knm")
    graph = read_kann(path)
    assert [node[:4] for node in graph] == [node[:4] for node in made.nodes]
    for number, values in made.values.items():
        assert np.array_equal(graph[number].values, values)  # type: ignore[arg-type]
    names = [f"c{number}" for number in range(1, labels)]
    shape = convert(path, names).architecture
    assert (shape.hidden, shape.layers) == (hidden, layers)
    assert [name for name, _ in shape.classes] == names


COUNTS = st.lists(st.tuples(*[st.integers(0, 9_999)] * 4).filter(any), min_size=1, max_size=8)
MOTIF_NAMES = st.text("ABCxyz019_.-", min_size=1, max_size=8).filter(lambda name: name != ".")
MOTIFS = st.dictionaries(MOTIF_NAMES, COUNTS, min_size=1, max_size=4)


def jaspar(motifs: dict[str, Any]) -> str:
    return "".join(
        f">{name} {name}\n"
        + "".join(
            f"{base} [ {' '.join(str(column[i]) for column in columns)} ]\n"
            for i, base in enumerate("ACGT")
        )
        for name, columns in motifs.items()
    )


def transfac(motifs: dict[str, Any]) -> str:
    return "".join(
        f"AC {name}\nXX\nID {name}\nXX\nP0 A C G T\n"
        + "".join(f"{n:02} {' '.join(map(str, column))} N\n" for n, column in enumerate(columns, 1))
        + "XX\n//\n"
        for name, columns in motifs.items()
    )


def meme(motifs: dict[str, Any]) -> str:
    text = "MEME version 4\n\nALPHABET= ACGT\n\n"
    for name, columns in motifs.items():
        text += f"MOTIF {name}\nletter-probability matrix: alength= 4 w= {len(columns)} nsites= 1\n"
        for column in columns:
            text += " ".join(f"{count / sum(column):.6f}" for count in column) + "\n"
        text += "\n"
    return text


@settings(max_examples=50)
@given(motifs=MOTIFS, ends=st.sampled_from(["\n", "\r\n"]))
def test_motifs(motifs: dict[str, Any], ends: str) -> None:
    for write in (jaspar, transfac, meme):
        found = parse_motifs(write(motifs).replace("\n", ends), "text")
        assert [motif.name for motif in found] == list(motifs)
        for motif, columns in zip(found, motifs.values(), strict=True):
            counts = np.array(columns, float)
            if write is not meme:
                assert np.array_equal(motif.counts, counts)
            shares = counts / counts.sum(axis=1, keepdims=True)
            assert motif.frequencies == pytest.approx(shares, abs=4e-6)


@settings(max_examples=50)
@given(
    rows=st.lists(st.lists(NAMES, min_size=2, max_size=4, unique=True), min_size=1, max_size=5),
    mark=st.sampled_from(["", "\ufeff"]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_aliases(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], mark: str, ends: str
) -> None:
    """Names of one row, where no other row has them, are of one contig: the first's."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "own.fa").write_text("".join(f">c{n}\nA\n" for n in range(len(rows))))
    taken = [name for row in rows for name in row]
    once = {name for name in taken if taken.count(name) == 1 and not name.startswith("c")}
    text = mark + "# first\tsecond" + ends
    text += "".join("\t".join([f"c{n}", "", *row]) + ends for n, row in enumerate(rows))
    (folder / "own.txt").write_bytes(text.encode())
    aliases = read_aliases(folder / "own.txt", [folder / "own.fa"])
    for number, row in enumerate(rows):
        assert aliases.name(f"c{number}") == f"c{number}"
        for name in once.intersection(row):
            assert aliases.name(name) == f"c{number}"


@settings(max_examples=50)
@given(
    sizes=st.dictionaries(NAMES, st.integers(0, 10**18 - 1)), rest=st.sampled_from(["", "\t5\t6"])
)
def test_sizes(tmp_path_factory: pytest.TempPathFactory, sizes: dict[str, int], rest: str) -> None:
    path = tmp_path_factory.getbasetemp() / "own.sizes"
    path.write_text("".join(f"{n}\t{size}{rest}\n" for n, size in sizes.items()), encoding="utf-8")
    assert read_sizes(path) == sizes


@settings(max_examples=25)
@given(
    contents=st.lists(st.binary(max_size=9), min_size=1, max_size=4),
    arguments=st.lists(st.text(st.characters(codec="utf-8"))),
    gone=st.integers(0, 3),
)
def test_provenance(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[bytes],
    arguments: list[str],
    gone: int,
) -> None:
    folder = tmp_path_factory.mktemp("provenance")
    files = [folder / f"{number}.txt" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    write_provenance(folder / "told.json", arguments, {"a": arguments}, files[1:], [files[0], "-"])
    before = verify(folder / "told.json")
    kinds = {"input": len(files) - 1, "output": 2}
    for kind, count in kinds.items():
        assert sum(finding.kind == kind for finding in before) == count
    assert {finding.state for finding in before if finding.path != "-"} == {"same"}
    changed = files[gone % len(files)]
    changed.write_bytes(changed.read_bytes() + b"x")
    after = {finding.path: finding.state for finding in verify(folder / "told.json")}
    assert [name for name, state in after.items() if state == "changed"] == [changed.name]
    changed.unlink()
    assert {f.path for f in verify(folder / "told.json") if f.state == "missing"} == {changed.name}


@given(of=st.integers(1, 10**9 - 1), data=st.data())
def test_shards(of: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, of))
    assert Shard.parse(f"{number}-of-{of}") == Shard(number, of)


@settings(max_examples=50)
@given(text=st.text("0123456789-of \n\u0663"))
def test_any_text_is_a_shard_or_refused(text: str) -> None:
    with suppress(OptionError):
        shard = Shard.parse(text)
        assert text.isascii()
        assert f"{shard.number}-of-{shard.of}" == "-of-".join(
            part.lstrip("0") for part in text.split("-of-")
        )
