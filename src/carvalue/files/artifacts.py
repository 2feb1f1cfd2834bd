"""Reports on disk: a frozen dataclass as JSON, so that one step can hand its findings to the next."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.files.atomic import written_aside

Report = TypeVar("Report")


class ReportUnreadable(AppError):
    """A report is not there, or is damaged."""

    status, hint = 409, "Run the step that writes it again."


def write_report(report: object, path: Path) -> None:
    """Write a dataclass as JSON."""
    with written_aside(path) as aside:
        aside.write_bytes(TypeAdapter(type(report)).dump_json(report, indent=2))


def read_report(kind: type[Report], path: Path) -> Report:
    """Read a dataclass that was written as JSON.

    Raises:
        ReportUnreadable: the file is missing or is no such report.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ReportUnreadable(f"{path} cannot be read: {error}.") from error
