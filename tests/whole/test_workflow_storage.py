"""The workflow on object storage, with jobs that share no files."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from commands import succeed, write_fasta, write_model
from file_server import file_server, s3_client, s3_server, upload

pytest.importorskip("snakemake_storage_plugin_s3", reason="pip install 'dnabirnn[cluster]'")

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
TINY = {"bases": "1M", "hidden": 8, "lr": 0.02}
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
SAME = ("models", "scores", "calls", "metrics", "curves", "summary", "summary.tsv", "encoded")


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment | {
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": environment["AWS_ENDPOINT_URL"],
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": environment["AWS_ACCESS_KEY_ID"],
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": environment["AWS_SECRET_ACCESS_KEY"],
            "SNAKEMAKE_STORAGE_S3_REGION": environment["AWS_REGION"],
        }


def snakemake(folder: Path, *arguments: str, **environment: str) -> str:
    """Run the workflow in a folder that holds it."""
    process = subprocess.run(
        ["snakemake", "--configfile", "mine.yaml", "--cores", "2", *arguments],
        cwd=folder,
        env=os.environ
        | {"PATH": PATH, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT}/tests/support/executor"}
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def write_workflow(folder: Path, sheet: str, config: dict[str, object]) -> Path:
    """A folder with the workflow, a sheet and a config."""
    folder.mkdir()
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copytree(ROOT / "workflows", folder / "workflows")
    (folder / "samples.tsv").write_text(sheet)
    (folder / "mine.yaml").write_text(yaml.safe_dump({"threads": 2} | config))
    return folder


def results(folder: Path) -> dict[str, bytes]:
    """Bytes of the results that do not depend on where they are."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] in SAME
    }


def download(environment: dict[str, str], name: str, folder: Path) -> None:
    client = s3_client(environment)
    for entry in client.list_objects_v2(Bucket=name)["Contents"]:
        path = folder / entry["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(name, entry["Key"], os.fspath(path))


def mortal(folder: Path, step: int) -> Path:
    """Return a folder with a `dnabirnn` that is killed once, when a training is at a step."""
    program = folder / "bin/dnabirnn"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, signal\n"
        "from dnabirnn import cli\n"
        "from dnabirnn.training import fit\n"
        f"killed = pathlib.Path({str(folder / 'killed')!r})\n"
        "advance = fit.Fit.advance\n"
        "def advance_or_die(self):\n"
        f"    if self.step == {step} and not killed.exists():\n"
        "        killed.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return advance(self)\n"
        "fit.Fit.advance = advance_or_die\n"
        "cli.main()\n"
    )
    program.chmod(0o755)
    return program.parent


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="Snakemake needs git to send its sources")
def test_the_sample_in_a_bucket(bucket: dict[str, str], tmp_path: Path) -> None:
    sheet = "sample\tfasta\tlabels\nsample\tgenome.fa.gz\tsites.bed\n"
    config = {"name": "CTCF", "shards": 2, "train": TINY}
    data = tmp_path / "data"
    data.mkdir()
    for name in ("genome.fa.gz", "sites.bed"):
        shutil.copy(SAMPLE / name, data)
    upload(bucket, "bucket", data)
    head = write_workflow(tmp_path / "head", sheet, config)
    # Snakemake sends what git knows to the jobs.
    subprocess.run(["git", "init", "-q"], cwd=head, check=True)
    subprocess.run(["git", "add", "."], cwd=head, check=True)
    (tmp_path / "jobs").mkdir()
    storage = ("--default-storage-provider", "s3", "--default-storage-prefix", "s3://bucket")
    apart = ("--executor", "apart", "--jobs", "2", "--retries", "1")
    path = f"{mortal(tmp_path, 15)}{os.pathsep}{PATH}"
    snakemake(head, *storage, *apart, **bucket, APART=str(tmp_path / "jobs"), PATH=path)
    assert not any((head / "results").rglob("*"))
    download(bucket, "bucket", tmp_path / "there")

    here = write_workflow(tmp_path / "here", sheet, config)
    for path in data.iterdir():
        shutil.copy(path, here)
    snakemake(here)
    there = tmp_path / "there/results"
    found, expected = results(there), results(here / "results")
    log = "models/CTCF.log.csv"  # has the seconds of each step
    assert found.pop(log).count(b"\n") == expected.pop(log).count(b"\n")
    assert found == expected
    assert {"scores/sample.bed.gz", "models/CTCF.safetensors"} <= {*results(there)}
    assert (there / "report.html").stat().st_size > 100_000
    lines = (there / "commands.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["encode", "train", "evaluate"]
    assert not any("--continue-from" in line for line in lines)
    assert (there / "logs/train/CTCF.log").read_text().startswith("+ dnabirnn train ")
    # The second of four parts was killed, and its machine and folder were lost.
    assert (tmp_path / "killed").exists()
    assert "continuing from step 10 of 40" in (there / "logs/train/CTCF.part-2.log").read_text()
    assert not list((there / "models").glob("*.state*"))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["http", "s3", "default"])
def test_jobs_read_their_part_of_an_address(
    where: str, bucket: dict[str, str], tmp_path: Path
) -> None:
    pysam = pytest.importorskip("pysam", reason="pip install 'dnabirnn[index]'")
    data = tmp_path / "data"
    data.mkdir()
    letters = bytes(b"ACGT"[byte % 4] for byte in range(256))
    draw = random.Random(0)
    contigs = {name: draw.randbytes(2_000_000).translate(letters).decode() for name in "abcd"}
    write_fasta(data / "g.fa", contigs)
    pysam.tabix_compress(str(data / "g.fa"), str(data / "g.fa.gz"))
    pysam.faidx(str(data / "g.fa.gz"))
    (data / "g.fa").unlink()
    write_model(data / "m.safetensors")
    upload(bucket, "bucket", data)
    succeed("score", data / "g.fa.gz", "-m", data / "m.safetensors", "-o", tmp_path / "s.bed.gz")
    storage = ("--default-storage-provider", "s3", "--default-storage-prefix", "s3://bucket")
    with file_server(data) as server:
        fasta = {"http": server.address("g.fa.gz"), "s3": "s3://bucket/g.fa.gz"}
        sheet = f"sample\tfasta\nx\t{fasta.get(where, 'g.fa.gz')}\n"
        model = "m.safetensors" if where == "default" else str(data / "m.safetensors")
        config = {"model": model, "shards": 2, "read_in_place": True}
        head = write_workflow(tmp_path / "head", sheet, config)
        given = storage if where == "default" else ()
        snakemake(head, *given, "results/scores/x.bed.gz", "results/report.html", **bucket)
        assert not list(head.rglob("g.fa.gz"))
        if where == "http":
            assert server.sent["/g.fa.gz"] < 1.5 * (data / "g.fa.gz").stat().st_size
    if where == "default":
        download(bucket, "bucket", tmp_path / "there")
    folder = tmp_path / "there" if where == "default" else head
    address = fasta.get(where, "s3://bucket/g.fa.gz")
    for number in (1, 2):
        log = (folder / f"results/logs/score/x/{number}-of-2.log").read_text()
        assert log.startswith(f"+ dnabirnn score {address} -m ")
    assert address not in (folder / "results/logs/report/report.log").read_text()
    written = (folder / "results/scores/x.bed.gz").read_bytes()
    assert written == (tmp_path / "s.bed.gz").read_bytes()
