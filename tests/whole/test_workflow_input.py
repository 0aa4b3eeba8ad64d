"""What people write in the sample sheet and the config of the workflow, and where files are."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import succeed, write_fasta, write_model
from sequence_files import twobit, write_fastq

from dnabirnn.cli.options import comma_separated, unquoted
from dnabirnn.encoded import EncodedSet
from dnabirnn.engine import ENGINES

pytest.importorskip("snakemake", reason="pip install '.[workflow]'")

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
STORAGE = ROOT / "tests/support/storage"
CONTIGS = {"a": "ACGT" * 100, "b": "TTGA" * 100, "c": "GATTACA" * 40}


def helpers() -> dict[str, Any]:
    """Functions of the files of the workflow that have no rules."""
    names: dict[str, Any] = {}
    for name in ("config", "sheet"):
        path = WORKFLOWS / f"rules/{name}.smk"
        exec(compile(path.read_text(), path, "exec"), names)
    return names


HELPERS = helpers()


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = HELPERS["read_schema"](WORKFLOWS / f"schemas/{name}.schema.yaml")
    return found


def read_sheet(path: Path) -> dict[str, Any]:
    """Rows of a sheet, with paths relative to its folder."""
    rows = HELPERS["read_sheet"](str(path), schema("samples"))
    return {
        sample: {key: value.removeprefix(f"{path.parent}/") for key, value in row.items() if value}
        for sample, row in rows.items()
    }


def check_config(folder: Path, text: str) -> dict[str, Any]:
    """Config of a file, with the defaults below it, after the check."""
    path = folder / "mine.yaml"
    path.write_text(text)
    config: dict[str, Any] = yaml.safe_load((WORKFLOWS / "config.yaml").read_text())
    update_config(config, yaml.load(text, yaml.FullLoader))
    HELPERS["check_config"](config, schema("config"), HELPERS["config_as_written"]([path]))
    return config


def dry_run(folder: Path, config: dict[str, Any], *arguments: object, fails: bool = False) -> str:
    """Output of a dry run."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    words += ["--cores", "1", "--directory", folder, "--configfile", folder / "config.yaml"]
    process = subprocess.run(
        [str(word) for word in (*words, "--printshellcmds", *arguments)],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(STORAGE)]),
            "SHELF": str(folder / "shelf"),
            "XDG_CACHE_HOME": str(folder / ".cache"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (process.returncode != 0) == fails, process.stdout
    return process.stdout


MINE = {"fasta": "g.fa", "labels": "l.bed", "role": "both"}
OTHER = {"fasta": "o.fa", "role": "score"}
PLAIN = "sample\tfasta\tlabels\nmine\tg.fa\tl.bed\nother\to.fa\t\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN.encode(), id="plain"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="windows"),
        pytest.param(PLAIN.replace("\n", "\r").encode(), id="old mac"),
        pytest.param(PLAIN.rstrip().encode(), id="no last line end"),
        pytest.param(PLAIN.encode("utf-8-sig"), id="byte-order mark"),
        pytest.param(PLAIN.encode("utf-16"), id="excel's unicode text"),
        pytest.param(PLAIN.encode("utf-16-le"), id="utf-16 without a mark"),
        pytest.param(b"\xfe\xff" + PLAIN.encode("utf-16-be"), id="utf-16, big end first"),
        pytest.param(PLAIN.replace("\n", "\t\t\r\n").encode(), id="tabs at the ends"),
        pytest.param((PLAIN + "\t\t\r\n" * 3 + "  \n\n").encode(), id="rows of tabs at the end"),
        pytest.param(PLAIN.replace("\nother", "\n\n\t\t\nother").encode(), id="blank rows between"),
        pytest.param(("\n\n" + PLAIN).encode(), id="blank rows at the start"),
        pytest.param(PLAIN.replace("sample\tfasta", "Sample\t FASTA ").encode(), id="capitals"),
        pytest.param(PLAIN.replace("\t", " \t ").encode(), id="padded"),
        pytest.param(("# mine\n" + PLAIN + "# more\t\n").encode(), id="comments"),
        pytest.param(("#" + PLAIN).encode(), id="header in a comment"),
        pytest.param(("# sample\tfasta\n" + PLAIN).encode(), id="comment like the header"),
        pytest.param(PLAIN.replace("g.fa", '"g.fa"').encode(), id="quoted"),
        pytest.param(PLAIN.replace("o.fa\t", "o.fa").encode(), id="short row"),
        pytest.param(("sep=\t\r\n" + PLAIN).encode(), id="a line for Excel"),
        pytest.param((PLAIN + "\x1a").encode(), id="end of a DOS file"),
        pytest.param(
            PLAIN.replace("mine\t", '"mine"\t').replace("sample", '"sample"').encode(),
            id="quoted names",
        ),
        pytest.param(PLAIN.replace("g.fa", "\xa0g.fa\xa0").encode(), id="no-break spaces"),
        pytest.param(PLAIN.replace("sample", "\ufeffsample", 1).encode("utf-16"), id="two marks"),
    ],
)
def test_sheets_of_editors_and_spreadsheets(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "samples.tsv").write_bytes(data)
    assert read_sheet(tmp_path / "samples.tsv") == {"mine": MINE, "other": OTHER}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("sample\tfasta\nx\t/data/g.fa\n", {"fasta": "/data/g.fa"}),
        ("sample\tfasta\nx\tfile:///data/g.fa\n", {"fasta": "/data/g.fa"}),
        ('sample\tfasta\nx\t"my, own ""g"".fa"\n', {"fasta": 'my, own "g".fa'}),
        ("fasta\trole\tsample\ng.fa\tSCORE\tx\n", {"fasta": "g.fa", "role": "score"}),
        (
            "SAMPLE\tFASTA\tLABELS\tROLE\nx\tg.fa\tl.bed\t Train \n",
            {"fasta": "g.fa", "labels": "l.bed", "role": "train"},
        ),
        ("sample\tfasta\nx\tg,1;2.fa\n", {"fasta": "g,1;2.fa"}),
        ("sample\tfasta\tregions\n7\tg.fa\tr.bed\n", {"fasta": "g.fa", "regions": "r.bed"}),
    ],
)
def test_fields_of_a_sheet(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    (tmp_path / "samples.tsv").write_text(text)
    (row,) = read_sheet(tmp_path / "samples.tsv").values()
    assert row == {"role": "score"} | files


HEADER = "sample\tfasta\tlabels\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN.replace("\t", ","), "line 1: the columns are separated by commas; .* tabs"),
        ('"sample","fasta"\n"x","g.fa"\n', "line 1: the columns are separated by commas"),
        ('"","sample","fasta"\n"1","x","g.fa"\n', "line 1: the columns are separated by commas"),
        ("\ufeff" + PLAIN.replace("\t", ";"), "line 1: the columns are separated by semicolons"),
        (PLAIN.replace("\t", "   "), "line 1: the columns are separated by spaces"),
        (HEADER + "x g.fa l.bed\n", "line 2: the columns are separated by spaces"),
        (HEADER + "x,g.fa,l.bed\n", "line 2: the columns are separated by commas"),
        ("sep=;\nsample;fasta\nx;g.fa\n", "line 2: the columns are separated by semicolons"),
        ('"sample";"fasta"\n"x";"g.fa"\n', "line 1: the columns are separated by semicolons"),
        ("sample;fasta\nx;g.fa\n".encode("utf-16"), "line 1: .* separated by semicolons"),
        ("sample\tfasta\tnotes\nx\tg.fa\thello\n", "unknown column 'notes'; use sample, fasta"),
        ("sample\tfasta\tLable\nx\tg.fa\tl.bed\n", "unknown column 'lable'; did you mean labels"),
        ("sample\tfasta\nx\tfile://host/g.fa\n", "fasta: file://host/g.fa: an address on another"),
        (HEADER + "x\tg\0.fa\n", "not text; save it as tab-separated text"),
        ("mine\tg.fa\n", "line 1: unknown column 'mine'; use sample, fasta, labels"),
        ("sample\tfata\n", "line 1: unknown column 'fata'; did you mean fasta"),
        ("sample\tlabels\n", "line 1: no column fasta"),
        ("sample\tfasta\tfasta\nx\ty\tz\n", "two columns fasta"),
        (HEADER + "\nx\t\tl.bed\n", "line 3: the column fasta is empty"),
        (HEADER + "x\tg.fa\tl.bed\tboth\n", "line 2: more fields than the 3 columns"),
        ("sample\t\tfasta\nx\ty\tg.fa\n", "line 2: more fields than the 2 columns"),
        (HEADER + "x\tg.fa\tNA\n", "line 2: sample x: labels: the file NA does not exist; leave"),
        (HEADER + "x\tg.fa\t.\n", "labels: the file . does not exist; leave"),
        (HEADER + "x.1\tg.fa\n", r"line 2: sample: 'x.1' does not match .*letters, digits"),
        (HEADER + 'x\t"g.fa\n', "line 2: a quotation mark without its partner"),
        ("sample\tfasta\trole\nx\tg.fa\tscor\n", "role: 'scor' .* did you mean score"),
        (HEADER + "x\tg.fa\nx\tg.fa\n", "line 3: sample x has two rows"),
        (HEADER + "x\tg{i}.fa\n", "line 2: sample x: fasta: .* has a brace"),
        (HEADER, "no samples"),
        ("", "empty"),
        ("# only this\n", "empty"),
        (b"PK\x03\x04\x14\0", "a spreadsheet; save it as tab-separated text"),
        (gzip.compress(PLAIN.encode(), mtime=0), "compressed; save it"),
        ((HEADER + "x\tgen\xf6me.fa\n").encode("latin-1"), "line 2: not UTF-8 text"),
    ],
)
def test_a_sheet_that_is_wrong(tmp_path: Path, data: str | bytes, words: str) -> None:
    path = tmp_path / "samples.tsv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(WorkflowError, match=words) as caught:
        read_sheet(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("encode: {val_chroms: [2]}", "encode", "val_chroms", ["2"]),
        ("encode: {val_chroms: [X, 2L, 08, Y]}", "encode", "val_chroms", ["X", "2L", "08", "Y"]),
        ("encode: {test_chroms: ['010', 'yes']}", "encode", "test_chroms", ["010", "yes"]),
        ("sequences:\n  circular:\n  - 1\n", "sequences", "circular", ["1"]),
        ("labels: {class: 5}", "labels", "class", "5"),
        ("labels: {class_column: 5}", "labels", "class_column", 5),
        ("train: {prior: {1: 0.1, B: 2e-3}}", "train", "prior", {"1": 0.1, "B": 0.002}),
        ("report: {title: 2024}", "report", "title", "2024"),
        ("train: {lr: 8e-3}", "train", "lr", 0.008),
        ("train: {lr: null, window: null}", "train", "window", None),
        ("train: {tune: 5}", "train", "tune", 5),
        ("train: {tune: '2.5'}", "train", "tune", 2.5),
        ("train: {window: '300', untied: 'True'}", "train", "window", 300),
        ("train: {bases: 1.0e+7}", "train", "bases", 10_000_000),
        ("train: {bases: 15M}", "train", "bases", "15M"),
        ("call: {fdr: null}", "call", "fdr", None),
        ("call: {fdr: '0.05'}", "call", "fdr", 0.05),
        ("sequences: {circular: [1, MT, 2e3]}", "sequences", "circular", ["1", "MT", "2e3"]),
        ("labels: {ignore_classes: [1, 2]}", "labels", "ignore_classes", ["1", "2"]),
        ("labels: {feature_type: [1]}", "labels", "feature_type", ["1"]),
        ("labels: {classes_map: [1=2]}", "labels", "classes_map", ["1=2"]),
        ("labels: {classes_map: ['a,b=c,d', x=y=z]}", "labels", "classes_map",
         ["a,b=c,d", "x=y=z"]),
        ("encode: {classes: [5, X]}", "encode", "classes", ["5", "X"]),
        ("encode: {unstranded: [5]}", "encode", "unstranded", ["5"]),
    ],
)  # fmt: skip
def test_values_are_what_the_key_is_for(
    tmp_path: Path, text: str, section: str, key: str, value: object
) -> None:
    found = check_config(tmp_path, text)[section][key]
    assert found == value
    assert type(found) is type(value)


