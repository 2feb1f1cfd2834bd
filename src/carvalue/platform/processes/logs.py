"""Log files of the services: their paths and their last lines."""

from contextlib import suppress
from pathlib import Path

from carvalue.errors import AppError

TAIL_BYTES = 16_384
ACCESS_SUFFIX = "-access"
"""End of the stem of an access log; access logs are listed only when their service is named."""


class LogNotFound(AppError):
    """The service has no log file; the message names the services that have one."""

    status, hint = 404, ""


def log_folder(state_dir: Path) -> Path:
    """Return the folder that holds one log file per service.

    Args:
        state_dir: State directory of the platform.

    Returns:
        The absolute path; the folder may not exist yet.

    Examples:
        >>> log_folder(Path("/srv/carvalue")).as_posix()
        '/srv/carvalue/logs'
    """
    return state_dir.resolve() / "logs"


def log_files(state_dir: Path, service: str = "") -> list[Path]:
    """List the log files of one service or of all services.

    Args:
        state_dir: State directory of the platform.
        service: Name of a service, or of its access log such as `price-service-access`. Empty: all services,
            without access logs.

    Returns:
        Paths in alphabetical order, at least one.

    Raises:
        LogNotFound: There is no such log file.

    Examples:
        >>> folder = log_folder(Path("var"))
        >>> folder.mkdir(parents=True)
        >>> for name in ("mlflow", "price-service", "price-service-access"):
        ...     (folder / f"{name}.log").touch()
        >>> [path.name for path in log_files(Path("var"))]
        ['mlflow.log', 'price-service.log']
        >>> [path.name for path in log_files(Path("var"), "price-service-access")]
        ['price-service-access.log']
    """
    folder = log_folder(state_dir)
    existing = sorted(folder.glob("*.log"))
    chosen = [
        path
        for path in existing
        if path.stem == service or not (service or path.stem.endswith(ACCESS_SUFFIX))
    ]
    if not chosen:
        names = ", ".join(path.stem for path in existing) or "none, because the platform has not run here yet"
        raise LogNotFound(f"No log of {service or 'any service'} in {folder}. Existing logs: {names}.")
    return chosen


def last_lines(log: Path, *, count: int) -> list[str]:
    """Read the last non-blank lines of a log file.

    Args:
        log: File to read; only its last 16 KiB are considered.
        count: Maximum number of lines.

    Returns:
        The lines, oldest first; empty when the file does not exist.

    Examples:
        >>> log = Path("mlflow.log")
        >>> _ = log.write_text(chr(10).join(["starting", "", "listening on port 5000"]))
        >>> last_lines(log, count=1)
        ['listening on port 5000']
        >>> last_lines(Path("absent.log"), count=1)
        []
    """
    with suppress(FileNotFoundError), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]
    return []
