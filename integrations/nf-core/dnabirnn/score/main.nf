process DNABIRNN_SCORE {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine == 'singularity' && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/dnabirnn:0.1.0--pyhdfd78af_0' :
        'biocontainers/dnabirnn:0.1.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(fasta)
    path model       // a model file, or [] for a bundled model
    val bundled      // name of a bundled model, such as 'satellites', or ''

    output:
    tuple val(meta), path("*.scores.bed.gz"), emit: scores
    tuple val(meta), path("*.calls.bed")    , emit: calls
    tuple val(meta), path("*.dnabirnn.json"), emit: summary
    path "versions.yml"                     , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args   = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}"
    def used   = model ?: bundled
    """
    dnabirnn score $fasta \\
        --model $used \\
        --out ${prefix}.scores.bed.gz \\
        --calls ${prefix}.calls.bed \\
        --threads $task.cpus \\
        $args

    dnabirnn summary ${prefix}.calls.bed \\
        --names ${prefix} \\
        --sizes $fasta \\
        --model $used \\
        --out ${prefix}.dnabirnn.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dnabirnn: \$(dnabirnn --version | sed 's/.* //')
    END_VERSIONS
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo | gzip > ${prefix}.scores.bed.gz
    touch ${prefix}.calls.bed
    touch ${prefix}.dnabirnn.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dnabirnn: \$(dnabirnn --version | sed 's/.* //')
    END_VERSIONS
    """
}
