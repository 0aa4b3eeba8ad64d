"""Commands read addresses as they read files."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import content, make_material, run, succeed
from file_server import FileServer, file_server, s3_server, upload, use

pytest.importorskip("aiohttp", reason="pip install 'dnabirnn[remote]'")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of all commands."""
    folder = make_material(tmp_path_factory.mktemp("material"))
    genome, model = folder / "genome.fa", folder / "m.safetensors"
    (folder / "genome.fa.gz").write_bytes(gzip.compress(genome.read_bytes(), mtime=0))
    (folder / "genome.sizes").write_text("a\t2000\nb\t1000\nc\t1000\n")
    (folder / "regions.bed").write_text("a\t100\t400\nb\t0\t1000\n")
    (folder / "one.bed").write_text("a\t100\t130\n")
    calls = ("call", folder / "scores.bed", "-m", model)
    for ending in ("bed", "parquet", "bb", "gff3"):
        sizes = ("--sizes", folder / "genome.sizes") if ending == "bb" else ()
        succeed(*calls, "-o", folder / f"calls.{ending}", *sizes)
    for ending in ("bed", "bw", "parquet"):
        for part in (1, 2):
            out = folder / f"{part}.{ending}"
            succeed("score", genome, "-m", model, "-o", out, "--shard", f"{part}-of-2")
    return folder


@pytest.fixture(scope="module")
def server(material: Path) -> Iterator[FileServer]:
    with file_server(material) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(material: Path) -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        upload(environment, "bucket", material)
        yield environment


COMMANDS = (
    "score {0}/genome.fa.gz -m {0}/m.safetensors -o {1}/s.bed --calls {1}/c.bed",
    "score {0}/genome.fa -m {0}/m.safetensors -o {1}/s.bw --regions {0}/regions.bed",
    "score {0}/genome.fa -m {0}/m.safetensors -o {1}/s.bed --shard 2-of-3",
    "call {0}/scores.bed -m {0}/m.safetensors -o {1}/c.tsv",
    "encode {0}/genome.fa.gz --labels {0}/sites.bed -o {1}/set --val-chroms b",
    "encode {0}/genome.fa --labels {0}/calls.gff3 -o {1}/set --exclude {0}/one.bed --val-chroms b",
    "evaluate {0}/genome.fa --labels {0}/sites.bed -m {0}/m.safetensors -o {1}/m.json --no-plots",
    "explain {0}/genome.fa -m {0}/m.safetensors -o {1}/i.bw --regions {0}/one.bed --reach 50",
    "mutate {0}/genome.fa -m {0}/m.safetensors -o {1}/e.parquet --regions {0}/one.bed --reach 50",
    "variants {0}/variants.vcf --fasta {0}/genome.fa -m {0}/m.safetensors -o {1}/v.tsv",
    "mask {0}/genome.fa --calls {0}/sites.bed -o {1}/m.fa",
    "merge {0}/1.bed {0}/2.bed -o {1}/s.bed",
    "merge {0}/1.M.plus.bw {0}/2.M.plus.bw -o {1}/s.bw",
    "merge {0}/1.parquet {0}/2.parquet -o {1}/s.parquet",
    "summary {0}/calls.bb {0}/calls.parquet --names a,b --sizes {0}/genome.sizes -o {1}/s.tsv",
    "summary {0}/calls.bed --sizes {0}/genome.fa -o {1}/s.tsv",
    "scan {0}/genome.fa --motifs {0}/motifs.jaspar -o {1}/s.bed",
    "info {0}/m.safetensors",
)


def outcome(command: str, place: str, out: Path) -> tuple[str, dict[str, bytes]]:
    out.mkdir()
    result = succeed(*command.format(place, out).split())
    return result.stdout, content(out)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, server: FileServer, material: Path, tmp_path: Path) -> None:
    there = outcome(command, server.url, tmp_path / "there")
    assert there == outcome(command, str(material), tmp_path / "here")


