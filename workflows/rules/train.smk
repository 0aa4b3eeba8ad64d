"""From genomes and labels to a model."""


rule encode:
    input:
        fasta=access.multi(genomes_of(TRAINING)),
        labels=files_of("labels", TRAINING),
        split=file_named("encode", "split"),
        exclude=file_named("encode", "exclude"),
        background=[
            located(path, "config: encode: background")
            for path in backgrounds(files=True)
        ],
        corrections=file_named("encode", "corrections"),
        negatives=file_named("labels", "negatives"),
        chrom_alias=file_named("sequences", "chrom_alias"),
    output:
        ENCODED,
        provenance=f"<results>/provenance/encode/{NAME}.json",
    log:
        f"<logs>/encode/{NAME}.log",
    benchmark:
        f"<benchmarks>/encode/{NAME}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        folder=subpath(output[0], parent=True),
        labels=lambda wildcards, input: truth_options(input.labels),
        files=lambda wildcards, input: file_options(
            input, background=[*input.background, *backgrounds(files=False)]
        ),
        options=options("labels", "encode"),
        format=FORMAT["encoded"],
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn encode {input.fasta:q} {params.labels} {params.files} "
        "-o {params.folder:q} {params.options} "
        "--provenance {output.provenance:q}"


TRAINED_ON = {
    "encoded": access.random(ENCODED),
    "init": [] if SHIPPED_INIT else file_named("train", "init"),
    "matrix": file_named("train", "matrix"),
    "teacher": [] if SHIPPED_TEACHER else file_named("train", "teacher"),
}


# The state from which an interrupted job resumes is in MODEL.resume. It is not an output, because
# Snakemake would delete it when a job is killed. `dnabirnn train` removes it in the end. Where jobs
# share no files, training is done in parts, and the state between two parts is an output.
rule train:
    input:
        **TRAINED_ON,
        state=STATES[-1:],
    output:
        model=MODEL,
        curve=MODEL.replace(".safetensors", ".log.csv"),
        provenance=f"<results>/provenance/train/{NAME}.json",
    log:
        f"<logs>/train/{NAME}.log",
    benchmark:
        f"<benchmarks>/train/{NAME}.tsv"
    conda:
        CONDA
    threads: config["threads"]
    resources:
        mem_mb=memory(4000),
        runtime=minutes(720),
    params:
        folder=subpath(input[0], parent=True),
        init=f"--init {SHIPPED_INIT}" if SHIPPED_INIT else "",
        teacher=f"--teacher {SHIPPED_TEACHER}" if SHIPPED_TEACHER else "",
        files=lambda wildcards, input: file_options(input, continue_from=input.state),
        options=options("train"),
        part=lambda wildcards, output: shlex.join(
            [
                *("-o", output.model, "--log", output.curve),
                *("--provenance", output.provenance),
            ]
        ),
        hardware=hardware("device", engine=TRAINING_ENGINE),
        format=FORMAT["model"],
    shell:
        "exec 2> {log:q}; set -x; "
        "dnabirnn train {params.folder:q} {params.part} "
        "{params.init} {params.teacher} {params.files} {params.options} {params.hardware} "
        "--threads {threads}"


if STATES:

    use rule train as train_part with:
        input:
            **TRAINED_ON,
            state=state_before,
        output:
            temp(f"<results>/models/{NAME}.part-{{part}}-of-{PARTS}.state"),
        log:
            f"<logs>/train/{NAME}.part-{{part}}.log",
        benchmark:
            f"<benchmarks>/train/{NAME}.part-{{part}}.tsv"
        params:
            part=lambda wildcards, output: shlex.join(
                ["-o", output[0], "--until", str(int(wildcards.part) / PARTS)]
            ),


rule held_out:
    input:
        ENCODED[-1],
    output:
        f"<results>/encoded/{NAME}.held_out.bed",
    log:
        f"<logs>/held_out/{NAME}.log",
    benchmark:
        f"<benchmarks>/held_out/{NAME}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    run:
        write_held_out(input[0], output[0])