def test_keys_without_a_value_get_the_default(tmp_path: Path) -> None:
    config = check_config(tmp_path, "train:\nencode:\n  mask:\n  val_chroms:\nshards:\nmodel:\n")
    assert "train" not in config
    assert "shards" not in config
    assert not {"mask", "val_chroms"} & {*config["encode"]}
    assert config["model"] is None
    assert check_config(tmp_path, "name: 2024\n")["name"] == "2024"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trian: {}", "config: unknown key 'trian'; did you mean train?"),
        ("encode: {val_chrom: [a]}", "config: encode: unknown key 'val_chrom'; did you mean val_"),
        ("encode: {val-chroms: [a]}", "encode: unknown key 'val-chroms'; did you mean val_chroms?"),
        ("val_chroms: [a]", "config: unknown key 'val_chroms'; val_chroms is a key of encode"),
        ("call: {min_score: 3}", "call: unknown key 'min_score'; min_score is a key of score"),
        ("train: {threads: 3}", "unknown key 'threads'; threads is a key outside the sections"),
        ("zzz: 1", "config: unknown key 'zzz'; use one of samples, name, model"),
        ("encode: {val_chroms: [010]}", "val_chroms: YAML reads 010 as 8, .*write '010' in"),
        ("encode: {val_chroms: [01]}", "YAML reads 01 as 1, .*'01' in quotes"),
        ("encode: {val_chroms: [1.10]}", "YAML reads 1.10 as 1.1, .*'1.10' in quotes"),
        ("encode: {val_chroms: [1_000]}", "YAML reads 1_000 as 1000, .*'1_000' in quotes"),
        ("encode: {val_chroms: [2024-01-02]}", "val_chroms: 2024-01-02 is not text; write '2024"),
        ("encode: {val_chroms: [a, no]}", "YAML reads no as false, .*'no' in quotes"),
        ("encode: {exclude: on}", "encode: exclude: YAML reads on as true"),
        ("train: {prior: {yes: 0.1}}", "train: prior: YAML reads yes as true"),
        ("encode: {val_chroms: [a, ~]}", "encode: val_chroms: null is not text"),
        ("encode: {val_chroms: chr8}", r"encode: val_chroms: 'chr8' is not a list; write \[chr8\]"),
        ("encode: {val_chroms: 8}", r"encode: val_chroms: 8 is not a list; write \[8\]"),
        ("train: {hidden: many}", "train: hidden: 'many' is not a whole number or null"),
        ("train: {hidden: 2.5}", "train: hidden: 2.5 is not a whole number"),
        ("train: {cell: GUR}", "train: cell: 'GUR' is not one of gru, .* did you mean gru"),
        ("train: [fast]", r"train: .* is not a section with keys"),
        ("train: {Seed: 3}", "config: train: unknown key 'Seed'; did you mean seed?"),
        ("labels: {class_map: [a=b]}", "unknown key 'class_map'; did you mean classes_map?"),
        ("train: {prior: {M: {a: 1}}}", r"train: prior: M: {'a': 1} is not a number"),
        ("labels: {class: 1.5}", "labels: class: 1.5 is not text; write '1.5' in quotes"),
        ("labels: {classes_map: [a]}", r"labels: classes_map: 'a' does not match .*old=new"),
        ("labels: {classes_map: ['=a']}", r"labels: classes_map: '=a' does not match .*old=new"),
        ("labels: {classes_map: {a: b}}", r"labels: classes_map: .* is not a list .*old=new"),
        ("engine: fusd", "'fusd' is not one of auto, fused, torch, triton; did you mean fused?"),
        ("encode:\n  mask: loss\n  mask: hard", "mine.yaml, line 3: the key mask is there twice"),
        ("encode: {exclude: [a.bed]}", r"encode: exclude: \['a.bed'\] is not text or null"),
        ("samples: [a.tsv]", r"samples: \['a.tsv'\] is not text"),
        ("shards: 0", "shards: 0 is less than the minimum of 1"),
        ("name: a b", "name: 'a b' does not match"),
        ("train: {}\ncall: {}\ntrain: {}", "mine.yaml, line 3: the key train is there twice"),
    ],
)  # fmt: skip
def test_a_config_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(WorkflowError, match=words.replace("?", r"\?")) as caught:
        check_config(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_mistake_is_one_line_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "samples.tsv").write_text("sample\tfasta\nx\tg.fa\n")
    words = dry_run(tmp_path, {"model": "satelites"}, fails=True)
    assert re.search(
        "^config: model: satelites: neither a file nor a model that comes with dnabirnn; "
        r"did you mean satellites\?$",
        words,
        re.MULTILINE,
    )
    words = dry_run(tmp_path, {"encode": {"val_chroms": "c"}}, fails=True)
    assert re.search("^config: encode: val_chroms: 'c' is not a list", words, re.MULTILINE)
    assert len(words.splitlines()) < 12


