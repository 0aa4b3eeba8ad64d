"""From a model and whole sequences to metrics. No curves: each sequence counts once."""


rule evaluate:
    input:
        unpack(compared_sequences),
        model=MODEL,
    output:
        metrics=report(
            "<results>/metrics/{truth}.json",
            caption="../report/metrics.rst",
            category="Metrics",
            labels={"sequence": "{truth}"},
        ),
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
        truth=compared_options,
        seed=config["evaluate"]["seed"],
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn evaluate {params.truth} -m {input.model:q} -o {output.metrics:q} --no-plots "
        "--seed {params.seed} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"
