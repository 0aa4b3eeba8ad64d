"""Peers on REP: the profile search of HMMER and Infernal beside the network and the matrix.

Their models are made of an alignment of the training sites. The score of a base is that of the
best hit that covers it, on its strand. Other programs run the network itself (`runtimes`).
dna-brnn, if it is installed, runs with its own network for satellites: only its speed can be
compared.

Speeds are bases per processor time of one thread: of a whole command, or, for the programs that
run the network, of scoring without output.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.alignment import aligned_sites, hairpin, write_stockholm
from benchmarks.measure import pinned, run, score_command
from benchmarks.runtimes import runtimes, seconds_to_score
from benchmarks.scored import Prepared
from dnabirnn.alphabet import decode
from dnabirnn.encoded import EncodedSet
from dnabirnn.evaluation import evaluate_blocks, evaluate_genome, painted_labels
from dnabirnn.network import call_settings
from dnabirnn.sequences import read_fasta
from dnabirnn.tracks import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.scored import Place
    from dnabirnn.evaluation import Report

__all__ = ["Hit", "peers", "probabilities", "read_hits"]

_FIGURES = ("ap_stranded", "ap", "best_f1_stranded", "best_f1")
_MIDDLE_BITS, _LOG_ODDS_PER_BIT = 20, 0.2
"""Bit scores become log-odds around 0, as metrics take probabilities; only their order counts."""


class Hit(NamedTuple):
    """Interval of a contig that a program found, 0-based and half-open, with its score in bits."""

    contig: str
    start: int
    end: int
    strand: str
    bits: float


class _Peer(NamedTuple):
    """Program that searches with an alignment.

    Attributes
    ----------
    name : str
    build : tuple of tuple of str
        Commands that make the model. ALIGNMENT and MODEL stand for paths.
    search : tuple of str
        Command that searches; HITS and FASTA stand for paths.
    columns : tuple of int
        Columns of start, end, strand and score in the table of hits.
    """

    name: str
    build: tuple[tuple[str, ...], ...]
    search: tuple[str, ...]
    columns: tuple[int, int, int, int]


_HMM = (("hmmbuild", "--dna", "MODEL", "ALIGNMENT"),)
_NHMMER = ("--cpu", "0", "--noali", "-E", "1000", "--tblout", "HITS", "MODEL", "FASTA")
_CMSEARCH = (
    "cmsearch",
    "--cpu",
    "0",
    "--noali",
    "-E",
    "1000",
    "--tblout",
    "HITS",
    "MODEL",
    "FASTA",
)
# E-values only limit the table here. With the default -L 1.6, it takes three minutes.
_CALIBRATE = ("cmcalibrate", "-L", "0.2", "--cpu", "1", "MODEL")
_PEERS = (
    _Peer("nhmmer", _HMM, ("nhmmer", *_NHMMER), (6, 7, 11, 13)),
    _Peer("nhmmer --max", _HMM, ("nhmmer", "--max", *_NHMMER), (6, 7, 11, 13)),
    _Peer(
        "cmsearch",
        (("cmbuild", "-F", "MODEL", "ALIGNMENT"), _CALIBRATE),
        _CMSEARCH,
        (7, 8, 9, 14),
    ),
)


def peers(
    folder: Path, seeds: int, options: Sequence[str], on: str = "test"
) -> Iterator[dict[str, Any]]:
    """Yield one row per program: accuracy on REP, and speed.

    Parameters
    ----------
    folder : Path
    seeds : int
        Number of seeds of the network.
    options : sequence of str
        Options of `dnabirnn train`.
    on : str
        "test" or "val".
    """
    task = Prepared("rep", folder)
    place = task.places(on)[0]
    fasta, bases = folder / "peers.fa", 0
    with fasta.open("w") as file:
        for record in read_fasta(*place.fasta):
            file.write(f">{record.name}\n{decode(record.codes)}\n")
            bases += len(record.codes)
    runs: list[dict[str, Any]] = []
    seconds: list[float] = []
    for seed in range(seeds):
        model, scores = folder / f"rep.{seed}.safetensors", folder / "scores.bed"
        task.train(model, [*options, "--seed", str(seed)])
        runs.append(task.evaluate(model, place).metrics["classes"]["REP"])
        scoring = score_command(fasta, model, scores, threads=1)
        if not seconds:  # compiles the kernels
            run(scoring, pinned(1))
        seconds.append(run(scoring, pinned(1)).cpu_s)
    means = {key: statistics.mean(entry[key] for entry in runs) for key in _FIGURES}
    speed = {"mbs": bases / statistics.median(seconds) / 1e6}
    yield {"peer": "dnabirnn", "on": place.name, "note": " ".join(options), **means, **speed}
    matrix = task.evaluate_matrices(place).metrics["classes"]["REP"]
    yield {"peer": "matrix", "on": place.name, "note": "", **_chosen(matrix)}
    for name, version, loaded in runtimes(folder / "rep.0.safetensors"):
        report = evaluate_genome(
            loaded,
            place.fasta,
            task.truth(place),
            calls=call_settings(loaded.checkpoint),
            regions=place.regions,
        )
        figures = _chosen(report.metrics["classes"]["REP"])
        speed = {"mbs": bases / seconds_to_score(loaded, fasta) / 1e6}
        yield {"peer": name, "on": place.name, "note": f"{version}; seed 0", **figures, **speed}
    yield {"peer": "dna-brnn", "on": place.name} | _dna_brnn(fasta, bases)
    rows, aligner = aligned_sites(EncodedSet.open(task.encoded), 0, folder)
    alignment = folder / "sites.sto"
    write_stockholm(alignment, rows, hairpin(rows))
    for peer in _PEERS:
        first = {"peer": peer.name, "on": place.name}
        if not all(shutil.which(command[0]) for command in (*peer.build, peer.search)):
            yield first | {"note": "not installed"}
            continue
        paths = {"ALIGNMENT": alignment, "FASTA": fasta}
        paths |= {"MODEL": folder / "peer.model", "HITS": folder / "peer.hits"}
        for command in peer.build:
            _call(command, paths)
        took = run([str(paths.get(word, word)) for word in peer.search], pinned(1)).cpu_s
        report = _evaluated(task, place, read_hits(paths["HITS"], peer.columns))
        note = f"{_version(peer.search[0])}; alignment by {aligner}"
        figures = _chosen(report.metrics["classes"]["REP"])
        yield first | {"note": note, **figures, "mbs": bases / took / 1e6}


def _dna_brnn(fasta: Path, bases: int) -> dict[str, Any]:
    """Return the speed of dna-brnn with its published network, which has other classes."""
    if not shutil.which("dna-brnn"):
        return {"note": "not built here"}
    network = Path(os.environ["DNABIRNN_DATA"]) / "dna_brnn" / "attcc-alpha.knm"
    took = run(["dna-brnn", "-A", "-i", str(network), "-t1", str(fasta)], pinned(1)).cpu_s
    return {"note": "its network for satellites", "mbs": bases / took / 1e6}


def _call(command: Sequence[str], paths: Mapping[str, Path]) -> None:
    words = [str(paths.get(word, word)) for word in command]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def _chosen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in _FIGURES}


def _version(program: str) -> str:
    """Return the name and version of a program from the second line of its help."""
    done = subprocess.run([program, "-h"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[1].removeprefix("# ").partition(" (")[0]


def read_hits(path: Path, columns: tuple[int, int, int, int]) -> list[Hit]:
    """Read a table of hits, whose positions are 1-based, and descend on the - strand."""
    hits = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            cells = line.split()
            first, last, strand, bits = (cells[column] for column in columns)
            low, high = sorted((int(first), int(last)))
            hits.append(Hit(cells[0], low - 1, high, strand, float(bits)))
    return hits


def probabilities(hits: Sequence[Hit], contig: str, length: int) -> NDArray[np.float32]:
    """Return scores (length, 2) float32 of the bases of a contig on + and -; 0 outside hits."""
    odds = np.full((length, 2), -np.inf)
    for hit in hits:
        if hit.contig == contig:
            part = odds[hit.start : hit.end, "+-".index(hit.strand)]
            np.maximum(part, (hit.bits - _MIDDLE_BITS) * _LOG_ODDS_PER_BIT, out=part)
    found: NDArray[np.float32] = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return found


def _evaluated(task: Prepared, place: Place, hits: Sequence[Hit]) -> Report:
    """Compare hits with the truth of a place, per base."""
    truth = task.truth(place)
    records = {record.name: record for record in read_fasta(*place.fasta)}
    blocks = (
        Block(name, 0, probabilities(hits, name, len(record.codes)), record.codes, True)
        for name, record in records.items()
    )
    return evaluate_blocks(
        blocks,
        lambda name: painted_labels(records[name], truth, None),
        task.classes,
        {"REP": 500},
        regions=None if place.regions is None else place.regions.of,
    )
