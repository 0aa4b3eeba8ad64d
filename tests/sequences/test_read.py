"""One genome through every format of sequences, from command to command."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from commands import run, succeed, write_fasta, write_model
from planted import write_genome
from sequence_files import write_fastq, write_genbank, write_twobit

from dnabirnn.alphabet import decode
from dnabirnn.sequences.read import read_fasta

FORMATS = ("genome.fa", "genome.fq", "genome.2bit", "genome.gb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genome in every format, its second contig soft-masked in part where formats can say so."""
    path = tmp_path_factory.mktemp("formats")
    write_genome(path, {"a.1": 2000, "b.1": 1000, "c.1": 1000})
    genome = {record.name: decode(record.codes) for record in read_fasta(path / "genome.fa")}
    upper = dict(genome)
    genome["b.1"] = genome["b.1"][:300].lower() + "nnN" + genome["b.1"][303:]
    upper["b.1"] = genome["b.1"].upper()
    write_fasta(path / "genome.fa", genome)
    write_fastq(path / "genome.fq", genome)
    write_twobit(path / "genome.2bit", genome)
    write_genbank(path / "genome.gb", upper)
    write_model(path / "m.safetensors")
    write_model(path / "hard.safetensors", mask="hard")
    for name in ("genome.fq", "genome.gb"):
        (path / f"{name}.gz").write_bytes(gzip.compress((path / name).read_bytes()))
    return path


@pytest.mark.parametrize("name", [*FORMATS[1:], "genome.fq.gz", "genome.gb.gz"])
def test_score_gives_the_same_bytes(folder, tmp_path, name):
    tracks = []
    for number, fasta in enumerate((folder / "genome.fa", folder / name)):
        out = tmp_path / f"{number}.bed"
        options = ("--circular", "b.1", "--min-score", 0)
        succeed("score", fasta, "-m", folder / "m.safetensors", "-o", out, *options)
        tracks.append(out.read_bytes())
    assert tracks[0] == tracks[1]


@pytest.mark.parametrize("name", ["genome.fq", "genome.2bit"])
def test_a_model_of_hard_masked_sequence_sees_lower_case(folder, tmp_path, name):
    rows = []
    for fasta in (folder / "genome.fa", folder / name):
        out = tmp_path / f"{fasta.name}.bed"
        succeed("score", fasta, "-m", folder / "hard.safetensors", "-o", out, "--min-score", 0)
        rows.append(out.read_text().splitlines())
    assert rows[0] == rows[1]
    starts = [int(row.split("\t")[1]) for row in rows[0] if row.startswith("b.1\t")]
    assert min(starts) == 303


@pytest.mark.parametrize("mask", ["none", "loss", "hard"])
def test_encode_gives_the_same_arrays(folder, tmp_path, mask):
    arrays = {}
    for name in FORMATS:
        if name == "genome.gb" and mask != "none":
            continue
        out = tmp_path / name
        succeed(
            *("encode", folder / name, "--labels", folder / "sites.bed", "-o", out),
            *("--mask", mask, "--val-chroms", "c.1"),
        )
        arrays[name] = [np.load(out / file) for file in ("codes.npy", "labels.npy")]
    for name, (codes, labels) in arrays.items():
        np.testing.assert_array_equal(codes, arrays["genome.fa"][0], name)
        np.testing.assert_array_equal(labels, arrays["genome.fa"][1], name)


def test_formats_may_be_mixed(folder, tmp_path):
    out = tmp_path / "out.bed"
    files = [folder / name for name in FORMATS]
    prefixes = [word for name in FORMATS for word in ("--name-prefix", f"{name}#")]
    succeed("score", *files, "-m", folder / "m.safetensors", "-o", out, *prefixes)
    rows = {name: [] for name in FORMATS}
    for row in out.read_text().splitlines():
        name, _, rest = row.partition("#")
        rows[name].append(rest)
    assert rows["genome.fa"]
    assert all(own == rows["genome.fa"] for own in rows.values())


def test_2bit_cannot_be_piped(folder, tmp_path):
    data = (folder / "genome.2bit").read_bytes()
    arguments = ("score", "-", "-m", folder / "m.safetensors", "-o", tmp_path / "out.bed")
    result = run(*arguments, input=data)
    assert result.exit_code == 1
    assert "-: 2bit needs random access" in result.stderr
    assert list(tmp_path.iterdir()) == []
