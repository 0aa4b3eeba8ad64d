"""A fault in a file of labels, of every format: one line, exit code not 0, nothing written.

And what the options about labels do, from command to encoded set and metrics.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import content, make_material, run, succeed, write_model

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.motif_classes import MotifClass


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome of contigs a (2,000 bases), b and c (1,000 each), and a model of class M."""
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def folder(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tabs(*rows: str) -> str:
    return "".join("\t".join(row.split("|")) + "\n" for row in rows)


def genbank(place: str = "5..9", name: str = "b", length: int = 1000) -> str:
    return (
        f"LOCUS       {name:<16} {length:>11} bp    DNA     linear   BCT 01-JAN-2020\n"
        f"DEFINITION  x.\nACCESSION   {name}\nVERSION     {name}.1\n"
        f"FEATURES             Location/Qualifiers\n     M               {place}\n"
        f"CONTIG      join(Z1.1:1..{length})\n//\n"
    )


def embl(place: str = "5..9", name: str = "b", length: int = 1000) -> str:
    return (
        f"ID   {name}; SV 1; linear; genomic DNA; STD; PRO; {length} BP.\nXX\nAC   {name};\nXX\n"
        f"FH   Key             Location/Qualifiers\nFH\nFT   M               {place}\nXX\n"
        f"CO   join(Z1.1:1..{length})\n//\n"
    )


def fastq(name: str = "b", length: int = 1000) -> str:
    return f"@{name}\n{'A' * length}\n+\n{'#' * 9:!<{length}}\n"


PEAK = "b|5|9|p1|0|.|1.5|-1|-1|2"
GFF3 = "b|lab|M|5|9|.|+|.|ID=1"
GTF = 'b|lab|M|5|9|.|+|.|gene_id "g";'
OUT = "225|1.0|0.0|0.0|b|5|9|(991)|+|r|M/x|1|5|(0)|1"
RMSK = "585|225|10|0|0|b|4|9|-991|+|r|M|x|1|5|0|1"

WHOLE = {
    "in.narrowPeak": tabs(PEAK),
    "in.broadPeak": tabs(PEAK.rpartition("|")[0]),
    "in.gff3": tabs(GFF3),
    "in.gtf": tabs(GTF),
    "in.gb": genbank(),
    "in.embl": embl(),
    "in.fa.out": tabs(OUT),
    "rmsk.txt": tabs(RMSK),
    "in.fq": fastq(),
}
"""A file of each format that is right."""

FAULTS = {
    "narrowPeak: columns": ("in.narrowPeak", tabs("b|5"), "line 1: fewer than three columns"),
    "narrowPeak: contig": (
        "in.narrowPeak",
        tabs(PEAK.replace("b|", "z|")),
        "no contig in common with the FASTA; file has z, FASTA has a, b, c",
    ),
    "narrowPeak: past the end": (
        "in.narrowPeak",
        tabs(PEAK, *2 * [PEAK.replace("|9|", "|1001|")]),
        "line 2: b:5-1001 goes past the contig's end at 1000",
    ),
    "broadPeak: columns": ("in.broadPeak", tabs("b|5"), "line 1: fewer than three columns"),
    "broadPeak: contig": (
        "in.broadPeak",
        tabs(PEAK.rpartition("|")[0].replace("b|", "z|")),
        "no contig in common",
    ),
    "broadPeak: past the end": (
        "in.broadPeak",
        tabs(*2 * [PEAK.rpartition("|")[0].replace("|9|", "|1001|")]),
        "line 1: b:5-1001 goes past",
    ),
    "gff3: columns": ("in.gff3", tabs("b|lab|M|5"), "line 1: 4 tab-separated columns"),
    "gff3: contig": ("in.gff3", tabs(GFF3.replace("b|", "z|")), "no contig in common"),
    "gff3: past the end": (
        "in.gff3",
        "##gff-version 3\n" + tabs(*2 * [GFF3.replace("|9|", "|1001|")]),
        "line 2: b:4-1001 goes past the contig's end at 1000",
    ),
    "gff3: start of 0": ("in.gff3", tabs(GFF3.replace("|5|", "|0|")), "line 1: start 0; starts of"),
    "gff3: circle of another length": (
        "in.gff3",
        tabs("b|lab|region|1|990|.|+|.|ID=b;Is_circular=true", GFF3.replace("5|9|", "985|995|")),
        "b has 990 bases, but 1000 in the FASTA; use the assembly",
    ),
    "gtf: columns": ("in.gtf", tabs("b|lab|M|5|9|.|+"), "line 1: 7 tab-separated columns"),
    "gtf: contig": ("in.gtf", tabs(GTF.replace("b|", "z|")), "no contig in common"),
    "gtf: past the end": (
        "in.gtf", tabs(*2 * [GTF.replace("|9|", "|1001|")]), "line 1: b:4-1001 goes",
    ),
    "genbank: columns": ("in.gb", genbank("5-9"), "line 6: M of record 'b.1': .*'5-9'"),
    "genbank: contig": ("in.gb", genbank(name="z"), "no contig in common .*file has z.1"),
    "genbank: past the end": (
        "in.gb", genbank("join(5..1001,7..1001)"), "line 6: b:4-1001 goes past the contig",
    ),
    "genbank: length": ("in.gb", genbank(length=990), "b.1 has 990 bases, but 1000 in the FASTA"),
    "genbank: cut": ("in.gb", genbank()[:-60], "fetch or export the file again"),
    "embl: columns": ("in.embl", embl("5-9"), "line 7: M of record 'b.1': .*'5-9'"),
    "embl: contig": ("in.embl", embl(name="z"), "no contig in common"),
    "embl: past the end": (
        "in.embl", embl("join(5..1001,7..1001)"), "line 7: b:4-1001 goes past the contig",
    ),
    "embl: cut": ("in.embl", embl()[:-30], "fetch or export the file again"),
    "repeatmasker: columns": ("in.fa.out", tabs(OUT[:30]), "line 1: . columns, RepeatMasker's"),
    "repeatmasker: contig": (
        "in.fa.out", tabs(OUT.replace("|b|", "|z|")), "no contig in common",
    ),
    "repeatmasker: past the end": (
        "in.fa.out",
        tabs(OUT.replace("|9|(991)", "|1001|(0)")),
        "b has 1001 bases, but 1000 in the FASTA",
    ),
    "rmsk: columns": (
        "rmsk.txt",
        tabs(RMSK, RMSK[:20]),
        "line 2: . tab-separated columns, a rmsk table has 17",
    ),
    "rmsk: columns of the first row": (
        "rmsk.txt", tabs(RMSK[:20]), "rmsk.txt: is rmsk by its name, but bed by its first row",
    ),
    "rmsk: contig": ("rmsk.txt", tabs(RMSK.replace("|b|", "|z|")), "no contig in common"),
    "rmsk: past the end": (
        "rmsk.txt",
        tabs(RMSK.replace("|9|-991", "|1001|0")),
        "b has 1001 bases, but 1000 in the FASTA",
    ),
    "fastq: columns": ("in.fq", "@b\nACGT\n+\n!!\n", "record 'b' has 2 labels for 4 bases"),
    "fastq: contig": ("in.fq", fastq("z"), "no contig in common"),
    "fastq: past the end": ("in.fq", fastq(length=1001), "b has 1001 bases, but 1000 in the FASTA"),
    "fastq: cut": ("in.fq", fastq()[:1500], "record 'b' has .* labels for 1000 bases, .* truncat"),
    "none of them": ("in.txt", "so it is\n", "in.txt: its first row is not one of bed, narrowPeak"),
    "name and rows": ("in.gff3", tabs("b|5|9|M|0|+"), "is gff3 by its name, but bed by its first"),
}  # fmt: skip

COMMANDS = {
    "encode": "encode genome.fa --labels {} -o out",
    "evaluate": "evaluate genome.fa --labels {} -m m.safetensors -o out.json --curves c.json",
    "report": "report -o out.html --fasta genome.fa --labels {} -m m.safetensors",
}


def assert_fails(folder: Path, command: str, message: str) -> None:
    """Run a command that must end with one line on standard error, and leave the folder as is."""
    before = content(folder)
    result = run("-q", *command.split(), input=b"")
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert re.search(message, line), line
    assert content(folder) == before


def classed(name: str, command: str) -> str:
    """Options by which rows of a file are of the model's class M, without which none is."""
    if "Peak" in name:
        return f"{command} --class M"
    return f"{command} --classes-map 2=M" if name.startswith("in.fq") else command


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(folder: Path, command: str, fault: str) -> None:
    name, text, message = FAULTS[fault]
    (folder / name).write_text(text)
    # Unstranded, so that strands that a format lacks are no matter here.
    write_model(folder / "m.safetensors", classes=(MotifClass("M", False),))
    assert_fails(folder, classed(name, COMMANDS[command].format(name)), message)


@pytest.mark.parametrize("name", WHOLE)
def test_files_that_are_cut(folder: Path, name: str) -> None:
    """The same file whole is taken, so that the cut is what is told of."""
    command = classed(name, "evaluate genome.fa --no-plots -m m.safetensors -o out.json --labels")
    write_model(folder / "m.safetensors", classes=(MotifClass("M", False),))
    data = gzip.compress(WHOLE[name].encode())
    (folder / f"{name}.gz").write_bytes(data)
    succeed(*command.replace("--labels", f"--labels {name}.gz").split())
    metrics = json.loads((folder / "out.json").read_text())
    assert metrics["classes"]["M"]["positives"] == (9 if name == "in.fq" else 5 - ("Peak" in name))
    (folder / "out.json").unlink()
    (folder / f"{name}.gz").write_bytes(data[:-9])
    assert_fails(
        folder, command.replace("--labels", f"--labels {name}.gz"), "truncated gzip file; create or"
    )


OPTIONS = {
    "feature types of BED": (
        "encode genome.fa --labels sites.bed -o out --feature-type gene",
        "--feature-type: applies to gff3, gtf, genbank, embl, and the labels are bed; leave it out",
    ),
    "class twice": (
        "encode genome.fa --labels sites.bed -o out --class X --class-column 4",
        "--class and --class-column: both set the class",
    ),
    "class and map": (
        "encode genome.fa --labels sites.bed -o out --class X --classes-map M=X",
        "--class and --classes-map: --class sets the class",
    ),
    "no such column": (
        "encode genome.fa --labels sites.bed -o out --class-column gene",
        "sites.bed: bed has no column 'gene' for --class-column; choose one of chrom, start",
    ),
    "map without an equals sign": (
        "encode genome.fa --labels sites.bed -o out --classes-map M",
        "'M' is not OLD=NEW, such as",
    ),
    "map to nothing": (
        "encode genome.fa --labels sites.bed -o out --classes-map M=",
        "'M=' is not OLD=NEW",
    ),
    "map to two": (
        "encode genome.fa --labels sites.bed -o out --classes-map M=A,M=B",
        "--classes-map: 'M' is renamed to both 'A' and 'B'; give one name",
    ),
    "map of no class": (
        "encode genome.fa --labels sites.bed -o out --classes-map Z=A",
        "--classes-map: no row has class 'Z'; the labels have M",
    ),
    "another format": (
        "encode genome.fa --labels sites.bed -o out --label-format gff3",
        "sites.bed, line 1: 6 tab-separated columns, GFF and GTF have 9",
    ),
    "no such format": (
        "encode genome.fa --labels sites.bed -o out --label-format vcf",
        "'vcf' is not one of 'bed', 'narrow",
    ),
    "negative flank": (
        "encode genome.fa --labels sites.bed -o out --label-flank-ignore -1",
        "-1 is not in the range",
    ),
    "flanks of all": (
        "encode genome.fa --labels sites.bed -o out --label-flank-ignore 50",
        "class 'M' has no labelled base in the training split that is not ignored",
    ),
    "negatives elsewhere": (
        "encode genome.fa --labels sites.bed -o out --negatives far.bed",
        "far.bed: no contig in common",
    ),
    "negatives past the end": (
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --negatives past.bed",
        "past.bed, line 1: b:5-1001 goes past the contig's end",
    ),
    "negatives that are none": (
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --negatives no.bed",
        "no.bed: no such file",
    ),
    "negatives overwritten": (
        "evaluate genome.fa --labels sites.bed -m m.safetensors -o past.bed --negatives past.bed",
        "past.bed: is also an input of this command",
    ),
    "report of no genome": (
        "report -m m.safetensors -o out.html --negatives past.bed",
        "--negatives: only applies to pictures of regions",
    ),
    "report of no labels": (
        "report -m m.safetensors -o out.html --label-flank-ignore 5",
        "--label-flank-ignore: only applies to pictures of regions",
    ),
    "report with types": (
        "report -m m.safetensors -o out.html --feature-type gene",
        "--feature-type: only applies to pictures of regions",
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_without_sense(folder: Path, name: str) -> None:
    command, message = OPTIONS[name]
    (folder / "far.bed").write_text("z\t1\t5\n")
    (folder / "past.bed").write_text("b\t5\t1001\n" * 2)
    if "labelled base" in message:
        # Told of by a warning first.
        result = run(*command.split())
        assert result.exit_code == 1
        assert message in result.stderr
        assert not (folder / "out").exists()
        return
    assert_fails(folder, command, message)


def sites(folder: Path) -> list[tuple[str, int, int]]:
    rows = [line.split() for line in (folder / "sites.bed").read_text().splitlines()]
    return [(chrom, int(start), int(end)) for chrom, start, end, *_ in rows]


OFFSETS = {"a": 0, "b": 2_000, "c": 3_000}


def encoded(folder: Path, options: str) -> EncodedSet:
    words = f"encode genome.fa --labels sites.bed -o out --val-chroms b {options}"
    succeed(*words.split())
    return EncodedSet.open(folder / "out")


def test_flanks_are_ignored_in_the_set_and_in_metrics(folder: Path) -> None:
    ignored = np.zeros(4_000, np.bool_)
    for chrom, start, end in sites(folder):
        for edge in (start, end):
            place = OFFSETS[chrom] + edge
            ignored[place - 3 : place + 3] = True
    found = encoded(folder, "--label-flank-ignore 3")
    np.testing.assert_array_equal((np.asarray(found.labels) & 1).astype(np.bool_), ignored)
    assert found.manifest["reading"]["flank_ignore_bp"] == 3
    plain = evaluated(folder, "")
    flanked = evaluated(folder, "--label-flank-ignore 3")
    count = len(sites(folder))
    assert plain["positives"] - flanked["positives"] == 6 * count
    assert plain["bases"] - flanked["bases"] == 12 * count


def test_negatives_limit_what_counts(folder: Path) -> None:
    (folder / "known.bed").write_text("a\t100\t400\nc\t10\t20\n")
    counts = np.zeros(4_000, np.bool_)
    counts[100:400] = counts[3_010:3_020] = True
    for chrom, start, end in sites(folder):
        counts[OFFSETS[chrom] + start : OFFSETS[chrom] + end] = True
    found = encoded(folder, "--negatives known.bed")
    np.testing.assert_array_equal((np.asarray(found.labels) & 1) == 0, counts)
    assert found.manifest["reading"]["negatives"] is True
    (file,) = found.manifest["inputs"]["negatives"]
    assert file["name"] == "known.bed"
    metrics = evaluated(folder, "--negatives known.bed")
    assert metrics["bases"] == np.count_nonzero(counts)
    told = json.loads((folder / "out.json").read_text())
    assert told["inputs"]["negatives"] == [file]
    assert told["reading"]["negatives"] is True


def evaluated(folder: Path, options: str) -> dict[str, float]:
    """Figures of class M of the model."""
    words = (
        f"evaluate genome.fa --labels sites.bed -m m.safetensors -o out.json --no-plots {options}"
    )
    succeed(*words.split())
    metrics: dict[str, float] = json.loads((folder / "out.json").read_text())["classes"]["M"]
    return metrics


def test_a_report_tells_of_negatives(folder: Path) -> None:
    (folder / "known.bed").write_text("a\t100\t400\n")
    command = "report -o out.html --fasta genome.fa --labels sites.bed -m m.safetensors"
    succeed(*f"{command} --examples 1 --negatives known.bed".split())
    assert "known.bed" in (folder / "out.html").read_text()


def test_classes_map_of_the_command_line(folder: Path) -> None:
    (folder / "two.bed").write_text((folder / "sites.bed").read_text().replace("M", "x=y", 3))
    words = "encode genome.fa --labels two.bed -o out --val-chroms b --classes-map"
    succeed(*words.split(), "x=y=N, M=N")
    found = EncodedSet.open(folder / "out")
    assert [name for name, _ in found.classes] == ["N"]
    assert found.manifest["reading"]["classes_map"] == {"x=y": "N", "M": "N"}
    succeed(*words.split(), "x=y=N", "--classes-map", "M=O")
    assert [name for name, _ in EncodedSet.open(folder / "out").classes] == ["N", "O"]


def test_genbank_names_are_those_of_the_fasta_in_the_set(folder: Path) -> None:
    """Splits and counts find sites of a contig that the labels call by its version."""
    records = "".join(genbank("join(5..9,21..30)", name=n, length=1000) for n in "bc")
    (folder / "in.gb").write_text(records)
    words = "encode genome.fa --labels in.gb -o out --split-fractions 0.5,0.25,0.25"
    succeed(*words.split())
    found = EncodedSet.open(folder / "out")
    counts = found.manifest["summary"]["classes"]["M"]["+"]
    assert sum(split["intervals"] for split in counts.values()) == 4
    assert sum(split["bases"] for split in counts.values()) == 30
