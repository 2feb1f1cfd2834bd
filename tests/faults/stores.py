"""The durable stores: what a program does with each, and what must hold after a fault.

`work` uses a store and acknowledges what it promises to keep. A step that fails promises nothing, and the
work goes on with the next step. `check` opens the same files as the next start of the program does.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from sqlite3 import DatabaseError, connect
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, atomic_write, read_bundle, write_bundle
from carvalue.files.bundle import bundle_digest
from carvalue.journal import DecisionLog, Forwarder, Journal, JournalCursor, JournalEntry, Outbox, Quarantine
from carvalue.listings.datasets.manifest import Manifest
from carvalue.listings.datasets.store import DatasetMissing, DatasetStore
from carvalue.monitoring.alerting import Alert, AlertStore
from carvalue.monitoring.watcher.alert_conditions import AlarmChanges
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.registry.in_memory import InMemoryVersions
from carvalue.registry.model_version import MODEL_NAME, ModelVersion
from carvalue.registry.registry import Registry
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.serving.auth.key_store import KeyStore
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from carvalue.telemetry import ServiceMetrics
from factories import an_entry

Acknowledge = Callable[[str], None]
"""Records that something was promised, as words with spaces between them."""

START = datetime(2026, 11, 1, tzinfo=UTC)
DAMAGED = b"2 00000000 {}"


class Store(Protocol):
    """A store on disk."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        """Use the store."""

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        """Start the program again, and compare what it finds with what was promised."""


class Quotes:
    """The outbox of quotes, the journal and the quarantine."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        number = 0
        for life in range(rounds):
            with attempt(), self._service(folder) as (outbox, forwarder, journal):
                for group in range(4):
                    entries = [_quote(number + place) for place in range(group + 1)]
                    number += len(entries)
                    with attempt():
                        outbox.append(entries)
                        acknowledge(f"quoted {' '.join(entry.quote_id for entry in entries)}")
                    if group == 2 or (life + group) % 3 == 0:
                        forwarder.forward()
                with attempt():
                    journal.add_feedback(
                        quote_id=_quote(0).quote_id,
                        sale_price=10_000 + life,
                        reported_at=START,
                        client="shop",
                    )
                    acknowledge(f"sold {10_000 + life}")
                if life == 0:  # a segment of release 0.1, with a line that was damaged since
                    with attempt():
                        with atomic_write(folder / "outbox" / "00000000000000000001-9.ndjson") as segment:
                            segment.write_bytes(DAMAGED + b"\n")
                        acknowledge("damaged")
                        forwarder.forward()

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        quoted = [quote for line in promised if line.startswith("quoted ") for quote in line.split()[1:]]
        sold = [int(line.split()[1]) for line in promised if line.startswith("sold ")]
        with self._service(folder) as (outbox, forwarder, journal):
            forwarder.forward()
            assert forwarder.journal_state != "down"
            assert outbox.waiting_bytes == 0
            if "damaged" in promised:
                assert DAMAGED in {kept.record for kept in Quarantine(folder / "quarantine").records()}
            stored = _stored(journal)
            assert len({entry.quote_id for entry in stored}) == len(stored)
            assert set(quoted) <= {entry.quote_id for entry in stored}
            assert all(entry == _quote(int(entry.quote_id, 16)) for entry in stored)
            prices = [sale.sale_price for sale in journal.sales(model_version="3", limit=10)]
            assert (prices or [0])[0] >= (sold or [0])[-1]
            outbox.append([_quote(999_999)])
            forwarder.forward()
            assert _stored(journal)[-1] == _quote(999_999)

    @contextmanager
    def _service(self, folder: Path) -> Iterator[tuple[Outbox, Forwarder, Journal]]:
        outbox = Outbox(folder / "outbox", limit_bytes=2**20, segment_bytes=2_000)
        journal = Journal(f"sqlite:///{folder}/service/journal.db", answer_s=1)
        forwarder = Forwarder(
            outbox=outbox,
            journal=journal,
            quarantine=Quarantine(folder / "quarantine"),
            metrics=ServiceMetrics(),
        )
        try:
            yield outbox, forwarder, journal
        finally:
            with suppress(OSError):
                outbox.close()
            journal.close()


class OldJournal:
    """A journal database of release 0.1 that is upgraded."""

    schema = Path(__file__).parents[1] / "schemas" / "before_revisions.sqlite.sql"

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        with suppress(DatabaseError, OSError), closing(connect(folder / "journal.db")) as database:
            database.executescript(self.schema.read_text())
            flush(folder)
            acknowledge("created")
        journal = Journal(f"sqlite:///{folder}/journal.db", answer_s=1)
        for number in range(rounds):
            with attempt():
                journal.write([_quote(number)])
                acknowledge(f"quoted {_quote(number).quote_id}")
        journal.close()

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        if "created" not in promised:
            return
        journal = Journal(f"sqlite:///{folder}/journal.db", answer_s=1)
        journal.migrate()
        stored = {entry.quote_id for entry in _stored(journal)}
        journal.close()
        assert {line.split()[1] for line in promised if line.startswith("quoted ")} <= stored


