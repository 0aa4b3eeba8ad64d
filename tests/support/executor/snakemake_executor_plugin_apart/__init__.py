"""An executor of Snakemake for tests: each job runs in a folder of its own, as on a cloud.

If the system allows it, a job also has a mount namespace of its own, in which the folder of the
workflow and the temporary folders of other jobs are empty.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    auto_deploy_default_storage_provider=False,
)


def _has_namespaces() -> bool:
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    try:
        return subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


class Executor(RemoteExecutor):  # type: ignore[misc, unused-ignore]
    def __post_init__(self) -> None:
        self.next_seconds_between_status_checks = 1
        self.namespaces = _has_namespaces()
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def run_job(self, job: Any) -> None:
        folder = Path(tempfile.mkdtemp(prefix="apart-", dir=os.environ["APART"]))
        command = f"cd {shlex.quote(str(folder))} && {self.format_job_exec(job)}"
        call = ["bash", "-c", command]
        if self.namespaces:
            empty = f"mount -t tmpfs none {shlex.quote(os.getcwd())} && "
            call = ["unshare", "--mount", "bash", "-c", empty + command]
        env = os.environ | {"HOME": "/nonexistent"}
        log = (folder / "output.txt").open("wb")
        process = subprocess.Popen(call, env=env, stdout=log, stderr=subprocess.STDOUT, cwd="/")
        self.running[str(folder)] = process
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=str(folder)))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        for info in active_jobs:
            code = self.running[info.external_jobid].poll()
            if code is None:
                yield info
                continue
            output = Path(info.external_jobid, "output.txt").read_text()
            shutil.rmtree(info.external_jobid)
            if code:
                self.report_job_error(info, msg=output)
            else:
                self.report_job_success(info)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        for info in active_jobs:
            self.running[info.external_jobid].kill()
