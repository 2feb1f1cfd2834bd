"""Deterministic simulation: price services, journal, registry and watcher in one process with virtual time.

The parts are the real ones; simulated are the clock, the faults of disks, the network between the parts,
the models and the registry's server. Everything that happens follows from one seed, and replays with it.
"""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from msgspec import UNSET
from sqlalchemy import delete

from carvalue.errors import AppError
from carvalue.files import LocalFolder, read_bundle, write_bundle
from carvalue.files.bundle import bundle_digest
from carvalue.journal import (
    DecisionLog,
    Forwarder,
    Journal,
    JournalEntry,
    JournalWriter,
    LeasedState,
    Outbox,
    Quarantine,
)
from carvalue.journal.schema import DECISIONS, LEASED_STATES, QUOTES
from carvalue.journal.segment import Segment
from carvalue.journal.store import JournalUnavailable
from carvalue.monitoring.alerting.store import Alert, AlertStore, DeliveryFailed
from carvalue.monitoring.drift.detector import DriftReport
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.pricing.market import PriceEstimate
from carvalue.registry.in_memory import InMemoryVersions
from carvalue.registry.judgement import GateJudgement, PromotionDecision
from carvalue.registry.model_version import ModelVersion, RegistryUnavailable
from carvalue.registry.registry import Registry
from carvalue.serving.canary import Canary, CanaryShare
from carvalue.serving.model.bundle_cache import BundleCache
from carvalue.serving.model.live_model import LiveModel, ModelNotLoaded
from carvalue.serving.quotes import QuoteService
from carvalue.telemetry import ServiceMetrics

START = datetime(2026, 11, 1, tzinfo=UTC)
REPLICAS = 2
STEPS = 60
QUOTES_PER_REQUEST = 3
FIRST_PRICE = 1_000


class Crashed(BaseException):
    """A process ended at this point. Nothing in it may catch this."""


class Clock:
    """Virtual time, in the form of the module `time` as well.

    Attributes:
        elapsed: Seconds that have really passed.
        shift: By how much the wall clock is wrong, in seconds.
    """

    def __init__(self) -> None:
        self.elapsed, self.shift, self._ticks = 0.0, 0.0, 0

    def now(self) -> datetime:
        """Return the time of the wall clock."""
        return START + timedelta(seconds=self.elapsed + self.shift)

    def time(self) -> float:
        """Return the wall clock as `time.time` does."""
        return self.now().timestamp()

    def time_ns(self) -> int:
        """Return a new number at each call, so that files get distinct names."""
        self._ticks += 1
        return int(self.time() * 1e9) + self._ticks

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.elapsed


class InlineExecutor:
    """An executor that does the work at once, so that threads bring no chance into a simulation."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do the work; return its result as a finished future."""
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments))
        except BaseException as error:  # a simulated crash reaches whoever waits
            done.set_exception(error)
        return done

    def shutdown(self, *_: object, **__: object) -> None:
        """Do nothing: nothing is running."""


@dataclass
class Faults:
    """What fails at present. A crash happens once, at the next occasion."""

    journal_down: bool = False
    registry_down: bool = False
    disk_full: bool = False
    crash_in_journal: str = ""
    crash_in_append: str = ""
    crash_in_switch: str = ""
    answer_lost: bool = False