def test_engines_are_those_of_the_commands(tmp_path: Path) -> None:
    assert schema("config")["properties"]["engine"]["enum"] == [*ENGINES]
    write_fasta(tmp_path / "g.fa", CONTIGS)
    (tmp_path / "l.bed").write_text("a\t3\t9\tM\n")
    (tmp_path / "samples.tsv").write_text(HEADER + "x\tg.fa\tl.bed\n")
    words = dry_run(tmp_path, {"engine": "triton", "encode": {"val_chroms": ["b"]}})
    assert dict(re.findall(r"dnabirnn (\w+) .* --engine (\w+)", words)) == {
        "train": "auto",
        "score": "triton",
        "evaluate": "triton",
        "report": "triton",
    }


NAMES = ["LINE,L1", 'a "b", c', "plain", " blank ", "x=y,z", "$HOME", "it's"]


def words_of(text: str, command: str) -> list[str]:
    """Words of a command in the output of a dry run, as a shell splits them."""
    (line,) = re.findall(rf"dnabirnn {command} .*", text)
    return shlex.split(line)[1:]


def given(words: list[str], option: str) -> list[str]:
    """Names in an option of a command, as the command reads them."""
    found = [words[i + 1] for i, word in enumerate(words) if word == option]
    return [unquoted(item) for text in found for item in comma_separated(text)]


