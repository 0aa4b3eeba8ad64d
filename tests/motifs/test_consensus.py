"""Planted repeats: where the BED says, on its strand, within the divergence, reproducible."""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from commands import content, run, succeed

from dnabirnn.alphabet import Codes, decode, encode, reverse_complement
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.intervals.bed import read_bed
from dnabirnn.motif_classes import MAX_CLASSES
from dnabirnn.motifs.consensus import (
    Library,
    MaskedGenome,
    RepeatSettings,
    mutated,
    read_consensus,
    simulate_repeats,
)
from dnabirnn.motifs.simulation import Simulated
from dnabirnn.sequences.background import built_in_background
from dnabirnn.sequences.read import read_fasta

RANDOM = np.random.default_rng(7)
SAT, OTHER = ((RANDOM.random(size) * 4).astype(np.uint8) for size in (171, 40))


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def made(library: Library, settings: RepeatSettings) -> list[Simulated]:
    return list(simulate_repeats(library, built_in_background(), settings))


def stranded(contig: Simulated, feature: tuple[int, int, str, str]) -> Codes:
    start, end, _, strand = feature
    codes = contig.codes[start:end]
    return codes if strand == "+" else reverse_complement(codes)


def test_repeats_without_divergence_are_pieces_of_the_tandem_consensus() -> None:
    library = {"sat": [SAT], "other": [OTHER]}
    tandem = {name: decode(np.tile(codes, 600)) for name, (codes,) in library.items()}
    contigs = made(library, RepeatSettings(200_000, 2, (0.0, 0.0)))
    sites = [(contig, site) for contig in contigs for site in contig.sites]
    strands, phases, arrays = set(), set(), 0
    for contig, site in sites:
        text = decode(stranded(contig, site))
        assert text in tandem[site.name]
        strands.add(site.strand)
        width = library[site.name][0].size
        if site.end - site.start >= 2 * width:
            arrays += 1
            phases.add(tandem[site.name].index(text))
    assert strands == {"+", "-"}
    assert arrays > 10
    assert len(phases) > 10


def test_decoys_are_not_sites_and_nothing_overlaps() -> None:
    (contig,) = made({"sat": [SAT], "other": [OTHER]}, RepeatSettings(100_000, 1, (0.0, 0.1)))
    spans = sorted((s, e) for s, e, _, _ in [*contig.sites, *contig.decoys])
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= contig.codes.size
    assert {decoy.name for decoy in contig.decoys} == {"sat_decoy", "other_decoy"}
    words = {decode(np.tile(SAT, 2))[i : i + 15] for i in range(SAT.size)}
    for decoy in contig.decoys:
        text = decode(stranded(contig, decoy))
        assert not any(text[i : i + 15] in words for i in range(len(text)))


def test_classes_get_equal_shares() -> None:
    contigs = made({"sat": [SAT], "other": [OTHER]}, RepeatSettings(1_000_000, 4))
    bases = {"sat": 0, "other": 0}
    for contig in contigs:
        for start, end, name, _ in contig.sites:
            bases[name] += end - start
    assert all(0.19 <= count / 1_000_000 <= 0.2 for count in bases.values())


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_substitutions_have_the_given_rate(rate: float) -> None:
    codes = np.tile(SAT, 600)
    changed = mutated(codes, rate, generator())
    # Insertions and deletions balance, and the first base is hardly ever shifted.
    assert abs(changed.size - codes.size) <= 0.005 * codes.size
    starts = [mutated(codes[:20], rate, generator(seed))[0] != codes[0] for seed in range(2000)]
    assert abs(np.mean(starts) - rate) < 0.05
    assert rate > 0 or np.array_equal(changed, codes)


def test_an_ambiguous_base_becomes_any_base() -> None:
    drawn = mutated(encode("N" * 4000), 0.0, generator())
    assert np.allclose(np.bincount(drawn, minlength=4) / 4000, 0.25, atol=0.03)


def test_the_same_seed_gives_the_same_genome_and_another_seed_another() -> None:
    first, again, other = (
        made({"sat": [SAT]}, RepeatSettings(50_000, 2, seed=seed)) for seed in (3, 3, 4)
    )
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a.codes, b.codes)
        assert (a.sites, a.decoys) == (b.sites, b.decoys)
        assert a.sites != c.sites