class JournalLink:
    """The network between one process and the journal's database."""

    def __init__(self, journal: Journal, faults: Faults) -> None:
        self._journal, self._faults = journal, faults

    def write(self, entries: list[JournalEntry], *, validated: bool = False) -> None:
        """Write as `Journal.write` does, with the faults of the network."""
        with self._sent():
            self._journal.write(entries, validated=validated)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Open a transaction as `Journal.transaction` does, with the faults of the network."""
        with self._sent(), self._journal.transaction() as connection:
            yield connection

    def insert(self, table: Any) -> Any:
        """Build a statement; no network is needed for it."""
        return self._journal.insert(table)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)

        def call(*arguments: Any, **options: Any) -> Any:
            with self._sent():
                return method(*arguments, **options)

        return call

    @contextmanager
    def _sent(self) -> Iterator[None]:
        if self._faults.journal_down:
            raise JournalUnavailable("The network is partitioned.")
        crash, self._faults.crash_in_journal = self._faults.crash_in_journal, ""
        lost, self._faults.answer_lost = self._faults.answer_lost, False
        if crash == "before":
            raise Crashed
        yield
        if crash == "after":
            raise Crashed
        if lost:
            raise JournalUnavailable("The answer was lost.")


class RegistryLink:
    """The network between one process and the registry's versions; the server itself does not fail.

    Args:
        versions: The server.
        faults: What fails for this process.
        on_switch: Called when the version in production changes.
    """

    def __init__(
        self, versions: InMemoryVersions, faults: Faults, on_switch: Callable[[], None] = lambda: None
    ) -> None:
        self._versions, self._faults, self._on_switch = versions, faults, on_switch

    def set_champion(self, number: int | None) -> None:
        """Switch production; the process may crash before or after."""
        crash, self._faults.crash_in_switch = self._faults.crash_in_switch, ""
        if crash == "before":
            raise Crashed
        champion = self.champion()
        if champion is None or champion.version != number:
            self._on_switch()
        self._versions.set_champion(number)
        if crash == "after":
            raise Crashed

    def __getattr__(self, name: str) -> Any:
        if self._faults.registry_down:
            raise RegistryUnavailable("The network is partitioned.")
        return getattr(self._versions, name)


class SimulatedModel:
    """A model whose every price is a new number, so that a quote can be recognized later."""

    flat_trees = SimpleNamespace(native=None)
    card = SimpleNamespace(data_as_of=date(2026, 10, 1), trained_at=START)
    next_price = FIRST_PRICE

    @classmethod
    def load(cls, folder: Path) -> "SimulatedModel":
        """Load a bundle; its checksums are checked."""
        read_bundle(folder)
        return cls()

    def quote_many(self, listings: Sequence[object]) -> list[PriceEstimate]:
        """Quote listings."""
        first = SimulatedModel.next_price
        SimulatedModel.next_price += len(listings)
        return [PriceEstimate(price, price // 2, price * 2) for price in range(first, first + len(listings))]


class SimulatedDetectors:
    """Drift detectors that remember which quotes they were given; their state is saved with the position."""

    def __init__(self, _: object, __: object, saved: dict[str, list[int]]) -> None:
        self._prices = list(saved.get("prices", ()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name the only channel once it has quotes."""
        return ("all",) if self._prices else ()

    def add(self, rows: Any) -> Any:
        """Judge quotes."""
        self._prices += [int(price) for price in rows["price"]]
        return rows

    def reports(self) -> dict[str, DriftReport]:
        """Report no drift."""
        feature = SimpleNamespace(name="year", state="clean", score=0.0, threshold=1.0)
        report = DriftReport(
            state="clean",
            since=None,
            provisional=False,
            rows=len(self._prices),
            window=0,
            features=(feature,),  # type: ignore[arg-type]
        )
        return {"all": report}

    def as_json(self) -> dict[str, Any]:
        """Convert the state to JSON types."""
        return {"prices": self._prices} if self._prices else {}


class Receiver:
    """A receiver of alerts, which may be down, or crash the watcher after it has heard."""

    name = "receiver"

    def __init__(self) -> None:
        self.is_down, self.crashes_sender, self.heard = False, False, set[tuple[str, bool]]()

    def notify(self, alert: Alert) -> None:
        """Hear of an alert."""
        if self.is_down:
            raise DeliveryFailed("The receiver is down.")
        self.heard.add((alert.key, alert.is_firing))
        if self.crashes_sender:
            self.crashes_sender = False
            raise Crashed


class NoReports:
    """A folder of reports without any."""

    def newest_of(self, why: str, *, default: datetime) -> datetime:
        """Pretend that a report was just made."""
        return datetime.max.replace(tzinfo=UTC)

    def close(self) -> None:
        """Do nothing."""


