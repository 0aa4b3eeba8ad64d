"""From variants and a model to what the variants change."""


rule variants:
    input:
        variants=access.multi(lookup(within=SAMPLES, dpath="{sample}/variants")),
        fasta=access.multi(lookup(within=SAMPLES, dpath="{sample}/fasta")),
        model=MODEL,
        chrom_alias=file_named("sequences", "chrom_alias"),
    output:
        variants=temp("<results>/shards/{sample}/{scatteritem}.vcf.gz"),
        provenance="<results>/provenance/variants/{sample}/{scatteritem}.json",
    log:
        "<logs>/variants/{sample}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/variants/{sample}/{scatteritem}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(240),
    params:
        options=variant_options(),
        files=input_options(),
        hardware=hardware("device", "engine"),
        format=FORMAT["variants"],
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn variants {input.variants:q} --fasta {input.fasta:q} -m {input.model:q} "
        "-o {output.variants:q} --shard {wildcards.scatteritem} {params.options} {params.files} "
        "{params.hardware} --threads {threads} "
        "--provenance {output.provenance:q}"


# Each shard has the rows of some contigs, in the order of the file, so joining them gives the whole.
rule gather_variants:
    input:
        collect("<results>/shards/{{sample}}/{scatteritem}.vcf.gz", scatteritem=shards),
    output:
        variants="<results>/variants/{sample}.vcf.gz",
        provenance="<results>/provenance/gather_variants/{sample}.json",
    log:
        "<logs>/gather_variants/{sample}.log",
    benchmark:
        "<benchmarks>/gather_variants/{sample}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(60),
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn merge {input:q} -o {output.variants:q} --provenance {output.provenance:q}"
