"""Shared builders: a listing, a small market of clean listings, a model fitted on it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from made_once import made_once

if TYPE_CHECKING:
    from carvalue.pricing.features import FeatureEncoder

NEW_PRICE = {
    ("toyota", "camry le"): 26_000,
    ("toyota", "tacoma trd"): 36_000,
    ("ford", "f-150 xlt"): 42_000,
    ("ford", "focus se"): 20_000,
    ("honda", "civic lx"): 22_000,
    ("porsche", "911 carrera"): 99_000,
}
MARKET_FIELDS = (
    "condition",
    "cylinders",
    "fuel",
    "title_status",
    "transmission",
    "drive",
    "type",
    "paint_color",
)
TITLES = {"clean": 0.86, "rebuilt": 0.08, "salvage": 0.06}  # shares of the rows
OFF_LOG_PRICE = {"clean": 0.0, "rebuilt": 0.3, "salvage": 0.5, "excellent": 0.0, "good": 0.05, "fair": 0.15}
MARKET_FACTS = {
    "data_source": "file",
    "source_description": "a small market",
    "dataset_fingerprint": "f00d",
    "git_commit": "unknown",
}
FIRST_POSTED = datetime(2021, 4, 4, tzinfo=UTC)


def a_listing(**changes: Any) -> dict[str, Any]:
    """Build one listing of a car that the market of `a_market` knows."""
    listing = {
        "manufacturer": "toyota",
        "model": "camry le",
        "year": 2014,
        "odometer": 90_000,
        "condition": "good",
        "title_status": "clean",
        "state": "tx",
        "region": "austin",
    }
    return listing | changes


def a_market(*, rows: int = 2_000, seed: int = 1) -> pl.DataFrame:
    """Build clean listings, in order of posting, priced by make, model, age, miles, title and condition."""
    random = np.random.default_rng(seed)
    names = [list(NEW_PRICE)[i] for i in random.integers(0, len(NEW_PRICE), rows)]
    years = random.integers(2000, 2022, rows)
    miles = (random.integers(0, 15_000, rows) * (2022 - years)).clip(0, 300_000)
    title = random.choice(list(TITLES), rows, p=list(TITLES.values()))
    noise = random.normal(0, 0.1, rows)
    condition = random.choice(["good", "excellent", "fair"], rows)
    off = np.array([OFF_LOG_PRICE[word] for word in title]) + [OFF_LOG_PRICE[word] for word in condition]
    new = np.array([NEW_PRICE[name] for name in names])
    price = new * np.exp(-0.08 * (2021 - years) - miles / 400_000 - off + noise)
    columns: dict[str, Any] = {
        "id": np.arange(rows) + seed * 1_000_000,
        "manufacturer": [make for make, _ in names],
        "model": [model for _, model in names],
        "year": years,
        "odometer": [_typed_miles(i, int(value)) for i, value in enumerate(miles)],
        "title_status": title,
        "condition": condition,
        "state": random.choice(["tx", "ca", "ny"], rows),
        "region": random.choice(["austin", "sf bay area", "albany"], rows),
        "price": price.clip(1_000, 100_000),
        "posted_at": [FIRST_POSTED + timedelta(minutes=i) for i in range(rows)],
        "car": np.arange(rows) + seed * 1_000_000,
    }
    absent = {field: [None] * rows for field in MARKET_FIELDS if field not in columns}
    return pl.DataFrame(columns | absent).with_columns(
        pl.col("year").cast(pl.Int16),
        pl.col("odometer", "price").cast(pl.Int32),
        pl.col("car").cast(pl.UInt64),
        pl.col(*absent).cast(pl.String),
    )


def _typed_miles(row: int, miles: int) -> int | None:
    """Leave some out, and write some in thousands as sellers do: 120 for 120,000."""
    if row % 20 == 0:
        return None
    return miles // 1_000 if row % 20 == 1 else miles


def an_encoder(market: pl.DataFrame) -> "FeatureEncoder":
    """Fit the encoder of a bundle on clean listings."""
    from carvalue.pricing.training.encoding import fit_training_encoder, in_memory

    return fit_training_encoder(in_memory(market)).encoder


def market_files(folder: Path, *, price_share: float = 1.0) -> dict[str, Path]:
    """Write train, validation and test of the small market, prices multiplied; give their paths."""
    market = a_market(rows=2_800).with_columns((pl.col("price") * price_share).cast(pl.Int32))
    parts = {"train": market[:2_000], "validation": market[2_000:2_400], "test": market[2_400:]}
    for name, frame in parts.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in parts}


def a_bundle(folder: Path, *, price_share: float = 1.0, **provenance: str) -> Path:
    """Put the small market and a small real model of it into a folder; give the folder of its bundle."""

    def train(folder: Path) -> None:
        market_files(folder, price_share=price_share)
        fit_small(folder, **provenance)

    name = "-".join(("market", f"{price_share:.0%}", *provenance, *provenance.values()))
    made_once.copy(name, train, into=folder)
    return folder / "bundle"


def fit_small(folder: Path, **provenance: Any) -> Path:
    """Train a small real model on the splits in a folder; give the folder of its bundle."""
    import xgboost as xgb

    from carvalue.pricing.bundle.model_card import Provenance
    from carvalue.pricing.training.search import SearchResult
    from carvalue.pricing.training.train import train_model

    tuned = SearchResult(
        params={"max_leaves": 15},
        error=0.1,
        rounds=50,
        budget="quick",
        trials=1,
        seconds=0.1,
        planned_trials=8,
    )
    # so few rows take longer on all cores than on one, many times so where others work beside
    with xgb.config_context(nthread=1):
        train_model(
            tuned=tuned,
            train=folder / "train.parquet",
            validation=folder / "validation.parquet",
            provenance=Provenance(**MARKET_FACTS | provenance),
            trained_at=datetime(2021, 5, 5, tzinfo=UTC),
            into=folder / "bundle",
        )
    return folder / "bundle"
