"""A Slurm cluster of two nodes on this machine, for as long as a test needs it.

Its daemons listen on loopback only. Each node has its own host name and its own scratch, at the
same path on both, because its daemon runs in its own UTS and mount namespaces. A cluster can have
accounting: slurmdbd, on a MariaDB of its own.

Snakemake's executor looks for /etc/slurm/slurm.conf. So there is no cluster on a machine that
already has one, and the file goes when the cluster does.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SETTINGS = Path("/etc/slurm/slurm.conf")
DEVICES = Path("/etc/slurm/gres.conf")
ACCOUNTING = Path("/etc/slurm/slurmdbd.conf")
FILES = (SETTINGS, DEVICES, ACCOUNTING)
MARK = "# Made by the tests of dnabirnn, and removed at their end.\n"
PROGRAMS = ("munged", "rsync", "sbatch", "setpriv", "slurmctld", "slurmd", "unshare")
PACKAGES = "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge rsync"
FOR_ACCOUNTING = ("mariadb-install-db", "mariadbd", "my_print_defaults", "sacct", "slurmdbd")
PACKAGES_FOR_ACCOUNTING = "slurmdbd mariadb-server-core mariadb-client"
NODES = ("node1", "node2")
_PATIENCE_S = 120


def why_not(accounting: bool = False) -> str | None:
    """Reason for which there can be no cluster here; None if there can be one."""
    if os.geteuid() != 0:
        return "a Slurm cluster of its own needs root"
    programs, packages = PROGRAMS, PACKAGES
    if accounting:
        programs, packages = programs + FOR_ACCOUNTING, f"{packages} {PACKAGES_FOR_ACCOUNTING}"
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install --no-install-recommends {packages}"
    if not all(_ours(path) for path in FILES):
        return f"{SETTINGS.parent} has the settings of another Slurm"
    if subprocess.run(["unshare", "--uts", "--mount", "true"], capture_output=True).returncode:
        return "namespaces cannot be made here"
    return None


def _ours(path: Path) -> bool:
    """Whether a file of settings is missing, or left by tests that were killed."""
    return not path.exists() or path.read_text().startswith(MARK)


class Cluster:
    """A running cluster; `scratch` is a path that is another folder on each node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def scratch_of(self, node: str) -> Path:
        """The folder that a node has as its scratch."""
        return self.folder / f"{node}.scratch"

    def ask(self, *words: str) -> str:
        """Output of a command of Slurm."""
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def jobs(self) -> dict[str, dict[str, str]]:
        """State, node and rule of the jobs in the queue, by their number."""
        rows = self.ask("squeue", "--noheader", "--format=%i|%T|%N|%k").splitlines()
        return {
            job: {"state": state, "node": node, "rule": comment.split("_")[1]}
            for job, state, node, comment in (row.split("|") for row in rows)
        }

    def running(self, rule: str) -> str | None:
        """Number of a job of a rule that is running."""
        return next(
            (i for i, j in self.jobs().items() if (j["rule"], j["state"]) == (rule, "RUNNING")),
            None,
        )

    def state_of(self, node: str) -> str:
        """State of a node, such as idle or down."""
        return self.ask("sinfo", "--noheader", "--partition=cpu", f"--nodes={node}", "--format=%t")

    def start(self, name: str, *words: object) -> None:
        """Start a daemon, which ends at the latest when the tests do."""
        with (self.folder / f"{name}.out").open("ab") as file:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *(str(word) for word in words)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def start_node(self, node: str) -> None:
        """Start the daemon of a node, unless it is running."""
        if node in self._daemons:
            return
        scratch = self.scratch_of(node)
        scratch.mkdir(exist_ok=True)
        hosts = self.folder / "hosts"
        hosts.write_text(Path("/etc/hosts").read_text() + f"127.0.0.1 {' '.join(NODES)}\n")
        script = (
            f"hostname {node} && mount --bind {scratch} {self.scratch} && "
            f"mount --bind {hosts} /etc/hosts && exec slurmd -D -N {node}"
        )
        self.start(node, "unshare", "--uts", "--mount", "sh", "-c", script)

    def kill_node(self, node: str) -> None:
        """Take a node from the cluster with all that runs on it, as if by a power cut."""
        daemon = self._daemons.pop(node)
        inside = _namespace(daemon.pid)
        for path in Path("/proc").glob("[0-9]*"):
            if inside and _namespace(int(path.name)) == inside:
                with suppress(ProcessLookupError):
                    os.kill(int(path.name), signal.SIGKILL)
        daemon.wait()

    def stop(self) -> None:
        """Stop all jobs and daemons."""
        for node in NODES:
            if node in self._daemons:
                self.kill_node(node)
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            daemon.wait(_PATIENCE_S)


def _namespace(process: int) -> str | None:
    """The UTS namespace of a process, if it is not ours."""
    with suppress(OSError):
        name = os.readlink(f"/proc/{process}/ns/uts")
        return name if name != os.readlink("/proc/self/ns/uts") else None
    return None