@pytest.mark.parametrize("command", [COMMANDS[n] for n in (0, 1, 5, 7, 9, 12, 13, 14, 15)])
def test_commands_with_a_query(
    command: str, server: FileServer, material: Path, tmp_path: Path
) -> None:
    queried = re.sub(r"(\{0\}/\S+)", r"\1?token=5", command)
    there = outcome(queried, server.url, tmp_path / "there")
    assert there == outcome(command, str(material), tmp_path / "here")


@pytest.mark.parametrize("command", [COMMANDS[number] for number in (0, 2, 4, 14, 17)])
def test_commands_on_s3(
    command: str,
    bucket: dict[str, str],
    material: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(bucket, monkeypatch)
    there = outcome(command, "s3://bucket", tmp_path / "there")
    assert there == outcome(command, str(material), tmp_path / "here")


def test_sessions_of_browsers_link_addresses(server: FileServer, tmp_path: Path) -> None:
    track, genome = server.address("1.M.plus.bw"), server.address("genome.fa")
    succeed("hub", track, "-o", tmp_path / "hub", "--fasta", genome)
    plain = json.loads((tmp_path / "hub/jbrowse2.json").read_text())
    (shown,) = plain["tracks"]
    assert shown["adapter"]["bigWigLocation"]["uri"] == track
    assert plain["assemblies"][0]["sequence"]["adapter"]["fastaLocation"]["uri"] == genome
    assert genome in (tmp_path / "hub/igv_session.xml").read_text()


def test_provenance_of_an_address(server: FileServer, material: Path, tmp_path: Path) -> None:
    genome = tmp_path / "own.fa"
    genome.write_bytes((material / "genome.fa").read_bytes())
    record, out = tmp_path / "p.json", tmp_path / "s.bed"
    with file_server(tmp_path) as own:
        address = own.address("own.fa")
        secret = address.replace("://", "://me:secret@") + "?token=secret"
        model = material / "m.safetensors"
        succeed("score", secret, "-m", model, "-o", out, "--provenance", record)
        text = record.read_text()
        assert "secret" not in text
        entry = next(one for one in json.loads(text)["inputs"] if one["path"].startswith("http"))
        assert entry["path"] == f"{address}?..."
        assert entry["sha256"] is None
        assert entry["bytes"] == genome.stat().st_size
        succeed("score", address, "-m", model, "-o", out, "--provenance", record)
        assert f"input\t{address}\tsame\n" in succeed("verify", record).stdout
        genome.write_text(">a\nACGT\n")
        assert f"input\t{address}\tchanged\n" in run("verify", record).stdout
        genome.unlink()
        assert f"input\t{address}\tmissing\n" in run("verify", record).stdout
        own.status["/own.fa"] = 503
        assert f"input\t{address}\tunknown\n" in run("verify", record).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "score {0}/no.fa -m {0}/m.safetensors -o {1}/s.bed",
            "{0}/no.fa: no such file on the server (404); check the address",
        ),
        (
            "score {0}/genome.fa -m {0}/no.safetensors -o {1}/s.bed",
            "{0}/no.safetensors: no such file on the server (404); check the address",
        ),
        (
            "score {0}/genome.fa -m {0}/genome.fa -o {1}/s.bed",
            "{0}/genome.fa: not a model file, or a damaged one",
        ),
        (
            "score {0}/genome.fa -m {0}/m.safetensors -o s3://b/s.bed",
            "s3://b/s.bed: outputs are local files; give a path, and copy the file",
        ),
        (
            "encode {0}/genome.fa --labels {0}/sites.bed -o s3://b/set",
            "s3://b/set: outputs are local",
        ),
        (
            "train {0}/set -o {1}/m.safetensors",
            "{0}/set: an encoded set has to be a local folder; copy it first",
        ),
    ],
)
def test_one_line_for_an_error(
    arguments: str, words: str, server: FileServer, tmp_path: Path
) -> None:
    result = run(*arguments.format(server.url, tmp_path).split())
    assert result.exit_code == 1
    *_, line = result.stderr.splitlines()
    assert f"error: {words.format(server.url)}" in line
    assert not any(tmp_path.iterdir())