def test_names_with_commas_and_quotes_reach_the_commands(tmp_path: Path) -> None:
    contigs = {'a "b",1': "ACGT" * 100, "c,2": "TTGA" * 100, "d": "GATTACA" * 40}
    write_fasta(tmp_path / "g.fa", {name.replace(" ", "_"): t for name, t in contigs.items()})
    names = [name.replace(" ", "_") for name in contigs]
    rows = [f"{names[0]}\t{10 * i}\t{10 * i + 5}\t{name}\t0\t.\n" for i, name in enumerate(NAMES)]
    (tmp_path / "l.bed").write_text("".join(rows) + f"{names[1]}\t3\t9\told,1\n")
    (tmp_path / "samples.tsv").write_text(HEADER + "x\tg.fa\tl.bed\n")
    kept, ignored = [NAMES[0], NAMES[1], NAMES[4]], [NAMES[2], NAMES[5], NAMES[6]]
    config = {
        "sequences": {"circular": names},
        "labels": {
            "classes_map": [f"old,1={NAMES[0]}", f'"{NAMES[3]}"=b,c'],
            "ignore_classes": ignored,
        },
        "encode": {"classes": kept, "unstranded": kept, "val_chroms": names[1:]},
        "train": {"prior": {NAMES[0]: 0.1, NAMES[1]: 0.2}},
    }
    text = dry_run(tmp_path, config)
    encode, evaluate = words_of(text, "encode"), words_of(text, "evaluate")
    assert given(encode, "--classes") == given(encode, "--unstranded") == kept
    assert given(encode, "--val-chroms") == names[1:]
    for words in (encode, evaluate, words_of(text, "report")):
        assert given(words, "--ignore-classes") == ignored
    assert given(evaluate, "--circular") == given(words_of(text, "score"), "--circular") == names
    train = words_of(text, "train")
    shares = [train[i + 1].rpartition("=") for i, word in enumerate(train) if word == "--prior"]
    assert {unquoted(name): float(share) for name, _, share in shares} == config["train"]["prior"]
    # `encode` reads what the workflow writes.
    encode[encode.index("g.fa")] = str(tmp_path / "g.fa")
    encode[encode.index("l.bed")] = str(tmp_path / "l.bed")
    encode[encode.index("-o") + 1] = str(tmp_path / "e")
    succeed(*encode[: encode.index("--provenance")])
    assert [name for name, _ in EncodedSet.open(tmp_path / "e").classes] == kept
    assert EncodedSet.open(tmp_path / "e").manifest["reading"]["classes_map"] == {
        "old,1": NAMES[0],
        NAMES[3]: "b,c",
    }