def wait_for(found: Callable[[], T | None], what: str, patience_s: float = _PATIENCE_S) -> T:
    """What a function finds, as soon as it finds something."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen in {patience_s} s")


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [made.getsockname()[1] for made in sockets]
    for made in sockets:
        made.close()
    return ports


def _listens(port: int) -> bool:
    """Whether a daemon accepts connections."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _settings(folder: Path, cpus: int, memory_mb: int, accounting: int | None) -> str:
    """Settings of a cluster; `accounting` is the port of slurmdbd, if there is one."""
    control, *ports = _free_ports(1 + len(NODES))
    nodes = "".join(
        f"NodeName={node} NodeHostname={node} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} "
        f"RealMemory={memory_mb} Gres=gpu:1 State=UNKNOWN\n"
        for node, port in zip(NODES, ports, strict=True)
    )
    storage = "AccountingStorageType=accounting_storage/none"
    if accounting:
        storage = (
            "AccountingStorageType=accounting_storage/slurmdbd\n"
            f"AccountingStorageHost=127.0.0.1\nAccountingStoragePort={accounting}\n"
            f"AccountingStoragePass={folder}/munge.socket"  # for munge, instead of a password
        )
    return f"""{MARK}ClusterName=tests
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort={control}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
{storage}
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=5
SlurmctldTimeout=30
SlurmdTimeout=20
TCPTimeout=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n.spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
GresTypes=gpu
{nodes}PartitionName=cpu Nodes={",".join(NODES)} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={",".join(NODES)} MaxTime=INFINITE State=UP
"""


@contextmanager
def _alone() -> Iterator[None]:
    """One cluster at a time on this machine."""
    with (Path(tempfile.gettempdir()) / "dnabirnn-tests-slurm.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def cluster(
    folder: Path, cpus: int = 4, memory_mb: int = 16_000, accounting: bool = False
) -> Iterator[Cluster]:
    """Start a cluster whose files are in a folder, and stop it at the end.

    The nodes claim more processors than the machine may have, so that jobs of four threads run.
    """
    with _alone():
        assert (reason := why_not(accounting)) is None, reason
        made = Cluster(folder)
        for name in ("state", "scratch", *(f"{node}.spool" for node in NODES)):
            (folder / name).mkdir()
        try:
            _start(made, cpus, memory_mb, accounting)
            yield made
        finally:
            made.stop()
            for path in FILES:
                path.unlink(missing_ok=True)


def _start(made: Cluster, cpus: int, memory_mb: int, accounting: bool) -> None:
    folder = made.folder
    port = _free_ports(1)[0] if accounting else None
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text(_settings(folder, cpus, memory_mb, port))
    DEVICES.write_text(
        f"{MARK}AutoDetect=off\nNodeName={','.join(NODES)} Name=gpu Count=1 File=/dev/null\n"
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    made.start(
        "munged",
        *("munged", "--foreground", "--force", "--num-threads=2", f"--key-file={key}"),
        *(f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"),
        *(f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed"),
    )
    wait_for((folder / "munge.socket").exists, "the start of munged")
    if port:
        _start_accounting(made, port)
    made.start("slurmctld", "slurmctld", "-D", "-c")
    for node in NODES:
        made.start_node(node)
    wait_for(lambda: idle(made), "the start of the cluster")


def _start_accounting(made: Cluster, port: int) -> None:
    folder, password = made.folder, secrets.token_hex()
    data, users = folder / "database", folder / "users.sql"
    own = ("--no-defaults", "--user=root", f"--datadir={data}")
    subprocess.run(["mariadb-install-db", *own], check=True, capture_output=True)
    users.write_text(
        f"CREATE USER slurm@127.0.0.1 IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO slurm@127.0.0.1;\n"
    )
    database = _free_ports(1)[0]
    made.start(
        "mariadbd",
        *(
            "mariadbd",
            *own,
            f"--socket={folder}/mariadb.socket",
            f"--pid-file={folder}/mariadb.pid",
        ),
        *("--bind-address=127.0.0.1", f"--port={database}", f"--init-file={users}"),
        "--skip-name-resolve",
    )
    wait_for(lambda: _listens(database), "the start of mariadbd")
    ACCOUNTING.touch(0o600)  # slurmdbd refuses a password that others can read
    ACCOUNTING.write_text(
        f"""{MARK}AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny
DbdHost={socket.gethostname()}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass={password}
"""
    )
    made.start("slurmdbd", "slurmdbd", "-D")
    wait_for(lambda: _listens(port), "the start of slurmdbd")
    made.ask("sacctmgr", "--immediate", "add", "cluster", "tests")


def idle(made: Cluster) -> bool:
    """Whether all nodes wait for jobs."""
    states = subprocess.run(["sinfo", "--noheader", "--format=%t"], capture_output=True, text=True)
    return {*states.stdout.split()} == {"idle"}
