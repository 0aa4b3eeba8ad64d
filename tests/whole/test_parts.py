"""Commands that need parts of the sequences read only these, and write what they always write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import content, succeed, write_fasta, write_model
from file_server import FileServer, file_server
from matrix_models import log_odds_of, matrix_checkpoint, with_sites
from sequence_files import write_twobit
from variant_files import write_vcf

from dnabirnn.alphabet import decode, encode
from dnabirnn.files import remote

pytest.importorskip("aiohttp", reason="pip install 'dnabirnn[remote]'")
pysam = pytest.importorskip("pysam", reason="pip install 'dnabirnn[index]'")

MATRIX = log_odds_of(encode("ACGTTGCAACCAGGT"), 0.97)
PLACE = 150_000
"""Where the sites of contig a are."""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome in several formats, with and without an index, and inputs for commands."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(1)
    near, sites = with_sites(MATRIX, 12)
    a, b, c = (rng.integers(0, 4, size, dtype=np.uint8) for size in (300_000, 3_000_000, 300_000))
    a[PLACE : PLACE + len(near)] = near
    texts = {"a": decode(a), "empty": "", "b": decode(b), "c": decode(c)}
    # Soft-masked repeats near the sites, and an unknown base.
    texts["a"] = texts["a"][:150_200] + texts["a"][150_200:150_300].lower() + texts["a"][150_300:]
    texts["a"] = texts["a"][:150_640] + "N" + texts["a"][150_641:]
    plain = folder / "plain"
    plain.mkdir()
    write_fasta(folder / "g.fa", texts)
    pysam.tabix_compress(str(folder / "g.fa"), str(folder / "g.fa.gz"))
    write_twobit(folder / "g.2bit", texts)
    for name in ("g.fa", "g.fa.gz"):
        shutil.copy(folder / name, plain / name)
        pysam.faidx(str(folder / name))
    shutil.copy(folder / "g.2bit", plain / "g.2bit")
    (folder / "calls.bed").write_text(
        "".join(f"a\t{PLACE + s}\t{PLACE + e}\tA\t900\t{strand}\n" for s, e, strand in sites)
    )
    (folder / "regions.bed").write_text("a\t150010\t150050\nc\t100\t130\nc\t299950\t300000\n")
    (folder / "labels.bed").write_text(
        (folder / "calls.bed").read_text() + "b\t70000\t70015\tA\t0\t+\n"
    )
    shape = {"classes": matrix_checkpoint(MATRIX).architecture.classes}
    write_model(folder / "m.safetensors", **shape)
    write_model(folder / "deep.safetensors", **shape, layers=2)
    matrix_checkpoint(MATRIX).save(folder / "matrix.safetensors")
    variants = [
        ("a", 150_100, decode(a[150_100:150_101]), "ACGT"[(int(a[150_100]) + 1) % 4]),
        ("a", 150_400, decode(a[150_400:150_404]), decode(a[150_400:150_401])),
        ("c", 200_000, decode(c[200_000:200_001]), decode(c[200_000:200_001]) + "ACGTACG"),
        ("c", 200_003, decode(c[200_003:200_005]), "ACGT"[(int(c[200_003]) + 2) % 4] + "A"),
        ("c", 299_999, decode(c[299_999:]), "ACGT"[(int(c[299_999]) + 3) % 4]),
        ("unknown", 5, "A", "C"),
    ]
    write_vcf(folder / "v.vcf", variants, ["S"], [["0|1"]] * len(variants))
    return folder


@pytest.fixture(scope="module")
def server(material: Path) -> Iterator[FileServer]:
    with file_server(material) as running:
        yield running


COMMANDS = (
    "mutate {0} -m {1}/m.safetensors --regions {1}/regions.bed -o {2}/e.npz --profiles",
    "mutate {0} -m {1}/m.safetensors --calls {1}/calls.bed -o {2}/e.parquet --deletions 3",
    "mutate {0} -m {1}/m.safetensors --regions {1}/regions.bed -o {2}/e.bw --shard 2-of-2",
    "mutate {0} -m {1}/deep.safetensors --regions {1}/regions.bed -o {2}/e.npz --reach 20",
    "explain {0} -m {1}/m.safetensors --calls {1}/calls.bed -o {2}/i.bw --circular b",
    "explain {0} -m {1}/m.safetensors --regions {1}/regions.bed -o {2}/i.bw --method gradient",
    "discover {0} -m {1}/matrix.safetensors --calls {1}/calls.bed -o {2}/m.meme --min-sites 5",
    "discover {0} -m {1}/matrix.safetensors --regions {1}/calls.bed -o {2}/m.meme --min-sites 5 "
    "--reach 30 --sites {2}/s.bed",
    "variants {1}/v.vcf --fasta {0} -m {1}/m.safetensors -o {2}/v.tsv --max-distance 80",
    "variants {1}/v.vcf --fasta {0} -m {1}/m.safetensors -o {2}/v.vcf --max-distance 80 "
    "--haplotypes --shard 1-of-2",
    "score {0} -m {1}/matrix.safetensors --regions {1}/calls.bed -o {2}/s.bed --calls {2}/c.tsv "
    "--qvalue --periods",
)


def outcome(command: str, fasta: object, material: Path, out: Path) -> dict[str, bytes]:
    out.mkdir()
    succeed(*command.format(fasta, material, out).split())
    return content(out)


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz", "g.2bit"])
@pytest.mark.parametrize("command", COMMANDS)
def test_parts_are_as_good_as_the_whole(
    command: str,
    name: str,
    material: Path,
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_FIRST_BYTES", 1 << 12)
    whole = outcome(command, material / "plain" / name, material, tmp_path / "whole")
    assert outcome(command, material / name, material, tmp_path / "here") == whole
    server.sent.clear()
    there = outcome(command, server.address(name), material, tmp_path / "there")
    assert there == whole
    assert server.sent[f"/{name}"] < (material / name).stat().st_size / 4


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_files_whose_digest_is_recorded_are_read_whole_once(
    name: str, material: Path, server: FileServer, tmp_path: Path
) -> None:
    encoded, metrics = tmp_path / "set", tmp_path / "whole/m.json"
    labels = ("--labels", material / "labels.bed", "--split-fractions", "0.8,0.1,0.1")
    succeed("encode", material / name, *labels, "-o", encoded)
    evaluate = (
        "evaluate {0} --labels {1}/labels.bed -m {1}/matrix.safetensors -o {2}/m.json --no-plots "
        f"--regions {{1}}/calls.bed --baseline {encoded}"
    )
    report = (
        "report --fasta {0} --labels {1}/labels.bed -m {1}/matrix.safetensors -o {2}/r.html "
        f"--metrics {metrics} --calls {{1}}/calls.bed"
    )
    for number, command in enumerate((evaluate, report)):
        outs = [tmp_path / f"{where}{number or ''}" for where in ("whole", "here", "there")]
        whole = outcome(command, material / "plain" / name, material, outs[0])
        assert outcome(command, material / name, material, outs[1]) == whole
        server.sent.clear()
        assert outcome(command, server.address(name), material, outs[2]) == whole
        size = (material / name).stat().st_size
        assert size <= server.sent[f"/{name}"] < 1.5 * size


def test_an_estimate_reads_parts(material: Path, server: FileServer) -> None:
    server.sent.clear()
    address, model = server.address("g.fa"), material / "m.safetensors"
    given = ("--calls", material / "calls.bed", "-m", model, "-o", material / "e.npz")
    succeed("mutate", address, *given, "--reach", 50, "--dry-run")
    assert server.sent["/g.fa"] < (material / "g.fa").stat().st_size / 2
