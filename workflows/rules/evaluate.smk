"""From a model and labels to metrics, curves and a report."""


rule evaluate:
    input:
        fasta=access.multi(lookup(within=TRUTH_FILES, dpath="{truth}/fasta")),
        labels=lookup(within=TRUTH_FILES, dpath="{truth}/labels"),
        regions=lookup(within=TRUTH_FILES, dpath="{truth}/regions"),
        exclude=lookup(within=TRUTH_FILES, dpath="{truth}/exclude"),
        corrections=lookup(within=TRUTH_FILES, dpath="{truth}/corrections"),
        negatives=file_named("labels", "negatives"),
        chrom_alias=file_named("sequences", "chrom_alias"),
        model=MODEL,
        encoded=(
            access.random(ENCODED)
            if TRAINING and config["evaluate"]["baseline"]
            else []
        ),
    output:
        metrics=report(
            "<results>/metrics/{truth}.json",
            caption="../report/metrics.rst",
            category="Metrics",
            labels={"sequence": "{truth}"},
        ),
        curves="<results>/curves/{truth}.json",
        provenance="<results>/provenance/evaluate/{truth}.json",
    log:
        "<logs>/evaluate/{truth}.log",
    benchmark:
        "<benchmarks>/evaluate/{truth}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(8000),
        runtime=minutes(240),
    params:
        files=evaluate_options,
        options=options("labels", "call", "sequences")
        + f" --seed {config['evaluate']['seed']}",
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn evaluate {input.fasta:q} -m {input.model:q} -o {output.metrics:q} "
        "--curves {output.curves:q} --no-plots {params.files} {params.options} "
        "{params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"
