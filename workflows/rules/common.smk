"""Derive the inputs and options of all rules from the sample sheet and the config."""

import json
import os
import re
import shlex
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Versions of the formats that the rules write, as parameters of these rules. A higher number makes
# Snakemake create the files again. A new release of dnabirnn with the same format does not.
FORMAT = {"encoded": 2, "model": 5, "scores": 1, "variants": 1}

CONDA = "../envs/dnabirnn.yaml"

# Keys of the config that name files. They are inputs of the rules that use them, and their options
# are made from the inputs, because Snakemake fetches addresses to other paths.
FILES = (
    "chrom_alias",
    "corrections",
    "database",
    "exclude",
    "init",
    "matrix",
    "negatives",
    "split",
    "teacher",
)
# Values of such keys that are words for the command instead.
WORDS = {"matrix": ("auto", "none"), "negatives": ("genomic", "shuffled")}
# Labels of whole sequences that are intervals of a genome, and not sequences.
INTERVALS = re.compile(r"\.(bed|narrowPeak|broadPeak)(\.gz)?$", re.IGNORECASE)
# Whether labels are whole sequences with a site somewhere in them.
WHOLE = config["labels"]["whole_sequences"]
# Keys of the config that are not options by themselves; see `backgrounds` and `truth_options`.
NO_OPTIONS = ("background", "whole_sequences", *(["class"] if WHOLE else []))
# Environment variables with the credentials and the server of addresses.
CREDENTIALS = [
    name
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "HTTPS_PROXY",
        "HTTP_PROXY",
    )
    if name in os.environ
]
# Backgrounds that are random sequence and not files.
MARKOV = re.compile(r"markov(:.*)?")
# Sequences that genome browsers read.
BROWSABLE = re.compile(
    r"\.(fa|fasta|fas|fna|fsa|ffn|frn|2bit)(\.b?gz)?$", re.IGNORECASE
)


def genomes_of(samples):
    """Return the sequences that labels of samples are about; none if labels are sequences."""
    negatives = config["labels"]["negatives"] or ""
    cut = negatives == "genomic" or INTERVALS.search(negatives)
    return files_of(
        "fasta",
        [
            sample
            for sample in samples
            if not WHOLE or cut or INTERVALS.search(str(SAMPLES[sample]["labels"]))
        ],
    )


def files_of(key, samples):
    """Return the files of samples, without duplicates, in the order of the sheet."""
    return list(dict.fromkeys(SAMPLES[sample][key] for sample in samples))


def one_of(names):
    """Return a regular expression that matches exactly these names."""
    return f"(?:{'|'.join(map(re.escape, names))})" if names else "(?!)"


def options(*sections, only=None):
    """Return the options of a command from sections of the config.

    `val_chroms: [a, b]` becomes `--val-chroms a,b`, with double quotes around names that have a
    comma. A mapping becomes one option per entry: `prior: {a: 0.1}` is `--prior a=0.1`. With
    `only`, only these keys are used. Files are left out: `file_options` makes their options.
    """
    words = []
    for section in sections:
        for key, value in sorted(config[section].items()):
            if value is None or value is False or value in ([], {}):
                continue
            if key in FILES and value not in WORDS.get(key, ()):
                continue
            if key in NO_OPTIONS:
                continue
            if only is not None and key not in only:
                continue
            option = f"--{key.replace('_', '-')}"
            if isinstance(value, dict):
                for name, share in sorted(value.items()):
                    check_braces(f"{section}: {key}", name)
                    words += [option, f"{in_quotes(name)}={share}"]
                continue
            words.append(option)
            check_braces(f"{section}: {key}", str(value))
            if isinstance(value, list):
                words.append(",".join(in_quotes(str(item)) for item in value))
            elif value is not True:
                words.append(str(value))
    return shlex.join(words)


def in_quotes(name):
    """Return a name as an item of a list: in double quotes, as in CSV, where it needs them."""
    if re.search(r'[",]|^\s|\s$', name):
        return '"' + name.replace('"', '""') + '"'
    return name