def write_contigs(folder: Path) -> dict[str, int]:
    """Write the contigs in every format; the number of shards of each sample, of four.

    Only an index that is up to date tells that there are fewer.
    """
    write_fasta(folder / "plain.fa", CONTIGS)
    (folder / "packed.fa.gz").write_bytes(gzip.compress((folder / "plain.fa").read_bytes()))
    write_fastq(folder / "reads.fq", CONTIGS, width=60)
    (folder / "two.2bit").write_bytes(twobit(CONTIGS))
    write_fasta(folder / "many.fa", {f"c{i}": "ACGTACGT" for i in range(9)})
    records = "".join(
        f"LOCUS       {name} {len(text)} bp    DNA     linear   UNK\nORIGIN\n"
        + "".join(f"{i + 1:>9} {text[i : i + 60].lower()}\n" for i in range(0, len(text), 60))
        + "//\n"
        for name, text in CONTIGS.items()
    )
    (folder / "genes.gbk").write_text(records)
    files = dict.fromkeys(
        ["plain.fa", "packed.fa.gz", "reads.fq", "two.2bit", "genes.gbk", "many.fa"], 4
    )
    write_fasta(folder / "indexed.fa", CONTIGS)
    rows = "a\t400\t3\t60\t61\nb\t400\t413\t60\t61\nc\t280\t823\t60\t61\n"
    (folder / "indexed.fa.fai").write_text(rows)
    files["indexed.fa"] = 3
    # An index that is empty or older than the file says nothing.
    for name, time in (("empty.fa", 2), ("stale.fa", 0)):
        write_fasta(folder / name, CONTIGS)
        (folder / f"{name}.fai").write_text("" if time else "a\t400\t3\t60\t61\n")
        os.utime(folder / name, (1, 1))
        os.utime(folder / f"{name}.fai", (time, time))
        files[name] = 4
    rows = [f"{name.replace('.', '_')}\t{name}\n" for name in files]
    (folder / "samples.tsv").write_text("sample\tfasta\n" + "".join(rows))
    return {name.replace(".", "_"): number for name, number in files.items()}


