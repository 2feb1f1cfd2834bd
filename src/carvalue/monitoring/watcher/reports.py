"""A folder of drift reports: HTML pages, created by subprocesses; the newest are kept."""

import logging
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from carvalue.errors import AppError

MAX_REPORTS = 40  # each takes some megabytes
TIME_FORMAT = "%Y%m%dT%H%M%SZ"

logger = logging.getLogger(__name__)


class ReportNotFound(AppError):
    """No report has this name: it is not finished yet, or was deleted as too old."""

    status, hint = 404, "GET /reports lists the reports."


@dataclass(frozen=True, kw_only=True)
class EvidentlyReport:
    """A finished report.

    Attributes:
        name: The file name.
        made_at: When it was requested (UTC).
        why: Why it was requested: `drift` or `daily`.
    """

    name: str
    made_at: datetime
    why: str


class ReportFolder:
    """A folder of reports and the processes that create them.

    Args:
        folder: Created when missing.

    >>> reports = ReportFolder(Path("reports"))
    >>> Path("reports/20260101T120000Z-drift.html").write_text("<html>")
    6
    >>> [(report.why, report.made_at.isoformat()) for report in reports.all()]
    [('drift', '2026-01-01T12:00:00+00:00')]
    >>> reports.read("../alerts.db")
    Traceback (most recent call last):
    carvalue.monitoring.watcher.reports.ReportNotFound: No report is called '../alerts.db'. ...
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def request(self, *, why: str, at: datetime, reference: pl.DataFrame, window: pl.DataFrame) -> str:
        """Start to create a report. It takes some seconds.

        Args:
            why: `drift` or `daily`.
            at: The current time, with a time zone.
            reference: The rows of the reference.
            window: The recent rows.

        Returns:
            The file name that the report will have.
        """
        name = f"{at.astimezone(UTC):{TIME_FORMAT}}-{why}.html"
        work = self._folder / f".{name}"
        work.mkdir(exist_ok=True)
        columns = [column for column in reference.columns if column in window.columns]
        reference.select(columns).write_parquet(work / "reference.parquet")
        window.select(columns).write_parquet(work / "window.parquet")
        # a subprocess, because Evidently takes seconds and the checks must not wait for it
        command = (
            sys.executable,
            "-m",
            "carvalue.monitoring.watcher.evidently_report",
            str(work),
            str(self._folder / name),
        )
        self._running[name] = subprocess.Popen(command)  # noqa: S603
        self._prune()
        return name

    def collect(self) -> int:
        """Collect the processes that have ended, and log failures.

        Returns:
            The number of reports that were finished since the last call.
        """
        ended = {name: process for name, process in self._running.items() if process.poll() is not None}
        for name, process in ended.items():
            del self._running[name]
            if process.returncode:
                logger.error("a report failed", extra={"report": name, "exit_code": process.returncode})
        return sum(process.returncode == 0 for process in ended.values())

    def all(self) -> list[EvidentlyReport]:
        """List the finished reports.

        Returns:
            Reports, the newest first.
        """
        reports = [_report(path) for path in self._folder.glob("[!.]*.html")]
        return sorted(reports, key=lambda report: report.made_at, reverse=True)

    def newest_of(self, why: str, *, default: datetime) -> datetime:
        """Return the time of the newest report of a kind, including those in progress.

        Args:
            why: `drift` or `daily`.
            default: Returned if there is none.

        Returns:
            When it was requested.
        """
        names = [report.name for report in self.all()] + list(self._running)
        moments = [_moment(name) for name in names if name.endswith(f"-{why}.html")]
        return max(moments, default=default)

    def read(self, name: str) -> str:
        """Read a report.

        Args:
            name: The file name.

        Returns:
            HTML.

        Raises:
            ReportNotFound: No report has this name.
        """
        if name not in {report.name for report in self.all()}:
            raise ReportNotFound(f"No report is called {name[:80]!r}.")
        return (self._folder / name).read_text()

    def close(self) -> None:
        """Stop the processes that are running."""
        for process in self._running.values():
            process.terminate()
            process.wait()

    def _prune(self) -> None:
        for report in self.all()[MAX_REPORTS:]:
            (self._folder / report.name).unlink(missing_ok=True)


def _report(path: Path) -> EvidentlyReport:
    why = path.stem.partition("-")[2]
    return EvidentlyReport(name=path.name, made_at=_moment(path.name), why=why)


def _moment(name: str) -> datetime:
    return datetime.strptime(name.partition("-")[0], TIME_FORMAT).replace(tzinfo=UTC)
