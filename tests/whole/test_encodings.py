"""Text of editors and spreadsheets: a byte-order mark, UTF-16, other line ends, Latin-1 names."""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import content, make_material, run, succeed

from dnabirnn.errors import DnabirnnError
from dnabirnn.intervals import Regions
from dnabirnn.labels import load_labels, read_aliases
from dnabirnn.motifs import read_motifs
from dnabirnn.sequences import read_fasta
from dnabirnn.tracks import read_sizes

FLAT = """\
{head}
ACCESSION   p
VERSION     p.1
FEATURES             Location/Qualifiers
     gene            11..20
ORIGIN
        1 acgtacgtac gtacgtacgt acgtacgtac
//
"""
EMBL = """\
ID   p; SV 1; linear; genomic DNA; STD; UNC; 30 BP.
FH   Key             Location/Qualifiers
FT   gene            11..20
XX
SQ   Sequence 30 BP;
     acgtacgtac gtacgtacgt acgtacgtac        30
//
"""
MATRIX = "letter-probability matrix: alength= 4 w= 2\n0.9 0 0 0.1\n0 0.9 0.1 0\n"
SEQUENCES = {
    "FASTA": ">chr1 x\nACGT\nacgt\n",
    "FASTQ": "@chr1 x\nACGT\n+\nIIII\n",
    "GenBank": FLAT.format(head="LOCUS       p 30 bp DNA linear"),
    "EMBL": EMBL,
}
LABELS = {
    "in.bed": "chr1\t10\t20\tgene\t0\t+\n",
    "header.bed": "#chrom\tstart\tend\tname\nchr1\t10\t20\tgene\n",
    "in.narrowPeak": "chr1\t10\t20\tp1\t0\t.\t1.5\t-1\t-1\t2\n",
    "in.gff3": "##gff-version 3\nchr1\tlab\tgene\t11\t20\t.\t+\t.\tID=1\n",
    "in.gtf": 'chr1\tlab\tgene\t11\t20\t.\t+\t.\tgene_id "1";\n',
    "in.gb": SEQUENCES["GenBank"],
    "in.embl": EMBL,
    "in.fa.out": "225 1.0 0.0 0.0 chr1 11 20 (10) + r gene/x 1 10 (0) 1\n",
    "rmsk.txt": "585\t225\t10\t0\t0\tchr1\t10\t20\t-10\t+\tr\tgene\tx\t1\t5\t0\t1\n",
    "in.fq": "@chr1\nACGT\n+\n!!##\n",
}
MOTIFS = {
    "MEME": f"MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m\n{MATRIX}",
    "JASPAR": ">MA1 m\nA [9 0]\nC [0 9]\nG [0 1]\nT [1 0]\n",
    "HOMER": ">AC\tm\t6.2\n0.9\t0\t0\t0.1\n0\t0.9\t0.1\t0\n",
    "TRANSFAC": "ID m\nP0 A C G T\n01 9 0 0 1\n02 0 9 1 0\nXX\n//\n",
}
ALIASES = "# ucsc\tensembl\nchr1\t1\n"
SIZES = "chr1\t30\nchr2\t20\n"


def sequences(path: Path) -> object:
    return [(record.name, record.codes.tolist()) for record in read_fasta(path)]


def labels(path: Path) -> object:
    return load_labels([path]).frame.drop("file").rows()


def by_header(path: Path) -> object:
    return load_labels([path], class_column="name").frame.drop("file").rows()


def motifs(path: Path) -> object:
    return [(name, counts.tolist()) for name, _, counts in read_motifs(path)]


def aliases(path: Path) -> object:
    genome = path.with_name("genome.fa")
    genome.write_text(">1\nACGT\n")
    return read_aliases(path, [genome]).name("chr1")


def regions(path: Path) -> object:
    return Regions.read(path).of("chr1").tolist()


