"""The sample sheet, and what is made of it and of the config."""

import gzip
import json
import re
import shlex
import zlib
from contextlib import suppress
from pathlib import Path

import polars as pl
from snakemake.exceptions import WorkflowError

# What the rules write. A higher number makes files of an older format anew; a new release of
# dnabirnn that writes the same format does not.
FORMAT = {"encoded": 1, "model": 1, "scores": 1}

CONDA = "../envs/dnabirnn.yaml"


def read_sheet(path):
    """Rows of the sheet by sample; paths in it are relative to its folder."""
    if not path.exists():
        raise WorkflowError(
            f"{config['samples']}: no such file; set `samples` in the config"
        )
    try:
        frame = pl.read_csv(
            path,
            separator="\t",
            comment_prefix="#",
            infer_schema=False,
            quote_char=None,
        )
    except pl.exceptions.PolarsError as error:
        raise WorkflowError(
            f"{path}: cannot be read as tab-separated columns: {error}"
        ) from error
    frame = frame.rename(str.strip).with_columns(
        pl.all().str.strip_chars().replace("", None)
    )
    validate(frame, schema="../schemas/samples.schema.yaml", set_default=False)
    rows = {}
    for row in frame.iter_rows(named=True):
        if row["sample"] in rows:
            raise WorkflowError(
                f"{path}: sample {row['sample']} has two rows; rename one"
            )
        files = {
            key: row.get(key) and str(path.parent / row[key])
            for key in ("fasta", "labels", "regions")
        }
        for file in filter(None, files.values()):
            check_braces(f"{path}: sample {row['sample']}", file)
        role = row.get("role") or ("both" if files["labels"] else "score")
        if role != "score" and not files["labels"]:
            raise WorkflowError(
                f"{path}: sample {row['sample']} is to train on and has no labels; "
                "give it labels, or the role `score`"
            )
        rows[row["sample"]] = files | {"role": role}
    return rows


def check_braces(where, text):
    """Raise for what Snakemake would take for a wildcard."""
    if "{" in text or "}" in text:
        raise WorkflowError(
            f"{where}: {text!r} has a brace, which Snakemake keeps for wildcards; rename it"
        )


def files_of(key, samples):
    """Files of some samples, each once, in the order of the sheet."""
    return list(dict.fromkeys(SAMPLES[sample][key] for sample in samples))


def one_of(names):
    """A regular expression of exactly these names."""
    return f"(?:{'|'.join(map(re.escape, names))})" if names else "(?!)"


def options(*sections, only=None):
    """Options of a command from sections of the config: `val_chroms: [a]` is `--val-chroms a`.

    With `only`, those of these names.

    Of what has names, `prior: {a: 0.1}`, each is an option: `--prior a=0.1`.
    """
    words = []
    for section in sections:
        for key, value in sorted(config[section].items()):
            if value is None or value is False or value in ([], {}):
                continue
            if only is not None and key not in only:
                continue
            option = f"--{key.replace('_', '-')}"
            if isinstance(value, dict):
                for name, share in sorted(value.items()):
                    check_braces(f"{section}: {key}", name)
                    words += [option, f"{name}={share}"]
                continue
            words.append(option)
            check_braces(f"{section}: {key}", str(value))
            if isinstance(value, list):
                words.append(",".join(map(str, value)))
            elif value is not True:
                words.append(str(value))
    return shlex.join(words)


def score_options():
    """Options of `score`, sequences' too."""
    return f"{track_options()} {options('sequences', only=['circular'])}".strip()


def track_options():
    """Options of `score`: its track has to hold every score that `call` looks at."""
    threshold, lowest = config["call"]["threshold"], config["score"]["min_score"]
    if config["call"]["fdr"] is not None:
        return options("score") + f" --fdr {config['call']['fdr']} --calls /dev/null"
    if threshold is None:
        # Only the model knows what its calls look at. Asked for calls too, `score` refuses a
        # --min-score above that, before it scores; `call` makes those that are kept.
        return options("score") + (" --calls /dev/null" if lowest else "")
    called = int(threshold * 1000 + 0.5)
    if lowest is not None and lowest > called:
        raise WorkflowError(
            f"score: min_score {lowest} leaves out scores that call: threshold {threshold} "
            f"looks at; set it to {called} or less"
        )
    if lowest is None and called < 100:
        return f"--min-score {max(called, 1)}"
    return options("score")


def repeated(option, paths):
    """An option that is given once a path."""
    paths = [paths] if isinstance(paths, str) else paths
    return " ".join(f"{option} {shlex.quote(str(path))}" for path in paths)


