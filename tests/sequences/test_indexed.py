"""FASTA with an index, of which only parts are read."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from commands import succeed, write_fasta, write_model
from file_server import file_server
from sequence_files import write_twobit

from dnabirnn.errors import FastaError
from dnabirnn.files import remote
from dnabirnn.sequences import Shard, contig_lengths, contigs_of_shard, read_fasta
from dnabirnn.sequences.indexed import read_index
from dnabirnn.sequences.read import has_parts

pysam = pytest.importorskip("pysam", reason="pip install 'dnabirnn[index]'")

SIZES = {"a": 120_000, "b": 70_001, "empty": 0, "c": 60, "d": 200_000}


@pytest.fixture(scope="module")
def genome() -> dict[str, str]:
    draw = random.Random(1)
    return {name: "".join(draw.choices("ACGTNacgt", k=size)) for name, size in SIZES.items()}


@pytest.fixture(params=["g.fa", "g.fa.gz", "g.2bit"])
def path(request: pytest.FixtureRequest, tmp_path: Path, genome: dict[str, str]) -> Path:
    """A genome with an index."""
    name: str = request.param
    if name == "g.2bit":
        return write_twobit(tmp_path / name, genome)
    write_fasta(tmp_path / "g.fa", genome)
    if name == "g.fa.gz":
        pysam.tabix_compress(str(tmp_path / "g.fa"), str(tmp_path / name))
    pysam.faidx(str(tmp_path / name))
    return tmp_path / name


def sizes(path: Path) -> dict[str, int]:
    """Lengths by name; `samtools faidx` leaves out records without bases."""
    return {name: size for name, size in SIZES.items() if size or path.suffix == ".2bit"}


def test_lengths(path: Path) -> None:
    assert contig_lengths(path) == sizes(path)


def test_parts(path: Path, genome: dict[str, str]) -> None:
    whole = {record.name: record for record in read_fasta(path, case=True)}
    wanted = {
        "a": [[0, 1], [59, 61], [60_000, 90_000]],
        "b": [[69_990, 80_000]],
        "c": [[0, 60]],
        "empty": [[0, 0]],
    }

    def needed(name: str, length: int) -> np.ndarray | None:
        assert length == SIZES[name]
        return np.array(wanted[name]) if name in wanted else None

    found = {record.name: record for record in read_fasta(path, case=True, needed=needed)}
    assert list(found) == [name for name in sizes(path) if name in wanted]
    for name, record in found.items():
        assert len(record.codes) == SIZES[name]
        assert record.lower is not None
        for start, end in wanted[name]:
            part = slice(start, end)
            np.testing.assert_array_equal(record.codes[part], whole[name].codes[part])
            np.testing.assert_array_equal(record.lower[part], whole[name].lower[part])


def test_only_parts_are_fetched(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_FIRST_BYTES", 1 << 13)
    read = []
    with file_server(path.parent) as server:
        address = server.address(path.name)
        for number in range(1, 4):
            shard = contigs_of_shard(read_fasta, [address], Shard(number, 3), [])
            read += [(record.name, record.codes.tolist()) for record in shard]
        whole = [(record.name, record.codes.tolist()) for record in read_fasta(path)]
        assert read == [(name, codes) for name, codes in whole if name in sizes(path)]
        server.sent.clear()
        spans = contigs_of_shard(
            read_fasta, [address], None, [], lambda name, length: np.array([[0, 10]])[: name == "d"]
        )
        assert [len(record.codes) for record in spans] == list(sizes(path).values())
        assert server.sent[f"/{path.name}"] < path.stat().st_size


def test_score_of_regions_and_shards(path: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.safetensors")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / path.name).write_bytes(path.read_bytes())  # without an index
    regions = tmp_path / "r.bed"
    regions.write_text("a\t100\t300\nd\t1000\t1001\nd\t150000\t150900\n")
    with file_server(tmp_path) as server:
        for form in ("bed", "bw"):
            written = []
            for number, fasta in enumerate((plain / path.name, path, server.address(path.name))):
                out = tmp_path / f"{form}{number}"
                out.mkdir()
                more = () if form == "bw" else ("--min-score", 0, "--calls", out / "calls.bed")
                options = ("-m", model, "-o", out / f"s.{form}", "--regions", regions, *more)
                succeed("score", fasta, *options)
                written.append({file.name: file.read_bytes() for file in sorted(out.iterdir())})
            assert written[0] == written[1] == written[2]
            assert all(written[0].values())
        whole = tmp_path / "whole.bed"
        succeed("score", path, "-m", model, "-o", whole)
        shards = []
        for number in (1, 2, 3):
            shards.append(tmp_path / f"{number}.bed")
            options = ("-m", model, "-o", shards[-1], "--shard", f"{number}-of-3")
            succeed("score", server.address(path.name), *options)
        assert b"".join(shard.read_bytes() for shard in shards) == whole.read_bytes()


def test_an_index_that_is_older_is_not_read(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 40})
    pysam.faidx(str(fasta))
    write_fasta(fasta, {"b": "ACGT" * 40})
    os.utime(f"{fasta}.fai", (1, 1))
    assert read_index(fasta) is None
    assert contig_lengths(fasta) == {"b": 160}


@pytest.mark.parametrize(
    "records",
    [
        {"a": "ACGT" * 40, "c": "ACGT" * 40},
        {"a": "ACGT" * 39, "b": "ACGT" * 41},
        {"a": "ACGT" * 40, "b": "ACGT" * 41},
        {"a": "ACGT" * 40, "b": "ACGT" * 39},
        {"a": "ACGT" * 40, "b": "ACGT" * 40, "c": "A"},
        {"a": "ACGT" * 40},
    ],
)
def test_an_index_of_another_file(tmp_path: Path, records: dict[str, str]) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 40, "b": "ACGT" * 40})
    pysam.faidx(str(fasta))
    write_fasta(fasta, records)
    os.utime(f"{fasta}.fai")
    found = contigs_of_shard(read_fasta, [fasta], Shard(1, 1), [])
    with pytest.raises(FastaError, match="make it again with `samtools faidx"):
        list(found)


def test_an_index_of_another_file_on_a_server(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 40})
    pysam.faidx(str(fasta))
    write_fasta(fasta, {"b": "ACGT" * 40})
    remedy = r"make it again with `samtools faidx g.fa`, and upload it$"
    with file_server(tmp_path) as server, pytest.raises(FastaError, match=remedy):
        list(contigs_of_shard(read_fasta, [server.address("g.fa")], Shard(1, 1), []))


def test_a_gzip_file_with_an_index_is_read_whole(tmp_path: Path) -> None:
    import gzip

    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 40, "b": "GG"})
    pysam.faidx(str(fasta))
    packed = tmp_path / "p.fa.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    (tmp_path / "p.fa.gz.fai").write_bytes((tmp_path / "g.fa.fai").read_bytes())
    names = [one.name for one in contigs_of_shard(read_fasta, [packed], Shard(2, 2), [])]
    assert names == ["b"]
    (tmp_path / "p.fa.gz.fai").write_text("a\t160\t3\t60\t61\n")
    with pytest.raises(FastaError, match="record 'b' is not as in the index"):
        list(contigs_of_shard(read_fasta, [packed], Shard(2, 2), []))


@pytest.mark.parametrize("fault", ["cut.fa", "cut.fa.gz", "changed.fa.gz", "other.gzi"])
def test_a_file_that_is_damaged(tmp_path: Path, fault: str) -> None:
    draw = random.Random(2)
    texts = {name: "".join(draw.choices("ACGT", k=200_000)) for name in "ab"}
    path = write_fasta(tmp_path / "g.fa", texts)
    if fault != "cut.fa":
        path = tmp_path / "g.fa.gz"
        pysam.tabix_compress(str(tmp_path / "g.fa"), str(path))
    pysam.faidx(str(path))
    data = path.read_bytes()
    if fault.startswith("cut"):
        path.write_bytes(data[: len(data) * 3 // 4])
    elif fault.startswith("changed"):
        path.write_bytes(data[:-20_000] + bytes(100) + data[-19_900:])
    else:
        blocks = np.frombuffer(Path(f"{path}.gzi").read_bytes()[8:], "<u8").reshape(-1, 2)
        moved = np.add(blocks, [[100, 0]]).astype("<u8")
        Path(f"{path}.gzi").write_bytes(len(blocks).to_bytes(8, "little") + moved.tobytes())
    for index in tmp_path.glob(f"{path.name}.*"):
        os.utime(index)
    words = (
        f"^{path}: damaged, truncated, or not the file of its index; create or download it again"
    )
    with pytest.raises(FastaError, match=words):
        list(contigs_of_shard(read_fasta, [path], Shard(2, 2), []))


def test_the_index_of_an_address_with_a_query(path: Path) -> None:
    with file_server(path.parent) as server:
        address = f"{server.address(path.name)}?token=5"
        assert contig_lengths(address) == sizes(path)
        asked = {place for _, place in server.asked}
        assert all(place.endswith("?token=5") for place in asked)
        if path.suffix != ".2bit":
            assert asked == {f"/{path.name}?token=5", f"/{path.name}.fai?token=5"}
            assert server.sent.get(f"/{path.name}", 0) == 0


def test_nothing_is_read_of_a_record_without_intervals(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "g.fa", {"a": "ACGT" * 40, "b": "ACGT" * 40})
    pysam.faidx(str(fasta))
    fasta.write_text(fasta.read_text().replace("A", "!", 30))  # in the first record
    os.utime(f"{fasta}.fai")
    needed = {"a": np.zeros((0, 2), np.int64), "b": np.array([[4, 8], [6, 10]])}
    a, b = read_fasta(fasta, case=True, needed=lambda name, length: needed[name])
    assert a.codes.tolist() == [4] * 160
    assert a.lower is not None
    assert not a.lower.any()
    assert b.codes[4:10].tolist() == [0, 1, 2, 3, 0, 1]


def test_which_files_can_be_read_in_parts(path: Path, tmp_path: Path) -> None:
    assert has_parts(path)
    plain = write_fasta(tmp_path / "plain.fa", {"a": "ACGT"})
    assert not has_parts(path, plain)
    assert not has_parts(path, "-")
    with file_server(tmp_path) as server:
        assert has_parts(server.address(path.name))
        assert not has_parts(server.address("plain.fa"))
        server.status["/plain.fa"] = 503
        with pytest.raises(FastaError, match=r"plain.fa: .*error 503"):
            has_parts(server.address("plain.fa"))
