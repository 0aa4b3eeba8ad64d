"""Where readers of sequences, labels and motifs meet: names, pipes, empty files, circles."""

import os

import numpy as np
import pytest
from commands import succeed, write_model

from dnabirnn.intervals.regions import Regions
from dnabirnn.labels.formats.features import Selection
from dnabirnn.labels.formats.gff import read_gff3
from dnabirnn.labels.load import load_labels

RECORD = (
    "LOCUS       NC_1                     100 bp    DNA     linear   BCT 01-JAN-2020\n"
    "ACCESSION   NC_1\nVERSION     NC_1.1\n"
    "FEATURES             Location/Qualifiers\n     tRNA            11..20\n"
    "ORIGIN\n        1 {}\n//\n"
).format("\n".join([" ".join(["acgtacgtac"] * 10)]))


@pytest.mark.parametrize("name", ["NC_1", "NC_1.1"])
@pytest.mark.parametrize(
    ("other", "text"),
    [
        ("o.bed", "NC_1\t30\t40\tIS\t0\t+\n"),
        ("o.out", "239 29.4 1.9 1.0 NC_1 31 40 (60) + MIR IS/MIR (118) 144 41 7\n"),
    ],
)
def test_a_record_has_one_name_whatever_other_files_call_it(tmp_path, name, other, text):
    (tmp_path / "a.gb").write_text(RECORD)
    (tmp_path / other).write_text(text)
    labels = load_labels([tmp_path / "a.gb", tmp_path / other])
    labels.check_contigs({name: 100})
    assert np.flatnonzero(labels.paint(name, 100)).tolist() == [*range(10, 20), *range(30, 40)]


def test_a_byte_order_mark_hides_no_record(tmp_path):
    (tmp_path / "a.gb").write_text(RECORD, encoding="utf-8-sig")
    assert load_labels([tmp_path / "a.gb"]).names == ["NC_1.1"]


def test_gff3_span_goes_over_the_origin():
    rows = [
        "p\tx\tregion\t1\t100\t.\t+\t.\tIs_circular=true",
        "p\tx\tREP\t1\t5\t.\t-\t.\tID=a",
        "p\tx\tREP\t8\t9\t.\t-\t.\tID=a",
        "p\tx\tREP\t96\t100\t.\t-\t.\tID=a",
    ]
    text = "".join(f"{row}\n" for row in rows).encode()
    frame = read_gff3([text], "p.gff3", Selection(span=True)).frame
    assert frame.select("start", "end").rows() == [(95, 100), (0, 9)]


def test_nothing_to_exclude(tmp_path):
    path = tmp_path / "partly.bed"
    path.write_text("")
    regions = Regions.read(path, may_be_empty=True)
    regions.check_contigs({"c": 9})
    assert regions.of("c").tolist() == []


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs /dev/fd")
def test_regions_with_sequences_from_a_pipe(tmp_path):
    fasta = ">c\n" + "ACGT" * 50 + "\n"
    file, regions = tmp_path / "c.fa", tmp_path / "c.bed"
    file.write_text(fasta)
    regions.write_text("c\t0\t50\n")
    model = write_model(tmp_path / "m.safetensors")
    options = ("-m", model, "-o", "-", "--min-score", 0, "--regions", regions)
    reader, writer = os.pipe()
    try:
        os.write(writer, fasta.encode())
        os.close(writer)
        piped = succeed("score", f"/dev/fd/{reader}", *options)
    finally:
        os.close(reader)
    assert piped.stdout == succeed("score", file, *options).stdout != ""
