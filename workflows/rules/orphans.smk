"""Cancel the Slurm jobs of a Snakemake that was killed, before this one plans its own.

Snakemake cancels its jobs when it is interrupted, but not when it is killed. They stay in the queue
or go on running, and would write, or remove, the files of the next run.
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# The executor names jobs after the ID of the run, with a prefix if one is set.
RUN = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def cancel_orphans():
    """Cancel the jobs of this folder, and wait for their end; no Snakemake may be running here."""
    if shutil.which("squeue") is None or workflow.output_settings.dryrun:
        return
    try:
        left = jobs_of_this_folder()
    except WorkflowError:
        if Path(".snakemake/slurm_logs").exists():
            raise
        return  # the programs of Slurm are installed, but not used
    if not left:
        return
    numbers = ", ".join(left)
    if any(Path(".snakemake/locks").glob("*.lock")):
        logger.warning(
            f"Slurm jobs {numbers} may be those of a Snakemake that was killed; they are not "
            "cancelled, because this folder is locked"
        )
        return
    logger.warning(
        f"cancelling Slurm jobs {numbers} of a Snakemake that was killed, and waiting for their end"
    )
    slurm("scancel", *left)
    while set(left) & set(jobs_of_this_folder()):
        time.sleep(1)


def jobs_of_this_folder():
    """Return the numbers of the Slurm jobs that Snakemake submitted here and that have not ended."""
    rows = [
        row.split("|", 2) for row in slurm("squeue", "--me", "-h", "-o", "%A|%j|%Z")
    ]
    here = Path.cwd()
    found = {
        number
        for number, name, folder in rows
        if RUN.fullmatch(name) and Path(folder).resolve() == here
    }
    return sorted(found, key=int)


def slurm(*words):
    """Return the lines that a command of Slurm writes."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise WorkflowError(
            f"{words[0]}: {done.stderr.strip()}; jobs of a Snakemake that was killed could not be "
            "cancelled"
        )
    return done.stdout.splitlines()
