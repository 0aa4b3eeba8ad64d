"""The workflow on a Slurm cluster: the bytes are those of the laptop, whatever goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from commands import succeed
from slurm import NODES, Cluster, cluster, idle, wait_for, why_not

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "workflows/profiles"
MODEL = "results/models/CTCF.safetensors"
RESULTS = (MODEL, "results/scores/genome.bed.gz", "results/calls/genome.bed")
PATIENCE_S = 1800


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A cluster, `alone` or with `accounting`."""
    accounting = request.param == "accounting"
    if reason := why_not(accounting):
        pytest.skip(reason)
    pytest.importorskip("snakemake_executor_plugin_slurm")
    with cluster(tmp_path_factory.mktemp("cluster"), accounting=accounting) as made:
        yield made


alone = pytest.mark.parametrize("running", ["alone"], indirect=True)
with_accounting = pytest.mark.parametrize("running", ["accounting"], indirect=True)


def write_config(folder: Path, **others: object) -> None:
    """Write a config for the sample to the folder of a user; training takes seconds.

    Its first part has 32 of 63 steps.
    """
    config = {
        "samples": str(ROOT / "sample_data/samples.tsv"),
        "name": "CTCF",
        "shards": 2,
        "training_parts": 2,
        "train": {"bases": "400k", "hidden": 4, "batch": 16, "validations": 2},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config | others))


