"""Reports that show drift: pages of HTML, drawn by a process of their own, kept up to a number."""

import logging
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from carvalue.errors import AppError

KEPT = 40  # reports; one takes some megabytes
MOMENT = "%Y%m%dT%H%M%SZ"

logger = logging.getLogger(__name__)


class ReportNotFound(AppError):
    """A report that is not there: never made, still in the making, or too old to be kept."""

    status, hint = 404, "GET /reports lists those that there are."


@dataclass(frozen=True, kw_only=True)
class EvidentlyReport:
    """A report that is there.

    Attributes:
        name: of the file.
        made_at: the moment that it shows.
        why: what it was made for: `drift` or `daily`.
    """

    name: str
    made_at: datetime
    why: str


class ReportFolder:
    """A folder of reports."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._under_way: dict[str, subprocess.Popen[bytes]] = {}

    def ask(self, *, why: str, at: datetime, reference: pl.DataFrame, window: pl.DataFrame) -> str:
        """Have a report made, and give its name at once; it appears some seconds later."""
        name = f"{at.astimezone(UTC):{MOMENT}}-{why}.html"
        work = self._folder / f".{name}"
        work.mkdir(exist_ok=True)
        columns = [column for column in reference.columns if column in window.columns]
        reference.select(columns).write_parquet(work / "reference.parquet")
        window.select(columns).write_parquet(work / "window.parquet")
        # a process of its own: Evidently takes seconds to import and to draw, and no check shall wait for it
        command = (
            sys.executable,
            "-m",
            "carvalue.monitoring.watcher.evidently_report",
            str(work),
            str(self._folder / name),
        )
        self._under_way[name] = subprocess.Popen(command)  # noqa: S603
        self._prune()
        return name

    def collect(self) -> int:
        """Tell how many reports came into being since the last call; log those that did not."""
        ended = {name: process for name, process in self._under_way.items() if process.poll() is not None}
        for name, process in ended.items():
            del self._under_way[name]
            if process.returncode:
                logger.error("a report failed", extra={"report": name, "exit_code": process.returncode})
        return sum(process.returncode == 0 for process in ended.values())

    def all(self) -> list[EvidentlyReport]:
        """List what is there, the newest first."""
        found = [_report(path) for path in self._folder.glob("[!.]*.html")]
        return sorted(found, key=lambda report: report.made_at, reverse=True)

    def newest_of(self, why: str, *, default: datetime) -> datetime:
        """Tell the moment of the newest report of a kind, also of one under way."""
        names = [report.name for report in self.all()] + list(self._under_way)
        moments = [_moment(name) for name in names if name.endswith(f"-{why}.html")]
        return max(moments, default=default)

    def read(self, name: str) -> str:
        """Read a report.

        Raises:
            ReportNotFound: there is none of that name.
        """
        if name not in {report.name for report in self.all()}:
            raise ReportNotFound(f"There is no report {name[:80]!r}.")
        return (self._folder / name).read_text()

    def close(self) -> None:
        """Stop what is under way."""
        for process in self._under_way.values():
            process.terminate()
            process.wait()

    def _prune(self) -> None:
        for report in self.all()[KEPT:]:
            (self._folder / report.name).unlink(missing_ok=True)


def _report(path: Path) -> EvidentlyReport:
    why = path.stem.partition("-")[2]
    return EvidentlyReport(name=path.name, made_at=_moment(path.name), why=why)


def _moment(name: str) -> datetime:
    return datetime.strptime(name.partition("-")[0], MOMENT).replace(tzinfo=UTC)
