"""Shards, merged, are the run over the whole."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyBigWig
import pytest
from commands import run, succeed, write_fasta, write_model
from hypothesis import given, strategies as st
from random_models import random_codes

from dnabirnn.alphabet import decode
from dnabirnn.errors import TrackError
from dnabirnn.tracks import merge as merging

# The second shard of three is empty, and names are not sorted.
LENGTHS = {"z": 3_000, "a|b": 2_500, "m": 0, "c": 1_500}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    write_fasta(folder / "g.fa", {n: decode(random_codes(rng, k)) for n, k in LENGTHS.items()})
    write_model(folder / "m.safetensors", spread=2.0)
    return folder


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def score(name: str, calls: bool, ending: str, *options: str) -> str:
    """Score to NAME.ENDING; the file that holds the first output."""
    out = f"{name}{ending}"
    where = ["-o", f"{name}.q.bed", "--calls", out] if calls else ["-o", out]
    succeed("-q", "score", "g.fa", "-m", "m.safetensors", *where, *options)
    split = not calls and ending.split(".")[1] in ("bg", "bw")
    return f"{name}.M.plus{ending}" if split else out


def shards(calls: bool, ending: str, count: int = 3) -> list[str]:
    return [
        score(f"s{number}", calls, ending, "--shard", f"{number}-of-{count}")
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize(
    ("calls", "ending"),
    [
        *((False, ending) for ending in (".bed", ".bg", ".tsv", ".bed9", ".bw", ".bb", ".parquet")),
        *((True, ending) for ending in (".bed", ".gff3", ".narrowPeak", ".tsv", ".bb")),
    ],
)
def test_merged_shards_are_the_whole(folder: Path, calls: bool, ending: str, count: int) -> None:
    whole = score("whole", calls, ending)
    parts = shards(calls, ending, count)
    succeed("merge", *parts, "-o", f"merged{ending}")
    assert Path(f"merged{ending}").read_bytes() == Path(whole).read_bytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [".gff3", ".bed"])
def test_compressed_or_not(folder: Path, ending: str, packed: bool) -> None:
    whole = Path(score("whole", True, ending)).read_bytes()
    parts = shards(True, f"{ending}.gz" if packed else ending)
    succeed("merge", *parts, "-o", f"merged{ending}.gz", "--index")
    assert gzip.decompress(Path(f"merged{ending}.gz").read_bytes()) == whole
    assert Path(f"merged{ending}.gz.tbi").exists()
    assert succeed("merge", *parts, "-o", f"merged{ending}").stdout == ""
    assert Path(f"merged{ending}").read_bytes() == whole
    out = succeed("merge", *parts, "-o", "-", "--format", ending[1:]).stdout_bytes
    assert out == whole


def test_all_shards_may_be_empty(folder: Path) -> None:
    write_fasta(Path("g.fa"), {"x": "", "y": "NNN"})
    score("e", True, ".gff3")
    score("e", True, ".parquet")
    score("e", True, ".bb")
    for name in (score("e", False, ".bw"), "e.bb", "e.parquet", "e.gff3"):
        out = f"a{Path(name).suffix}"
        succeed("merge", name, "-o", out)
        assert Path(out).read_bytes() == Path(name).read_bytes()
    with pyBigWig.open("a.bw") as file:
        assert file.chroms() == {}
    assert pl.read_parquet("a.parquet").height == 0


BED = "x\t0\t5\tM\t9\t+\n"
GFF3 = "##gff-version 3\nx\td\tt\t1\t5\t0.9\t+\t.\tName=M\n"


@pytest.mark.parametrize(
    ("files", "command", "message"),
    [
        ({"a.bed": BED}, "a.bed b.bed -o o.bed", "b.bed: no such file; check the path"),
        ({"a.bed": BED, "b.tsv": ""}, "a.bed b.tsv -o o.bed", "b.tsv: is TSV, but o.bed is BED"),
        ({"a.bed": BED}, "a.bed -o o.gff3", "a.bed: is BED, but o.gff3 is GFF3; merge files of"),
        ({"a.bed": BED, "b.bed": BED}, "a.bed b.bed -o o.bed", "b.bed: rows of x, which a.bed has"),
        ({"a.bed": BED}, "a.bed a.bed -o o.bed", "a.bed: rows of x, which a.bed has too"),
        (
            {"a.bed": BED * 2, "b.bed": "y\t0\t1\n" + BED},
            "a.bed b.bed -o o.bed",
            "rows of x, which",
        ),
        ({"a.bed": "x 0 5\n"}, "a.bed -o o.bed", "a.bed: a row has no tab"),
        ({"a.gff3": BED}, "a.gff3 -o o.gff3", "a.gff3, line 1: does not begin with '##gff-vers"),
        ({"a.gff3": GFF3, "b.gff3": GFF3}, "a.gff3 b.gff3 -o o.gff3", "b.gff3: rows of x, which"),
        ({"a.bw": "no"}, "a.bw -o o.bw", "a.bw: cannot be read as bigWig"),
        ({"a.bb": "no"}, "a.bb -o o.bb", "a.bb: cannot be read as bigBed"),
        ({"a.parquet": "no"}, "a.parquet -o o.parquet", "a.parquet: cannot be read as Parquet"),
        ({"a.bed": BED}, "a.bed -o o", "o: unknown format"),
        ({"a": BED}, "a -o o.bed", "a: unknown format"),
        ({"a.bed": BED}, "a.bed -o a.bed", "a.bed: is also an input of this command"),
        ({"a.bed": BED}, "a.bed -o o.bed --index", "--index: o.bed is not a bgzip file"),
        ({"a.bed": BED}, "a.bed -o none/o.bed", "none/o.bed: there is no folder"),
    ],
)
def test_what_cannot_be_merged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    command: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        Path(name).write_text(text)
    before = sorted(tmp_path.iterdir())
    result = run("merge", *command.split())
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_shard_that_is_cut_short(folder: Path) -> None:
    one = score("one", True, ".bed.gz")
    Path("cut.bed.gz").write_bytes(Path(one).read_bytes()[:-40])
    result = run("merge", "cut.bed.gz", "-o", "o.bed")
    assert result.exit_code == 1
    assert "cut.bed.gz: truncated" in result.stderr
    assert not Path("o.bed").exists()


def test_contigs_of_bigwigs_and_tables_too(folder: Path) -> None:
    for ending in (".bw", ".bb", ".parquet"):
        one = score("one", False, ending)
        shutil.copy(one, f"two{ending}")
        result = run("merge", one, f"two{ending}", "-o", f"o{ending}")
        assert f"two{ending}: rows of " in result.stderr
    pl.DataFrame({"x": [1]}).write_parquet("other.parquet")
    result = run("merge", "other.parquet", "-o", "o.parquet")
    assert "other.parquet: does not have the columns chrom start end" in result.stderr


@given(
    contigs=st.lists(
        st.tuples(st.text(alphabet="ab.", min_size=1, max_size=3), st.integers(1, 9)), max_size=6,
        unique_by=lambda each: each[0],
    )
)  # fmt: skip
def test_names_of_lines(contigs: list[tuple[str, int]]) -> None:
    lines = "".join(f"{name}\t{'5' * n}\tx\n" * n for name, n in contigs).encode()
    assert merging._names(lines) == [name for name, _ in contigs]


@given(texts=st.lists(st.sampled_from([b"a\t1\n", b"bb\t22\n", b"\n"])), size=st.integers(1, 9))
def test_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(b"".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_READ_BYTES", size)
        found = list(merging._whole_lines(path))
    assert b"".join(found) == b"".join(texts)
    assert all(piece.endswith(b"\n") for piece in found)


def test_the_same_name_twice_is_an_error(tmp_path: Path) -> None:
    """From Python, both are one object."""
    path = str(tmp_path / "a.bed")
    Path(path).write_text(BED)
    with pytest.raises(TrackError, match=r"rows of x, which .*a\.bed has too"):
        merging.merge_shards([path, path], tmp_path / "o.bed")
    assert not (tmp_path / "o.bed").exists()
