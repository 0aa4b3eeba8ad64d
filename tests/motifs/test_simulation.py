"""Planted motifs: where the BED says, on its strand, and sites only where context makes them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import content, run, succeed

from dnabirnn.alphabet import decode, encode, reverse_complement
from dnabirnn.errors import OptionError, OutputError
from dnabirnn.intervals.bed import read_bed
from dnabirnn.motifs.motif import Motif, built_in_motifs
from dnabirnn.motifs.simulation import (
    PartnerStrand,
    Simulated,
    SimulationSettings,
    simulate,
    write_simulation,
)
from dnabirnn.sequences.background import built_in_background
from dnabirnn.sequences.read import read_fasta

SAMPLE = Path(__file__).parents[2] / "sample_data"
FILES = ["decoys.bed", "genome.fa", "sites.bed"]


def word_motif(name: str, word: str) -> Motif:
    """Of one word alone."""
    return Motif(name, name, np.eye(4)[encode(word)])


# Long enough that the background does not hold them, and no reverse complements of themselves.
MAIN, PARTNER = "GATTACCAGGTGCAATCCTA", "CCTGTTAAGCAGTCGA"


def genome(**options: object) -> list[Simulated]:
    given = {"length_bp": 200_000, "contigs": 3, "sites_per_mb": 400} | options
    settings = SimulationSettings(**given)  # type: ignore[arg-type]
    motifs = word_motif("M", MAIN), word_motif("P", PARTNER)
    return list(simulate(*motifs, built_in_background(), settings))


def found(text: str, word: str) -> set[tuple[int, str]]:
    """Starts and strands of a word, read from the text alone."""
    words = {"+": word, "-": decode(reverse_complement(encode(word)))}
    return {(m.start(), s) for s, w in words.items() for m in re.finditer(f"(?={w})", text)}


def is_site(
    start: int, strand: str, partners: set[tuple[int, str]], rule: str, gaps: range
) -> bool:
    """The rule, in other words: a partner at one of the gaps to the right, on the right strand."""
    other = {"+": "-", "-": "+"}[strand]
    wanted = {"same": strand, "opposite": other, "any": strand + other}[rule]
    for gap in gaps:
        at = start + len(MAIN) + gap if strand == "+" else start - gap - len(PARTNER)
        if any((at, s) in partners for s in wanted):
            return True
    return False


# --- golden ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["same", "opposite", "any"])
@pytest.mark.parametrize("gaps", [(0, 0), (5, 30), (12, 12)])
def test_sites_are_the_copies_that_have_their_partner(rule: str, gaps: tuple[int, int]) -> None:
    closest, farthest = gaps
    contigs = genome(
        partner_strand=PartnerStrand(rule), partner_min_bp=closest, partner_max_bp=farthest
    )
    assert sum(len(contig.sites) for contig in contigs) == 80
    for _, codes, sites, decoys in contigs:
        text = decode(codes)
        partners = found(text, PARTNER)
        expected = {
            (start, strand): is_site(start, strand, partners, rule, range(closest, farthest + 1))
            for start, strand in found(text, MAIN)
        }
        told = {(site.start, site.strand): True for site in sites}
        told |= {(d.start, d.strand): False for d in decoys if d.name.startswith("M")}
        assert told == expected
        lonely = {(d.start, d.strand) for d in decoys if d.name.startswith("P")}
        assert lonely <= partners
        assert len(partners) == len(lonely) + len(sites)


def test_rows_read_as_their_motif_on_their_strand() -> None:
    main, partner = built_in_motifs()
    chain = built_in_background()
    settings = SimulationSettings(300_000, sites_per_mb=1000)
    (contig,) = simulate(main, partner, chain, settings)
    for motif in (main, partner):
        name = motif.name
        rows = [row for row in (*contig.sites, *contig.decoys) if row.name.startswith(name)]
        assert {row.strand for row in rows} == {"+", "-"}

        def scores(
            shift: int, motif: Motif = motif, rows: list = rows, flip: bool = False
        ) -> np.ndarray:
            letters = []
            for start, end, _, strand in rows:
                codes = contig.codes[start + shift : end + shift]
                along = (strand == "+") != flip
                letters.append(codes if along else reverse_complement(codes))
            return motif.log_odds(np.stack(letters), chain.frequencies)

        shares = motif.frequencies
        with np.errstate(divide="ignore", invalid="ignore"):
            information = np.nansum(shares * np.log2(shares / chain.frequencies))
        spread = scores(0).std() / np.sqrt(len(rows))
        assert scores(0).mean() == pytest.approx(information, abs=4 * spread + 0.05)
        for wrong in (scores(1), scores(-1), scores(0, flip=True)):
            assert wrong.mean() < 0


def test_what_is_not_planted_is_background() -> None:
    motifs, chain = built_in_motifs(), built_in_background()
    settings = SimulationSettings(50_000, sites_per_mb=200)
    (planted,) = simulate(*motifs, chain, settings)
    (bare,) = simulate(*motifs, chain, SimulationSettings(50_000, sites_per_mb=0))
    differ = np.flatnonzero(planted.codes != bare.codes)
    covered = np.zeros(50_000, dtype=np.bool_)
    for row in (*planted.sites, *planted.decoys):
        covered[row.start : row.end] = True
    partners = [row.end for row in planted.sites]
    near = np.array([min(abs(at - end) for end in partners) for at in differ[~covered[differ]]])
    # The partners of sites are in no file.
    assert near.size
    assert near.max() <= 30 + 19 + 12
    assert bare.sites == bare.decoys == []


# --- numbers --------------------------------------------------------------------------------------


def test_numbers_are_those_that_are_asked_for() -> None:
    contigs = genome(decoys_per_site=1.5)
    names = [row.name for contig in contigs for row in contig.decoys]
    assert sum(len(contig.sites) for contig in contigs) == 80
    kinds = {name: names.count(name) for name in set(names)}
    assert kinds["P_alone"] == 120
    assert kinds["M_alone"] + kinds["M_turned"] == 120
    assert kinds["M_turned"] == kinds["P_turned"]
    assert abs(kinds["M_turned"] - 60) <= len(contigs)
    assert [contig.name for contig in contigs] == ["sim1", "sim2", "sim3"]
    assert sum(contig.codes.size for contig in contigs) == 200_000
    assert np.ptp([contig.codes.size for contig in contigs]) <= 1


def test_short_contigs_share_the_sites_out() -> None:
    contigs = genome(contigs=700, sites_per_mb=1000, decoys_per_site=0.5, partner_max_bp=10)
    assert sum(len(contig.sites) for contig in contigs) == 200
    assert sum(len(contig.decoys) for contig in contigs) >= 200
    for contig in contigs:
        assert all(0 <= row.start < row.end <= contig.codes.size for row in contig.sites)


def test_any_strand_has_no_partner_turned_the_wrong_way() -> None:
    contigs = genome(partner_strand=PartnerStrand.ANY)
    assert {row.name for c in contigs for row in c.decoys} == {"M_alone", "P_alone"}


def test_copies_are_on_both_strands_and_anywhere() -> None:
    (contig,) = genome(contigs=1, length_bp=400_000, sites_per_mb=1000, decoys_per_site=1)
    strands = [site.strand for site in contig.sites]
    assert 150 < strands.count("+") < 250
    thirds = np.histogram([site.start for site in contig.sites], 4, (0, 400_000))[0]
    assert thirds.min() > 60


def test_a_full_contig() -> None:
    """Units fit when they just do, and one base less is an error."""
    unit = len(MAIN) + len(PARTNER)
    options = {"contigs": 1, "sites_per_mb": 3e6 / (3 * unit + 2), "decoys_per_site": 0}
    options |= {"partner_min_bp": 0, "partner_max_bp": 0}
    (contig,) = genome(length_bp=3 * unit + 2, **options)
    at = 0
    for site in contig.sites:
        assert site.start == at + (0 if site.strand == "+" else len(PARTNER))
        at += unit + 1
    with pytest.raises(OptionError, match=r"sim1: 3 sites and 0 decoys, .* lower --sites-per-mb"):
        genome(length_bp=3 * unit + 1, **options)


# --- seeds ----------------------------------------------------------------------------------------


def test_a_seed_gives_a_genome() -> None:
    first, again, other = genome(seed=1), genome(seed=1), genome(seed=2)
    assert [c.codes.tobytes() for c in first] == [c.codes.tobytes() for c in again]
    assert [(c.sites, c.decoys) for c in first] == [(c.sites, c.decoys) for c in again]
    assert first[0].codes.tobytes() != other[0].codes.tobytes()
    assert first[0].codes.tobytes() != first[1].codes.tobytes()


def test_genomes_do_not_change_from_one_version_to_the_next() -> None:
    (contig,) = genome(contigs=1, length_bp=20_000, sites_per_mb=200, seed=7)
    assert decode(contig.codes[:40]) == "TTCATATTGCCAGCGTTGTCAGAACCTGGCAAAGACATAA"
    assert [(site.start, site.strand) for site in contig.sites] == [
        (12376, "+"),
        (13945, "-"),
        (17263, "-"),
        (19905, "-"),
    ]


# --- files ----------------------------------------------------------------------------------------


def test_files_hold_the_genome(tmp_path: Path) -> None:
    contigs = genome()
    assert write_simulation(iter(contigs), tmp_path / "sim") == 80
    assert sorted(content(tmp_path / "sim")) == FILES
    records = list(read_fasta(tmp_path / "sim" / "genome.fa"))
    for record, contig in zip(records, contigs, strict=True):
        assert record.name == contig.name
        assert np.array_equal(record.codes, contig.codes)
    rows = read_bed(tmp_path / "sim" / "sites.bed").select(
        "chrom", "start", "end", "name", "strand"
    )
    assert rows.rows() == [(c.name, *site) for c in contigs for site in c.sites]
    starts = read_bed(tmp_path / "sim" / "decoys.bed").filter(chrom="sim2")["start"]
    assert starts.is_sorted()


def test_compressed(tmp_path: Path) -> None:
    write_simulation(iter(genome()), tmp_path / "plain")
    write_simulation(iter(genome()), tmp_path / "packed", compress=True)
    packed = tmp_path / "packed" / "genome.fa.gz"
    plain = tmp_path / "plain" / "genome.fa"
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("there", [False, True])
def test_whole_or_not_at_all(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "sim"
    if there:
        folder.mkdir()

    def broken() -> Iterator[Simulated]:
        yield genome()[0]
        raise OptionError("no more")

    with pytest.raises(OptionError, match="no more"):
        write_simulation(broken(), folder)
    assert folder.exists() == there
    assert content(tmp_path) == ({"sim": b""} if there else {})


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file; name a folder"):
        write_simulation(iter([]), tmp_path / "file")
    with pytest.raises(OutputError, match=r"there is no folder .*; create it first"):
        write_simulation(iter([]), tmp_path / "no" / "sim")


# --- command --------------------------------------------------------------------------------------


def test_command(tmp_path: Path) -> None:
    arguments = ["--length", "30k", "--contigs", 2, "--seed", 3]
    result = succeed("simulate", "-o", tmp_path / "a", *arguments)
    assert "15 sites of CTCF (MA0139.1) with YY1 (MA0095.2) 5 to 30 bp downstream" in result.stderr
    succeed("-q", "simulate", "-o", tmp_path / "b", *arguments)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert result.stdout == ""


def test_command_with_files(tmp_path: Path) -> None:
    (tmp_path / "m.meme").write_text(
        "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n"
        "MOTIF b\nletter-probability matrix: w= 1\n0 1 0 0\n"
        "MOTIF c\nletter-probability matrix: w= 1\n0 0 1 0\n"
    )
    (tmp_path / "g.fa").write_text(">g\n" + "TTTTTTAAAAAA" * 9 + "\n")
    files = ["--motifs", tmp_path / "m.meme", "--background", tmp_path / "g.fa", "--order", 5]
    names = ["--motif", "c", "--partner", "B", "--partner-distance", 3]
    small = ["--length", "2k", "--sites-per-mb", 4000, "--decoys-per-site", 0]
    succeed("-q", "simulate", "-o", tmp_path / "s", *files, *names, *small)
    (record,) = read_fasta(tmp_path / "s" / "genome.fa")
    text = decode(record.codes)
    rows = read_bed(tmp_path / "s" / "sites.bed").select("start", "strand", "name").rows()
    assert len(rows) == 8
    for start, strand, name in rows:
        assert name == "c"
        assert text[start] == ("G" if strand == "+" else "C")
        assert text[start + 4 if strand == "+" else start - 4] == ("C" if strand == "+" else "G")
    # What is not planted is made of A and T.
    assert sum(text.count(letter) for letter in "GC") == 16


BAD = {
    "length": ("--length 0", r"--contigs 1: must be from 1 to the number of bases, 0"),
    "contigs": ("--contigs 0", "--contigs 0: must be from 1"),
    "rate": ("--sites-per-mb -1", "--sites-per-mb -1: must be 0 or more"),
    "nan": ("--decoys-per-site nan", "--decoys-per-site nan: must be 0 or more"),
    "too many": ("--sites-per-mb 1e5", r"sim1: 100000 sites .* do not fit into 1000000 bases"),
    "distance": ("--partner-distance 9-3", "--partner-distance 9-3: must be the smallest"),
    "no distance": ("--partner-distance -3", "--partner-distance -3: must be the smallest"),
    "strand": ("--partner-strand up", "'up' is not one of"),
    "order": ("--order 4", "--order 4: .* give a genome to learn from with --background"),
    "high order": ("--order 9 --background g.fa", "--order 9: must be 0 to 8"),
    "no genome": ("--background none.fa", "none.fa: no such file"),
    "no motifs": ("--motifs none.jaspar", "none.jaspar: no such file"),
    "one motif": ("--motifs one.jaspar", r"one.jaspar: holds one motif only; add a second"),
    "motif": ("--motif REST", "built-in motifs: no motif 'REST'; the motifs are CTCF, YY1"),
    "partner": ("--partner REST", "built-in motifs: no motif 'REST'"),
    "FASTA for motifs": ("--motifs g.fa", "g.fa, line 2: letters, where motif .* needs"),
    "motifs for FASTA": ("--background one.jaspar", r"one.jaspar: record .* is not a nucleotide"),
    "seed": ("--seed -1", "-1 is not in the range"),
    "over its input": ("-o . --background genome.fa", "genome.fa: is also an input"),
    "into a file": ("-o g.fa", "g.fa: is a file; name a folder"),
    "into no folder": ("-o no/sim", "no/sim: there is no folder"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("g.fa", "genome.fa"):
        Path(name).write_text(">g\nACGTTGCA\n")
    Path("one.jaspar").write_text(">m m\nA [1]\nC [2]\nG [0]\nT [0]\n")
    before = content(tmp_path)
    words = arguments.split()
    result = run("-q", "simulate", *([] if "-o" in words else ["-o", "sim"]), *words)
    assert result.exit_code in (1, 2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("dnabirnn simulate: error: ")
    assert re.search(message, line), line
    assert content(tmp_path) == before


# --- sample_data ----------------------------------------------------------------------------------


def test_sample_data_is_what_its_command_makes(tmp_path: Path) -> None:
    """By the text, since zlib may pack it otherwise on another machine."""
    (line,) = re.findall(r"^dnabirnn simulate (.*)$", (SAMPLE / "README.md").read_text(), re.M)
    words = line.split()
    words[words.index("-o") + 1] = str(tmp_path / "again")
    succeed("-q", "simulate", *words)
    for name in ("genome.fa.gz", "sites.bed", "decoys.bed"):
        made, kept = (folder / name for folder in (tmp_path / "again", SAMPLE))
        read = gzip.decompress if name.endswith(".gz") else bytes
        assert read(made.read_bytes()) == read(kept.read_bytes())
    assert (SAMPLE / "genome.fa.gz").stat().st_size <= 600_000
