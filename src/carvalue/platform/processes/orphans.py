"""Find and stop processes that outlive their service, recognised by marks in their environment."""

from collections.abc import Iterator
from pathlib import Path

import psutil

STATE_MARK = "CARVALUE_PLATFORM"
SERVICE_MARK = "CARVALUE_SERVICE"
GRACE_S = 5.0  # between SIGTERM and SIGKILL


def process_marks(*, state_dir: Path, service: str) -> dict[str, str]:
    """Return the environment variables that mark a process and all its descendants.

    Args:
        state_dir: State directory of the platform.
        service: Name of the service.

    Returns:
        Variable name -> value.

    Examples:
        >>> process_marks(state_dir=Path("/srv/carvalue"), service="mlflow")
        {'CARVALUE_PLATFORM': '/srv/carvalue', 'CARVALUE_SERVICE': 'mlflow'}
    """
    return {STATE_MARK: str(state_dir.resolve()), SERVICE_MARK: service}


def find_orphans(*, state_dir: Path, service: str | None = None) -> tuple[psutil.Process, ...]:
    """Find the processes of a platform or of one of its services, except this process.

    Args:
        state_dir: State directory of the platform.
        service: Name of a service; None for all services.

    Returns:
        Running processes that carry the marks of `process_marks`.
    """
    return tuple(_marked_processes(str(state_dir.resolve()), service))


def stop_orphans(*, state_dir: Path, service: str | None = None) -> int:
    """Stop the processes that `find_orphans` finds: SIGTERM, then SIGKILL after five seconds.

    Args:
        state_dir: State directory of the platform.
        service: Name of a service; None for all services.

    Returns:
        Number of processes that were found.
    """
    orphans = find_orphans(state_dir=state_dir, service=service)
    for process in orphans:
        _signal(process, "terminate")
    _, alive = psutil.wait_procs(orphans, timeout=GRACE_S)
    for process in alive:
        _signal(process, "kill")
    psutil.wait_procs(alive, timeout=GRACE_S)
    return len(orphans)


def _marked_processes(state: str, service: str | None) -> Iterator[psutil.Process]:
    own_pid = psutil.Process().pid
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue  # it belongs to another user or has ended
        is_ours = environment.get(STATE_MARK) == state and process.pid != own_pid
        if is_ours and service in (None, environment.get(SERVICE_MARK)):
            yield process


def _signal(process: psutil.Process, name: str) -> None:
    try:
        getattr(process, name)()
    except psutil.NoSuchProcess:
        return