def library_file(path: Path, *records: tuple[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{text}\n" for name, text in records))
    return path


def test_class_is_the_name_up_to_the_first_mark(tmp_path: Path) -> None:
    text = decode(OTHER)
    names = ["ALR#Satellite/centr", "ALR#2", "ALR1", "GSAT/x"]
    library = read_consensus(library_file(tmp_path / "l.fa", *((name, text) for name in names)))
    assert {name: len(sequences) for name, sequences in library.items()} == {
        "ALR": 2,
        "ALR1": 1,
        "GSAT": 1,
    }


LONG = "ACGTTGCAAC"
BAD_LIBRARIES = {
    "short": ([("a", "ACGT")], "record 'a': has 4 bases; .* 10 to 20000"),
    "long": ([("a", LONG * 2001)], "record 'a': has 20010 bases"),
    "ambiguous": ([("a", "N" * 8 + "ACGT")], "record 'a': more than half"),
    "no class": ([("/x", LONG)], "record '/x': has no class"),
    "twice": ([("a", LONG), ("a", LONG)], "a"),
    "many": ([(f"c{i}", LONG) for i in range(MAX_CLASSES + 1)], "32 classes"),
    "empty": ([], "empty"),
}


@pytest.mark.parametrize(("records", "message"), BAD_LIBRARIES.values(), ids=BAD_LIBRARIES)
def test_bad_library(tmp_path: Path, records: list[tuple[str, str]], message: str) -> None:
    path = library_file(tmp_path / "library.fa", *records)
    with pytest.raises(FastaError, match=message) as caught:
        read_consensus(path)
    assert "\n" not in str(caught.value)


def test_contigs_that_are_too_short_name_a_length_that_works() -> None:
    library = {"sat": [SAT], "other": [OTHER]}
    with pytest.raises(OptionError, match="give --length") as caught:
        made(library, RepeatSettings(5_000, 5))
    (enough,) = re.findall(r"--length (\d+) or more", str(caught.value))
    assert all(contig.sites for contig in made(library, RepeatSettings(int(enough), 5)))


def test_command_writes_what_encode_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    library_file(Path("l.fa"), ("sat", decode(SAT)), ("other", decode(OTHER)))
    succeed("-q", "simulate", "--consensus", "l.fa", "-o", "sim", "--length", "100k", "--seed", "2")
    names = [record.name for record in read_fasta("sim/genome.fa")]
    assert names == [f"sim{i}" for i in range(1, 11)]
    assert set(read_bed("sim/sites.bed")["name"]) == {"sat", "other"}
    words = ["--labels", "sim/sites.bed", "--val-chroms", "sim10", "-o", "set"]
    succeed("-q", "encode", "sim/genome.fa", *words)
    assert {(c.name, c.stranded) for c in EncodedSet.open("set").classes} == {
        ("sat", True),
        ("other", True),
    }


BAD_OPTIONS = {
    "motif option": ("--consensus l.fa --motif CTCF", "--motif: applies to motifs"),
    "no library": ("--divergence 0-5", "--divergence: applies to repeats only"),
    "no library, genome": ("--genome l.fa", "--genome: applies to repeats only"),
    "two": ("--consensus l.fa --genome l.fa --background l.fa", "give only one of them"),
    "all masked": ("--consensus l.fa --genome l.fa", "l.fa: nothing is left"),
    "divergence": ("--consensus l.fa --divergence x", "--divergence x: must be"),
    "order": ("--consensus l.fa --divergence 20-10", "--divergence 20-10: must be"),
    "high": ("--consensus l.fa --divergence 60", "--divergence 60-60: must be"),
    "contigs": ("--consensus l.fa --contigs 0", "--contigs 0: must be"),
    "short genome": ("--consensus l.fa --length 900", "contigs of 90 bases are too short"),
    "missing": ("--consensus none.fa", "none.fa"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    library_file(Path("l.fa"), ("sat", decode(SAT)))
    before = content(tmp_path)
    result = run("-q", "simulate", "-o", "sim", *arguments.split())
    assert result.exit_code in (1, 2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("dnabirnn simulate: error: ")
    assert message in line
    assert content(tmp_path) == before


def test_repeats_of_the_library_are_cut_out_of_the_genome(tmp_path: Path) -> None:
    left, right = (built_in_background().sequence(3000, generator(seed)) for seed in (5, 6))
    array = np.tile(SAT, 10)
    for planted in (array, reverse_complement(array)):
        text = decode(np.concatenate([left, planted, right]))
        genome = MaskedGenome([library_file(tmp_path / "g.fa", ("g", text))], {"sat": [SAT]})
        drawn = decode(genome.sequence(20_000, generator()))
        words = {text[i : i + 12] for i in range(3000, 3000 + array.size - 11)}
        assert len(drawn) == 20_000
        assert not any(drawn[i : i + 12] in words for i in range(len(drawn) - 11))
        # Away from the array, and from the few words that occur by chance, the genome is kept.
        assert decode(left[:500]) in drawn
    with pytest.raises(FastaError, match="nothing is left"):
        MaskedGenome([library_file(tmp_path / "g.fa", ("g", decode(array)))], {"sat": [SAT]})


def test_encode_makes_the_set_of_the_two_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library_file(Path("l.fa"), ("sat#1", decode(SAT)), ("other", decode(OTHER)))
    between = built_in_background().sequence(5000, generator())
    library_file(Path("g.fa"), ("g", decode(np.concatenate([between, np.tile(SAT, 20)]))))
    common = ["--consensus", "l.fa", "--length", "100k", "--divergence", "0-10", "--seed", "2"]
    for name, simulated, encoded in (
        ("random", [], []),
        ("genome", ["--genome", "g.fa"], ["g.fa"]),
    ):
        succeed("-q", "simulate", *common, *simulated, "-o", name)
        words = ["--labels", f"{name}/sites.bed", "--val-chroms", "sim10", "--unstranded", "other"]
        succeed("-q", "encode", f"{name}/genome.fa", *words, "-o", f"{name}.two")
        succeed("-q", "encode", *encoded, *common, "--unstranded", "other", "-o", f"{name}.one")
        one, two = (EncodedSet.open(f"{name}.{kind}") for kind in ("one", "two"))
        assert one.digest == two.digest
        assert one.manifest["summary"] == two.manifest["summary"]
        assert [piece.contig for piece in one.contig_splits("val")] == ["sim10"]
        digests = {path: sha256(Path(path).read_bytes()).hexdigest() for path in ("l.fa", "g.fa")}
        inputs = {
            kind: {file["name"]: file["sha256"] for file in files}
            for kind, files in one.manifest["inputs"].items()
        }
        assert inputs == {
            "consensus": {"l.fa": digests["l.fa"]},
            "fasta": {"g.fa": digests["g.fa"]} if encoded else {},
            "labels": {},
        }
        assert one.manifest["consensus"] == {
            "length_bp": 100_000,
            "contigs": 10,
            "divergence": [0.0, 0.1],
            "seed": 2,
        }


def test_encode_splits_and_estimates_as_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library_file(Path("l.fa"), ("sat", decode(SAT)))
    words = ["encode", "--consensus", "l.fa", "--length", "100k", "-o", "set"]
    assert "memory" in succeed("-q", *words, "--dry-run").stdout
    assert not Path("set").exists()
    succeed("-q", *words, "--val-chroms", "sim1,sim2", "--test-chroms", "sim3")
    made = EncodedSet.open("set")
    assert [piece.contig for piece in made.contig_splits("val")] == ["sim1", "sim2"]
    assert [piece.contig for piece in made.contig_splits("test")] == ["sim3"]


BAD_ENCODINGS = {
    "labels": ("--consensus l.fa --labels l.fa", "--labels: does not apply to --consensus"),
    "motifs": ("--consensus l.fa --motifs l.fa", "--motifs: does not apply to --consensus"),
    "reading": ("--consensus l.fa --class a", "--class: does not apply to --consensus"),
    "excluded": ("--consensus l.fa --exclude l.fa", "--exclude: does not apply to --consensus"),
    "unstranded": ("--consensus l.fa --unstranded x", "--unstranded: no class 'x' in l.fa"),
    "no library": ("l.fa --labels l.fa --seed 0", "--seed: applies to repeats only"),
    "no sequence": ("--labels l.fa", "no sequences; give FASTA files"),
    "all masked": ("l.fa --consensus l.fa", "l.fa: nothing is left"),
    "short": ("--consensus l.fa --length 900", "contigs of 90 bases are too short"),
    "val": ("--consensus l.fa --val-chroms chr1", "chr1"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_ENCODINGS.values(), ids=BAD_ENCODINGS)
def test_bad_options_of_encode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    library_file(Path("l.fa"), ("sat", decode(SAT)))
    before = content(tmp_path)
    result = run("-q", "encode", "-o", "set", *arguments.split())
    assert result.exit_code in (1, 2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("dnabirnn encode: error: ")
    assert message in line
    assert content(tmp_path) == before
