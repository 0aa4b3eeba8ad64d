"""q-values against the truth: the false discovery rate that is stated, and the one observed.

Simulated genomes come from another generator than the decoys, which are shuffled in blocks of 5 kb
and keep pairs of bases: a Markov chain of order 5, learned from *E. coli* and tilted to the GC
content of each isochore, with tandem arrays in it. REP elements of the test sequence, mutated, are
planted in it. Calls at most 100 bp apart, on either strand, are one locus, so that the calls in a
tandem array are one. A locus is true if it overlaps a site. The rate of a genome is the number of
false loci, divided by that of all, or by 1 without any. The rate by call counts each call instead.

Real sequences are test sequences of the tasks of shipped models: with sites, of a species that was
not seen, and without any. The sample genome is the hard case: half of its motifs are not sites,
because their partner is missing, and no shuffle has such motifs.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.material import data_folder
from benchmarks.scored import run
from benchmarks.tasks import TASKS, Sequences
from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.intervals import Regions, read_bed
from dnabirnn.network import call_settings
from dnabirnn.scoring import Assessment, Decoys, load, score_genome
from dnabirnn.sequences import Background, contig_lengths, read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.scoring import Model

__all__ = ["fdr", "simulated_genome"]

_STATED = (0.01, 0.05, 0.1, 0.2)
_GENOME_BP, _CONTIGS = 1_000_000, 4
_SITES, _MUTATED = 60, 0.08
_ORDER = 5
_GC = (0.3, 0.65)
_ISOCHORE_BP = (20_000, 100_000)
_SLOT_BP = 5000
_ARRAYS, _ARRAY_BP, _LONGEST_UNIT_BP = 20, (200, 3000), 60
_LOCUS_GAP_BP = 100
_REAL = (
    # model, task whose test sequence is searched, whether it has sites of the model
    ("ecoli-rep", "rep", True),
    ("ecoli-rep", "fly", False),
    ("satellites", "satellites", True),
    ("satellites", "rep", False),
    ("satellites", "fly", False),
    ("fly-splice", "fly", True),
    ("fly-splice", "rep", False),
    ("bacterial-promoters", "four_species_tss", True),
)
_SAMPLE = Path(__file__).parent.parent / "sample_data"
_SAMPLE_TEST = "sim8\t0\t200000\n"


class _Sites(NamedTuple):
    chrom: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def fdr(seeds: int, threads: int) -> Iterator[dict[str, Any]]:
    """Yield rows for simulated genomes, and for real sequence.

    Parameters
    ----------
    seeds : int
        Number of simulated genomes.
    threads : int
    """
    data = data_folder()
    with tempfile.TemporaryDirectory(prefix="dnabirnn-fdr-") as name:
        folder = Path(name)
        model = load("ecoli-rep", threads=threads)
        elements = _elements(data)
        words = _words(data)
        found = []
        for seed in range(seeds):
            sites = simulated_genome(folder / "g.fa", words, elements, seed)
            calls = _search(model, [folder / "g.fa"], folder, seed=seed)
            found.append((calls, sites))
        for stated in _STATED:
            yield _simulated(found, stated)
        for shipped, task, having in _REAL:
            where = f"{shipped} on {task}"
            found_in = load(shipped, threads=threads)
            yield from _real(found_in, where, TASKS[task].test, having, data, folder)
        sample = Sequences(("genome.fa.gz",), ("sites.bed",), _SAMPLE_TEST)
        trained = load(_sample_model(folder, threads), threads=threads)
        yield from _real(trained, "sample genome", sample, True, _SAMPLE, folder)


def _sample_model(folder: Path, threads: int) -> Path:
    """Train a model on the sample genome without its test sequence, and return its path."""
    encoded, model = folder / "sample.enc", folder / "sample.safetensors"
    genome, labels = _SAMPLE / "genome.fa.gz", _SAMPLE / "sites.bed"
    splits = ("--val-chroms", "sim7", "--test-chroms", "sim8")
    run("encode", str(genome), "--labels", str(labels), *splits, "-o", str(encoded))
    recipe = ("--bases", "15M", "--lr", "2e-2", "--threads", str(threads))
    run("train", str(encoded), "-o", str(model), *recipe)
    return model


def _simulated(found: Sequence[tuple[pl.DataFrame, _Sites]], stated: float) -> dict[str, Any]:
    rates, by_call, loci, power = [], [], [], []
    for calls, sites in found:
        kept = calls.filter(pl.col("qvalue") <= stated)
        true, hit = _true_loci(kept, sites)
        rates.append(float((~true).sum() / max(1, true.size)))
        loci.append(true.size)
        power.append(float(hit.mean()))
        by_call.append(_false_share(kept, sites))
    error = statistics.stdev(rates) / len(rates) ** 0.5 if len(rates) > 1 else float("nan")
    return {
        "case": f"{len(found)} simulated genomes",
        "class": "REP",
        "stated": stated,
        "observed": statistics.mean(rates),
        "standard_error": error,
        "observed_by_call": statistics.mean(by_call),
        "loci": statistics.mean(loci),
        "power": statistics.mean(power),
    }


def _real(
    model: Model, case: str, place: Sequences, having: bool, data: Path, folder: Path
) -> Iterator[dict[str, Any]]:
    """Yield rows for real sequence, with sites of the model's classes or without any."""
    regions = None
    sizes = contig_lengths(*(data / file for file in place.fasta))
    everywhere = _Sites(
        [*sizes], np.zeros(len(sizes), np.int64), np.array([*sizes.values()], np.int64)
    )
    if place.regions:
        (folder / "regions.bed").write_text(place.regions)
        regions = Regions.read(folder / "regions.bed")
        rows = read_bed(folder / "regions.bed")
        everywhere = _Sites(
            rows["chrom"].to_list(), rows["start"].to_numpy(), rows["end"].to_numpy()
        )
    calls = _search(model, [data / file for file in place.fasta], folder, regions=regions)
    labels = pl.concat([read_bed(data / file) for file in place.labels])
    for class_name, _ in model.checkpoint.architecture.classes:
        own = calls.filter(pl.col("class") == class_name)
        sites = labels.filter(pl.col("name") == (class_name if having else ""))
        known = _Sites(sites["chrom"].to_list(), sites["start"].to_numpy(), sites["end"].to_numpy())
        searched = _overlapping(known.chrom, known.start, known.end, everywhere)
        least = float(own["evalue"].min() or 0) if own.height else None  # type: ignore[arg-type]
        for stated in _STATED if having and own.height else (0.05,):
            kept = own.filter(pl.col("qvalue") <= stated)
            true, hit = _true_loci(kept, known)
            yield {
                "case": case,
                "class": class_name,
                "stated": stated,
                "observed": float((~true).sum() / max(1, true.size)),
                "observed_by_call": _false_share(kept, known),
                "loci": int(true.size),
                "power": float(hit[searched].mean()) if searched.any() else None,
                "all_loci": int(_true_loci(own, known)[0].size),
                "least_evalue": least,
            }


