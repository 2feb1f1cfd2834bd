"""Days of simulated visitors on the running platform, with an accelerated clock.

Run `python benchmarks/drift/platform_days.py [--days N] [--mixture NAME]` after `make build`. The visitors
ask for the held-out cars of the platform, and its model quotes them. The quotes of each hour enter the
platform's journal with the times of the last days, and its watcher checks them before the next hour. Nothing
drifts, so every alert is false. Writes `results/drift_platform_days.json`. The quotes stay in the journal.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import polars as pl

sys.path += [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from benchmarks.results import save
from visitors import MIXTURES, NAMES, requests

from carvalue.files import open_folder
from carvalue.journal import Journal, JournalEntry
from carvalue.listings import REQUIRED_FIELDS
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.pricing import PriceModel
from carvalue.serving.model import load_production_model
from carvalue.settings import Settings, load_settings

SEED, MAX_REQUESTS_A_DAY = 31, 20_000
TIMEOUT_S, POLL_S, LIMIT_S = 60.0, 0.1, 600.0


def main() -> None:
    """Write the quotes hour by hour, let the watcher check each hour, and count its alerts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--mixture", choices=MIXTURES, default="everybody, without keys")
    chosen = parser.parse_args()
    settings = load_settings()
    production = load_production_model(settings, warn=print)
    asked = _requests(settings, chosen.mixture, days=chosen.days)
    with (
        closing(Journal(settings.journal_url.get_secret_value())) as journal,
        httpx.Client(base_url=settings.watcher_url, timeout=TIMEOUT_S, trust_env=False) as watcher,
    ):
        before, alerts, seen = _alerts(watcher), set[int](), _rows_seen(watcher)
        for _, hour in asked.group_by_dynamic("quoted_at", every="1h"):
            journal.write(_entries(hour, production.model, str(production.version.version)))
            seen += len(hour)
            _wait_until_seen(watcher, seen)
            alerts |= _alerts(watcher) - before
    values = {
        "mixture": chosen.mixture,
        "days": chosen.days,
        "requests": len(asked),
        "false alerts": len(alerts),
    }
    print(values)
    save(
        "drift_platform_days",
        values,
        command="python benchmarks/drift/platform_days.py",
        model=production.model.card.data_source,
    )


def _requests(settings: Settings, mixture: str, *, days: int) -> pl.DataFrame:
    """Simulate the requests of the days that end now."""
    dataset = DatasetStore(open_folder(settings, DATASETS).read()).current()
    listings = pl.read_parquet(dataset.path("test")).sort("posted_at", maintain_order=True)
    asked = requests(
        listings.drop_nulls(REQUIRED_FIELDS), MIXTURES[mixture], rows=MAX_REQUESTS_A_DAY * days, seed=SEED
    )
    asked = asked.filter(pl.col("quoted_at") < asked["quoted_at"][0] + timedelta(days=days))
    return asked.with_columns(pl.col("quoted_at") + (datetime.now(UTC) - asked["quoted_at"][-1]))


def _entries(rows: pl.DataFrame, model: PriceModel, version: str) -> Sequence[JournalEntry]:
    """Quote the rows, as the price service would have at their time."""
    cars = [
        {name: value for name, value in row.items() if value is not None}
        for row in rows.select(NAMES).to_dicts()
    ]
    return [
        JournalEntry(
            quote_id=f"{int(row['quoted_at'].timestamp() * 1_000):012x}{uuid4().hex[:20]}",
            quoted_at=row["quoted_at"],
            model_version=version,
            price=estimate.price,
            low=estimate.low,
            high=estimate.high,
            warnings=estimate.warnings,
            listing=car,
            client=row["client"],
            route=row["channel"],
        )
        for row, car, estimate in zip(
            rows.select("quoted_at", "client", "channel").to_dicts(),
            cars,
            model.quote_many(cars),
            strict=True,
        )
    ]


def _wait_until_seen(watcher: httpx.Client, rows: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while _rows_seen(watcher) < rows:
        if time.monotonic() > deadline:
            sys.exit(f"The watcher has not checked {rows:,} quotes within {LIMIT_S:.0f} s.")
        time.sleep(POLL_S)


def _rows_seen(watcher: httpx.Client) -> int:
    return int(watcher.get("/drift").raise_for_status().json().get("rows_seen", 0))


def _alerts(watcher: httpx.Client) -> set[int]:
    """Read the numbers of all alerts, also of those that have ended."""
    answer = watcher.get("/alerts").raise_for_status().json()
    return {alert["number"] for alerts in answer.values() for alert in alerts}


if __name__ == "__main__":
    main()
