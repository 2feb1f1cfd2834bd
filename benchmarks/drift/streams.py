"""Real listings as a reference and as requests, clean and with drift, quoted by a model of the reference.

A car counts once, as it was first posted. The newest listings of the source are left out: it ends in the
middle of a day, with a run of rows that no earlier hour looks like.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.schema import REQUIRED_FIELDS
from carvalue.monitoring.drift.frames import reference_frame
from carvalue.pricing.bundle.model_card import Provenance
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.search import INITIAL_PARAMS, SEARCH_BUDGETS, SearchResult
from carvalue.pricing.training.train import train_model

Regime = Literal["independent", "consecutive"]
EDGE_ROWS = 1_000
REFERENCE_SHARE, VALIDATION_SHARE = 0.5, 0.15
SEED = 2021

Change = Callable[[pl.DataFrame], pl.DataFrame]


def _some(share: float) -> pl.Expr:
    """Choose a share of the rows, always the same ones."""
    return pl.int_range(pl.len()).shuffle(seed=SEED) < share * pl.len()


INPUT_DRIFTS: Mapping[str, Change] = {
    "year+1": lambda rows: rows.with_columns(pl.col("year") + 1),
    "year+3": lambda rows: rows.with_columns(pl.col("year") + 3),
    "odometer x1.3": lambda rows: rows.with_columns((pl.col("odometer") * 1.3).round().cast(pl.Int32)),
    "electric +5 points": lambda rows: rows.with_columns(
        fuel=pl.when(_some(0.05)).then(pl.lit("electric")).otherwise("fuel")
    ),
    "10 % missing": lambda rows: rows.with_columns(odometer=pl.when(_some(0.9)).then("odometer")),
    "10 % unseen": lambda rows: rows.with_columns(
        manufacturer=pl.when(_some(0.1)).then(pl.lit("unknown make")).otherwise("manufacturer")
    ),
    "one state only": lambda rows: rows.with_columns(state=pl.lit("tx")),
}
PRICES = "prices x1.1"
DRIFTS = (*INPUT_DRIFTS, PRICES)


@dataclass(frozen=True, kw_only=True)
class Streams:
    """What the watcher would see: inputs, `price` and `range_width` in the order of the requests.

    Attributes:
        model: trained on the listings of the reference only.
        listings: the requests' listings with the price that their sellers ask.
        reference: quotes of the model for its training cars.
        clean: what it answers to the requests.
        drifted: the same of requests that all have drifted, by drift.
    """

    model: PriceModel
    listings: pl.DataFrame
    reference: pl.DataFrame
    clean: pl.DataFrame
    drifted: Mapping[str, pl.DataFrame]

    def named(self) -> pl.DataFrame:
        """Leave out reference cars without what requests must name: others take their absence for drift."""
        return self.reference.drop_nulls(REQUIRED_FIELDS)


def streams(datasets: Path, *, regime: Regime, work: Path) -> Streams:
    """Part the listings of a folder with the three splits; train into `work`, once."""
    rows = _listings(datasets)
    if regime == "independent":
        rows = rows.sample(fraction=1, shuffle=True, seed=SEED)
    border = int(len(rows) * REFERENCE_SHARE)
    model = _model(rows[:border], work / regime)
    requests = rows[border:].drop_nulls(REQUIRED_FIELDS)
    clean = reference_frame(requests, model)
    drifted = {
        name: reference_frame(change(requests), model).cast(dict(clean.schema))
        for name, change in INPUT_DRIFTS.items()
    }
    drifted[PRICES] = clean.with_columns(pl.col("price") * 1.1)
    # the reference as it is published: sellers may omit the make, requests must not
    reference = reference_frame(rows[:border], model)
    return Streams(model=model, listings=requests, reference=reference, clean=clean, drifted=drifted)


def _listings(datasets: Path) -> pl.DataFrame:
    postings = pl.concat([pl.read_parquet(datasets / f"{name}.parquet") for name in SPLITS])
    once = postings.sort("posted_at", maintain_order=True).unique("car", keep="first", maintain_order=True)
    return once[:-EDGE_ROWS]


def _model(rows: pl.DataFrame, folder: Path) -> PriceModel:
    if (folder / "bundle").is_dir():
        return PriceModel.load(folder / "bundle")
    folder.mkdir(parents=True, exist_ok=True)
    border = int(len(rows) * (1 - VALIDATION_SHARE))
    rows[:border].write_parquet(folder / "train.parquet")
    rows[border:].write_parquet(folder / "validation.parquet")
    return train_model(
        tuned=SearchResult(
            params=INITIAL_PARAMS,
            error=0.0,
            rounds=SEARCH_BUDGETS["quick"].rounds,
            budget="quick",
            trials=0,
            seconds=0.0,
        ),
        train=folder / "train.parquet",
        validation=folder / "validation.parquet",
        provenance=Provenance(
            data_source="file",
            source_description="benchmark",
            dataset_fingerprint="none",
            git_commit="unknown",
        ),
        trained_at=datetime.now(UTC),
        into=folder / "bundle",
    )
