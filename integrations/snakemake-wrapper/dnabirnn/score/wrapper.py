"""Score sequences with dnabirnn, and call intervals."""

__author__ = "dnabirnn authors"
__copyright__ = "Copyright 2026, dnabirnn authors"
__license__ = "MIT"

import shlex

from snakemake.shell import shell

model = snakemake.input.get("model") or snakemake.params.get("model")  # noqa: F821
if not model:
    raise ValueError("give a model file as input, or the name of a bundled model in params")
calls = snakemake.output.get("calls")  # noqa: F821
options = f"--calls {shlex.quote(calls)}" if calls else ""
extra = snakemake.params.get("extra", "")  # noqa: F821
log = snakemake.log_fmt_shell(stdout=False, stderr=True)  # noqa: F821

shell(
    "dnabirnn score {snakemake.input.fasta:q} --model {model:q} --out {snakemake.output.scores:q} "
    "{options} --threads {snakemake.threads} {extra} {log}"
)
