"""The server: uvicorn, with one worker or several."""

from carvalue.serving.server.workers import run_server

__all__ = ["run_server"]
