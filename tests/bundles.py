"""Small bundles for tests: a real model, learned in a second from cars whose prices follow a rule."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import xgboost as xgb

from carvalue.listings.schema import FIELDS, NumberField
from carvalue.pricing.card import Provenance
from carvalue.pricing.search import Tuned
from carvalue.pricing.training import train

CARS = {
    ("ford", "f-150"): 40_000,
    ("toyota", "camry"): 25_000,
    ("porsche", "911"): 90_000,
    ("ford", "focus"): 18_000,
}
LAST_DAY = datetime(2021, 5, 4, tzinfo=UTC)
TUNED = Tuned(
    params={"max_leaves": 16, "min_child_weight": 1.0, "subsample": 1.0},
    error=0.1,
    rounds=20,
    budget="quick",
    trials=1,
    seconds=0.0,
)


def a_bundle(into: Path, *, cheaper_by: float = 0.0) -> Path:
    """Write a bundle whose model asks `cheaper_by` (a share) less than another's."""
    rows = _cars(random.Random(7), share=1 - cheaper_by)  # noqa: S311  # repeatable, not secret
    cut = len(rows) * 4 // 5
    schema = _schema()
    pl.DataFrame(rows[:cut], schema).write_parquet(into.with_suffix(".train"))
    pl.DataFrame(rows[cut:], schema).write_parquet(into.with_suffix(".validation"))
    # every core at once on so few rows is slower than one, many times on a busy machine
    with xgb.config_context(nthread=1):
        _train(into)
    return into


def _train(into: Path) -> None:
    train(
        tuned=TUNED,
        train=into.with_suffix(".train"),
        validation=into.with_suffix(".validation"),
        provenance=Provenance(
            data_source="sample",
            source_description="a rule",
            dataset_fingerprint="f" * 64,
            git_commit="unknown",
        ),
        trained_at=LAST_DAY,
        into=into,
    )


def _schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    fields = {field.name: pl.Int32 if isinstance(field, NumberField) else pl.String for field in FIELDS}
    return {
        "id": pl.Int64,
        "car": pl.UInt64,
        "posted_at": pl.Datetime("us", "UTC"),
        "price": pl.Int32,
    } | fields


def _cars(chance: random.Random, *, share: float, rows: int = 1_500) -> list[dict[str, object]]:
    return [_car(chance, share=share, number=number, rows=rows) for number in range(rows)]


def _car(chance: random.Random, *, share: float, number: int, rows: int) -> dict[str, object]:
    (make, model), new_price = chance.choice(list(CARS.items()))
    year, odometer = chance.randint(2000, 2020), chance.randint(1_000, 200_000)
    worth = new_price * 0.92 ** (2021 - year) * (1 - odometer / 500_000) * chance.uniform(0.95, 1.05)
    return {field.name: None for field in FIELDS} | {
        "id": number,
        "car": number,
        "posted_at": LAST_DAY - timedelta(hours=rows - number),
        "price": max(1_000, int(worth * share)),
        "manufacturer": make,
        "model": model,
        "year": year,
        "odometer": odometer,
        "region": chance.choice(["austin", "dallas", "el paso"]),
        "state": "tx",
    }
