"""A Dask cluster for one run of a pipeline. Its processes find each other through a shared folder."""

import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from distributed import Client, Security

from carvalue.files import TEMPORARY_MARK
from carvalue.parallel.cluster.errors import ClusterUnavailable

SCHEDULER, CERTIFICATE, KEY, RUN = "scheduler.json", "certificate.pem", "key.pem", "run"
PROBE_S = 10  # a scheduler that does not answer for so long has stopped
STARTING_S = 3600  # a cluster without a scheduler for so long was left behind by a run that was killed
WORKER_PATIENCE = "10 minutes"  # for a scheduler that starts, or starts again
IDLE_LIMIT = "2 hours"  # longer than any step that does not use the cluster


@dataclass(frozen=True, kw_only=True)
class RunCluster:
    """The cluster of one run. Connections are encrypted, and only processes that can read the folder connect.

    Attributes:
        folder: The folder of the cluster. It exists while a run uses the cluster, so runs take turns.
        host: The address that scheduler and workers listen on; empty for all addresses of their machines.
    """

    folder: Path
    host: str = ""

    def reserve(self, run: str) -> bool:
        """Reserve the cluster for a run, and write the keys for its connections.

        Args:
            run: The name of the run. A run that reserved the cluster before gets it anew.

        Returns:
            Whether it is reserved; False while another run uses it.
        """
        owner = self._owner()
        if owner == run or (owner is not None and self._is_left_behind()):
            self.stop()
        prepared = self.folder.with_name(f"{self.folder.name}{TEMPORARY_MARK}{uuid4().hex}")
        prepared.mkdir(parents=True, mode=0o700)
        _write_keys(prepared)
        (prepared / RUN).write_text(run, encoding="utf-8")
        try:
            prepared.rename(self.folder)  # fails if another run was faster
        except OSError:
            shutil.rmtree(prepared)
            return False
        return True

    def scheduler_command(self) -> list[str]:
        """Return the command that runs the scheduler.

        Returns:
            The program and its arguments.
        """
        dashboard = ("--dashboard-address", f"{self.host}:8787")
        return [*self._command("scheduler"), "--port", "0", *dashboard, "--idle-timeout", IDLE_LIMIT]

    def worker_command(self, *, threads: int) -> list[str]:
        """Return the command that runs a worker.

        Args:
            threads: The number of its threads; 0 for as many as its container or machine has processors.

        Returns:
            The program and its arguments.
        """
        size = ("--nworkers", "1", "--nthreads", str(threads), "--no-dashboard")
        return [*self._command("worker"), *size, "--death-timeout", WORKER_PATIENCE]

    def connect(self, *, timeout_s: float) -> Client:
        """Connect to the scheduler.

        Args:
            timeout_s: How long to wait for a scheduler that has not started.

        Returns:
            The connection, to be closed by the caller.

        Raises:
            ClusterUnavailable: There is no scheduler after that time.
        """
        deadline = time.monotonic() + timeout_s
        while not self._scheduler.is_file():
            if time.monotonic() > deadline:
                raise ClusterUnavailable(f"The cluster in {self.folder} has no scheduler yet.")
            time.sleep(0.2)
        try:
            return Client(  # type: ignore[no-untyped-call]
                scheduler_file=str(self._scheduler),
                security=self.security,
                timeout=PROBE_S,
                set_as_default=False,
            )
        except (OSError, TimeoutError) as error:
            raise ClusterUnavailable(
                f"The scheduler of the cluster in {self.folder} does not answer."
            ) from error

    def stop(self) -> None:
        """Stop scheduler and workers, also those that start later, and free the cluster for the next run."""
        with suppress(ClusterUnavailable), self.connect(timeout_s=0) as client:
            client.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def certificate(self) -> Path:
        """The certificate of all connections; once the cluster is stopped, it does not exist."""
        return self.folder / CERTIFICATE

    @property
    def security(self) -> Security:
        """The keys of a client."""
        certificate, key = str(self.certificate), str(self.folder / KEY)
        return Security(  # type: ignore[no-untyped-call]
            tls_ca_file=certificate,
            tls_client_cert=certificate,
            tls_client_key=key,
            require_encryption=True,
        )

    @property
    def _scheduler(self) -> Path:
        return self.folder / SCHEDULER

    def _owner(self) -> str | None:
        try:
            return (self.folder / RUN).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _is_left_behind(self) -> bool:
        if not self._scheduler.is_file():
            return time.time() - self.folder.stat().st_mtime > STARTING_S
        try:
            self.connect(timeout_s=0).close()  # type: ignore[no-untyped-call]
        except ClusterUnavailable:
            return True
        return False

    def _command(self, role: str) -> list[str]:
        certificate, key = str(self.certificate), str(self.folder / KEY)
        keys = ("--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", key)
        listen = ("--protocol", "tls", *(("--host", self.host) if self.host else ()))
        file = ("--scheduler-file", str(self._scheduler))
        return [sys.executable, "-m", "dask", role, *file, *keys, *listen]


def _write_keys(folder: Path) -> None:
    """Write one self-signed certificate, which all processes of the cluster show and trust, and its key."""
    security = Security.temporary()  # type: ignore[no-untyped-call]
    for name, content in ((CERTIFICATE, security.tls_ca_file), (KEY, security.tls_client_key)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as opened:
            opened.write(content)