class Replica:
    """One price service with a disk of its own. Its process may crash and start again."""

    def __init__(self, simulation: "Simulation", name: str) -> None:
        self._simulation, self._folder, self.faults = simulation, simulation.folder / name, Faults()
        self.outbox: Outbox | None = None

    def start(self) -> None:
        """Start the process, as `running_service` does."""
        simulation, metrics = self._simulation, ServiceMetrics()
        journal = JournalLink(simulation.journal, self.faults)
        self.live = LiveModel(
            registry=RegistryLink(simulation.versions, self.faults),
            cache=BundleCache(self._folder / "bundles"),
            metrics=metrics,
            clock=simulation.clock.monotonic,
        )
        self.live.load_last_good()
        self.outbox = Outbox(self._folder / "outbox", limit_bytes=2**20, segment_bytes=1_500)
        writer = JournalWriter(
            outbox=self.outbox, journal=journal, metrics=metrics, clock=simulation.clock.monotonic
        )
        self.forwarder = Forwarder(
            outbox=self.outbox,
            journal=journal,
            quarantine=Quarantine(self._folder / "quarantine"),
            metrics=metrics,
            clock=simulation.clock.time,
        )
        self.quotes = QuoteService(
            live=self.live,
            canary=Canary(
                live=self.live,
                registry=RegistryLink(simulation.versions, self.faults),
                decisions=DecisionLog(simulation.journal),
                cache=BundleCache(self._folder / "canary"),
                share=CanaryShare(share=0),
                metrics=metrics,
            ),
            writer=writer,
            metrics=metrics,
            new_id=simulation.new_id,
            clock=simulation.clock.now,
        )

    def crash(self) -> None:
        """End the process: the kernel closes its files."""
        if self.outbox is not None:
            for segment in self.outbox._held():
                segment.close()
            self.outbox = None
        self.faults.crash_in_append = self.faults.crash_in_journal = ""

    def running(self) -> "Replica":
        """Return this replica, started again if it has crashed."""
        if self.outbox is None:
            self.start()
        return self


