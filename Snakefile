"""Run dnabirnn from FASTA to calls, metrics and a report. See docs/pipeline.md."""

from snakemake.utils import min_version, validate

min_version("9.19")


# All results of a run are in one folder. Another workflow, or `pathvars` in the config, can name it.
pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


configfile: workflow.source_path("workflows/config.yaml")


report: "workflows/report/workflow.rst"


include: "workflows/rules/config.smk"


check_config(
    config,
    read_schema(workflow.source_path("workflows/schemas/config.schema.yaml")),
    config_as_written(workflow.overwrite_configfiles),
)
validate(config, schema="workflows/schemas/config.schema.yaml")  # sets the defaults


# `--set-scatter score=N` overrides it.
scattergather:
    score=config["shards"],


include: "workflows/rules/orphans.smk"
include: "workflows/rules/lock.smk"
include: "workflows/rules/sheet.smk"
include: "workflows/rules/common.smk"


# Jobs that read addresses themselves need what the commands read credentials from.
if config["read_in_place"]:

    envvars:
        *CREDENTIALS,


# Most inputs are read once, from start to end, so that a storage may mount them instead of copying.
# Rules say where that is not so.
inputflags:
    access.sequential,


# The first rule is the default target. A `default_target` would also become the default target of a
# workflow that uses this one as a module.
rule all:
    input:
        MODEL,
        expand("<results>/scores/{sample}.bed.gz", sample=SCORED),
        expand("<results>/calls/{sample}.bed", sample=SCORED),
        expand("<results>/importance/{sample}", sample=IMPORTANCE),
        expand("<results>/motifs/{sample}.meme", sample=DISCOVERED),
        expand("<results>/qvalues/{sample}.tsv", sample=SCORED if ASSESSED else []),
        expand("<results>/metrics/{truth}.json", truth=TRUTHS),
        expand("<results>/variants/{sample}.vcf.gz", sample=VARIED),
        "<results>/summary.tsv",
        "<results>/report.html",
    localrule: True


# With a trained model in the config, nothing is encoded or trained.
if TRAINING:

    include: "workflows/rules/train.smk"


if SHIPPED:

    include: "workflows/rules/shipped.smk"


include: "workflows/rules/score.smk"


if VARIED:

    include: "workflows/rules/variants.smk"


if TRUTHS and WHOLE:

    include: "workflows/rules/evaluate_sequences.smk"

elif TRUTHS:

    include: "workflows/rules/evaluate.smk"


include: "workflows/rules/report.smk"


wildcard_constraints:
    sample=one_of(SCORED),
    truth=one_of(TRUTHS),
    part="[0-9]+",
