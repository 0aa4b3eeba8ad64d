"""From assemblies and a model to scores and calls."""


rule score:
    input:
        fasta=access.multi(lookup(within=SAMPLES, dpath="{sample}/fasta")),
        model=MODEL,
    output:
        **SHARD_FILES,
        scores=temp("<results>/shards/{sample}/{scatteritem}.bed.gz"),
        sizes=temp("<results>/shards/{sample}/{scatteritem}.sizes"),
        provenance="<results>/provenance/score/{sample}/{scatteritem}.json",
    log:
        "<logs>/score/{sample}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/score/{sample}/{scatteritem}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        options=score_options(),
        calls=calls_option,
        hardware=hardware("device", "engine"),
        format=FORMAT["scores"],
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn score {input.fasta:q} -m {input.model:q} -o {output.scores:q} "
        "--shard {wildcards.scatteritem} {params.options} {params.calls} "
        "--write-sizes {output.sizes:q} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"


# Each shard is a run of whole contigs in FASTA order, so joining them gives the whole. The lengths
# of contigs are those of all shards in each. Jobs that need no more than these read no sequences.
rule gather:
    input:
        scores=collect(
            "<results>/shards/{{sample}}/{scatteritem}.bed.gz", scatteritem=shards
        ),
        sizes=collect(
            "<results>/shards/{{sample}}/{scatteritem}.sizes", scatteritem=shards
        ),
    output:
        scores="<results>/scores/{sample}.bed.gz",
        sizes="<results>/sizes/{sample}.sizes",
        provenance="<results>/provenance/gather/{sample}.json",
    log:
        "<logs>/gather/{sample}.log",
    benchmark:
        "<benchmarks>/gather/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(60),
    shell:
        "exec 2> {log:q}; set -x; "
        "sizes=({input.sizes:q}); "
        'cp "${{sizes[0]}}" {output.sizes:q}; '
        "dnabirnn merge {input.scores:q} -o {output.scores:q} --provenance {output.provenance:q}"


rule call:
    input:
        scores="<results>/scores/{sample}.bed.gz",
        model=MODEL,
    output:
        calls=report(
            "<results>/calls/{sample}.bed",
            caption="../report/calls.rst",
            category="Calls",
            labels={"sample": "{sample}"},
        ),
        provenance="<results>/provenance/call/{sample}.json",
    log:
        "<logs>/call/{sample}.log",
    benchmark:
        "<benchmarks>/call/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        options=options("call"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn call {input.scores:q} -m {input.model:q} -o {output.calls:q} {params.options} "
        "--provenance {output.provenance:q}"


# One bigWig per class and strand. Their names depend on the model, so the folder is the output.
rule explain:
    input:
        fasta=access.multi(lookup(within=SAMPLES, dpath="{sample}/fasta")),
        model=MODEL,
        calls="<results>/calls/{sample}.bed",
    output:
        folder=temp(directory("<results>/shards/{sample}/{scatteritem}.importance")),
        provenance="<results>/provenance/explain/{sample}/{scatteritem}.json",
    log:
        "<logs>/explain/{sample}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/explain/{sample}/{scatteritem}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        options=explain_options(),
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "mkdir -p {output.folder:q}; "
        "dnabirnn explain {input.fasta:q} -m {input.model:q} --calls {input.calls:q} "
        "-o {output.folder:q}/{wildcards.sample}.bw --shard {wildcards.scatteritem} "
        "{params.options} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"


# The shards of each track are joined, and recorded, on their own.
rule gather_importance:
    input:
        collect(
            "<results>/shards/{{sample}}/{scatteritem}.importance", scatteritem=shards
        ),
    output:
        folder=directory("<results>/importance/{sample}"),
        provenance=directory("<results>/provenance/gather_importance/{sample}"),
    log:
        "<logs>/gather_importance/{sample}.log",
    benchmark:
        "<benchmarks>/gather_importance/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60),
    shell:
        "exec 2> {log:q}; set -x; "
        "mkdir -p {output.folder:q} {output.provenance:q}; "
        "folders=({input:q}); "
        'for track in "${{folders[0]}}"/*.bw; do '
        'name="${{track##*/}}"; '
        'dnabirnn merge "${{folders[@]/%//$name}}" -o {output.folder:q}/"$name" '
        '--provenance {output.provenance:q}/"$name".json; '
        "done"


rule discover:
    input:
        fasta=access.multi(lookup(within=SEARCHED, dpath="{sample}/fasta")),
        model=MODEL,
        calls=lookup(within=SEARCHED, dpath="{sample}/calls"),
        regions=lookup(within=SEARCHED, dpath="{sample}/regions"),
        database=file_named("discover", "database"),
    output:
        motifs="<results>/motifs/{sample}.meme",
        sites="<results>/motifs/{sample}.bed",
        table="<results>/motifs/{sample}.tsv",
        grammar="<results>/motifs/{sample}.grammar.tsv",
        summary="<results>/motifs/{sample}.json",
        logos=directory("<results>/motifs/{sample}"),
        provenance="<results>/provenance/discover/{sample}.json",
    log:
        "<logs>/discover/{sample}.log",
    benchmark:
        "<benchmarks>/discover/{sample}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        options=discover_options(),
        files=input_options("calls", "regions"),
        hardware=hardware("device", "engine"),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn discover {input.fasta:q} -m {input.model:q} "
        "-o {output.motifs:q} --sites {output.sites:q} --table {output.table:q} "
        "--grammar {output.grammar:q} --json {output.summary:q} --logos {output.logos:q} --allow-empty "
        "{params.options} {params.files} {params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"


if ASSESSED:

    rule assess:
        input:
            calls=collect(SHARD_CALLS, scatteritem=shards, allow_missing=True),
            evidence=collect(
                f"{SHARD_CALLS}.evidence", scatteritem=shards, allow_missing=True
            ),
        output:
            calls="<results>/qvalues/{sample}.tsv",
            provenance="<results>/provenance/assess/{sample}.json",
        log:
            "<logs>/assess/{sample}.log",
        benchmark:
            "<benchmarks>/assess/{sample}.tsv"
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=minutes(60),
        params:
            options=options("assess", only=["max_q", "max_evalue"]),
        shell:
            "exec 2> {log:q}; set -x; "
            "dnabirnn merge {input.calls:q} -o {output.calls:q} {params.options} "
            "--provenance {output.provenance:q}"