# With q-values, `score` also writes the calls of a shard and a file of evidence beside them.
ASSESSED = config["assess"]["qvalue"]
SHARD_CALLS = "<results>/shards/{sample}/{scatteritem}.tsv"
SHARD_FILES = (
    {"calls": temp(SHARD_CALLS), "evidence": temp(f"{SHARD_CALLS}.evidence")}
    if ASSESSED
    else {}
)


def score_options():
    """Return the options of `score`, including those for sequences."""
    return f"{track_options()} {options('sequences', only=['circular'])}".strip()


def variant_options():
    """Return the options of `variants`, including those for sequences and for calls."""
    circular = options("sequences", only=["circular"])
    return " ".join(filter(None, [options("variants"), options("call"), circular]))


def explain_options():
    """Return the options of `explain`, including those for sequences."""
    reach = options("explain", only=["method", "reach"])
    return f"{reach} {options('sequences', only=['circular'])}".strip()


def discover_options():
    """Return the options of `discover`, including those for sequences."""
    search = options("discover", only=["reach", "max_sites", "min_sites", "max_motifs"])
    return f"{search} {options('sequences', only=['circular'])}".strip()


def track_options():
    """Return the options of `score` that make its track contain every score that `call` uses."""
    threshold, lowest = config["call"]["threshold"], config["score"]["min_score"]
    if ASSESSED:
        own = [key for key in config["assess"] if not key.startswith("max_")]
        return f"{options('score', 'call')} {options('assess', only=own)}".strip()
    if config["call"]["fdr"] is not None:
        return options("score") + f" --fdr {config['call']['fdr']} --calls /dev/null"
    if threshold is None:
        # Only the model knows the threshold of its calls. With --calls, `score` refuses a
        # --min-score above it before it scores anything. These calls are discarded; rule `call`
        # makes those that are kept.
        return options("score") + (" --calls /dev/null" if lowest else "")
    called = int(threshold * 1000 + 0.5)
    if lowest is not None and lowest > called:
        raise WorkflowError(
            f"score: min_score {lowest} leaves out scores that call: threshold {threshold} "
            f"needs; set it to {called} or less"
        )
    if lowest is None and called < 100:
        return f"--min-score {max(called, 1)} {options('score')}"
    return options("score")


def repeated(option, paths):
    """Return an option that is given once per path."""
    paths = [paths] if isinstance(paths, str) else paths
    return " ".join(f"{option} {shlex.quote(place_of(path))}" for path in paths)


def place_of(path):
    """Return the path of a file, or the address of one that Snakemake does not fetch."""
    stored = getattr(path, "storage_object", None)
    return str(path) if stored is None or stored.retrieve else stored.query


def file_named(section, key):
    """Return the file named by an option, as a list: an input, so that the rule runs again if it changes."""
    path = config[section][key]
    if path in WORDS.get(key, ()):
        return []
    return [located(path, f"config: {section}: {key}")] if path else []


def backgrounds(files):
    """Return the backgrounds of the config that are files, or those that are not."""
    given = config["encode"]["background"]
    return [path for path in given if (MARKOV.fullmatch(path) is None) == files]


def file_options(files, **others):
    """Return an option for each named input: `chrom_alias` is `--chrom-alias`."""
    named = {key: files.get(key, []) for key in FILES} | others
    return " ".join(
        repeated(f"--{key.replace('_', '-')}", paths)
        for key, paths in named.items()
        if paths
    )


def truth_options(labels):
    """Return the options that name label files: intervals of sites, or whole sequences."""
    if not WHOLE:
        return repeated("--labels", labels)
    name = config["labels"]["class"]
    paths = [f"{name}={place_of(path)}" if name else place_of(path) for path in labels]
    return " ".join(f"--positives {shlex.quote(path)}" for path in paths)


def input_options(*keys):
    """Return options for the inputs in FILES and for those of these names, as a function."""

    def named(wildcards, input):
        return file_options(input, **{key: input[key] for key in keys})

    return named


