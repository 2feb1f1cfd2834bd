"""Processes that outlived the service they belonged to, known by the mark in their environment."""

from collections.abc import Iterator
from pathlib import Path

import psutil

STATE_MARK = "CARVALUE_PLATFORM"
SERVICE_MARK = "CARVALUE_SERVICE"
GRACE_S = 5.0  # how long a leftover may take to end by itself


def process_marks(*, state_dir: Path, service: str) -> dict[str, str]:
    """Name the platform and the service that a process and all its descendants belong to."""
    return {STATE_MARK: str(state_dir.resolve()), SERVICE_MARK: service}


def find_orphans(*, state_dir: Path, service: str | None = None) -> tuple[psutil.Process, ...]:
    """Find the processes of a platform, or of one of its services; this process is never among them."""
    return tuple(_marked(str(state_dir.resolve()), service))


def stop_orphans(*, state_dir: Path, service: str | None = None) -> int:
    """End what `find_orphans` finds, by force where asking does not help; tell how many there were."""
    found = find_orphans(state_dir=state_dir, service=service)
    for process in found:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(found, timeout=GRACE_S)
    for process in stubborn:
        _signal(process, "kill")
    psutil.wait_procs(stubborn, timeout=GRACE_S)
    return len(found)


def _marked(state: str, service: str | None) -> Iterator[psutil.Process]:
    myself = psutil.Process().pid
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue  # of another user, or gone
        ours = environment.get(STATE_MARK) == state and process.pid != myself
        if ours and service in (None, environment.get(SERVICE_MARK)):
            yield process


def _signal(process: psutil.Process, name: str) -> None:
    try:
        getattr(process, name)()
    except psutil.NoSuchProcess:
        return
