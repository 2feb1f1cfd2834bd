"""Compare the estimated error with the true one: `python benchmarks/drift/estimate.py DATASETS WORK`.

The true error is against asking prices. Where inputs are corrupted, the car and its asking price are
unchanged; other cars have their own prices.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

sys.path += [str(Path(__file__).parents[2])]

from benchmarks.results import describe_model, save
from streams import INPUT_DRIFTS, Streams, streams

from carvalue.monitoring.watcher.live_accuracy import estimated_error

OTHER_CARS: Mapping[str, pl.Expr] = {
    "none": pl.lit(value=True),
    "20 years old and more": pl.col("year") <= 2001,
    "cars of 2018 and later": pl.col("year") >= 2018,
    "asking price from $30,000": pl.col("asking_price") >= 30_000,
    "asking price below $8,000": pl.col("asking_price") < 8_000,
    "over 150,000 miles": pl.col("odometer") > 150_000,
    "not a clean title": pl.col("title_status") != "clean",
    "condition and cylinders missing": pl.col("condition").is_null() & pl.col("cylinders").is_null(),
}


def main(datasets: Path, work: Path) -> None:
    """Measure the true and the estimated median error under each change, and save the table."""
    prepared = streams(datasets, regime="consecutive", work=work)
    asking_price = prepared.listings["price"].cast(pl.Float64).alias("asking_price")
    clean = prepared.clean.with_columns(asking_price)
    changes = {f"other cars: {name}": clean.filter(chosen) for name, chosen in OTHER_CARS.items()}
    for name in INPUT_DRIFTS:
        changes[f"wrong inputs: {name}"] = prepared.drifted[name].with_columns(asking_price)
    cheaper = clean.with_columns(pl.col("asking_price") * 0.9)
    changes["another market: all asking prices 10 % lower"] = cheaper
    save(
        "drift_estimate",
        {"rows": [compare(prepared, change, rows) for change, rows in changes.items()]},
        command="python benchmarks/drift/estimate.py DATASETS WORK",
        model=describe_model(work / "consecutive" / "bundle"),
    )


def compare(prepared: Streams, change: str, rows: pl.DataFrame) -> dict[str, object]:
    """Make one row of the table."""
    metrics = prepared.model.card.metrics
    errors = (rows["price"] / rows["asking_price"] - 1).abs()
    estimated = estimated_error(width=float(rows["range_width"].mean()), metrics=metrics)  # type: ignore[arg-type]
    return {
        "change": change,
        "rows": len(rows),
        "error": f"{errors.median():.1%}",
        "estimated error": f"{estimated:.1%}",
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
