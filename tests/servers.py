"""A real server in a thread of the test, on a port that was free."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from waiting import until


@contextmanager
def serving(app: ASGIApp, *, port: int = 0) -> Iterator[httpx.Client]:
    """Serve an application, give a client for it, stop."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, http="httptools", ws="none", log_config=None, timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            url = "http://{}:{}".format(*listening.getsockname())
            with httpx.Client(base_url=url, timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
