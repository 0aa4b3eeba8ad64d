"""Files of intervals of other tools: only what is used is checked, and a few rows may not fit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from commands import content, make_material, run, succeed

from dnabirnn import read_bed
from dnabirnn.encoded import EncodedSet
from dnabirnn.intervals import Regions
from dnabirnn.labels import load_labels, load_truth
from dnabirnn.motif_classes import MotifClass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_material(tmp_path)


def tabs(*rows: str) -> str:
    """Rows with a tab for each "|"."""
    return "".join(row.replace("|", "\t") + "\n" for row in rows)


INTERVALS = [("a", 100, 900), ("b", 200, 300)]
PEAKS = {
    "three columns": tabs("a|100|900", "b|200|300"),
    "SEACR": tabs("a|100|900|1520.5|88|a:300-420", "b|200|300|920|31.5|b:230-240"),
    "SICER": tabs("a|100|900|52|11|1.2e-10|4.7|3e-9", "b|200|300|42|9|2e-8|4.6|3e-7"),
    "text for a score": tabs("a|100|900|p1|intergenic", "b|200|300|p2|intron"),
    "strands of Bioconductor": tabs("a|100|900|A|0|*", "b|200|300|A|0|*"),
    "intersect -wo of BED3": tabs("a|100|900|a|150|800|650", "b|200|300|b|100|210|10"),
    "intersect -wo of BED6": tabs(
        "a|100|900|p|0|+|a|150|800|q|5|-|650", "b|200|300|p|0|+|b|100|210|q|5|-|10"
    ),
    "closest without a hit": tabs("a|100|900|.|-1|-1|.|-1|.|.|-1|.|-1", "b|200|300|.|-1|-1"),
    "empty columns at the end": tabs("a|100|900|||", "b|200|300||"),
    "columns with a point for nothing": tabs("a|100|900|p|.|.|.|.|.|.|.|.", "b|200|300"),
    "rows of varying width": tabs("a|100|900|p1|7|+|1|2|3", "b|200|300"),
    "HOMER's columns": "#PeakID\tchr\n" + tabs("a|100|900|p-1|+|12.3|NA", "b|200|300|p-2|-|9|x"),
    "score of infinity": tabs("a|100|900|p|inf|+", "b|200|300|p|nan|-"),
}


@pytest.mark.parametrize("text", PEAKS.values(), ids=PEAKS)
def test_only_positions_count(folder: Path, text: str) -> None:
    """Every command reads the same intervals as from a file of three columns."""
    (folder / "plain.bed").write_text(PEAKS["three columns"])
    (folder / "p.bed").write_text(text)
    assert [(c, *span) for c in "ab" for span in Regions.read("p.bed").of(c).tolist()] == INTERVALS
    made = []
    for name in ("plain", "p"):
        bed = f"{name}.bed"
        out = folder / name
        out.mkdir()
        succeed("mask", "genome.fa", "--calls", bed, "--hard", "-o", out / "masked.fa")
        given = ("scan", "genome.fa", "--motifs", "motifs.jaspar", "--pvalue", "0.3")
        succeed(*given, "--within", bed, "-o", out / "sites.bed")
        score = ("score", "genome.fa", "-m", "m.safetensors", "--regions", bed)
        succeed(*score, "-o", out / "scores.bed")
        ends = ("--unstranded", "peak", "--split-fractions", "1,0,0", "-o", out / "set")
        succeed("encode", "genome.fa", "--labels", bed, "--class", "peak", *ends)
        labels = EncodedSet.open(out / "set").labels
        made.append([np.asarray(labels).tolist(), *(content(out)[f] for f in OUTPUTS)])
    assert made[0] == made[1]


OUTPUTS = ("masked.fa", "sites.bed", "scores.bed")


def test_names_of_splits_count_and_no_more(folder: Path) -> None:
    (folder / "s.bed").write_text(tabs("a|0|2000|train|whole|x", "b|0|1100|val|-|1"))
    result = succeed("encode", "genome.fa", "--labels", "sites.bed", "--split", "s.bed", "-o", "o")
    assert "s.bed: 1 of 2 rows go past the end of their contig, the first in line 2" in (
        result.stderr
    )
    spans = EncodedSet.open("o").manifest["splits"]
    assert sum(end - start for _, start, end in spans["val"]) == 1000


def test_the_reader_of_bed_still_checks(tmp_path: Path) -> None:
    """Who reads scores and strands needs right ones."""
    path = tmp_path / "p.bed"
    for row in ("a|1|2|x|high", "a|1|2|x|0|*", "a|-1|2"):
        path.write_text(tabs(row))
        with pytest.raises(Exception, match="line 1"):
            read_bed(path)


@pytest.mark.parametrize(
    ("rows", "kept", "warning"),
    [
        (
            ["a|1900|2030", "b|100|400"],
            [(1900, 2000)],
            "1 of 2 rows go past the end of their contig, the first in line 1 (a:1900-2030, end at "
            "2000); they are cut there",
        ),
        (["a|10|20", "a|2000|2030"], [(10, 20)], "1 of 2 rows go past the end"),
        (["a|-35|230"], [(0, 230)], "1 of 1 rows start before the first base, the first in line 1"),
        (["a|-35|-5", "a|7|9"], [(7, 9)], "1 of 2 rows start before the first base"),
        (
            [*(f"a|{i}|{i + 1}" for i in range(0, 36, 2)), "a|1990|2010", "a|1995|2020"],
            [*((i, i + 1) for i in range(0, 36, 2)), (1990, 2000)],
            "2 of 20 rows go past the end",
        ),
    ],
)
def test_a_few_rows_are_cut(folder: Path, rows: list[str], kept: list, warning: str) -> None:
    (folder / "p.bed").write_text(tabs(*rows))
    result = succeed("mask", "genome.fa", "--calls", "p.bed", "--hard", "--unmask", "-o", "o.fa")
    assert warning in result.stderr
    sequence = "".join((folder / "o.fa").read_text().split(">")[1].split("\n")[1:])
    assert [m.span() for m in re.finditer("N+", sequence)] == kept
    labels = ("encode", "genome.fa", "--labels", "p.bed", "--class", "peak", "-o", "out")
    result = succeed(*labels, "--split-fractions", "1,0,0")
    assert warning in result.stderr
    bases = np.flatnonzero(np.asarray(EncodedSet.open("out").labels)[:2000] == 6)
    assert bases.tolist() == [base for start, end in kept for base in range(start, end)]
    # The numbers of intervals count what is left.
    counted = EncodedSet.open("out").manifest["summary"]["classes"]["peak"]["."]["train"]
    assert counted["intervals"] == len({*rows} - {"a|2000|2030", "a|-35|-5"})
    for command in (
        "scan genome.fa --motifs motifs.jaspar --within p.bed -o s.bed --pvalue 0.3",
        "score genome.fa -m m.safetensors --regions p.bed -o scores.bed",
        "encode genome.fa --labels sites.bed --exclude p.bed -o x.enc",
        "evaluate genome.fa --labels sites.bed -m m.safetensors --negatives p.bed -o e.json",
    ):
        assert warning in succeed(*command.split()).stderr


MANY = {
    "far": (["a|1|2", "b|1|9001", "b|2|9001"], "line 2: b:1-9001 goes past the contig's"),
    "ends": (["a|1900|2030", "a|1|2", "b|990|1010"], "line 1: a:1900-2030 goes past the contig's"),
    "starts": (["a|5|6", "a|-35|230", "b|-1|9"], "line 2: negative start -35"),
    "nothing left": (["a|2100|2200"], "line 1: a:2100-2200 goes past the contig's end at 2000"),
    "nothing before": (["a|-9|-2"], "line 1: negative start -9"),
}


@pytest.mark.parametrize(("rows", "message"), MANY.values(), ids=MANY)
def test_many_rows_are_an_error(folder: Path, rows: list[str], message: str) -> None:
    (folder / "p.bed").write_text(tabs(*rows))
    before = content(folder)
    for command in (
        "mask genome.fa --calls p.bed -o o.fa",
        "scan genome.fa --motifs motifs.jaspar --within p.bed -o s.bed --pvalue 0.3",
        "score genome.fa -m m.safetensors --regions p.bed -o s.bed",
        "encode genome.fa --labels p.bed --class peak -o x.enc",
        "encode - --labels p.bed --class peak -o x.enc",
    ):
        result = run(*command.split(), input=(folder / "genome.fa").read_bytes())
        assert result.exit_code != 0
        assert f"p.bed, {message}" in result.stderr
        assert content(folder) == before


def test_past_the_end_of_labels_of_several_files(folder: Path) -> None:
    (folder / "1.bed").write_text(tabs("a|1|9|M|0|+"))
    (folder / "2.bed").write_text(tabs("b|1|9|M|0|+", "b|990|1001|M|0|-"))
    labels = load_labels(["1.bed", "2.bed"])
    assert labels.of("b", 1000).ends.tolist() == [9, 1000]
    sizes = {"a": 2000, "b": 1000}
    assert labels.renamed(sizes).frame["end"].to_list() == [9, 9, 1000]
    assert labels.renamed({"a": 2000, "b": 1001}) is labels


FAR = [*(f"a|{i}|{i + 1}|M" for i in range(0, 36, 2)), "b|1|9001|M", "a|1990|2010|M"]


def test_a_row_of_another_assembly_is_left_out(folder: Path) -> None:
    """A label that lies mostly past its contig; `of`, `renamed` and every command agree."""
    (folder / "p.bed").write_text(tabs(*FAR))
    labels = load_labels(["p.bed"])
    sizes = {"a": 2000, "b": 1000, "c": 1000}
    assert not labels.paint("b", 1000).any()
    assert np.flatnonzero(labels.paint("a", 2000))[-1] == 1999
    renamed = labels.renamed(sizes).frame
    assert renamed.filter(chrom="b").is_empty()
    assert (renamed.height, renamed["end"].max()) == (19, 2000)
    warning = (
        "p.bed: 1 of 20 rows lie mostly past the end of their contig, the first in line 19 "
        "(b:1-9001, end at 1000); they are left out"
    )
    whole = ("--labels", "p.bed", "--split-fractions", "1,0,0", "-o", "out")
    assert warning in succeed("encode", "genome.fa", *whole).stderr
    assert not np.asarray(EncodedSet.open("out").labels)[2000:3000].any()
    (folder / "m.bed").write_text(tabs(*(f"{row}|0|+" for row in FAR)))
    command = "evaluate genome.fa --labels m.bed -m m.safetensors -o e.json"
    assert warning.replace("p.bed", "m.bed") in succeed(*command.split()).stderr


@pytest.mark.parametrize(
    "command",
    [
        "mask genome.fa --calls p.bed -o o.fa",
        "scan genome.fa --motifs motifs.jaspar --within p.bed -o s.bed --pvalue 0.3",
        "score genome.fa -m m.safetensors --regions p.bed -o s.bed",
        "encode genome.fa --labels sites.bed --exclude p.bed -o x.enc",
        "encode genome.fa --labels sites.bed --negatives p.bed -o x.enc",
    ],
)
def test_a_region_of_another_assembly_is_an_error(folder: Path, command: str) -> None:
    (folder / "p.bed").write_text(tabs(*FAR))
    before = content(folder)
    result = run(*command.split())
    assert result.exit_code != 0
    assert "p.bed, line 19: b:1-9001 lies mostly past the contig's end at 1000; use" in (
        result.stderr
    )
    assert content(folder) == before


GTF = 'a|x|gene|{}|{}|.|{}|.|gene_id "g";'
STRANDS = {
    "GTF": ("q.gtf", tabs(GTF.format(1, 9, "+"), GTF.format(21, 29, "-"), GTF.format(41, 49, "?"))),
    "GFF 2 without attributes": (
        "q.gff",
        "##gff-version 2\n"
        + tabs("a|x|gene|1|9|.|+|.", "a|x|gene|21|29|high|-|.", "a|x|gene|41|49|.|?|."),
    ),
    "GFF3": (
        "q.gff3",
        tabs("a|x|gene|1|9|.|+|.|ID=1", "a|x|gene|21|29|.|-|.|ID=2||", "a|x|gene|41|49|.|.|.|.|x"),
    ),
    "BED": ("q.bed", tabs("a|0|9|gene|high|+", "a|20|29|gene|0|-", "a|40|49|gene")),
    "BED of Bioconductor": (
        "q.bed",
        tabs("a|0|9|gene|x|+", "a|20|29|gene|0|-", "a|40|49|gene|0|*"),
    ),
    "rmsk": (
        "rmsk.txt",
        tabs(
            "585|225|1|1|1|a|0|9|-991|+|r|gene|f|1|5|0|1",
            "585|x|1|1|1|a|20|29|-971|-|r|gene|f|1|5|0|1|",
            "585|x|1|1|1|a|40|49|-951|.|r|gene|f|1|5|0|1",
        ),
    ),
}


@pytest.mark.parametrize(("name", "text"), STRANDS.values(), ids=STRANDS)
def test_a_row_without_a_strand_is_ignored(
    tmp_path: Path, name: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_text(text)
    labels = load_labels([path])
    assert labels.classes == (MotifClass("gene", True),)
    painted = labels.paint("a", 1000)
    assert [np.flatnonzero(painted == bit).tolist() for bit in (1, 2, 4)] == [
        list(range(40, 49)),
        list(range(9)),
        list(range(20, 29)),
    ]
    (warning,) = [message for message in caplog.messages if "strand" in message]
    value = re.search(r"first has '(.)'", warning)
    assert value is not None
    assert value[1] in text.splitlines()[-1] or name == "q.bed"
    assert "1 of 3 rows of class 'gene' have no strand" in warning
    truth = load_truth([path], [MotifClass("gene", True)])
    np.testing.assert_array_equal(truth.paint("a", 1000), painted)
    flat = load_labels([path], unstranded=["gene"])
    assert (flat.paint("a", 1000) == 6).sum() == 27


@pytest.mark.parametrize(
    ("rows", "classes", "message"),
    [
        (["a|0|9|M|0|+", "a|9|12|M|0|?", "a|20|22|M|0|?"], None, r"but this one has '\?'.*2 of 3"),
        (["a|0|9|M|0|x"], None, "line 1: strand 'x' is not .*; fix it, or use --unstranded M"),
        (["a|0|9|M|0|1.2e-10"], "M", r"strand '1\.2e-10', but class 'M' is stranded in the model"),
        (["a|0|9|M|0|."], "M", "line 1: no strand, but class 'M' is stranded in the model"),
    ],
)
def test_many_rows_without_a_strand(
    tmp_path: Path, rows: list[str], classes: str | None, message: str
) -> None:
    path = tmp_path / "q.bed"
    path.write_text(tabs(*rows))
    with pytest.raises(Exception, match=message):
        load_truth([path], [MotifClass("M", True)]) if classes else load_labels([path])
    # Strands that are not used are not checked: of unstranded, ignored and other classes.
    path.write_text(tabs(*rows, "a|30|39|N|0|+"))
    assert not load_labels([path], unstranded=["M"], classes=["M"]).classes[0].stranded
    assert load_labels([path], ignore_classes=["M"]).classes == (MotifClass("N", True),)
    assert load_labels([path], classes=["N"]).classes == (MotifClass("N", True),)
    load_truth([path], [MotifClass("M", False)])


def test_peaks_of_another_width(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "p.narrowPeak"
    path.write_text(tabs("a|1|9|p1|x|.|5|1|1|4", "a|11|19|p2|7|.|5|1|1", "a|21|29"))
    assert load_labels([path]).frame["start"].to_list() == [1, 11, 21]
    assert "2 of 3 rows do not have the 10 columns of narrowPeak" in caplog.text
