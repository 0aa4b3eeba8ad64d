"""A model that comes with dnabirnn."""


rule shipped:
    output:
        MODEL,
    log:
        f"<logs>/shipped/{SHIPPED}.log",
    benchmark:
        f"<benchmarks>/shipped/{SHIPPED}.tsv"
    localrule: True
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        name=SHIPPED,
        format=FORMAT["model"],
    shell:
        "exec 2> {log:q}; set -x; " "dnabirnn models {params.name} -o {output:q}"