def files_named(section, *keys):
    """Files that options name: a change of one runs the rule again."""
    return [config[section][key] for key in keys if config[section][key]]


def hardware(*keys):
    """Options that change no file: as a function of the input, they make no rule run again."""
    return lambda wildcards, input: shlex.join(
        word for key in keys for word in (f"--{key}", config[key])
    )


def memory(mb):
    """Memory of a job, more each time that it is tried again."""
    return lambda wildcards, attempt: mb * attempt


def minutes(number):
    """Time of a job, more each time that it is tried again."""
    return lambda wildcards, attempt: number * attempt


def shards(sample):
    """Shards of a sample: as many as the config wants, at most one a contig."""
    wanted = len(SHARDS)
    if wanted == 1:
        return SHARDS
    number = max(1, count_contigs(SAMPLES[sample]["fasta"], wanted))
    return [f"{i}-of-{number}" for i in range(1, number + 1)]


def count_contigs(path, enough):
    """Contigs of a FASTA, counted until there are enough; from its index where there is one."""
    if not Path(path).exists():
        return 1  # Snakemake says so, or has a rule that makes it.
    index = Path(f"{path}.fai")
    if index.exists() and index.stat().st_mtime >= Path(path).stat().st_mtime:
        return min(enough, sum(1 for line in index.open()))
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    count = 0
    # What is wrong with a damaged file is for the job that reads all of it to say.
    with (
        (gzip.open if packed else open)(path, "rb") as lines,
        suppress(OSError, EOFError, zlib.error),
    ):
        for line in lines:
            count += line.startswith(b">")
            if count == enough:
                break
    return count


def samples_of(truth):
    """Samples whose labels are the truth."""
    return TRAINING if truth == NAME and TRAINING else [truth]


def regions_of(truth):
    """BED of what counts: what was held out of training, or the sample's own."""
    if truth == NAME and TRAINING:
        return [f"<results>/encoded/{NAME}.held_out.bed"]
    return list(filter(None, [SAMPLES[truth]["regions"]]))


def excluded_of(truth):
    """BED of bases that do not count: what the encoded genomes are encoded without."""
    return files_named("encode", "exclude") if truth == NAME and TRAINING else []


def calls_of(truth):
    """Calls of what a truth is about, where all of it is scored."""
    samples = samples_of(truth)
    if not set(samples) <= set(SCORED):
        return []
    return expand("<results>/calls/{sample}.bed", sample=samples)


def folders_of(files):
    """Folders of files, each once."""
    return list(dict.fromkeys(Path(file).parent for file in files))


def write_held_out(manifest, out):
    """Write intervals of the test split, or of the validation split where there is none."""
    splits = json.loads(Path(manifest).read_text())["splits"]
    split = "test" if splits["test"] else "val"
    if not splits[split]:
        raise WorkflowError(
            f"{manifest}: neither a test nor a validation split; set one under `encode`, or "
            "nothing is left to hold the model against"
        )
    partial = Path(f"{out}.tmp")  # so that no half of it ever has the name
    partial.write_text(
        "".join(
            f"{name}\t{start}\t{end}\t{split}\n" for name, start, end in splits[split]
        )
    )
    partial.replace(out)


SAMPLES = read_sheet(Path(config["samples"]))
SHARDS = gather.score("{scatteritem}")
NAME = config["name"]

# Samples to train on, unless there is a model; samples to score.
TRAINING = (
    []
    if config["model"]
    else [s for s, row in SAMPLES.items() if row["role"] != "score"]
)
SCORED = [s for s, row in SAMPLES.items() if row["role"] != "train"]
ENCODED = [
    f"<results>/encoded/{NAME}/{file}"
    for file in ("codes.npy", "labels.npy", "manifest.json")
]
# A model that ships has a name, and is no file: `dnabirnn models` writes it.
SHIPPED = (
    config["model"]
    if re.fullmatch(r"[A-Za-z0-9_-]+", config["model"] or "")
    and not Path(config["model"]).exists()
    else None
)
MODEL = (
    f"<results>/models/{SHIPPED or NAME}.safetensors"
    if SHIPPED or not config["model"]
    else config["model"]
)
# What the model is held against: the sequence that was held out of its training, under the
# model's name, and every other sample with labels.
TRUTHS = ([NAME] if TRAINING else []) + [
    s for s in SCORED if SAMPLES[s]["labels"] and s not in TRAINING
]

if not (TRAINING or config["model"]):
    raise WorkflowError(
        f"{config['samples']}: no sample to train on and no model; give a sample labels, or "
        "set `model` in the config to a trained one"
    )
if NAME in SAMPLES and TRAINING:
    raise WorkflowError(f"name: {NAME} is a sample too; give the model another name")