def _search(
    model: Model,
    fasta: Sequence[Path],
    folder: Path,
    *,
    seed: int = 0,
    regions: Regions | None = None,
) -> pl.DataFrame:
    score_genome(
        model,
        fasta,
        folder / "s.bed",
        calls_out=folder / "c.parquet",
        calls=call_settings(model.checkpoint),
        regions=regions,
        assessment=Assessment(Decoys(seed=seed)),
    )
    return pl.read_parquet(folder / "c.parquet")


def _false_share(calls: pl.DataFrame, sites: _Sites) -> float:
    """Return the share of calls that overlap no site; 0 without calls."""
    start, end = (calls[name].to_numpy() for name in ("start", "end"))
    true = _overlapping(calls["chrom"].to_list(), start, end, sites)
    return float((~true).sum() / max(1, true.size))


def _true_loci(calls: pl.DataFrame, sites: _Sites) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which loci of calls overlap a site, and which sites a call overlaps."""
    chroms: list[str] = []
    spans: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
    for (chrom,), own in calls.partition_by("chrom", as_dict=True, maintain_order=True).items():
        joined = _joined(own["start"].to_numpy(), own["end"].to_numpy(), _LOCUS_GAP_BP)
        spans.append(joined)
        chroms += [str(chrom)] * len(joined)
    loci = np.concatenate(spans)
    true = _overlapping(chroms, loci[:, 0], loci[:, 1], sites)
    hit = _overlapping(sites.chrom, sites.start, sites.end, _Sites(chroms, loci[:, 0], loci[:, 1]))
    return true, hit


def _joined(start: NDArray[np.int64], end: NDArray[np.int64], gap_bp: int = 0) -> NDArray[np.int64]:
    """Return intervals (n, 2) that are more than a gap apart, from intervals that may overlap."""
    order = np.argsort(start, kind="stable")
    start, reached = start[order], np.maximum.accumulate(end[order])
    opens = np.append(True, start[1:] - reached[:-1] > gap_bp)
    return np.stack([start[opens], reached[np.append(opens[1:], True)]], axis=1)


def _overlapping(
    chrom: Sequence[str], start: NDArray[np.int64], end: NDArray[np.int64], sites: _Sites
) -> NDArray[np.bool_]:
    """Return which intervals share a base with one of the sites."""
    found = np.zeros(len(chrom), np.bool_)
    names, theirs = np.array(chrom, dtype=object), np.array(sites.chrom, dtype=object)
    for name in set(chrom):
        own, other = np.flatnonzero(names == name), np.flatnonzero(theirs == name)
        if other.size:
            spans = _joined(sites.start[other], sites.end[other])
            after = np.searchsorted(spans[:, 1], start[own], side="right")
            begin = np.append(spans[:, 0], np.iinfo(np.int64).max)[after]
            found[own] = begin < end[own]
    return found


def _elements(data: Path) -> list[NDArray[np.uint8]]:
    """Return the REP elements of the test sequence, in the direction of their strand."""
    task = TASKS["rep"]
    (record,) = read_fasta(data / task.train.fasta[0])
    _, first, last = task.test.regions.split()
    rows = read_bed(data / task.train.labels[0]).filter(
        (pl.col("start") >= int(first)) & (pl.col("end") <= int(last))
    )
    parts = [
        (record.codes[start:end], strand)
        for start, end, strand in rows.select("start", "end", "strand").iter_rows()
    ]
    return [reverse_complement(part) if strand == "-" else part for part, strand in parts]


def _words(data: Path) -> NDArray[np.int64]:
    """Count the words of six bases of *E. coli*, on both strands."""
    (record,) = read_fasta(data / TASKS["rep"].train.fasta[0])
    counts = np.zeros(4 ** (_ORDER + 1), dtype=np.int64)
    for codes in (record.codes, reverse_complement(record.codes)):
        known = codes[codes < AMBIGUOUS].astype(np.int64)
        words = np.zeros(known.size - _ORDER, dtype=np.int64)
        for place in range(_ORDER + 1):
            words = 4 * words + known[place : place + words.size]
        counts += np.bincount(words, minlength=counts.size)
    return counts


def _tilted(words: NDArray[np.int64], gc: float) -> Background:
    """Return the chain whose next base is G or C more or less often, for a GC content."""
    base = np.arange(words.size) % 4
    weak = (base == 0) | (base == 3)
    before = words[~weak].sum() / words.sum()
    factor = np.where(weak, (1 - gc) / (1 - before), gc / before)
    return Background(np.rint(words * factor).astype(np.int64))


def simulated_genome(
    path: Path, words: NDArray[np.int64], elements: Sequence[NDArray[np.uint8]], seed: int
) -> _Sites:
    """Write a FASTA of simulated contigs, and return the sites planted in it."""
    random = np.random.default_rng(seed)
    chains = [_tilted(words, gc) for gc in np.linspace(*_GC, 8)]
    chrom: list[str] = []
    start: list[int] = []
    end: list[int] = []
    with path.open("wb") as file:
        for number in range(_CONTIGS):
            size = _GENOME_BP // _CONTIGS
            codes = _isochores(chains, size, random)
            lower = np.zeros(size, np.bool_)
            slots = random.permutation(size // _SLOT_BP)[: (_SITES + _ARRAYS) // _CONTIGS]
            taken = slots * _SLOT_BP
            for turn, place in enumerate(taken.tolist()):
                if turn < _SITES // _CONTIGS:
                    part = _mutated(elements[int(random.integers(len(elements)))], _MUTATED, random)
                    if random.random() < 0.5:
                        part = reverse_complement(part)
                    chrom.append(f"sim{number}")
                    start.append(place)
                    end.append(place + part.size)
                else:
                    part = _array(random)
                    lower[place : place + part.size] = True
                codes[place : place + part.size] = part[: size - place]
            letters = np.frombuffer(b"ACGT", np.uint8)[codes]
            letters = np.where(lower, letters + 32, letters).astype(np.uint8)
            file.write(b">sim%d\n%b\n" % (number, letters.tobytes()))
    return _Sites(chrom, np.array(start), np.array(end))


def _isochores(
    chains: Sequence[Background], size: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    parts: list[NDArray[np.uint8]] = []
    done = 0
    while done < size:
        length = min(int(random.integers(*_ISOCHORE_BP)), size - done)
        parts.append(chains[int(random.integers(len(chains)))].sequence(length, random))
        done += length
    return np.concatenate(parts)


def _array(random: np.random.Generator) -> NDArray[np.uint8]:
    unit_bp = int(np.exp(random.uniform(np.log(2), np.log(_LONGEST_UNIT_BP))))
    unit = random.integers(0, 4, unit_bp).astype(np.uint8)
    length = int(random.integers(*_ARRAY_BP))
    return _mutated(np.resize(unit, length), 0.1, random)


def _mutated(
    codes: NDArray[np.uint8], share: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    hit = random.random(codes.size) < share
    others = (codes + random.integers(1, 4, codes.size)) % 4
    return np.where(hit, others, codes).astype(np.uint8)
