"""From calls to summaries, sessions of genome browsers, and the report."""


rule summarize:
    input:
        calls="<results>/calls/{sample}.bed",
        sizes="<results>/sizes/{sample}.sizes",
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
        labels=shown_labels,
        fasta=lookup(within=SAMPLES, dpath="{sample}/fasta"),
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


# The commands behind the metrics of the report, or behind the calls if there are no metrics.
rule commands:
    input:
        [f"<results>/provenance/{step}/{NAME}.json" for step in ("encode", "train")]
        if TRAINING
        else [],
        (
            expand("<results>/provenance/evaluate/{truth}.json", truth=TRUTHS)
            if TRUTHS
            else expand(
                "<results>/provenance/score/{sample}/{scatteritem}.json",
                zip,
                sample=SCORED,
                scatteritem=[shards_of(sample)[0] for sample in SCORED],
            )
            + expand("<results>/provenance/call/{sample}.json", sample=SCORED)
        ),
        expand("<results>/provenance/discover/{sample}.json", sample=DISCOVERED),
    output:
        "<results>/commands.txt",
    log:
        "<logs>/commands/commands.log",
    benchmark:
        "<benchmarks>/commands/commands.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    run:
        write_commands(input, output[0])


# The truth whose call lengths and regions are drawn: the first one. Whole sequences have none.
DRAWN = [] if WHOLE else TRUTHS[:1]


# The calls of every sample, and metrics of every truth; call lengths and drawings of regions of one
# truth.
rule report:
    input:
        metrics=expand("<results>/metrics/{truth}.json", truth=TRUTHS),
        curves=expand("<results>/curves/{truth}.json", truth=[] if WHOLE else TRUTHS),
        fasta=access.multi(TRUTH_FILES[DRAWN[0]]["fasta"]) if DRAWN else [],
        labels=TRUTH_FILES[DRAWN[0]]["labels"] if DRAWN else [],
        regions=TRUTH_FILES[DRAWN[0]]["regions"] if DRAWN else [],
        exclude=TRUTH_FILES[DRAWN[0]]["exclude"] if DRAWN else [],
        corrections=TRUTH_FILES[DRAWN[0]]["corrections"] if DRAWN else [],
        negatives=file_named("labels", "negatives") if DRAWN else [],
        chrom_alias=file_named("sequences", "chrom_alias") if DRAWN else [],
        calls=calls_of(DRAWN[0]) if DRAWN else [],
        model=MODEL,
        encoded=access.random(ENCODED) if TRAINING else [],
        log=rules.train.output.curve if TRAINING else [],
        discovered=expand("<results>/motifs/{sample}.json", sample=DISCOVERED),
        assembly=expand("<results>/calls/{sample}.bed", sample=SCORED),
        sizes=expand("<results>/sizes/{sample}.sizes", sample=SCORED),
        link=linked_files(),
        command_log="<results>/commands.txt",
    output:
        page=report(
            "<results>/report.html", caption="../report/report.rst", category="Report"
        ),
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
        files=report_options,
        sample=f"--sample {DRAWN[0]}" if DRAWN else "",
        options=options(*(["labels"] if DRAWN else []), "call", "report"),
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn report -o {output.page:q} {params.files} "
        "{params.sample} {params.options} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"