class Alerts:
    """The alert store. A receiver hears of each alert at least once."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        for life in range(rounds):
            with attempt(), suppress(SQLAlchemyError), self._store(folder, acknowledge) as store:
                for minute in range(3):
                    with suppress(SQLAlchemyError):  # the watcher tries again in its next round
                        firing = [_alert(life)] if minute < 2 else []
                        store.update(firing, now=START + timedelta(hours=life, minutes=minute))
                        acknowledge(f"{'raised' if firing else 'ended'} {life}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        heard = [line for line in promised if line.startswith("heard ")]
        raised = sorted({int(line.split()[1]) for line in promised if line.startswith("raised ")})
        with self._store(folder, heard.append) as store:
            store.update(store.firing(), now=START + timedelta(days=30))
            store.update([_alert(10_000)], now=START + timedelta(days=30, minutes=1))
            known = {alert.key for alert in (*store.firing(), *store.past(10_000))}
            assert len(store.firing()) == 1
        assert {f"alert-{life}" for life in raised} <= known
        assert {f"heard alert-{life} True" for life in raised} <= set(heard)
        assert "heard alert-10000 True" in heard

    @contextmanager
    def _store(self, folder: Path, hear: Acknowledge) -> Iterator[AlertStore]:
        store = AlertStore(folder / "watcher" / "alerts.db", [_Receiver(hear)])
        try:
            yield store
        finally:
            store.close()


class _Receiver:
    name = "receiver"

    def __init__(self, hear: Acknowledge) -> None:
        self._hear = hear

    def notify(self, alert: Alert) -> None:
        self._hear(f"heard {alert.key} {alert.is_firing}")


class Bundles:
    """The cache of bundles: the last good version is whole after each start."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        for number in range(1, rounds + 1):
            with attempt():
                cache = BundleCache(folder / "bundles")
                made = folder / "made"
                write_bundle(made, _bundle_files(number))
                version = _version(number, made)
                into = cache.folder_of(version)
                with cache.lock():
                    write_bundle(into, _bundle_files(number))
                cache.set_last_good(CachedBundle(version=version, folder=into))
                acknowledge(f"good {number}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        good = [int(line.split()[1]) for line in promised]
        found = []
        cache = BundleCache(folder / "bundles")
        for bundle in cache.bundles():
            try:
                files = read_bundle(bundle.folder)
            except BundleCorrupt:
                cache.discard(bundle.folder)
                continue
            assert files == _bundle_files(bundle.version.version)
            found.append(bundle.version.version)
        if good:
            assert found
            assert found[0] >= good[-1]
        self.work(folder, 1, [].append)


class Keys:
    """The file of API keys."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        for number in range(rounds):
            file = KeyFile(folder / "service" / "keys")
            with attempt():
                key, _ = file.add(f"client-{number}", today=date(2026, 11, 1))
                acknowledge(f"valid {key}")
                if number % 3 == 2:
                    acknowledge(f"unknown {key}")
                    file.revoke(f"client-{number}")
                    acknowledge(f"revoked {key}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        state = {line.split()[1]: line.split()[0] for line in promised}
        store = KeyStore(file=folder / "service" / "keys")
        for key, expected in state.items():
            if expected != "unknown":
                assert (store.client_of(key) is not None) == (expected == "valid")
        KeyFile(folder / "service" / "keys").add("another", today=date(2026, 11, 2))


class Decisions:
    """The log of decisions and the registry; the aliases are on another machine, which keeps its power."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        versions = _Aliases(acknowledge)
        with self._registry(folder, versions) as registry:
            for number in range(1, rounds + 1):
                with attempt():
                    registry.promote(versions.add(digest=f"{number}").version, by="ann")
                    acknowledge(f"promoted {number}")
                if number % 3 == 0:
                    with attempt():
                        restored = registry.rollback(by="ann").version
                        acknowledge(f"promoted {restored}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        promoted = [int(line.split()[1]) for line in promised if line.startswith("promoted ")]
        aliases = [int(line.split()[1]) for line in promised if line.startswith("alias ")]
        versions = _Aliases([].append)
        for _ in range(max(aliases, default=0) + 2):
            versions.add(digest="f00d")
        if aliases:
            versions.set_champion(aliases[-1])
        with self._registry(folder, versions) as registry:
            history = iter([decision.version for decision in registry.history()])
            assert all(version in history for version in promoted)  # in this order; others may be between
            registry.promote(len(versions.versions()), by="ann")
            if promoted:
                restored = registry.rollback(by="ann").version
                assert restored >= 1
            switches = [decision for decision in registry.history() if decision.is_switch]
            champion = registry.champion()
            assert champion is not None
            assert champion.version == switches[-1].version
            assert all(decision.applied_at for decision in switches)

    @contextmanager
    def _registry(self, folder: Path, versions: InMemoryVersions) -> Iterator[Registry]:
        journal = Journal(f"sqlite:///{folder}/journal.db", answer_s=1)
        yield Registry(versions, DecisionLog(journal), verify=lambda _: None, clock=lambda: START)
        journal.close()


class _Aliases(InMemoryVersions):
    def __init__(self, acknowledge: Acknowledge) -> None:
        super().__init__()
        self._acknowledge = acknowledge

    def set_champion(self, number: int | None) -> None:
        super().set_champion(number)
        self._acknowledge(f"alias {number}")


class Retrainings:
    """The file of the last retraining that an alarm requested: one alarm starts one retraining."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        for life in range(rounds):
            now = START + timedelta(days=2 * life)
            for minute in range(2):
                with attempt():
                    trigger = self._trigger(folder, now + timedelta(minutes=minute), acknowledge)
                    trigger.check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset()))
            with attempt():
                self._trigger(folder, now, acknowledge).check(
                    AlarmChanges(firing=frozenset(), well=frozenset({"drift"}))
                )
                acknowledge(f"cured {life}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        started = [line.split()[1] for line in promised if line.startswith("started ")]
        now = START + timedelta(days=1_000)
        trigger = self._trigger(folder, now, lambda line: started.append(line.split()[1]))
        trigger.check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset({"drift"})))
        trigger.check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset()))
        days = {run.removeprefix("by-alarm-")[:8] for run in started}
        assert len(days) == len(set(started))  # never two runs for one alarm

    def _trigger(self, folder: Path, now: datetime, acknowledge: Acknowledge) -> RetrainingTrigger:
        return RetrainingTrigger(
            runs=_Runs(acknowledge),
            decisions=list,
            state=folder / "watcher" / "retraining.json",
            on_alarm=True,
            cooldown=timedelta(hours=24),
            clock=lambda: now,
        )


class _Runs:
    def __init__(self, acknowledge: Acknowledge) -> None:
        self._acknowledge = acknowledge

    def newest(self, dag: str) -> None:
        return None

    def start(self, dag: str, *, run: str, note: str) -> None:
        self._acknowledge(f"started {run}")


class Datasets:
    """The published datasets: the current one is always whole."""

    def work(self, folder: Path, rounds: int, acknowledge: Acknowledge) -> None:
        for number in range(1, rounds + 1):
            with attempt():
                splits = folder / "work"
                splits.mkdir(exist_ok=True)
                for name in ("train", "validation", "test"):
                    (splits / f"{name}.parquet").write_bytes(_split(name, number))
                DatasetStore(folder / "datasets").publish(splits, manifest=_manifest(number))
                acknowledge(f"published {number}")

    def check(self, folder: Path, promised: Sequence[str]) -> None:
        published = [int(line.split()[1]) for line in promised]
        store = DatasetStore(folder / "datasets")
        try:
            current = store.current()
        except DatasetMissing:
            assert not published
        else:
            number = int(current.manifest().fingerprint, 16)
            assert number >= (published or [0])[-1]
            assert all(
                current.path(name).read_bytes() == _split(name, number)
                for name in ("train", "validation", "test")
            )
        self.work(folder, 1, [].append)


@contextmanager
def attempt() -> Iterator[None]:
    """Go on after an expected error, as a service does; what failed was not promised."""
    with suppress(OSError, AppError):
        yield


def flush(folder: Path) -> None:
    """Flush a folder and its files."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _quote(number: int) -> JournalEntry:
    return an_entry(number, quoted_at=START, client="shop" if number % 2 else None)


def _alert(number: int) -> Alert:
    key = f"alert-{number}"
    return Alert(key=key, kind="drift", severity="warning", title="Drift", text="year", since=START)


def _bundle_files(number: int) -> dict[str, bytes]:
    return {"card.json": b'{"version": %d}' % number, "trees.bin": bytes([number % 256]) * 1_500}


def _version(number: int, folder: Path) -> ModelVersion:
    return ModelVersion(
        name=MODEL_NAME, version=number, run_id="r", source="s", bundle_digest=bundle_digest(folder)
    )


def _split(name: str, number: int) -> bytes:
    return f"{name} {number}\n".encode() * 120


def _manifest(number: int) -> Manifest:
    return Manifest(
        source_kind="file",
        source_description="file cars.csv",
        source_fingerprint="sha256:00",
        created_at=START + timedelta(days=number),
        carvalue_version="1.0",
        fingerprint=f"{number:016x}",
        rows_read=4,
        rows_kept=3,
        cars=3,
        rejected={},
        repaired={},
        reposts_dropped={},
        splits={},
    )


STORES: dict[str, Store] = {
    "quotes": Quotes(),
    "upgraded journal": OldJournal(),
    "alerts": Alerts(),
    "bundles": Bundles(),
    "API keys": Keys(),
    "decisions": Decisions(),
    "retrainings": Retrainings(),
    "datasets": Datasets(),
}


def _stored(journal: Journal) -> list[JournalEntry]:
    far = datetime(2100, 1, 1, tzinfo=UTC)
    return journal.arrived(JournalCursor(), until=far, limit=10_000).entries
