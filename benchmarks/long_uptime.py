"""Run a watcher over thirty days of traffic with an accelerated clock.

Run `PYTHONPATH=tests python -m benchmarks.long_uptime`. Each hour visitors of the page and two programs ask
for prices; the watcher does its rounds as in production, with a restart each day. Writes memory, the size of
the state, files and the time of a round to `results/long_uptime.json`.
"""

import json
import resource
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import describe_model, save

from carvalue.files import LocalFolder
from carvalue.journal import Journal, JournalEntry
from carvalue.journal.leased_state import LeasedState
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.pricing import PriceModel
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market

DAYS, HOURS, QUOTES_AN_HOUR, ROUNDS_AN_HOUR = 30, 24, 250, 10
START = datetime(2026, 11, 1, tzinfo=UTC)
INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)
PROGRAMS = ("shop", "auction")


class Traffic:
    """Quotes of a model at the times of an accelerated clock.

    Attributes:
        now: The time of the clock.
        written: The number of quotes in the journal.
    """

    def __init__(self, journal: Journal, model: PriceModel) -> None:
        self._journal, self._model = journal, model
        self.now, self.written = START, 0

    def an_hour(self, seed: int) -> None:
        """Write the quotes of the next hour."""
        listings = a_market(rows=QUOTES_AN_HOUR, seed=seed).select(INPUTS).to_dicts()
        quotes = self._model.quote_many(listings)
        pause = timedelta(hours=1) / QUOTES_AN_HOUR
        entries = []
        for listing, quote in zip(listings, quotes, strict=True):
            self.written, self.now = self.written + 1, self.now + pause
            is_program = self.written % 3 == 0
            entries.append(
                JournalEntry(
                    quote_id=f"{self.written:032d}",
                    quoted_at=self.now,
                    model_version="1",
                    price=quote.price,
                    low=quote.low,
                    high=quote.high,
                    warnings=quote.warnings,
                    listing={name: value for name, value in listing.items() if value is not None},
                    client=PROGRAMS[self.written % 2] if is_program else f"page/~{self.written:08x}",
                    route="api" if is_program else "page",
                )
            )
        self._journal.write(entries)


def main() -> None:
    """Run the days, and write the results file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        bundle = a_bundle(folder)
        with closing(Journal(f"sqlite:///{folder}/journal.db")) as journal:
            journal.migrate()
            days = _run(journal, bundle, folder)
        values = {
            "quotes": DAYS * HOURS * QUOTES_AN_HOUR,
            "rounds": DAYS * HOURS * ROUNDS_AN_HOUR,
            "false alerts": sum(int(day["alerts"]) for day in days),
            "days": [day for number, day in enumerate(days, 1) if number in {1, 2, 5, 10, 20, DAYS}],
        }
        save(
            "long_uptime",
            values,
            command="PYTHONPATH=tests python -m benchmarks.long_uptime",
            model=describe_model(bundle),
        )


def _run(journal: Journal, bundle: Path, folder: Path) -> Sequence[dict[str, float]]:
    a_market(rows=6_000, seed=5).write_parquet(folder / "train.parquet")
    publish_reference(folder / "train.parquet", fingerprint="f00d", root=folder / "reference")
    registry = FakeRegistry()
    registry.promote(bundle, version=1)
    traffic, days = Traffic(journal, PriceModel.load(bundle)), []
    for day in range(1, DAYS + 1):
        watcher = _a_watcher(journal, registry, traffic, folder)
        watcher.step()  # reads the model and the state
        seconds, alerts = [], 0
        for hour in range(HOURS):
            traffic.an_hour(seed=day * HOURS + hour)
            for _ in range(ROUNDS_AN_HOUR):
                began = time.perf_counter()
                watcher.step()
                seconds.append(time.perf_counter() - began)
            alerts += len(watcher.alert_store.firing())
        watcher.close()
        days.append(_describe(day, seconds, alerts, journal=journal, folder=folder))
        print(days[-1], flush=True)
    return days


def _a_watcher(journal: Journal, registry: FakeRegistry, traffic: Traffic, folder: Path) -> Watcher:
    return Watcher(
        journal=journal,
        state=LeasedState(journal, "watcher", "only"),
        registry=registry,
        references=LocalFolder(folder / "reference"),
        folder=folder / "watcher",
        alert_store=AlertStore(folder / "watcher" / "alerts.db", ()),
        reports=ReportFolder(LocalFolder(folder / "watcher" / "reports")),
        metrics=WatcherMetrics(),
        clock=lambda: traffic.now,
    )


def _describe(
    day: int, seconds: Sequence[float], alerts: int, *, journal: Journal, folder: Path
) -> dict[str, float]:
    state = json.dumps(LeasedState(journal, "watcher", "only").read())
    files = sum(path.stat().st_size for path in (folder / "watcher").rglob("*") if path.is_file())
    return {
        "day": day,
        "alerts": alerts,
        "round, ms (median)": round(1e3 * statistics.median(seconds), 1),
        "round, ms (95th percentile)": round(1e3 * statistics.quantiles(seconds, n=20)[-1], 1),
        "state, KB": round(len(state) / 1e3),
        "files besides the journal, KB": round(files / 1e3),
        "largest memory so far, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