Reader = Callable[[Path], object]
FILES: dict[str, tuple[str, str, Reader]] = {
    **{form: ("in.txt", text, sequences) for form, text in SEQUENCES.items()},
    **{name: (name, text, labels) for name, text in LABELS.items()},
    "names of columns": ("header.bed", LABELS["header.bed"], by_header),
    "regions": ("in.bed", LABELS["in.bed"], regions),
    **{form: ("in.txt", text, motifs) for form, text in MOTIFS.items()},
    "aliases": ("in.txt", ALIASES, aliases),
    "sizes": ("in.txt", SIZES, read_sizes),
}


@pytest.fixture(params=FILES.values(), ids=list(FILES))
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, Reader]:
    name, text, read = request.param
    path = tmp_path / name
    path.write_text(text)
    return path, text, read


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_left_out(
    file: tuple[Path, str, Reader], pack: Callable[[bytes], bytes]
) -> None:
    path, text, read = file
    plain = read(path)
    for ends in ("\n", "\r\n"):
        path.write_bytes(pack(codecs.BOM_UTF8 + text.replace("\n", ends).encode()))
        assert read(path) == plain


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_an_error(file: tuple[Path, str, Reader], encoding: str) -> None:
    path, text, read = file
    path.write_bytes(text.encode(encoding))
    with pytest.raises(DnabirnnError, match=f"{path.name}: is text in UTF-16; save it") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_bare_carriage_returns(file: tuple[Path, str, Reader]) -> None:
    """As old versions of Excel write them: small tables are read, other files are an error."""
    path, text, read = file
    plain = read(path)
    path.write_bytes(text.replace("\n", "\r").encode())
    if read in (motifs, aliases, read_sizes):
        assert read(path) == plain
        return
    if text.count("\n") == 1:
        path.write_bytes((text * 2).replace("\n", "\r").encode())
    with pytest.raises(DnabirnnError, match="lines end in a bare carriage return") as caught:
        read(path)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize("name", ["genre é", "Größe", "5' “end”"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_column_is_found_by_its_name(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / "in.bed"
    text = f"#chrom\tstart\tend\tname\tscore\tstrand\t {name} \nchr1\t1\t9\tx\t0\t+\tRené\n"
    path.write_bytes(text.encode(encoding))
    assert load_labels([path], class_column=name).classes[0].name == "René"


def test_short_files(tmp_path: Path) -> None:
    """Shorter than the mark, or the mark alone."""
    path = tmp_path / "in.bed"
    for data in (b"", b"\xef", b"\xef\xbb", codecs.BOM_UTF8):
        path.write_bytes(data)
        with pytest.raises(DnabirnnError):
            load_labels([path])


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_material(tmp_path)
    for name in ("genome.fa", "sites.bed", "scores.bed", "motifs.jaspar"):
        data = Path(name).read_bytes()
        Path(f"mark.{name}").write_bytes(codecs.BOM_UTF8 + data)
        Path(f"wide.{name}").write_bytes(data.decode().encode("utf-16-le"))
    commands = {
        "genome.fa": "score {}genome.fa -m m.safetensors -o {}out.bed",
        "scores.bed": "call {}scores.bed -m m.safetensors -o {}out.bed",
        "sites.bed": "mask genome.fa --calls {}sites.bed -o {}out.fa",
        "motifs.jaspar": "scan genome.fa --motifs {}motifs.jaspar --pvalue 0.2 -o {}out.bed",
    }
    for command in [*commands.values(), "mask {}genome.fa --calls sites.bed -o {}out.fa"]:
        succeed(*command.format("", "").split())
        succeed(*command.format("mark.", "mark.").split())
        out = command.rpartition("}")[2]
        assert Path(out).read_bytes() == Path(f"mark.{out}").read_bytes()
        before = content(tmp_path)
        result = run("-q", *command.format("wide.", "wide.").split())
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        # A track is written by dnabirnn, so it is only said to be none.
        assert re.search(r"wide\.(?:scores|\S+: is text in UTF-16; save it as UTF-8)", line)
        assert content(tmp_path) == before
