"""Runs that are found on the device: those that the host finds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from commands import succeed, write_fasta, write_model
from hypothesis import given, settings, strategies as st
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import ScoreError
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring import device_runs as module
from dnabirnn.scoring.device_runs import device_runs
from dnabirnn.scoring.model import Model
from dnabirnn.scoring.runs import find_runs
from dnabirnn.scoring.stream import measured, score
from dnabirnn.tracks.rows import Rows

Table = list[tuple[str, int, int, int, int]]


class Sequence(NamedTuple):
    name: str
    codes: np.ndarray


def table_of(pieces: list[Rows]) -> Table:
    """Rows, sorted; checks what consumers rely on."""
    table: Table = []
    ended: set[str] = set()
    frontier: dict[str, int] = {}
    for rows in pieces:
        assert rows.chrom not in ended
        assert (rows.output.dtype, rows.start.dtype) == (np.uint8, np.int64)
        assert (rows.end.dtype, rows.score.dtype) == (np.int64, np.int16)
        assert rows.start.min(initial=1 << 60) >= frontier.get(rows.chrom, 0)
        frontier[rows.chrom] = rows.frontier
        if rows.last:
            ended.add(rows.chrom)
        for output, of_output in rows.by_output():
            starts, ends = of_output.start.tolist(), of_output.end.tolist()
            assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
            scores = of_output.score.tolist()
            table += [(rows.chrom, output, *row) for row in zip(starts, ends, scores, strict=True)]
    return sorted(table)


def both(
    checkpoint: Checkpoint, contigs: list[Sequence], group_bp: int, **options: object
) -> tuple[Table, Table]:
    """What the device finds, and what the host finds; compares lengths, order and progress."""
    engine = TorchEngine.of_checkpoint(checkpoint, "cpu")
    window, outputs = checkpoint.scoring_window, len(checkpoint.architecture.outputs)
    circular = options.pop("circular", ())
    expected_sizes: dict[str, int] = {}
    blocks = score(contigs, engine, window, outputs, circular=circular)  # type: ignore[arg-type]
    expected = [*find_runs(measured(blocks, expected_sizes), **options)]  # type: ignore[arg-type]
    sizes: dict[str, int] = {}
    used: list[int] = []
    found = [
        *device_runs(
            contigs,
            engine,
            window,
            outputs,
            circular=circular,  # type: ignore[arg-type]
            sizes=sizes,
            progress=used.append,
            group_bp=group_bp,
            **options,  # type: ignore[arg-type]
        )
    ]
    assert list(sizes.items()) == list(expected_sizes.items())
    assert sum(used) == sum(len(contig.codes) for contig in contigs)
    assert [r.chrom for r in found if r.last] == [contig.name for contig in contigs]
    return table_of(found), table_of(expected)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 59, 60, 61, 101, 119, 141, 333, 700]),
        min_size=1,
        max_size=5,
    ),
    halo=st.sampled_from([0, 10, 29]),
    group_bp=st.sampled_from([1, 50, 130, 400, 10_000]),
    slice_scores=st.sampled_from([3, 64, 1 << 22]),
    min_score=st.sampled_from([0, 1, 300]),
    single_base=st.booleans(),
    circular=st.booleans(),
    seed=st.integers(0, 100),
)
def test_runs_are_those_of_the_host(
    sizes: list[int],
    halo: int,
    group_bp: int,
    slice_scores: int,
    min_score: int,
    single_base: bool,
    circular: bool,
    seed: int,
) -> None:
    checkpoint = random_checkpoint(scoring=ScoringWindow(60, halo), kmer=3, spread=0.1)
    rng = np.random.default_rng(seed)
    contigs = [Sequence(f"c{n}", random_codes(rng, size)) for n, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLICE_SCORES", slice_scores)
        found, expected = both(
            checkpoint,
            contigs,
            group_bp,
            min_score=min_score,
            single_base=single_base,
            circular=["c0", "c2"] if circular else [],
        )
    assert found == expected
    assert found or min_score or not sum(sizes)


@pytest.mark.parametrize("exclusive", [False, True])
def test_runs_of_several_networks(exclusive: bool) -> None:
    alone = [random_checkpoint(seed=seed, exclusive=exclusive, hidden=5 + seed) for seed in (0, 1)]
    rng = np.random.default_rng(1)
    contigs = [Sequence("a", random_codes(rng, 777)), Sequence("b", random_codes(rng, 40))]
    found, expected = both(combined(alone), contigs, 200, min_score=0)
    assert len(found) > 500
    assert found == expected


def test_long_runs_go_on_across_groups_and_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that never change are one run per output."""
    monkeypatch.setattr(module, "_SLICE_SCORES", 100)
    checkpoint = random_checkpoint()
    for name, weight in checkpoint.weights.items():
        weight[:] = 0.3 if name == "head.bias" else 0
    contigs = [Sequence(name, np.zeros(500, np.uint8)) for name in ("a", "b")]
    found, expected = both(checkpoint, contigs, 100, min_score=0)
    assert found == expected
    assert [row[:4] for row in found] == [(n, o, 0, 500) for n in ("a", "b") for o in range(3)]