def evaluate_options(wildcards, input):
    """Return the options of `evaluate` for its inputs."""
    return file_options(
        input,
        labels=input.labels,
        regions=input.regions,
        baseline=folders_of(input.encoded),
    )


def report_options(wildcards, input):
    """Return the options of `report` for its inputs."""
    return " ".join(
        repeated(
            f"--{key.replace('_', '-')}",
            folders_of(files) if key == "encoded" else files,
        )
        for key, files in sorted(input.items())
    )


def calls_option(wildcards, output):
    """Return the option of `score` for calls, if it writes them."""
    return repeated("--calls", output.get("calls", []))


# Triton scores, but does not train.
TRAINING_ENGINE = "auto" if config["engine"] == "triton" else config["engine"]


def hardware(*keys, **others):
    """Return options that do not change the results: keys of the config, and others.

    They are a function of the input, so that Snakemake does not run a rule again if they change.
    """
    chosen = {key: config[key] for key in keys} | others
    return lambda wildcards, input: shlex.join(
        word for key, value in chosen.items() for word in (f"--{key}", value)
    )


def memory(mb):
    """Return the memory of a job. It grows with each retry."""
    return lambda wildcards, attempt: mb * attempt


def minutes(number):
    """Return the time limit of a job. It grows with each retry."""
    return lambda wildcards, attempt: number * attempt


def shards(wildcards):
    """Return the shards of the sample of a job."""
    return shards_of(wildcards.sample)


def shards_of(sample):
    """Return the shards of a sample: as many as in the config, but at most one per contig.

    The contigs are counted by the jobs, which write an empty file for a shard without contigs. Here
    only the index of a local file tells whether there are fewer.
    """
    if len(SHARDS) == 1:
        return SHARDS
    number = min(len(SHARDS), contigs_in_index(SAMPLES[sample]["fasta"]))
    return [f"{i}-of-{number}" for i in range(1, number + 1)]


def contigs_in_index(path):
    """Return the number of contigs in the index of a local file if it is up to date; else many."""
    index = Path(f"{path}.fai")
    with suppress(OSError):
        if index.stat().st_mtime >= Path(path).stat().st_mtime:
            with index.open("rb") as rows:
                return sum(1 for row in rows) or len(SHARDS)
    return len(SHARDS)


def shipped_model(text, where):
    """Return the name of a model that comes with dnabirnn, or None for a file."""
    if not text or Path(text).is_file() or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        return None
    try:
        from dnabirnn.network import shipped_models
    except ImportError:
        return text  # dnabirnn is only in the environment of the jobs, which check the name
    names = list(shipped_models())
    if text not in names:
        near = get_close_matches(text.lower().replace("_", "-"), names, n=1)
        remedy = (
            f"did you mean {near[0]}?"
            if near
            else f"give one of {', '.join(names)}, or a file"
        )
        raise WorkflowError(
            f"{where}: {text}: neither a file nor a model that comes with dnabirnn; {remedy}"
        )
    return text


def samples_of(truth):
    """Return the samples whose labels are the truth."""
    return TRAINING if truth == NAME and TRAINING else [truth]


def files_of_truth(truth):
    """Return the files that a truth consists of.

    That of the model is what was held out of training, without the bases that were excluded, and
    with the review of the labels. That of a sample has the regions in the sheet.
    """
    samples = samples_of(truth)
    files = {key: files_of(key, samples) for key in ("fasta", "labels")}
    if truth == NAME and TRAINING:
        return files | {
            "regions": [f"<results>/encoded/{NAME}.held_out.bed"],
            "exclude": file_named("encode", "exclude"),
            "corrections": file_named("encode", "corrections"),
        }
    regions = list(filter(None, [SAMPLES[truth]["regions"]]))
    return files | {"regions": regions, "exclude": [], "corrections": []}