def shards_of(words: str) -> dict[str, int]:
    """Number of scoring jobs of each sample in a plan."""
    found = re.findall(r"results/shards/(\w+)/\d+-of-(\d+)\.bed\.gz --shard", words)
    assert all(found.count((sample, of)) == int(of) for sample, of in found)
    return {sample: int(of) for sample, of in found}


def test_shards_of_every_format(tmp_path: Path) -> None:
    expected = write_contigs(tmp_path)
    # A folder with the name of a model does not hide the model.
    (tmp_path / "satellites").mkdir()
    words = dry_run(tmp_path, {"model": "satellites", "shards": 4})
    assert shards_of(words) == expected
    assert "dnabirnn models satellites -o" in words


@pytest.mark.parametrize("key", ["init", "teacher"])
def test_a_model_to_start_from_can_be_one_that_ships(tmp_path: Path, key: str) -> None:
    write_fasta(tmp_path / "g.fa", CONTIGS)
    (tmp_path / "l.bed").write_text("a\t3\t9\tM\n")
    (tmp_path / "samples.tsv").write_text(HEADER + "x\tg.fa\tl.bed\n")
    words = dry_run(tmp_path, {"train": {key: "ecoli-rep"}, "encode": {"val_chroms": ["b"]}})
    assert f"--{key} ecoli-rep " in words
    write_model(tmp_path / "m.safetensors")
    words = dry_run(tmp_path, {"train": {key: "m.safetensors"}, "encode": {"val_chroms": ["b"]}})
    assert re.search(r"^ +input: .*m\.safetensors", words, re.MULTILINE)
    assert f"--{key} m.safetensors " in words
    words = dry_run(tmp_path, {"train": {key: "Ecoli_Rep"}}, fails=True)
    assert f"config: train: {key}: Ecoli_Rep: neither a file nor a model" in words
    assert "did you mean ecoli-rep?" in words


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A storage with sequences, labels and a model."""
    folder = tmp_path / "shelf"
    (folder / "data").mkdir(parents=True)
    write_fasta(folder / "data/g.fa", CONTIGS)
    write_model(folder / "m.safetensors")
    for name in ("data/l.bed", "data/r.bed", "x.bed", "n.bed"):
        (folder / name).write_text("a\t3\t9\tM\n")
    (folder / "alias.tsv").write_text("chrA\ta\n")
    return folder


def test_files_with_an_address(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "samples.tsv").write_text(
        "sample\tfasta\tlabels\trole\tregions\n"
        "x\tshelf://data/g.fa\tshelf://data/l.bed\tscore\tshelf://data/r.bed\n"
    )
    config = {
        "model": "shelf://m.safetensors",
        "shards": 2,
        "labels": {"negatives": "shelf://n.bed"},
        "sequences": {"chrom_alias": "shelf://alias.tsv"},
    }
    words = dry_run(tmp_path, config)
    assert shards_of(words) == {"x": 2}  # cannot be counted before they are fetched
    (command,) = re.findall("dnabirnn evaluate .*", words)
    fetched = ".snakemake/storage/shelf"
    for text in (
        f"evaluate {fetched}/data/g.fa -m {fetched}/m.safetensors ",
        f"--negatives {fetched}/n.bed",
        f"--chrom-alias {fetched}/alias.tsv",
        f"--labels {fetched}/data/l.bed",
        f"--regions {fetched}/data/r.bed",
    ):
        assert text in command
    (line,) = re.findall(r"rule evaluate:\n +input: (.*)", words)
    names = ["data/g.fa", "data/l.bed", "data/r.bed", "n.bed", "alias.tsv", "m.safetensors"]
    assert re.findall(r"shelf://(\S+) \([^)]*retrieve from storage\)", line) == names
    assert "results/calls/x.bed (send" not in words  # results stay here


def test_everything_on_a_storage(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "samples.tsv").write_text(HEADER + "x\tdata/g.fa\tdata/l.bed\n")
    config = {"encode": {"val_chroms": ["b"], "exclude": "x.bed"}, "shards": 2}
    storage = ("--default-storage-provider", "shelf", "--default-storage-prefix", "shelf://")
    words = dry_run(tmp_path, config, *storage)
    assert shards_of(words) == {"x": 2}
    assert "shelf://results/report.html (send to storage)" in words
    fetched = ".snakemake/storage/shelf"
    (command,) = re.findall("dnabirnn encode .*", words)
    assert f"--exclude {fetched}/x.bed " in command
    (line,) = re.findall(r"rule commands:\n +input: (.*)", words)
    names = [f"shelf://results/provenance/{n}/motifs.json" for n in ("encode", "train", "evaluate")]
    assert all(name in line for name in names)
    assert f"--command-log {fetched}/results/commands.txt" in words


@pytest.mark.parametrize(
    ("sheet", "config", "words"),
    [
        ("gs://b/g.fa", {}, "line 2: sample x: fasta: gs://b/g.fa: .*snakemake-storage-plugin-gcs"),
        ("g.fa", {"model": "gs://h/m.safetensors"}, "model: gs://h/m.safe.*-plugin-gcs"),
        ("g.fa", {"samples": "s3://b/samples.tsv"}, "s3://b/samples.tsv: the sample sheet is read"),
        ("az://b/g.fa", {}, "fasta: az://b/g.fa: .*snakemake-storage-plugin-azure"),
        ("g.fa\tgs://b/l.bed", {}, "labels: gs://b/l.bed: .*snakemake-storage-plugin-gcs"),
        ("g.fa\tl.bed\tgs://h/r.bed", {}, "regions: gs://h/r.bed: .*-plugin-gcs"),
        *(
            (
                "g.fa\tl.bed",
                {"model": None, section: {key: "gs://h/x.bed"}},
                f"^config: {section}: {key}: gs://h/x.bed: .*snakemake-storage-plugin-gcs",
            )
            for section, key in (
                ("encode", "split"),
                ("encode", "exclude"),
                ("labels", "negatives"),
                ("sequences", "chrom_alias"),
                ("train", "init"),
                ("train", "teacher"),
            )
        ),
    ],
)
def test_an_address_without_its_plugin(
    tmp_path: Path, sheet: str, config: dict[str, Any], words: str
) -> None:
    write_fasta(tmp_path / "g.fa", CONTIGS)
    (tmp_path / "l.bed").write_text("a\t3\t9\tM\n")
    columns = "sample\tfasta\tlabels\tregions"
    (tmp_path / "samples.tsv").write_text(f"{columns}\nx\t{sheet}\n")
    found = dry_run(tmp_path, {"model": "satellites"} | config, fails=True)
    assert re.search(words, found, re.MULTILINE)
