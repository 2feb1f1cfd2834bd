"""Log files: where they are, and how they end."""

from contextlib import suppress
from pathlib import Path

from carvalue.errors import AppError

TAIL_BYTES = 16_384
ACCESS = "-access"
"""What the name of an access log ends with; it is shown to who asks for it, not among all."""


class LogNotFound(AppError):
    """A service that has no log; names those that have one."""

    status, hint = 404, ""


def log_folder(state_dir: Path) -> Path:
    """Tell where every service of a platform logs, one file each."""
    return state_dir.resolve() / "logs"


def log_files(state_dir: Path, service: str = "") -> list[Path]:
    """List the logs of one service or of all.

    Raises:
        LogNotFound: there is none; names those that there are.
    """
    folder = log_folder(state_dir)
    there = sorted(folder.glob("*.log"))
    chosen = [path for path in there if path.stem == service or not (service or path.stem.endswith(ACCESS))]
    if not chosen:
        names = ", ".join(path.stem for path in there) or "nothing; the platform has not run here yet"
        raise LogNotFound(f"No log of {service or 'any service'} in {folder}: there is {names}.")
    return chosen


def last_lines(log: Path, *, count: int) -> list[str]:
    """Read the last lines that say something; nothing where there is no log."""
    with suppress(FileNotFoundError), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]
    return []