def calls_of(truth):
    """Return the calls of the samples of a truth, if all of them are scored."""
    samples = samples_of(truth)
    if not set(samples) <= set(SCORED):
        return []
    return expand("<results>/calls/{sample}.bed", sample=samples)


def searched_for_motifs(sample):
    """Return the sequences, calls and regions of a sample in which motifs are discovered.

    Where labels are whole sequences, these are searched, and not calls.
    """
    row = SAMPLES[sample]
    if not (WHOLE and row["labels"]):
        calls = f"<results>/calls/{sample}.bed"
        return {"fasta": row["fasta"], "calls": calls, "regions": []}
    if INTERVALS.search(str(row["labels"])):
        return {"fasta": row["fasta"], "calls": [], "regions": row["labels"]}
    return {"fasta": row["labels"], "calls": [], "regions": []}


def compared_sequences(wildcards):
    """Return the inputs of an evaluation on whole sequences.

    They are the encoded set, with what was held out of training, or the labels of a sample.
    """
    if wildcards.truth == NAME and TRAINING:
        return {"encoded": ENCODED}
    return {
        "fasta": genomes_of([wildcards.truth]),
        "labels": [SAMPLES[wildcards.truth]["labels"]],
        "negatives": file_named("labels", "negatives"),
        "chrom_alias": file_named("sequences", "chrom_alias"),
    }


def compared_options(wildcards, input):
    """Return the files and options of an evaluation on whole sequences."""
    if encoded := input.get("encoded"):
        return repeated("--held-out", folders_of(encoded))
    files = " ".join(shlex.quote(place_of(path)) for path in input.fasta)
    return f"{files} {truth_options(input.labels)} {file_options(input)} {options('labels')}"


def shown_labels(wildcards):
    """Return the labels of a sample that genome browsers can show."""
    path = SAMPLES[wildcards.sample]["labels"]
    shown = re.search(r"\.(bed|gff3?)(\.b?gz)?$", str(path), re.IGNORECASE)
    return [path] if path and shown else []


def linked_files():
    """Return the results that the report links. Scores on a storage would have to be fetched."""
    browsable = [s for s in SCORED if BROWSABLE.search(str(SAMPLES[s]["fasta"]))]
    return [
        "<results>/summary.tsv",
        *expand("<results>/calls/{sample}.bed", sample=SCORED),
        *(expand("<results>/qvalues/{sample}.tsv", sample=SCORED) if ASSESSED else []),
        *([] if STORED else expand("<results>/scores/{sample}.bed.gz", sample=SCORED)),
        *expand("<results>/browser/{sample}/igv_session.xml", sample=browsable),
        *expand("<results>/browser/{sample}/jbrowse2.json", sample=browsable),
        *expand("<results>/metrics/{truth}.json", truth=TRUTHS),
    ]


def folders_of(files):
    """Return the folders of files, without duplicates."""
    return list(dict.fromkeys(Path(file).parent for file in files))


def state_before(wildcards):
    """Return the state that a part of the training continues from, as a list."""
    return [
        state for part, state in enumerate(STATES, 2) if part == int(wildcards.part)
    ]


def write_held_out(manifest, out):
    """Write the intervals of the test split, or of the validation split if there is none."""
    splits = json.loads(Path(manifest).read_text())["splits"]
    split = "test" if splits["test"] else "val"
    if not splits[split]:
        raise WorkflowError(
            f"{manifest}: there is neither a test nor a validation split to evaluate the model "
            "on; set one under `encode`"
        )
    partial = Path(f"{out}.tmp")  # so that a partial file never has the final name
    partial.write_text(
        "".join(
            f"{name}\t{start}\t{end}\t{split}\n" for name, start, end in splits[split]
        )
    )
    partial.replace(out)


def write_commands(provenance, out):
    """Write the commands of jobs, from their provenance.

    The command of the last part of a training is that of the whole, which gives the same model.
    """
    lines = []
    for path in provenance:
        words = ["dnabirnn", *json.loads(Path(path).read_text())["arguments"]]
        if "--continue-from" in words:
            state = words.index("--continue-from")
            del words[state : state + 2]
        lines.append(shlex.join(words))
    partial = Path(f"{out}.tmp")  # so that a partial file never has the final name
    partial.write_text("".join(f"{line}\n" for line in lines))
    partial.replace(out)


