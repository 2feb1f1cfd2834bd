"""The worker processes of the price service: one, or several that share a port.

Several workers run under uvicorn's supervisor. Each binds a socket of its own to the port (SO_REUSEPORT), so
that the kernel distributes connections among them. The supervisor replaces a worker that ends or hangs, and
obeys uvicorn's signals: SIGHUP replaces all workers, SIGTTIN adds one, SIGTTOU stops one.
"""

import gc
import logging
import os
import resource
import shutil
import signal
import socket
import sys
import time
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from carvalue.logs import configure_logs
from carvalue.serving.app import create_app
from carvalue.serving.middleware import ObservabilityMiddleware
from carvalue.settings import ServiceSettings, load_settings

SHUTDOWN_S = (
    5  # for answers that are being sent; they take milliseconds, so more time helps only idle clients
)
KEEP_ALIVE_S = 75  # longer than a load balancer keeps an idle connection (AWS: 60 s), or it answers 502
RESERVED_HANDLES = 128  # file handles for the outbox, the journal, the model, the registry and logs
MAX_CONNECTIONS = 10_000
RETIRE_S = 30.0  # a worker that has not ended so long after it was told to is killed
READY_POLL_S = 0.1  # between two questions to a new worker whether it has started
HEALTHCHECK_S = (
    120.0  # a worker that does not answer its supervisor for so long hangs; a start takes a minute
)
GC_THRESHOLD = 10_000  # objects between two garbage collections; a hundred requests leave hardly a cycle
SWITCH_INTERVAL_S = (
    0.0005  # a thread that returns from the disk waits less for one that computes; default 0.005
)
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it at import, so only workers obey it

logger = logging.getLogger(__name__)


def run_server(settings: ServiceSettings, app: ObservabilityMiddleware) -> None:
    """Serve until a signal stops the process.

    Args:
        settings: address, port and number of workers.
        app: the application; if there are several workers, each builds its own instead.
    """
    if settings.service_workers == 1:
        prepare_process()
        uvicorn.run(app, **_uvicorn_options(settings))
        return
    folder = settings.state_dir / "service" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[METRICS_FOLDER] = str(folder)
    config = uvicorn.Config(
        "carvalue.serving.server.workers:worker_app",
        factory=True,
        workers=settings.service_workers,
        **_uvicorn_options(settings),
    )
    WorkerSupervisor(config, folder=folder).run()


def worker_app() -> ObservabilityMiddleware:
    """Build the application in a worker process.

    Returns:
        The application, whose metrics are merged with those of the other workers.
    """
    configure_logs()
    prepare_process()
    Thread(target=_stop_after_supervisor, daemon=True).start()
    return create_app(load_settings(ServiceSettings), metrics_folder=Path(os.environ[METRICS_FOLDER]))


def prepare_process() -> None:
    """Tune the garbage collector, thread switching and logs of this process for serving."""
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log each request to the registry


class ServiceWorker(Process):
    """A worker process with its own socket on the shared port."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; runs in the new process.

        Args:
            sockets: further sockets to serve on.
        """
        super().target([*(sockets or ()), _shared_socket(self.config)])


class WorkerSupervisor(Multiprocess):
    """Starts the workers, replaces one that ends or hangs, and obeys signals.

    Args:
        config: uvicorn's configuration.
        folder: where the workers keep their metrics.

    Raises:
        SystemExit: another program uses the port.
    """

    def __init__(self, config: uvicorn.Config, *, folder: Path) -> None:
        config.bind_socket().close()  # reports a port that is in use, and ends
        super().__init__(config, sockets=[])
        self._folder = folder

    def init_processes(self) -> None:
        """Start as many workers as the settings ask for."""
        self.processes = [self._start_worker() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or hang; stop the service if a worker cannot start at all."""
        for index, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.is_alive(timeout=HEALTHCHECK_S):
                continue
            self._kill(worker)
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            logger.error("worker ended", extra={"pid": worker.pid, "exit_code": worker.exitcode})
            self.processes[index] = self._start_worker()

    def restart_all(self) -> None:
        """Replace the workers one by one (SIGHUP): each stops when its replacement serves.

        A replacement that does not start ends the restart; the workers that are left keep serving.
        """
        for index, old in enumerate(self.processes):
            new = self._start_worker()
            if not self._becomes_ready(new):
                self._kill(new)
                logger.error("restart aborted: new worker not ready", extra={"pid": new.pid, "kept": old.pid})
                return
            self.processes[index] = new
            self._retire(old)

    def handle_ttin(self) -> None:
        """Add a worker (SIGTTIN)."""
        self.processes_num += 1
        self.processes.append(self._start_worker())

    def handle_ttou(self) -> None:
        """Stop the newest worker (SIGTTOU); the last one keeps serving."""
        if self.processes_num > 1:
            self.processes_num -= 1
            self._retire(self.processes.pop())

    def _start_worker(self) -> ServiceWorker:
        worker = ServiceWorker(self.config, self.sockets)
        worker.start()
        return worker

    def _becomes_ready(self, worker: Process) -> bool:
        """Wait until a new worker serves; give up if it ends, takes too long, or the service must stop."""
        deadline = time.monotonic() + HEALTHCHECK_S
        while time.monotonic() < deadline and not {signal.SIGINT, signal.SIGTERM} & {*self.signal_queue}:
            if not worker.process.is_alive():
                return False
            if worker.is_ready(timeout=1):
                return True
            time.sleep(READY_POLL_S)
        return False

    def _retire(self, worker: Process) -> None:
        """Stop a worker in order; kill it if it takes too long."""
        worker.terminate()
        worker.process.join(RETIRE_S)
        self._kill(worker)

    def _kill(self, worker: Process) -> None:
        """Kill a worker if it still runs, and remove its gauges."""
        worker.kill()
        worker.join()
        mark_process_dead(worker.pid, str(self._folder))


def _uvicorn_options(settings: ServiceSettings) -> dict[str, Any]:
    return {
        "host": settings.bind_host,
        "port": settings.service_port,
        "http": "httptools",
        "limit_concurrency": max_connections(),
        "ws": "none",
        "log_config": None,  # `configure_logs` configures logging
        "access_log": False,  # `serving.middleware.access_log` writes one, without what clients send
        "server_header": False,
        "proxy_headers": False,  # a client that is limited by its address could claim any other
        "timeout_graceful_shutdown": SHUTDOWN_S,
        "timeout_keep_alive": KEEP_ALIVE_S,
    }


def max_connections() -> int:
    """Compute how many open connections leave enough file handles for everything else.

    With so many open connections, uvicorn answers each request with 503. It still accepts connections: those
    that send no complete request head keep their file handles, and only a proxy can refuse them.

    Returns:
        The limit of open files less the reserved ones; at most `MAX_CONNECTIONS`.
    """
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, handles - RESERVED_HANDLES) if handles > 0 else MAX_CONNECTIONS


def _shared_socket(config: uvicorn.Config) -> socket.socket:
    """Bind a socket to the shared port; uvicorn lets it listen once the application has started."""
    shared = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((config.host, config.port))
    return shared


def _stop_after_supervisor() -> None:
    """Stop this worker in order when the supervisor no longer runs, however it ended."""
    supervisor = parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
