"""Uvicorn workers and connection deadlines."""

from carvalue.serving.server.workers import run_server

__all__ = ["run_server"]