def write_joined(tables, out):
    """Write tables with the same head as one."""
    partial = Path(f"{out}.tmp")  # so that a partial file never has the final name
    with partial.open("w") as file:
        for number, table in enumerate(tables):
            with open(table) as rows:
                head = next(rows)
                file.write("" if number else head)
                file.writelines(rows)
    partial.replace(out)


# Whether results are on a storage, so that jobs share no files.
STORED = workflow.storage_settings.default_storage_provider is not None
SAMPLES = read_sheet(
    config["samples"],
    read_schema(workflow.source_path("../schemas/samples.schema.yaml")),
    in_place=config["read_in_place"],
    prefix=workflow.storage_settings.default_storage_prefix or "",
)
SHARDS = gather.score("{scatteritem}")
NAME = config["name"]

# Samples for training, which there are none of if the config has a model; samples to score.
TRAINING = (
    []
    if config["model"]
    else [s for s, row in SAMPLES.items() if row["role"] != "score"]
)
SCORED = [s for s, row in SAMPLES.items() if row["role"] != "train"]
# Samples whose calls are explained.
IMPORTANCE = SCORED if config["explain"]["importance"] else []
# Samples in whose calls motifs are looked for.
DISCOVERED = SCORED if config["discover"]["motifs"] else []
VARIED = [s for s in SCORED if SAMPLES[s]["variants"]]
ENCODED = [
    f"<results>/encoded/{NAME}/{file}"
    for file in ("codes.npy", "labels.npy", "manifest.json")
]
# The name of a model that comes with dnabirnn, rather than a file: `dnabirnn models` writes it.
SHIPPED = shipped_model(config["model"], "config: model")
MODEL = (
    f"<results>/models/{SHIPPED or NAME}.safetensors"
    if SHIPPED or not config["model"]
    else located(config["model"], "config: model")
)
# Jobs of the training, one after the other, and the states between them.
PARTS = config["training_parts"] or (4 if STORED else 1)
STATES = [
    f"<results>/models/{NAME}.part-{part}-of-{PARTS}.state" for part in range(1, PARTS)
]
# The models to start training from, and to learn from. One that comes with dnabirnn is not a file,
# and so not an input.
SHIPPED_INIT, SHIPPED_TEACHER = (
    shipped_model(config["train"][key], f"config: train: {key}") if TRAINING else None
    for key in ("init", "teacher")
)
# What the model is evaluated on: the sequence held out of training, under the name of the model,
# and every other sample with labels, under its own name.
TRUTHS = ([NAME] if TRAINING else []) + [
    s for s in SCORED if SAMPLES[s]["labels"] and s not in TRAINING
]
TRUTH_FILES = {truth: files_of_truth(truth) for truth in TRUTHS}
SEARCHED = {sample: searched_for_motifs(sample) for sample in SCORED}

if not (TRAINING or config["model"]):
    raise WorkflowError(
        f"{config['samples']}: no sample for training and no model; give a sample labels, or "
        "set `model` in the config to a trained model"
    )
if WHOLE:
    for sample, row in SAMPLES.items():
        if row["regions"]:
            raise WorkflowError(
                f"{config['samples']}: sample {sample}: regions do not apply to labels of whole "
                "sequences; leave the field empty"
            )
else:
    for section, key in (("labels", "negatives"), ("encode", "summits")):
        value = config[section][key]
        if value is True or value in WORDS["negatives"]:
            raise WorkflowError(
                f"config: {section}: {key}: {str(value).lower()}: applies to labels of whole "
                "sequences; set `labels: {whole_sequences: true}`"
            )
if NAME in SAMPLES and TRAINING:
    raise WorkflowError(f"name: {NAME} is also a sample; give the model another name")
