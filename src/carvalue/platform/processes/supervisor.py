"""Run the services under Supervisor (supervisord): configure, start, query and stop it."""

import hashlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from carvalue.errors import AppError
from carvalue.files import PRIVATE_UMASK, atomic_write, make_private
from carvalue.platform.processes.exec import LaunchSpec
from carvalue.platform.processes.logs import ACCESS_SUFFIX, log_folder
from carvalue.platform.processes.orphans import process_marks
from carvalue.platform.spec import ServiceSpec

MAX_SOCKET_PATH = 107 - len(".4194304")  # bytes: the limit of Linux, less the pid that supervisord appends
START_TIMEOUT_S = 20.0
NO_WAIT = False  # the positional parameter "wait" of supervisord's calls
STOP_WAIT_S = 10  # then SIGKILL; Airflow's scheduler would otherwise wait for its running tasks


class SupervisorFailed(AppError):
    """Supervisord did not start or rejected a call."""

    status, hint = 500, "Read logs/supervisord.log under STATE_DIR."


class State(StrEnum):
    """State of a process, in the terms of Supervisor (http://supervisord.org/subprocess.html#process-states)."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """One process as supervisord reports it.

    Attributes:
        name: Name of the service.
        state: State of the process.
        pid: Process id; None while it does not run.
        started_at: Time of the last start, in UTC.
        exit_code: Exit code of the last run; 0 before the first end.
    """

    name: str
    state: State
    pid: int | None
    started_at: datetime
    exit_code: int


class Supervisor:
    """The supervisord of one platform; its files are in the platform's state directory.

    Args:
        state_dir: State directory of the platform.

    Attributes:
        logs: Folder of the log files.
        socket: Unix socket on which supervisord listens.
    """

    def __init__(self, *, state_dir: Path) -> None:
        self._state_dir = state_dir.resolve()
        self._run = self._state_dir / "run"
        self.logs = log_folder(state_dir)
        self.socket = _socket_path(self._run)

    @property
    def is_running(self) -> bool:
        """Whether supervisord accepts connections."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def log(self, name: str) -> Path:
        """Return the log file of a service.

        Args:
            name: Name of the service.

        Returns:
            The path; the file may not exist yet.
        """
        return self.logs / f"{name}.log"

    def start(self, services: Iterable[ServiceSpec]) -> None:
        """Start supervisord with every service configured and none running.

        Args:
            services: Services to configure.

        Raises:
            SupervisorFailed: It did not start; the message holds its output. Or another account can write to
                the folder of its socket.
        """
        self._write(services)
        command = (sys.executable, "-m", "supervisor.supervisord", "-c", str(self._run / "supervisord.conf"))
        environment = os.environ | process_marks(state_dir=self._state_dir, service="supervisord")
        done = subprocess.run(  # noqa: S603  # our own command; it goes on in the background
            command, env=environment, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise SupervisorFailed(f"supervisord ended with {done.returncode}: {done.stderr.strip()}")

    def update(self, services: Iterable[ServiceSpec]) -> frozenset[str]:
        """Replace the configured services: stop those that changed or are gone, and add the new ones.

        Args:
            services: Services to configure.

        Returns:
            Names of the services that were added, changed or removed.

        Raises:
            SupervisorFailed: Supervisord rejected a call.
        """
        self._write(services)
        [[added, changed, removed]] = self._call("reloadConfig")
        for name in (*changed, *removed):
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)
        return frozenset((*added, *changed, *removed))

    def launch(self, name: str) -> None:
        """Start one service without waiting for it.

        Args:
            name: Name of a configured service.

        Raises:
            SupervisorFailed: Supervisord rejected the call.
        """
        self._call("startProcess", name, NO_WAIT)

    def states(self) -> Mapping[str, ProcessState]:
        """Read the state of each process.

        Returns:
            Service name -> state; empty while supervisord does not run.
        """
        if not self.is_running:
            return {}
        return {str(item["name"]): _process_state(item) for item in self._call("getAllProcessInfo")}

    def shut_down(self) -> None:
        """Stop every service and then supervisord, without waiting for their ends."""
        for name, process in self.states().items():
            if process.pid is not None:
                self._call("stopProcessGroup", name, NO_WAIT)  # `shutdown` alone stops them one by one
        self._call("shutdown")

    def _write(self, services: Iterable[ServiceSpec]) -> None:
        make_private(self._state_dir)
        for folder in (self._run, self.logs, self.socket.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.socket.parent != self._run:  # in a folder in which every account can create files
            _require_own(self.socket.parent)
        services = tuple(services)
        for service in services:
            _launch_spec(service, self._state_dir).write(self._run / f"{service.name}.json")
        programs = [self._program(service) for service in services]
        with atomic_write(self._run / "supervisord.conf") as temporary:
            temporary.write_text("\n\n".join((self._head(), *programs)) + "\n")

    def _head(self) -> str:
        return (
            _section("unix_http_server", file=str(self.socket), chmod="0700")
            + "\n\n"
            + _section(
                "supervisord",
                logfile=str(self.logs / "supervisord.log"),
                logfile_maxbytes="10MB",
                logfile_backups="2",
                umask=f"{PRIVATE_UMASK:03o}",  # what the services write is for their owner only
                pidfile=str(self._run / "supervisord.pid"),
                childlogdir=str(self.logs),
                directory=str(Path.cwd()),
            )
            + "\n\n"
            + _section(
                "rpcinterface:supervisor",
                **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            )
        )

    def _program(self, service: ServiceSpec) -> str:
        file = self._run / f"{service.name}.json"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        command = (sys.executable, "-m", "carvalue.platform.processes", str(file), digest)
        return _section(
            f"program:{service.name}",
            # with the digest, a changed environment is a changed command, and `update` restarts the service
            command=" ".join(f'"{part}"' for part in command),
            autostart="false",  # `start_services` starts them in the order of their dependencies
            autorestart="false" if service.runs_once else "true",
            startsecs="0" if service.runs_once else "2",
            startretries="5",
            stopwaitsecs=str(STOP_WAIT_S),
            stopasgroup="true",
            killasgroup="true",
            **self._log_files(service),
        )

    def _log_files(self, service: ServiceSpec) -> dict[str, str]:
        log = self.log(service.name)
        if not service.has_access_log:
            return {"redirect_stderr": "true", **_log_file("stdout", log)}
        return {
            **_log_file("stdout", log.with_stem(f"{log.stem}{ACCESS_SUFFIX}")),
            **_log_file("stderr", log),
        }

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
                return getattr(server.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise SupervisorFailed(f"{method} {arguments}: {fault.faultString}.") from fault


def _log_file(stream: str, path: Path) -> dict[str, str]:
    return {
        f"{stream}_logfile": str(path).replace("%", "%%"),  # supervisord expands this option twice
        f"{stream}_logfile_maxbytes": "10MB",
        f"{stream}_logfile_backups": "3",
    }


def _socket_path(run: Path) -> Path:
    path = run / "supervisord.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"carvalue-{os.getuid()}-{name}" / "supervisord.sock"


def _require_own(folder: Path) -> None:
    """Refuse a folder that another account has created or can write to: it could answer in our place."""
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise SupervisorFailed(
            f"{folder} belongs to another account or is open to others: expected a folder of this account "
            "with mode 0700. Remove it, or choose a shorter STATE_DIR."
        )


def _launch_spec(service: ServiceSpec, state_dir: Path) -> LaunchSpec:
    return LaunchSpec(
        service=service.name,
        state_dir=state_dir,
        command=service.command,
        environment=dict(service.environment),
    )


def _section(title: str, /, **options: str) -> str:
    # a single percent sign starts an expansion
    lines = (f"{key} = {value.replace('%', '%%')}" for key, value in options.items())
    return "\n".join((f"[{title}]", *lines))


def _process_state(item: Mapping[str, object]) -> ProcessState:
    pid = int(str(item["pid"]))
    return ProcessState(
        name=str(item["name"]),
        state=State(str(item["statename"])),
        pid=pid or None,
        started_at=datetime.fromtimestamp(int(str(item["start"])), tz=UTC),
        exit_code=int(str(item["exitstatus"])),
    )
