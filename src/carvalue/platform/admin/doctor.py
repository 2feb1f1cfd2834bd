"""What keeps an installation from working, and what to do about it."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil

from carvalue.errors import AppError
from carvalue.journal import Journal
from carvalue.listings.datasets import DatasetStore
from carvalue.platform.health import service_client
from carvalue.platform.processes import PortTaken, Supervisor, check_ports
from carvalue.platform.services import platform_services
from carvalue.platform.status import platform_status
from carvalue.registry import ProductionReader
from carvalue.serving.auth import load_key_store
from carvalue.settings import Settings

GB = 2**30
ROOM_GB = 4.0  # the real listings, what is made of them, and logs
MEMORY_GB = 2.5  # the platform takes 1.8 while it trains on the sample
CLOCK_SLACK_S = 60.0
PARTS = ("airflow", "mlflow", "streamlit", "xgboost", "fastapi")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        found: what is there.
        remedy: what to do about it; empty when all is well.
    """

    subject: str
    found: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy


Look = Callable[[Settings], Iterator[Diagnosis]]


def diagnose(settings: Settings) -> Iterator[Diagnosis]:
    """Look at everything, what others stand on first; what cannot even be looked at is a finding too."""
    for look in LOOKS:
        try:
            yield from look(settings)
        except AppError as error:
            yield Diagnosis(subject=look.__name__.strip("_"), found=error.message, remedy=error.hint)


def _packages(_: Settings) -> Iterator[Diagnosis]:
    missing = [name for name in PARTS if find_spec(name) is None]
    found = f"missing: {', '.join(missing)}" if missing else "all there"
    yield Diagnosis(subject="packages", found=found, remedy="Run `make install`." if missing else "")


def _state_folder(settings: Settings) -> Iterator[Diagnosis]:
    folder = settings.state_dir.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / GB
    remedy = "" if free >= ROOM_GB else f"Make room (at least {ROOM_GB:.0f} GB), or set STATE_DIR elsewhere."
    yield Diagnosis(subject="disk", found=f"{free:.1f} GB free for {folder}", remedy=remedy)
    if not os.access(there, os.W_OK):
        yield Diagnosis(
            subject="state", found=f"{there} cannot be written to", remedy="Set STATE_DIR elsewhere."
        )


def _memory(settings: Settings) -> Iterator[Diagnosis]:
    free = psutil.virtual_memory().available / GB
    enough = free >= MEMORY_GB or Supervisor(state_dir=settings.state_dir).is_running
    remedy = "" if enough else f"Close other programs: training needs {MEMORY_GB} GB beside them."
    yield Diagnosis(subject="memory", found=f"{free:.1f} GB available", remedy=remedy)


def _clock(settings: Settings) -> Iterator[Diagnosis]:
    ahead_s = _newest_change(settings.state_dir) - time.time()
    if ahead_s <= CLOCK_SLACK_S:
        yield Diagnosis(subject="clock", found="not behind")
        return
    found = f"{ahead_s / 60:,.0f} minutes behind the newest file of STATE_DIR"
    remedy = "Set it (`timedatectl`): quotes are read in the order of their times."
    yield Diagnosis(subject="clock", found=found, remedy=remedy)


def _newest_change(folder: Path) -> float:
    newest = 0.0
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # programs run meanwhile
            newest = max(newest, path.stat().st_mtime)
    return newest


def _secrets(_: Settings) -> Iterator[Diagnosis]:
    file = Path(".env")
    if file.is_file() and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Diagnosis(subject="secrets", found=".env can be read by others", remedy="Run `chmod 600 .env`.")


def _keys(settings: Settings) -> Iterator[Diagnosis]:
    ring = load_key_store(settings)
    client = ring.client_of(settings.service_api_key.get_secret_value())
    if client or not ring.is_required:
        found = f"{client}'s is SERVICE_API_KEY" if client else "none, and none is asked for on loopback"
        yield Diagnosis(subject="keys", found=found)
        return
    remedy = "Run `carvalue keys new page`, and write what it prints into .env as SERVICE_API_KEY."
    yield Diagnosis(
        subject="keys", found="SERVICE_API_KEY is none that the price service knows", remedy=remedy
    )


def _journal(settings: Settings) -> Iterator[Diagnosis]:
    journal = Journal(settings.journal_url.get_secret_value())
    try:
        revision = journal.revision()
    finally:
        journal.close()
    found = f"tables at revision {revision}" if revision else "none yet: the first use makes its tables"
    yield Diagnosis(subject="journal", found=found)


def _processes(settings: Settings) -> Iterator[Diagnosis]:
    if not Supervisor(state_dir=settings.state_dir).is_running:
        yield from _ports(settings)
        yield Diagnosis(subject="platform", found="not running", remedy="Start it with `make up`.")
        return
    for item in platform_status(settings):
        remedy = f"`make logs SERVICE={item.service.name}` says why; `make up` starts it again."
        said = f"{item.state}: {item.last_line}" if item.last_line else item.state
        yield Diagnosis(subject=item.service.name, found=said, remedy="" if item.is_well else remedy)


def _ports(settings: Settings) -> Iterator[Diagnosis]:
    try:
        check_ports(platform_services(settings), host=settings.bind_host)
    except PortTaken as error:
        yield Diagnosis(subject="ports", found=error.message, remedy=error.hint)
    else:
        yield Diagnosis(subject="ports", found="all free")


def _datasets(settings: Settings) -> Iterator[Diagnosis]:
    manifest = DatasetStore(settings.storage_root / "datasets").manifest()
    made = f"{manifest.created_at:%Y-%m-%d}, {manifest.rows_kept:,} listings"
    yield Diagnosis(subject="datasets", found=f"{made}, {manifest.source_description}")


def _model(settings: Settings) -> Iterator[Diagnosis]:
    with ProductionReader(settings.mlflow_tracking_uri) as registry:
        version = registry.latest()
    found = f"version {version.version} in production" if version else "nothing in production"
    remedy = "" if version else "`make build` makes a version; MLflow's description of it says why it waits."
    yield Diagnosis(subject="model", found=found, remedy=remedy)


def _price_service(settings: Settings) -> Iterator[Diagnosis]:
    try:
        with service_client(settings) as client:
            body = client.get("/readyz").json()
    except (httpx.HTTPError, ValueError) as error:
        said = f"does not answer on port {settings.service_port} ({error})"
        yield Diagnosis(subject="price service", found=said, remedy="Start it with `make up`.")
        return
    for state, remedy in (
        ("down", "`make status` shows which part is down; `make up` starts it."),
        ("degraded", "Quotes are answered meanwhile; `make status` shows which part is down."),
    ):
        for part, said in body[state].items():
            yield Diagnosis(subject=f"price service: {part}", found=str(said), remedy=remedy)
    if not body["down"] and not body["degraded"]:
        yield Diagnosis(subject="price service", found="quotes")


LOOKS: tuple[Look, ...] = (
    _packages,
    _state_folder,
    _memory,
    _clock,
    _secrets,
    _keys,
    _processes,
    _journal,
    _datasets,
    _model,
    _price_service,
)
