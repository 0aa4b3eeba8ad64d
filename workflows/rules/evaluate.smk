"""From a model and labels to metrics, curves and a report."""


rule evaluate:
    input:
        fasta=lambda wildcards: files_of("fasta", samples_of(wildcards.truth)),
        labels=lambda wildcards: files_of("labels", samples_of(wildcards.truth)),
        regions=lambda wildcards: regions_of(wildcards.truth),
        exclude=lambda wildcards: excluded_of(wildcards.truth),
        negatives=file_named("labels", "negatives"),
        chrom_alias=file_named("sequences", "chrom_alias"),
        model=MODEL,
        encoded=ENCODED if TRAINING and config["evaluate"]["baseline"] else [],
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
        files=lambda wildcards, input: file_options(
            input,
            labels=input.labels,
            regions=input.regions,
            baseline=folders_of(input.encoded),
        ),
        options=options("labels", "call", "sequences")
        + f" --seed {config['evaluate']['seed']}",
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn evaluate {input.fasta:q} -m {input.model:q} -o {output.metrics:q} "
        "--curves {output.curves:q} --no-plots {params.files} {params.options} "
        "{params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"


# Metrics of every truth; call lengths and drawings of regions of the first one.
rule report:
    input:
        metrics=expand("<results>/metrics/{truth}.json", truth=TRUTHS),
        curves=expand("<results>/curves/{truth}.json", truth=TRUTHS),
        fasta=files_of("fasta", samples_of(TRUTHS[0])),
        labels=files_of("labels", samples_of(TRUTHS[0])),
        regions=regions_of(TRUTHS[0]),
        exclude=excluded_of(TRUTHS[0]),
        negatives=file_named("labels", "negatives"),
        chrom_alias=file_named("sequences", "chrom_alias"),
        calls=calls_of(TRUTHS[0]),
        model=MODEL,
        encoded=ENCODED if TRAINING else [],
        log=rules.train.output.curve if TRAINING else [],
    output:
        page=report(
            "<results>/report.html", caption="../report/report.rst", category="Report"
        ),
        commands="<results>/commands.txt",
        provenance="<results>/provenance/report/report.json",
    log:
        "<logs>/report/report.log",
    benchmark:
        "<benchmarks>/report/report.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        files=lambda wildcards, input: " ".join(
            repeated(
                f"--{key.replace('_', '-')}",
                folders_of(files) if key == "encoded" else files,
            )
            for key, files in sorted(input.items())
        ),
        sample=TRUTHS[0],
        # A parameter, not an input: a log that is missing must not make the rule run again.
        logs=([*rules.encode.log, *rules.train.log] if TRAINING else [])
        + expand([str(path) for path in rules.evaluate.log], truth=TRUTHS),
        options=options("labels", "call", "report"),
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; (grep -hs '^+ ' {params.logs:q} || true) | cut -c 3- > {output.commands:q}.tmp; "
        "mv {output.commands:q}.tmp {output.commands:q}; set -x; "
        "dnabirnn report -o {output.page:q} --command-log {output.commands:q} {params.files} "
        "--sample {params.sample} {params.options} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"
