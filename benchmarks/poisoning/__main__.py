"""The attack simulator: `python -m benchmarks.poisoning LISTINGS.parquet FOLDER [--rows N]`.

Trains a champion on the listings, reports honest sales, adds false ones in several ways and shares, retrains
each time, and writes how far prices moved and what the gates decided to `benchmarks/results/poisoning.json`.
"""

import argparse
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from benchmarks.poisoning.attacks import ATTACKS, Outcome, honest_sales, retrain, with_attack
from benchmarks.results import describe_model, save

from carvalue.listings.datasets import split
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.training import SearchResult, train_model
from carvalue.pricing.training.search import INITIAL_PARAMS, SEARCH_BUDGETS

SHARES = (0.01, 0.1, 0.3)
HONEST_SALES = 2_000


def fit(folder: Path) -> Path:
    """Train with the search's starting parameters.

    Args:
        folder: Folder of the splits.

    Returns:
        The folder of the bundle.
    """
    train_model(
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
            source_description="attack simulator",
            dataset_fingerprint="unknown",
            git_commit="unknown",
        ),
        trained_at=datetime.now(UTC),
        into=folder / "bundle",
    )
    return folder / "bundle"


def main(listings: Path, folder: Path, *, rows: int) -> None:
    """Run every attack at every share and write the table.

    Args:
        listings: Clean listings as Parquet.
        folder: For working files.
        rows: How many listings to take, spread over time; 0 takes all.
    """
    every = pl.read_parquet(listings).sort("posted_at")
    source = every.gather_every(max(1, every.height // rows)) if rows else every
    is_sold = pl.col("car") % 7 == 0  # cars that the source does not publish
    begin = _fresh(folder / "champion")
    published = source.filter(~is_sold)
    published.write_parquet(begin / "listings.parquet")
    split(begin / "listings.parquet", into=begin)
    champion = PriceModel.load(fit(begin))
    cars = source.filter(is_sold).unique("car").drop_nulls(["manufacturer", "model", "year"])
    honest = honest_sales(cars.head(HONEST_SALES), model=champion, random=np.random.default_rng(1))
    clean = retrain(published, honest, champion=champion, train=fit, folder=_fresh(folder / "run"))
    table = [_row("honest sales only", 0.0, clean, clean)]
    for name, attack in ATTACKS.items():
        for share in SHARES:
            sales = with_attack(honest, attack, share=share)
            outcome = retrain(published, sales, champion=champion, train=fit, folder=_fresh(folder / "run"))
            table.append(_row(name, share, outcome, clean))
            print(json.dumps(table[-1]), flush=True)
    values = {"listings": published.height, "honest sales": honest.height, "attacks": table}
    command = f"python -m benchmarks.poisoning LISTINGS FOLDER --rows {rows}"
    save("poisoning", values, command=command, model=describe_model(begin / "bundle"))


def _row(name: str, share: float, outcome: Outcome, clean: Outcome) -> dict[str, object]:
    moves = (outcome.prices.cast(pl.Float64) / clean.prices.cast(pl.Float64) - 1).to_numpy()
    return {
        "attack": name,
        "share": share,
        "median change of prices": round(float(np.median(moves)), 4),
        "largest change": round(float(np.max(np.abs(moves))), 4),
        "sales used": outcome.report.joined,
        "sales left out": sum(outcome.report.left_out.values()),
        "promoted": outcome.decision.promote,
    }


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listings", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=60_000)
    given = parser.parse_args()
    main(given.listings, given.folder, rows=given.rows)
