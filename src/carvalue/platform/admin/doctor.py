"""Check an installation and suggest remedies."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil

from carvalue.errors import AppError
from carvalue.files import FormatUnknown, StoredFormat, open_folder, read_bundle
from carvalue.journal import Journal
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.monitoring.alerting import Alertmanager, notifiers_from_urls, receivers_from_urls
from carvalue.monitoring.watcher import REQUEST_FORMAT, STATE_FORMAT
from carvalue.platform.health import service_client
from carvalue.platform.observability import own_alertmanager_url
from carvalue.platform.processes import PortTaken, Supervisor, check_ports
from carvalue.platform.services import platform_services
from carvalue.platform.status import platform_status
from carvalue.registry import VERSION_FORMAT, last_switch, open_reader, read_decisions
from carvalue.serving.auth import load_key_store
from carvalue.serving.model import BundleCache, bundles_folder
from carvalue.settings import ENV_FILE, InvalidSetting, Settings, project_folder

GB = 2**30
MIN_DISK_GB = 4.0  # the real listings, datasets, models and logs
MIN_MEMORY_GB = 2.5  # the platform takes 1.8 while it trains on the sample
CLOCK_TOLERANCE_S = 60.0
DOWN_REMEDY = "Run `make status` to see which service is down and `make up` to start it."
DOWN_REMEDIES = {"model": "Train a version with `make build AGAIN=1`, or install the release that wrote it."}
DEGRADED_REMEDY = "Quotes still work; run `make status` to see which service is down."
PACKAGES = ("airflow", "mlflow", "streamlit", "xgboost", "starlette")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Result of one check.

    Attributes:
        subject: What was checked.
        finding: State of the subject.
        remedy: What to do about it; empty if there is no problem.

    Examples:
        >>> Diagnosis(subject="disk", finding="0.5 GB free", remedy="Free disk space.").is_ok
        False
    """

    subject: str
    finding: str
    remedy: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether there is no problem."""
        return not self.remedy


Check = Callable[[Settings], Iterator[Diagnosis]]


def diagnose(settings: Settings, *, problems: Iterable[str] = ()) -> Iterator[Diagnosis]:
    """Run all checks, basic ones first; a check that fails with an `AppError` yields that error.

    Args:
        settings: Settings of the platform.
        problems: What is wrong with them, as `load_usable_settings` found.

    Yields:
        Results of the checks.
    """
    for problem in problems:
        yield Diagnosis(subject="settings", finding=problem, remedy=InvalidSetting.hint)
    for check in CHECKS:
        try:
            yield from check(settings)
        except AppError as error:
            yield Diagnosis(subject=check.__name__.strip("_"), finding=error.message, remedy=error.hint)


def _packages(_: Settings) -> Iterator[Diagnosis]:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    finding = f"missing: {', '.join(missing)}" if missing else "all installed"
    yield Diagnosis(subject="packages", finding=finding, remedy="Run `make install`." if missing else "")


def _state_folder(settings: Settings) -> Iterator[Diagnosis]:
    folder = settings.state_dir.resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / GB
    remedy = (
        ""
        if free >= MIN_DISK_GB
        else f"Free disk space (at least {MIN_DISK_GB:.0f} GB), or set STATE_DIR to another disk."
    )
    yield Diagnosis(subject="disk", finding=f"{free:.1f} GB free for {folder}", remedy=remedy)
    if not os.access(existing, os.W_OK):
        yield Diagnosis(
            subject="state",
            finding=f"{existing} is not writable",
            remedy="Set STATE_DIR to a writable folder.",
        )


def _memory(settings: Settings) -> Iterator[Diagnosis]:
    free = psutil.virtual_memory().available / GB
    enough = free >= MIN_MEMORY_GB or Supervisor(state_dir=settings.state_dir).is_running
    remedy = "" if enough else f"Close other programs: training needs {MIN_MEMORY_GB} GB of free memory."
    yield Diagnosis(subject="memory", finding=f"{free:.1f} GB available", remedy=remedy)


def _clock(settings: Settings) -> Iterator[Diagnosis]:
    ahead_s = _newest_change(settings.state_dir) - time.time()
    if ahead_s <= CLOCK_TOLERANCE_S:
        yield Diagnosis(subject="clock", finding="correct")
        return
    finding = f"{ahead_s / 60:,.0f} minutes behind the newest file of STATE_DIR"
    remedy = "Set the clock (`timedatectl`): quotes are read in the order of their times."
    yield Diagnosis(subject="clock", finding=finding, remedy=remedy)


def _newest_change(folder: Path) -> float:
    newest = 0.0
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # programs delete files meanwhile
            newest = max(newest, path.stat().st_mtime)
    return newest


def _secrets(_: Settings) -> Iterator[Diagnosis]:
    file = project_folder() / ENV_FILE
    if file.is_file() and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Diagnosis(
            subject="secrets", finding="other users can read .env", remedy="Run `chmod 600 .env`."
        )


def _keys(settings: Settings) -> Iterator[Diagnosis]:
    keys = load_key_store(settings)
    client = keys.client_of(settings.service_api_key.get_secret_value())
    if client or not keys.is_required:
        finding = (
            f"SERVICE_API_KEY belongs to {client}" if client else "none, and none is required on loopback"
        )
        yield Diagnosis(subject="keys", finding=finding)
        return
    remedy = "Run `carvalue keys new page` and write the key it prints into .env as SERVICE_API_KEY."
    yield Diagnosis(
        subject="keys", finding="SERVICE_API_KEY is not a key of the price service", remedy=remedy
    )


def _journal(settings: Settings) -> Iterator[Diagnosis]:
    journal = Journal(settings.journal_url.get_secret_value())
    try:
        pending = journal.pending_revisions()
        revision = "" if pending else journal.revision()
    finally:
        journal.close()
    if pending:
        finding = f"the tables need the migrations {', '.join(pending)}"
        remedy = "Run `carvalue migrate`; `make up` does it too. Release 0.1 can go on using the tables."
        yield Diagnosis(subject="journal", finding=finding, remedy=remedy)
        return
    finding = f"tables at revision {revision}" if revision else "no tables yet: the first use creates them"
    yield Diagnosis(subject="journal", finding=finding)
    decision = last_switch(read_decisions(settings)) if revision else None
    if decision and decision.applied_at is None:
        yield Diagnosis(
            subject="decisions",
            finding=f"version {decision.version} was {decision.act}, but production does not follow yet",
            remedy=f"Run `carvalue promote {decision.version}` to complete the interrupted switch.",
        )


def _formats(settings: Settings) -> Iterator[Diagnosis]:
    """Read the stored objects that another release may have written."""
    problems = tuple(_unknown_formats(settings))
    yield from problems or [Diagnosis(subject="formats", finding="this release reads all stored objects")]


def _unknown_formats(settings: Settings) -> Iterator[Diagnosis]:
    for read in _stored_objects(settings.state_dir):
        try:
            read()
        except FormatUnknown as error:
            yield Diagnosis(subject="formats", finding=error.message, remedy=error.hint)
        except (OSError, ValueError, AppError):  # missing or damaged, which their readers report
            continue


def _stored_objects(state_dir: Path) -> Iterator[Callable[[], object]]:
    files = {
        state_dir / "watcher" / "state.json": STATE_FORMAT,
        state_dir / "watcher" / "retraining.json": REQUEST_FORMAT,
        bundles_folder(state_dir) / "last_good.json": VERSION_FORMAT,
    }
    for path, stored in files.items():
        yield partial(_load, path, stored)
    for bundle in BundleCache(bundles_folder(state_dir)).bundles():
        yield partial(read_bundle, bundle.folder)


def _load(path: Path, stored: StoredFormat) -> object:
    return stored.load(path.read_bytes(), source=path)


def _receivers(settings: Settings) -> Iterator[Diagnosis]:
    """Name who is notified of alerts. That nobody is notified is no fault of the installation."""
    url = settings.alertmanager_url
    own = own_alertmanager_url(settings)
    receivers = receivers_from_urls(settings.notifier_urls)
    for receiver in receivers:
        if receiver.deprecated:
            finding = f"the URL of {receiver.name} in ALERT_URLS has a form that the next release refuses"
            remedy = f"Write it with {receiver.deprecated} (docs/how-to/send-alerts.md)."
            yield Diagnosis(subject="alerts", finding=finding, remedy=remedy)
        elif receiver.native is None and (url or own):
            finding = f"{receiver.name} gets the watcher's alerts only, and silences do not apply to it"
            yield Diagnosis(subject="alerts", finding=finding)
    notifiers = notifiers_from_urls(settings.notifier_urls)
    names = [notifier.name for notifier in notifiers if notifier.name != "console"]
    if url and Alertmanager(url, source_url=settings.watcher_url).has_receivers():
        names.append(f"the receivers of {url}")
    finding = f"notify {', '.join(names)}" if names else "nobody is notified: ALERT_URLS names no receiver"
    yield Diagnosis(subject="alerts", finding=finding)


def _processes(settings: Settings) -> Iterator[Diagnosis]:
    if not Supervisor(state_dir=settings.state_dir).is_running:
        yield from _ports(settings)
        yield Diagnosis(subject="platform", finding="not running", remedy="Start it with `make up`.")
        return
    for item in platform_status(settings):
        remedy = f"Run `make logs SERVICE={item.service.name}` for the cause and `make up` to start it again."
        finding = f"{item.state}: {item.last_line}" if item.last_line else item.state
        yield Diagnosis(subject=item.service.name, finding=finding, remedy="" if item.is_ok else remedy)


def _ports(settings: Settings) -> Iterator[Diagnosis]:
    try:
        check_ports(platform_services(settings), host=settings.bind_host)
    except PortTaken as error:
        yield Diagnosis(subject="ports", finding=error.message, remedy=error.hint)
    else:
        yield Diagnosis(subject="ports", finding="all free")


def _datasets(settings: Settings) -> Iterator[Diagnosis]:
    manifest = DatasetStore(open_folder(settings, DATASETS).read()).manifest()
    summary = f"{manifest.created_at:%Y-%m-%d}, {manifest.rows_kept:,} listings"
    yield Diagnosis(subject="datasets", finding=f"{summary}, {manifest.source_description}")


def _model(settings: Settings) -> Iterator[Diagnosis]:
    with open_reader(settings) as registry:
        version = registry.champion()
    finding = f"version {version.version} in production" if version else "no version in production"
    remedy = (
        ""
        if version
        else "Run `make build` to train a version; `carvalue models` shows why a version was not promoted."
    )
    yield Diagnosis(subject="model", finding=finding, remedy=remedy)


def _price_service(settings: Settings) -> Iterator[Diagnosis]:
    try:
        with service_client(settings) as client:
            body = client.get("/readyz").json()
    except (httpx.HTTPError, ValueError) as error:
        finding = f"does not answer on port {settings.service_port} ({error})"
        yield Diagnosis(subject="price service", finding=finding, remedy="Start it with `make up`.")
        return
    for state in ("down", "degraded"):
        for part, detail in body[state].items():
            remedy = DOWN_REMEDIES.get(part, DOWN_REMEDY) if state == "down" else DEGRADED_REMEDY
            yield Diagnosis(subject=f"price service: {part}", finding=str(detail), remedy=remedy)
    if not body["down"] and not body["degraded"]:
        yield Diagnosis(subject="price service", finding="returns quotes")


CHECKS: tuple[Check, ...] = (
    _packages,
    _state_folder,
    _memory,
    _clock,
    _secrets,
    _keys,
    _processes,
    _receivers,
    _journal,
    _formats,
    _datasets,
    _model,
    _price_service,
)
