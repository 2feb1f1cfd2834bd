"""The drift reports: HTML pages, created by subprocesses; the newest are kept."""

import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from carvalue.errors import AppError
from carvalue.files import StoredFolder, atomic_write

REPORTS = "reports"
"""The folder of the storage with the reports."""

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
        stored: Where finished reports are stored.

    >>> from carvalue.files import LocalFolder
    >>> with LocalFolder(Path("reports")).updated() as folder:
    ...     _ = (folder / "20260101T120000Z-drift.html").write_text("<html>")
    >>> reports = ReportFolder(LocalFolder(Path("reports")))
    >>> [(report.why, report.made_at.isoformat()) for report in reports.all()]
    [('drift', '2026-01-01T12:00:00+00:00')]
    >>> reports.read("../alerts.db")
    Traceback (most recent call last):
    carvalue.monitoring.watcher.reports.ReportNotFound: No report is called '../alerts.db'. ...
    """

    def __init__(self, stored: StoredFolder) -> None:
        self._stored = stored
        self._work: TemporaryDirectory[str] | None = None  # of reports in progress; None before the first
        self._made: list[str] | None = None  # names of finished reports; None until they are needed
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
        if self._work is None:
            self._work = TemporaryDirectory(prefix="carvalue-reports-")
        unfinished = Path(self._work.name)
        work = unfinished / f".{name}"
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
            str(unfinished / name),
        )
        self._running[name] = subprocess.Popen(command)  # noqa: S603
        return name

    def collect(self) -> int:
        """Collect the processes that have ended, store their reports, and log failures.

        Returns:
            The number of reports that were stored.

        Raises:
            StorageUnavailable: The storage does not answer; the next call stores the reports.
        """
        ended = {name: process for name, process in self._running.items() if process.poll() is not None}
        for name, process in ended.items():
            del self._running[name]
            if process.returncode:
                logger.error("a report failed", extra={"report": name, "exit_code": process.returncode})
        if self._work is None:
            return 0
        finished = [
            path for path in Path(self._work.name).glob("[!.]*.html") if path.name not in self._running
        ]
        if finished:
            self._store(finished)
        return len(finished)

    def _store(self, finished: list[Path]) -> None:
        with self._stored.updated() as folder:
            for path in finished:
                with atomic_write(folder / path.name) as temporary:
                    shutil.copyfile(path, temporary)
            for report in _reports(folder)[MAX_REPORTS:]:
                (folder / report.name).unlink()
            self._made = [report.name for report in _reports(folder)]
        for path in finished:
            path.unlink()

    def all(self) -> list[EvidentlyReport]:
        """List the finished reports.

        Returns:
            Reports, the newest first.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        return _reports(self._stored.read())

    def newest_of(self, why: str, *, default: datetime) -> datetime:
        """Return the time of the newest report of a kind, including those in progress.

        Args:
            why: `drift` or `daily`.
            default: Returned if there is none.

        Returns:
            When it was requested.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        if self._made is None:
            self._made = [report.name for report in self.all()]
        names = [*self._made, *self._running]
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
            StorageUnavailable: The storage does not answer.
        """
        folder = self._stored.read()
        if name not in {report.name for report in _reports(folder)}:
            raise ReportNotFound(f"No report is called {name[:80]!r}.")
        return (folder / name).read_text()

    def close(self) -> None:
        """Stop the processes that are running."""
        for process in self._running.values():
            process.terminate()
            process.wait()
        if self._work is not None:
            self._work.cleanup()


def _reports(folder: Path) -> list[EvidentlyReport]:
    reports = [_report(path) for path in folder.glob("[!.]*.html")]
    return sorted(reports, key=lambda report: report.made_at, reverse=True)


def _report(path: Path) -> EvidentlyReport:
    why = path.stem.partition("-")[2]
    return EvidentlyReport(name=path.name, made_at=_moment(path.name), why=why)


def _moment(name: str) -> datetime:
    return datetime.strptime(name.partition("-")[0], TIME_FORMAT).replace(tzinfo=UTC)
