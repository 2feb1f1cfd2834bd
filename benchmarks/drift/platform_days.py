"""Days of simulated visitors on the running platform, with an accelerated clock.

Run `python benchmarks/drift/platform_days.py [--days N] [--mixture NAME]` after `make build`. The visitors
ask for the held-out cars of the platform, through the price service's own routes and as fast as it answers.
Nothing drifts, so every alert is false. Writes `results/drift_platform_days.json`. The quotes stay in the
journal.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import polars as pl

sys.path += [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from benchmarks.results import save
from visitors import MIXTURES, NAMES, requests

from carvalue.files import open_folder
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.settings import Settings, load_settings

SEED, MAX_REQUESTS = 31, 100_000
TIMEOUT_S, POLL_S, LIMIT_S = 60.0, 0.5, 600.0


def main() -> None:
    """Send the requests, wait until the watcher has checked them, and count its alerts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--mixture", choices=MIXTURES, default="everybody, without keys")
    chosen = parser.parse_args()
    settings = load_settings()
    dataset = DatasetStore(open_folder(settings, DATASETS).read()).current()
    listings = pl.read_parquet(dataset.path("test")).sort("posted_at", maintain_order=True)
    asked = requests(
        listings.drop_nulls(["manufacturer", "model", "year"]),
        MIXTURES[chosen.mixture],
        rows=MAX_REQUESTS,
        seed=SEED,
    )
    asked = asked.filter(pl.col("quoted_at") < asked["quoted_at"][0] + timedelta(days=chosen.days))
    values = {"mixture": chosen.mixture, "days": chosen.days, **_replay(settings, asked)}
    print(values)
    save(
        "drift_platform_days",
        values,
        command="python benchmarks/drift/platform_days.py",
        model=_model(settings),
    )


def _replay(settings: Settings, asked: pl.DataFrame) -> dict[str, Any]:
    began, alerts = time.monotonic(), set()
    with (
        httpx.Client(base_url=settings.service_url, timeout=TIMEOUT_S, trust_env=False) as service,
        httpx.Client(base_url=settings.watcher_url, timeout=TIMEOUT_S, trust_env=False) as watcher,
    ):
        seen, quoted, refused = _rows_seen(watcher), 0, 0
        for channel, rows in _visits(asked):
            answered = _ask(service, channel, rows)
            quoted, refused = quoted + answered, refused + len(rows) - answered
            alerts |= _firing(watcher)
        deadline = time.monotonic() + LIMIT_S
        while _rows_seen(watcher) < seen + quoted and time.monotonic() < deadline:
            time.sleep(POLL_S)
        alerts |= _firing(watcher)
        checked = _rows_seen(watcher) - seen
    return {
        "requests": len(asked),
        "quotes": quoted,
        "refused": refused,
        "checked by the watcher": checked,
        "false alerts": len(alerts),
        "seconds": round(time.monotonic() - began),
    }


def _visits(asked: pl.DataFrame) -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    """Group neighboring requests of one channel; people and programs send one car at a time, uploads many."""
    rows = asked.select("channel", *NAMES).to_dicts()
    for channel, group in groupby(rows, key=lambda row: row.pop("channel")):
        listings = [{name: value for name, value in row.items() if value is not None} for row in group]
        if channel == "upload":
            yield channel, listings
        else:
            yield from ((channel, [listing]) for listing in listings)


def _ask(service: httpx.Client, channel: str, listings: Sequence[dict[str, Any]]) -> int:
    """Ask for prices as the channel does; return the number of quotes."""
    if channel == "upload":
        table = pl.from_dicts(listings, infer_schema_length=None).write_csv()
        answer = service.post("/predict/batch", content=table, headers={"Content-Type": "text/csv"})
        return int(pl.read_csv(answer.raise_for_status().content)["price"].count())
    headers = {"X-Channel": "page"} if channel == "page" else {}
    return int(service.post("/predict", json=listings[0], headers=headers).is_success)


def _rows_seen(watcher: httpx.Client) -> int:
    return int(watcher.get("/drift").raise_for_status().json().get("rows_seen", 0))


def _firing(watcher: httpx.Client) -> set[str]:
    alerts = watcher.get("/alerts").raise_for_status().json()["firing"]
    return {alert["key"] for alert in alerts}


def _model(settings: Settings) -> str:
    model = httpx.get(f"{settings.service_url}/model", trust_env=False).raise_for_status().json()
    return f"version {model['version']} of the platform"


if __name__ == "__main__":
    main()
