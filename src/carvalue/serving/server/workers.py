"""One worker of the price service, or several on one port: uvicorn's supervisor, and a socket for each."""

import gc
import logging
import os
import shutil
import signal
import socket
import sys
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
from carvalue.serving.server.deadlines import DeadlineProtocol
from carvalue.settings import Settings, load_settings

STOP_S = 5  # answers under way take milliseconds; what hangs longer is an idle connection
YOUNG_OBJECTS = 10_000  # between two collections; a hundred requests leave hardly a cycle behind
SWITCH_S = 0.0005  # a thread that comes from the disk waits no longer for one that computes; by default 0.005
SILENT_S = 120.0  # a worker that does not answer its supervisor for so long hangs; a start may take a minute
METRICS_FOLDER = (
    "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported, so by workers only
)

logger = logging.getLogger(__name__)


def run_server(settings: Settings, app: ObservabilityMiddleware) -> None:
    """Serve on the address of the settings until told to stop; several workers build the app themselves."""
    if settings.service_workers == 1:
        prepare_process()
        uvicorn.run(app, **_options(settings))
        return
    folder = settings.state_dir / "service" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[METRICS_FOLDER] = str(folder)
    config = uvicorn.Config(
        "carvalue.serving.server.workers:worker_app",
        factory=True,
        workers=settings.service_workers,
        **_options(settings),
    )
    WorkerSupervisor(config, folder=folder).run()


def worker_app() -> ObservabilityMiddleware:
    """Build the application in a worker."""
    configure_logs()
    prepare_process()
    Thread(target=_stop_after_supervisor, daemon=True).start()
    return create_app(load_settings(), metrics_folder=Path(os.environ[METRICS_FOLDER]))


def prepare_process() -> None:
    """Set this process up for serving."""
    gc.set_threshold(YOUNG_OBJECTS)
    sys.setswitchinterval(SWITCH_S)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each question to the registry


class ServiceWorker(Process):
    """A process with a socket of its own, so that the kernel shares new connections out among them."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, in the new process."""
        super().target([*(sockets or ()), _shared_socket(self.config)])


class WorkerSupervisor(Multiprocess):
    """Starts workers, replaces one that ends or hangs, and stops all."""

    def __init__(self, config: uvicorn.Config, *, folder: Path) -> None:
        config.bind_socket().close()  # where another program has the port, say so and end
        super().__init__(config, sockets=[])
        self._folder = folder

    def init_processes(self) -> None:
        """Start as many as the settings ask for."""
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace what ended or hangs; where a worker cannot even start, stop."""
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.is_alive(timeout=SILENT_S):
                continue
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            logger.error("worker ended", extra={"pid": worker.pid, "exit_code": worker.exitcode})
            mark_process_dead(worker.pid, str(self._folder))
            self.processes[place] = self._started()

    def _started(self) -> ServiceWorker:
        worker = ServiceWorker(self.config, self.sockets)
        worker.start()
        return worker


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.bind_host,
        "port": settings.service_port,
        "http": DeadlineProtocol,
        "ws": "none",
        "log_config": None,  # `configure_logs` has the say
        "access_log": False,  # `serving.access_log` writes one, without what people sent
        "server_header": False,
        "proxy_headers": False,  # whoever is limited by address could claim any
        "timeout_graceful_shutdown": STOP_S,
    }


def _shared_socket(config: uvicorn.Config) -> socket.socket:
    """Take the port beside the others; it listens, and gets its share, once the application has started."""
    shared = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((config.host, config.port))
    return shared


def _stop_after_supervisor() -> None:
    """Stop in order once the supervisor is gone, however it ended: nobody would look after this worker."""
    supervisor = parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