class Simulation:
    """A run of random events. Afterwards `violations` lists what must never happen.

    Args:
        seed: Decides everything that happens.
        folder: A folder for the files; emptied.
        journal: A journal, which is emptied: creating one for each run costs too much.
        is_late: Whether the clock may be set back, and quotes may reach the journal after later ones.
    """

    def __init__(self, seed: int, *, folder: Path, journal: Journal, is_late: bool = True) -> None:
        self.random, self.clock, self.folder, self.journal = random.Random(seed), Clock(), folder, journal  # noqa: S311
        self._is_late = is_late
        SimulatedModel.next_price = FIRST_PRICE
        with journal.transaction() as connection:
            for table in (QUOTES, DECISIONS, LEASED_STATES):
                connection.execute(delete(table))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.versions, self._decider_faults, self._switches = InMemoryVersions(), Faults(), 0
        self.replicas = [Replica(self, f"replica-{number}") for number in range(REPLICAS)]
        self.watcher_faults, self.receiver = Faults(), Receiver()
        self._watcher: Watcher | None = None
        self._firing: list[Alert] = []
        self._alerts = 0
        self.acknowledged: dict[int, tuple[int, int]] = {}  # price: version, and number of switches so far
        self._served: set[int] = set()
        self._saved_state: dict[str, Any] = {}
        self._judged_earlier: list[int] = []  # for versions that left production: the watcher forgets them
        self.violations: Counter[str] = Counter()
        self.history: list[str] = []

    def run(self, steps: int = STEPS) -> "Simulation":
        """Run all events, let everything recover, and check what must hold."""
        with self._virtual():
            self._decide_first()
            events = [event for event, weight in self._events() for _ in range(weight)]
            for _ in range(steps):
                event = self.random.choice(events)
                self.history.append(event.__name__.removeprefix("_"))
                event()
                self.clock.elapsed += self.random.choice((0.01, 0.3, 1.0, 3.0, 20.0))
            self._recover()
            self._check()
        return self

    def new_id(self) -> str:
        """Make the id of a quote, as `new_quote_id` does."""
        return f"{int(self.clock.time() * 1000):012x}{self.random.getrandbits(80):020x}"

    # events

    def _events(self) -> Sequence[tuple[Callable[[], None], int]]:
        return (
            (self._quote, 10),
            (self._forward, 6),
            (self._follow, 4),
            (self._watch, 6),
            (self._promote, 2),
            (self._refuse, 1),
            (self._roll_back, 2),
            (self._crash_decider, 2),
            (self._partition_journal, 2),
            (self._partition_registry, 2),
            (self._lose_answer, 1),
            (self._fill_disk, 1),
            (self._crash_replica, 2),
            (self._crash_in_append, 1),
            (self._crash_in_journal, 2),
            (self._damage_cache, 1),
            (self._crash_watcher, 1),
            (self._crash_watcher_in_step, 1),
            (self._alert, 2),
            (self._stop_receiver, 1),
            (self._move_clock, 1),
        )

    def _quote(self) -> None:
        replica = self._replica()
        requests = [
            [{"year": 2015}] * self.random.randint(1, QUOTES_PER_REQUEST)
            for _ in range(self.random.randint(1, 3))
        ]
        try:
            answers = asyncio.run(self._answer(replica, requests))
        except (Crashed, ModelNotLoaded):
            return
        for quote in (quote for answer in answers for quote in answer):
            version = int(quote.model_version)
            self._served.add(version)
            if quote.recorded is UNSET:
                self.acknowledged[quote.price] = version, self._switches

    @staticmethod
    async def _answer(replica: Replica, requests: Sequence[Any]) -> Sequence[Any]:
        """Answer requests that came at the same time. A crash ends all of them."""
        answers = asyncio.gather(*(replica.quotes.answer(request, client="shop") for request in requests))

        def end(_: object, context: dict[str, Any]) -> None:
            """End the process after a crash in a callback: no caller waits for its exception."""
            if not answers.done():
                answers.set_exception(context["exception"])

        asyncio.get_running_loop().set_exception_handler(end)
        try:
            return await answers
        except Crashed:
            replica.crash()
            raise

    def _forward(self) -> None:
        replica = self._replica()
        try:
            replica.forwarder.forward()
        except Crashed:
            replica.crash()

    def _follow(self) -> None:
        self._replica().live.follow()

    def _watch(self) -> None:
        if not self._is_late:  # every quote is in the journal before the watcher reads later ones
            self.clock.elapsed += 3
            for replica in self.replicas:
                if not replica.faults.journal_down:
                    replica.faults.crash_in_journal = ""
                    replica.running().forwarder.forward()
        try:
            self._running_watcher().step()
        except Crashed:
            self._crash_watcher()
        self._note_saved_state()

    def _promote(self) -> None:
        version = self._register()
        self._decide(lambda registry: registry.promote(version.version, by="ann"))

    def _refuse(self) -> None:
        version, champion = self._register(), self.versions.champion()
        judgement = GateJudgement(
            version=version.version,
            against=champion.version if champion else None,
            decision=PromotionDecision(promote=False, reasons=("less accurate",)),
        )
        self._decide(lambda r: r.apply(judgement, version=version, card=Path("card.md"), by="pipeline"))

    def _roll_back(self) -> None:
        self._decide(lambda registry: registry.rollback(by="ann"))

    def _decide(self, decide: Callable[[Registry], object]) -> None:
        """Let a new process decide; it may crash, or find the database or the registry unreachable."""
        with suppress(Crashed, AppError):
            decide(self._registry())

    def _registry(self) -> Registry:
        def count_switch() -> None:
            self._switches += 1

        return Registry(
            RegistryLink(self.versions, self._decider_faults, count_switch),
            DecisionLog(JournalLink(self.journal, self._decider_faults)),  # type: ignore[arg-type]
            verify=read_bundle,
            clock=self.clock.now,
        )

    def _register(self) -> ModelVersion:
        bundle = self.folder / "registry" / f"version-{len(self.versions.versions()) + 1}"
        write_bundle(bundle, {"card.json": bundle.name.encode()})
        return self.versions.add(digest=bundle_digest(bundle), source=str(bundle))

    def _crash_decider(self) -> None:
        place = self.random.choice(("crash_in_switch", "crash_in_journal"))
        setattr(self._decider_faults, place, self.random.choice(("before", "after")))

    def _partition_journal(self) -> None:
        faults = self._any_faults()
        is_replica = any(faults is replica.faults for replica in self.replicas)
        faults.journal_down = not faults.journal_down and (self._is_late or not is_replica)

    def _partition_registry(self) -> None:
        faults = self._any_faults()
        faults.registry_down = not faults.registry_down

    def _lose_answer(self) -> None:
        self._any_faults().answer_lost = True

    def _fill_disk(self) -> None:
        faults = self._replica().faults
        faults.disk_full = not faults.disk_full

    def _crash_replica(self) -> None:
        self._replica().crash()

    def _crash_in_append(self) -> None:
        self._replica().faults.crash_in_append = self.random.choice(("before", "torn", "after"))

    def _crash_in_journal(self) -> None:
        self._replica().faults.crash_in_journal = self.random.choice(("before", "after"))

    def _damage_cache(self) -> None:
        replica = self._replica()
        replica.crash()
        files = sorted((self.folder / "replica-0" / "bundles").rglob("card.json"))
        for path in files[: self.random.randint(0, len(files))]:
            path.write_bytes(b"")

    def _crash_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.alert_store.close()
            self._watcher = None

    def _crash_watcher_in_step(self) -> None:
        if self.random.random() < 0.5:
            self.watcher_faults.crash_in_journal = self.random.choice(("before", "after"))
        else:
            self.receiver.crashes_sender = True

    def _alert(self) -> None:
        if self._firing and self.random.random() < 0.5:
            self._firing.pop(0)
        else:
            self._alerts += 1
            key = f"alert-{self._alerts}"
            self._firing.append(
                Alert(
                    key=key, kind="drift", severity="warning", title="Drift", text="", since=self.clock.now()
                )
            )

    def _stop_receiver(self) -> None:
        self.receiver.is_down = not self.receiver.is_down

    def _move_clock(self) -> None:
        moves = (3600.0, 60.0, -60.0, -3600.0) if self._is_late else (3600.0, 60.0)
        self.clock.shift += self.random.choice(moves)

    # the end

    def _recover(self) -> None:
        """End all faults and let every part do its work until nothing is left to do."""
        for replica in self.replicas:
            replica.crash()
            replica.faults.__init__()  # type: ignore[misc]
        self._crash_watcher()
        self.watcher_faults.__init__()  # type: ignore[misc]
        self._decider_faults.__init__()  # type: ignore[misc]
        self._promote()  # which completes an interrupted decision
        self.receiver.is_down = self.receiver.crashes_sender = False
        self._firing.clear()
        for _ in range(2):
            self.clock.elapsed += 1_000  # more than any pause between two attempts
            for replica in self.replicas:
                replica.running().live.follow()
                replica.forwarder.forward()
            self._quote()
        self.clock.elapsed += 10_000
        for replica in self.replicas:
            replica.forwarder.forward()
        for _ in range(2):  # the first round may read quotes, the second finds none
            self.clock.elapsed += 1_000
            self._running_watcher().step()
            self._note_saved_state()

    def _check(self) -> None:
        stored = Counter(self._prices_in_journal())
        judged = Counter(self._judged())
        production = self.versions.champion()
        assert production is not None
        self._check_registry(production)
        for price, (version, switches) in self.acknowledged.items():
            if stored[price] != 1:
                self._violate(f"an acknowledged quote is {stored[price]} times in the journal")
            is_of_production = version == production.version and switches == self._switches
            if is_of_production and judged[price] == 0:
                self._violate("a quote was never judged")
        if any(count > 1 for count in judged.values()):
            self._violate("a quote was judged twice")
        for replica in self.replicas:
            if replica.live.current().version != production:
                self._violate("a replica does not serve the version in production")
            if replica.outbox is None or replica.outbox.waiting_bytes:
                self._violate("a quote waits in the outbox")
        store = self._running_watcher().alert_store
        for alert in (*store.firing(), *store.past(10_000)):
            if (alert.key, True) not in self.receiver.heard:
                self._violate("an alert was never delivered")
        self._crash_watcher()
        for replica in self.replicas:
            replica.crash()

    def _check_registry(self, production: ModelVersion) -> None:
        switches = [decision for decision in self._registry().history() if decision.is_switch]
        if production.version != switches[-1].version:
            self._violate("the version in production is not the one that was decided")
        if not all(decision.applied_at for decision in switches):
            self._violate("a decision was never carried out")
        if list(self.versions.status.values()).count("production") != 1:
            self._violate("not exactly one version is shown as the one in production")
        if self._served - {decision.version for decision in switches}:
            self._violate("a rejected version served")

    def _prices_in_journal(self) -> Iterator[int]:
        far = START + timedelta(days=1_000)
        return (entry.price for entry in self.journal.after("", until=far, limit=100_000))

    def _judged(self) -> list[int]:
        return [*self._judged_earlier, *self._saved_state["channels"].get("prices", ())]

    def _note_saved_state(self) -> None:
        """Remember what the watcher saved, which it overwrites when another version is in production."""
        state = dict(self._watcher_state().read())
        if self._saved_state and state["version"] != self._saved_state["version"]:
            self._judged_earlier += self._saved_state["channels"].get("prices", ())
        self._saved_state = state

    def _watcher_state(self) -> LeasedState:
        return LeasedState(self.journal, "watcher", "only")

    # parts

    def _decide_first(self) -> None:
        self._promote()
        for replica in self.replicas:
            replica.running().live.follow()

    def _replica(self) -> Replica:
        return self.random.choice(self.replicas).running()

    def _any_faults(self) -> Faults:
        processes = [replica.faults for replica in self.replicas]
        return self.random.choice([*processes, self.watcher_faults, self._decider_faults])

    def _running_watcher(self) -> Watcher:
        if self._watcher is None:
            folder = self.folder / "watcher"
            self._watcher = Watcher(
                journal=JournalLink(self.journal, self.watcher_faults),  # type: ignore[arg-type]
                state=self._watcher_state(),
                registry=RegistryLink(self.versions, self.watcher_faults),
                references=LocalFolder(folder),
                folder=folder,
                alert_store=AlertStore(folder / "alerts.db", [self.receiver]),
                reports=NoReports(),  # type: ignore[arg-type]
                metrics=WatcherMetrics(),
                extra_alerts=lambda: tuple(self._firing),
                clock=self.clock.now,
            )
        return self._watcher

    def _violate(self, what: str) -> None:
        self.violations[what] += 1

    @contextmanager
    def _virtual(self) -> Iterator[None]:
        """Put virtual time and simulated parts in the place of the real ones."""
        simulation, append = self, Segment.append

        def faulty_append(segment: Segment, data: bytes) -> None:
            holders = (r for r in simulation.replicas if r.outbox and segment in r.outbox._held())
            if (replica := next(holders, None)) is None:
                raise Crashed  # earlier: what is left of the process must not write
            crash, replica.faults.crash_in_append = replica.faults.crash_in_append, ""
            if replica.faults.disk_full:
                raise OSError(ENOSPC, "no space left on the simulated disk")
            if crash == "before":
                raise Crashed
            append(segment, data[: len(data) // 2] if crash == "torn" else data)
            if crash:
                raise Crashed

        def calibrated(version: ModelVersion, **_: object) -> Any:
            card = SimpleNamespace(metrics={"mdape": 0.1, "width": 0.5}, dataset_fingerprint="f00d")
            return SimpleNamespace(version=version, card=card, rows=None, profile=None, null=None, effects={})

        watcher = "carvalue.monitoring.watcher.watcher"
        replaced = {
            "carvalue.journal.segment.time": self.clock,
            "carvalue.journal.writer.time": self.clock,
            "carvalue.journal.writer.ThreadPoolExecutor": InlineExecutor,
            "carvalue.monitoring.alerting.store.ThreadPoolExecutor": InlineExecutor,
            "carvalue.serving.model.live_model.PriceModel": SimulatedModel,
            f"{watcher}.calibrate_reference": calibrated,
            f"{watcher}.ChannelDetectors": SimulatedDetectors,
            f"{watcher}.merge": lambda reports: reports["all"],
        }
        with ExitStack() as stack:
            for name, value in replaced.items():
                stack.enter_context(patch(name, value))
            stack.enter_context(patch.object(Segment, "append", faulty_append))
            yield


def run_seeds(
    seeds: Iterable[int], *, folder: Path, journal: Journal, steps: int = STEPS, is_late: bool = True
) -> list[tuple[int, set[str]]]:
    """Run a simulation for each seed; return those with violations."""
    found = []
    for seed in seeds:
        simulation = Simulation(seed, folder=folder / "run", journal=journal, is_late=is_late).run(steps)
        if simulation.violations:
            found.append((seed, set(simulation.violations)))
    return found
