"""From FASTA to calls, metrics and a report: see docs/pipeline.md and workflows/config.yaml."""

from snakemake.utils import min_version, validate

min_version("9.19")


# All that a run leaves is in one folder; another workflow, or `pathvars` in the config, names it.
pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


configfile: workflow.source_path("workflows/config.yaml")


report: "workflows/report/workflow.rst"


validate(config, schema="workflows/schemas/config.schema.yaml")


# May be changed by `--set-scatter score=N`.
scattergather:
    score=config["shards"],


include: "workflows/rules/lock.smk"
include: "workflows/rules/common.smk"


# First, as the default target; a `default_target` would be that of a workflow that uses this one.
rule all:
    input:
        MODEL,
        expand("<results>/scores/{sample}.bed.gz", sample=SCORED),
        expand("<results>/calls/{sample}.bed", sample=SCORED),
        expand("<results>/metrics/{truth}.json", truth=TRUTHS),
        "<results>/report.html" if TRUTHS else [],
    localrule: True


# With a trained model in the config, nothing is encoded or trained.
if TRAINING:

    include: "workflows/rules/train.smk"


if SHIPPED:

    include: "workflows/rules/shipped.smk"


include: "workflows/rules/score.smk"


if TRUTHS:

    include: "workflows/rules/evaluate.smk"


wildcard_constraints:
    sample=one_of(SCORED),
    truth=one_of(TRUTHS),