class Snakemake:
    """Snakemake in the folder of a user; what it prints is in `log`."""

    def __init__(self, folder: Path, profile: str, *words: object) -> None:
        self.log = folder / f"{profile}.log"
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"),
            *("--configfile", "config.yaml", "--workflow-profile", PROFILES / profile, *words),
        ]
        places = (str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=os.environ | {"PATH": os.pathsep.join(places), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def done(self) -> str:
        """What a run that must succeed has printed."""
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()
        return self.log.read_text()


def pause_training(folder: Path) -> Path:
    """Let the first training stop at its fortieth step, and wait; return what it then writes.

    It is a file with the number of the process.
    """
    paused, program = folder / "paused", folder / "bin/dnabirnn"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, time\n"
        "from dnabirnn import cli\n"
        "from dnabirnn.training import training_run\n"
        "from dnabirnn.training.states import resume\n"
        f"paused = pathlib.Path({str(paused)!r})\n"
        "save = resume.ResumeFolder.save\n"
        "def save_and_wait(self, number, *rest):\n"
        "    save(self, number, *rest)\n"
        "    if number == 40 and not paused.exists():\n"
        "        paused.with_suffix('.part').write_text(str(os.getpid()))\n"
        "        paused.with_suffix('.part').rename(paused)\n"
        "        while True:\n"
        "            time.sleep(1)\n"
        "resume.ResumeFolder.save = save_and_wait\n"
        "training_run._SECONDS_BETWEEN_STATES = 0\n"
        "cli.main()\n"
    )
    program.chmod(0o755)
    return paused


def paused_job(slurm: Cluster, run: Snakemake, paused: Path) -> str:
    """Number of the job that trains, when it has come to its pause."""
    wait_for(lambda: paused.exists() or run.process.poll() is not None, "a pause", PATIENCE_S)
    assert run.process.poll() is None, run.log.read_text()
    job = slurm.running("train")
    assert job is not None
    return job


def kill_job(slurm: Cluster, job: str, process: int) -> None:
    os.kill(process, signal.SIGKILL)


def cancel_job(slurm: Cluster, job: str, process: int) -> None:
    slurm.ask("scancel", job)


def requeue_job(slurm: Cluster, job: str, process: int) -> None:
    slurm.ask("scontrol", "requeue", job)


def kill_node(slurm: Cluster, job: str, process: int) -> None:
    slurm.kill_node(slurm.jobs()[job]["node"])


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the profile for the laptop has run; no test may change it."""
    folder = tmp_path_factory.mktemp("laptop")
    write_config(folder)
    Snakemake(folder, "laptop", *RESULTS).done()
    return folder


@pytest.fixture
def slurm(running: Cluster) -> Iterator[Cluster]:
    """The cluster, all of whose nodes wait for jobs."""
    yield running
    for node in NODES:
        running.start_node(node)
    wait_for(lambda: idle(running), "an idle cluster")


@pytest.fixture
def on(slurm: Cluster) -> Iterator[Callable[..., Snakemake]]:
    """Start Snakemake with the profile for Slurm, and less patience, in the folder of a user."""
    started: list[Snakemake] = []

    def start(folder: Path, *words: object) -> Snakemake:
        scratch = f"{slurm.scratch}/$SLURM_JOB_ID"
        options = (
            *("--remote-job-local-storage-prefix", scratch, "--latency-wait", 5),
            *("--slurm-init-seconds-before-status-checks", 2),
        )
        started.append(Snakemake(folder, "slurm", *options, *words))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
            slurm.ask("scancel", "--me")


@pytest.fixture
def encoded(laptop: Path, tmp_path: Path) -> Path:
    """A folder of a user in which only the encoded set has been made."""
    folder = tmp_path / "user"
    shutil.copytree(laptop, folder)
    for path in (folder / "results").iterdir():
        if path.name not in ("encoded", "provenance"):
            shutil.rmtree(path)
    return folder


def check_one_at_a_time(slurm: Cluster, folder: Path) -> None:
    """No training may begin before the one before it has ended."""
    rows = slurm.ask("squeue", "--states=all", "--noheader", "--format=%S|%e|%k|%Z").splitlines()
    jobs = [row.split("|", 3) for row in rows]
    times = sorted((a, b) for a, b, rule, of in jobs if rule == "rule_train" and of == str(folder))
    assert len(times) > 1
    assert all(end <= start for (_, end), (start, _) in pairwise(times))


def check_sample(
    slurm: Cluster, on: Callable[..., Snakemake], laptop: Path, folder: Path, asks: str
) -> None:
    """The sample gives the results of the laptop, and its training is killed once.

    Snakemake asks `squeue` or `sacct` for the states of jobs.
    """
    write_config(folder)
    paused = pause_training(folder)
    run = on(folder, "--slurm-status-command", asks)
    job = paused_job(slurm, run, paused)
    kill_job(slurm, job, int(paused.read_text()))
    words = run.done()
    assert f"SLURM-job '{job}' failed" in words
    assert ("status command is not 'sacct'" in words) == (asks == "squeue")
    for name in RESULTS:
        assert (folder / name).read_bytes() == (laptop / name).read_bytes(), name
    assert (folder / "results/report.html").exists()
    assert any(slurm.scratch_of(NODES[0]).iterdir())  # jobs have worked there


def check_training(
    slurm: Cluster,
    on: Callable[..., Snakemake],
    laptop: Path,
    folder: Path,
    fault: Callable[[Cluster, str, int], None],
    asks: str,
) -> None:
    """Training gives the model of the laptop after a fault."""
    paused = pause_training(folder)
    run = on(folder, MODEL, "--slurm-status-command", asks)
    fault(slurm, paused_job(slurm, run, paused), int(paused.read_text()))
    run.done()
    assert (folder / MODEL).read_bytes() == (laptop / MODEL).read_bytes()
    # The state of the job was on its node. It has begun again with that of the first part, unless
    # Slurm has started the same job on the same node.
    log = (folder / "results/logs/train/CTCF.log").read_text()
    steps = (32, 40) if fault is requeue_job else (32,)
    assert any(f"continuing from step {step} of 63" in log for step in steps)


@pytest.mark.slurm
@pytest.mark.slow
@alone
def test_the_sample_with_a_job_that_is_killed(
    slurm: Cluster, on: Callable[..., Snakemake], laptop: Path, tmp_path: Path
) -> None:
    check_sample(slurm, on, laptop, tmp_path, "squeue")


@pytest.mark.slurm
@pytest.mark.slow
@with_accounting
@pytest.mark.parametrize("asks", ["squeue", "sacct"])
def test_the_sample_with_accounting(
    slurm: Cluster, on: Callable[..., Snakemake], laptop: Path, tmp_path: Path, asks: str
) -> None:
    check_sample(slurm, on, laptop, tmp_path, asks)


@pytest.mark.slurm
@pytest.mark.slow
@alone
@pytest.mark.parametrize("fault", [kill_job, cancel_job, requeue_job, kill_node])
def test_training_survives(
    slurm: Cluster,
    on: Callable[..., Snakemake],
    laptop: Path,
    encoded: Path,
    fault: Callable[[Cluster, str, int], None],
) -> None:
    check_training(slurm, on, laptop, encoded, fault, "squeue")


# With sacct, the plugin takes a job that was cancelled for one that runs: docs/pipeline.md.
@pytest.mark.slurm
@pytest.mark.slow
@with_accounting
@pytest.mark.parametrize("fault", [requeue_job, kill_node])
def test_training_survives_with_accounting(
    slurm: Cluster,
    on: Callable[..., Snakemake],
    laptop: Path,
    encoded: Path,
    fault: Callable[[Cluster, str, int], None],
) -> None:
    check_training(slurm, on, laptop, encoded, fault, "sacct")


@pytest.mark.slurm
@pytest.mark.slow
@alone
def test_shards_share_a_job(slurm: Cluster, on: Callable[..., Snakemake], tmp_path: Path) -> None:
    write_config(tmp_path, model="ecoli-rep", threads=1)
    _, scores, _ = RESULTS
    on(tmp_path, scores, "--groups", "score=shards", "--group-components", "shards=2").done()
    rows = slurm.ask("squeue", "--states=all", "--noheader", "--format=%C|%k|%Z").splitlines()
    jobs = [row.removesuffix(f"|{tmp_path}") for row in rows if row.endswith(f"|{tmp_path}")]
    assert sorted(jobs) == ["1|rule_gather_wildcards_genome", "2|rule_shards_score"]
    whole = tmp_path / "whole.bed.gz"
    succeed("score", ROOT / "sample_data/genome.fa.gz", "-m", "ecoli-rep", "-o", whole)
    assert (tmp_path / scores).read_bytes() == whole.read_bytes()


@pytest.mark.slurm
@pytest.mark.slow
@alone
def test_jobs_of_a_snakemake_that_was_killed_are_cancelled(
    slurm: Cluster, on: Callable[..., Snakemake], laptop: Path, encoded: Path
) -> None:
    paused = pause_training(encoded)
    run = on(encoded, MODEL)
    job = paused_job(slurm, run, paused)
    run.process.kill()
    run.process.wait()
    assert "cancelling" not in on(encoded, MODEL, "--dry-run").done()
    assert slurm.running("train") == job
    words = on(encoded, MODEL).done()
    assert f"cancelling Slurm jobs {job} of a Snakemake that was killed" in words
    assert (encoded / MODEL).read_bytes() == (laptop / MODEL).read_bytes()
    check_one_at_a_time(slurm, encoded)
