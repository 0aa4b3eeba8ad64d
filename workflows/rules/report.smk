"""From calls to summaries, sessions of genome browsers, and the report."""


rule summarize:
    input:
        calls="<results>/calls/{sample}.bed",
        sizes=lambda wildcards: SAMPLES[wildcards.sample]["fasta"],
    output:
        table=report(
            "<results>/summary/{sample}.tsv",
            caption="../report/summary.rst",
            category="Calls",
            labels={"sample": "{sample}"},
        ),
        provenance="<results>/provenance/summarize/{sample}.json",
    log:
        "<logs>/summarize/{sample}.log",
    benchmark:
        "<benchmarks>/summarize/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn summary {input.calls:q} --sizes {input.sizes:q} --names {wildcards.sample} "
        "-o {output.table:q} --provenance {output.provenance:q}"


# One table of all samples. The rows are those of their own tables.
rule summary:
    input:
        expand("<results>/summary/{sample}.tsv", sample=SCORED),
    output:
        "<results>/summary.tsv",
    log:
        "<logs>/summary/summary.log",
    benchmark:
        "<benchmarks>/summary/summary.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    run:
        write_joined(input, output[0])


rule session:
    input:
        calls="<results>/calls/{sample}.bed",
        labels=lambda wildcards: shown_labels(wildcards.sample),
        fasta=lambda wildcards: SAMPLES[wildcards.sample]["fasta"],
    output:
        "<results>/browser/{sample}/igv_session.xml",
        "<results>/browser/{sample}/jbrowse2.json",
        provenance="<results>/provenance/session/{sample}.json",
    log:
        "<logs>/session/{sample}.log",
    benchmark:
        "<benchmarks>/session/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn hub {input.calls:q} {input.labels:q} -o {params.folder:q} "
        "--fasta {input.fasta:q} --provenance {output.provenance:q}"


# The calls of every sample, and metrics of every truth; call lengths and drawings of regions of the
# first truth.
rule report:
    input:
        metrics=expand("<results>/metrics/{truth}.json", truth=TRUTHS),
        curves=expand("<results>/curves/{truth}.json", truth=TRUTHS),
        fasta=files_of("fasta", samples_of(TRUTHS[0])) if TRUTHS else [],
        labels=files_of("labels", samples_of(TRUTHS[0])) if TRUTHS else [],
        regions=regions_of(TRUTHS[0]) if TRUTHS else [],
        exclude=excluded_of(TRUTHS[0]) if TRUTHS else [],
        corrections=corrections_of(TRUTHS[0]) if TRUTHS else [],
        negatives=file_named("labels", "negatives") if TRUTHS else [],
        chrom_alias=file_named("sequences", "chrom_alias") if TRUTHS else [],
        calls=calls_of(TRUTHS[0]) if TRUTHS else [],
        model=MODEL,
        encoded=ENCODED if TRAINING else [],
        log=rules.train.output.curve if TRAINING else [],
        discovered=expand("<results>/motifs/{sample}.json", sample=DISCOVERED),
        assembly=expand("<results>/calls/{sample}.bed", sample=SCORED),
        sizes=[SAMPLES[sample]["fasta"] for sample in SCORED],
        link=linked_files(),
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
        sample=f"--sample {TRUTHS[0]}" if TRUTHS else "",
        # A parameter, not an input: a log that is missing must not make the rule run again.
        logs=([*rules.encode.log, *rules.train.log] if TRAINING else [])
        + (
            expand([str(path) for path in rules.evaluate.log], truth=TRUTHS)
            if TRUTHS
            else expand(
                [str(path) for path in rules.score.log],
                zip,
                sample=SCORED,
                scatteritem=[shards(sample)[0] for sample in SCORED],
            )
            + expand([str(path) for path in rules.call.log], sample=SCORED)
        )
        + expand([str(path) for path in rules.discover.log], sample=DISCOVERED),
        options=options(*(["labels"] if TRUTHS else []), "call", "report"),
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; (grep -hs '^+ ' {params.logs:q} || true) | cut -c 3- > {output.commands:q}.tmp; "
        "mv {output.commands:q}.tmp {output.commands:q}; set -x; "
        "dnabirnn report -o {output.page:q} --command-log {output.commands:q} {params.files} "
        "{params.sample} {params.options} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"