def test_a_score_that_is_no_number_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = random_checkpoint()
    engine = TorchEngine.of_checkpoint(checkpoint, "cpu")
    largest = np.sign(checkpoint.weights["head.weight"]) * np.finfo(np.float32).max
    checkpoint.weights["head.weight"][:] = largest
    broken = TorchEngine.of_checkpoint(checkpoint, "cpu")
    contigs = [Sequence("a", np.zeros(50, np.uint8)), Sequence("b", np.arange(300) % 4)]
    contigs = [contig._replace(codes=contig.codes.astype(np.uint8)) for contig in contigs]
    window = checkpoint.scoring_window
    with pytest.raises(ScoreError) as host:
        list(score(contigs, broken, window, 3))
    with pytest.raises(ScoreError) as device:
        list(device_runs(contigs, broken, window, 3, min_score=1))
    assert str(device.value) == str(host.value)
    assert list(device_runs(contigs, engine, window, 3, min_score=1))


@pytest.mark.parametrize(
    "options",
    ["", "--min-score 0", "--single-base", "--circular b", "--calls {}/calls.bed", "--qvalue"],
)
def test_files_have_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    rng = np.random.default_rng(2)
    records = {
        name: "".join("ACGTN"[code] for code in random_codes(rng, size))
        for name, size in {"a": 3000, "b": 1200, "c": 90}.items()
    }
    fasta, model = write_fasta(tmp_path / "g.fa", records), write_model(tmp_path / "m.safetensors")
    monkeypatch.setattr(module, "_GROUP_BP", 700)
    written: list[dict[str, bytes]] = []
    for on_device in (False, True):
        monkeypatch.setattr(Model, "_finds_runs_on_device", lambda model, value=on_device: value)
        folder = tmp_path / str(on_device)
        folder.mkdir()
        given = options.replace("{}", str(folder))
        if options == "--qvalue":
            given += f" --calls {folder}/calls.bed"
        out = folder / "scores.bed"
        arguments = ["score", fasta, "-m", model, "-o", out, *given.split(), "--engine", "torch"]
        succeed(*arguments, "--device", "cpu", "--threads", 1)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(written[0]["scores.bed"]) > 1000
    assert written[0] == written[1]


def test_calls_of_the_library_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    fasta = write_fasta(
        tmp_path / "g.fa", {"a": "".join("ACGTN"[code] for code in random_codes(rng, 2500))}
    )
    model = Model(random_checkpoint(), device="cpu", engine="torch")
    host = model.calls(fasta)
    monkeypatch.setattr(Model, "_finds_runs_on_device", lambda model: True)
    assert model.calls(fasta).equals(host)
    assert len(host) > 10
