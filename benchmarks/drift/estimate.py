"""How well an error is estimated without sale prices: `python benchmarks/drift/estimate.py DATASETS WORK`.

The truth is what the seller asks. Where inputs are corrupted the car, and so the truth, stays as it is; where
other cars come, they bring their own prices. Prints one line of JSON for each change.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from streams import INPUT_DRIFTS, Streams, streams

from carvalue.monitoring.watcher.live_accuracy import estimated_error

OTHER_CARS: Mapping[str, pl.Expr] = {
    "none": pl.lit(value=True),
    "20 years old and more": pl.col("year") <= 2001,
    "cars of 2018 and later": pl.col("year") >= 2018,
    "asked for 30,000 $ and more": pl.col("asked") >= 30_000,
    "asked for less than 8,000 $": pl.col("asked") < 8_000,
    "over 150,000 miles": pl.col("odometer") > 150_000,
    "not a clean title": pl.col("title_status") != "clean",
    "condition and cylinders missing": pl.col("condition").is_null() & pl.col("cylinders").is_null(),
}


def main(datasets: Path, work: Path) -> None:
    """Print the true and the estimated median error under each change."""
    prepared = streams(datasets, regime="consecutive", work=work)
    asked = prepared.listings["price"].cast(pl.Float64).alias("asked")
    clean = prepared.clean.with_columns(asked)
    for name, chosen in OTHER_CARS.items():
        tell(prepared, f"other cars: {name}", clean.filter(chosen))
    for name in INPUT_DRIFTS:
        tell(prepared, f"wrong inputs: {name}", prepared.drifted[name].with_columns(asked))
    cheaper = clean.with_columns(pl.col("asked") * 0.9)
    tell(prepared, "another market: all asked 10 % less", cheaper)


def tell(prepared: Streams, change: str, rows: pl.DataFrame) -> None:
    """Print one line."""
    metrics = prepared.model.card.metrics
    errors = (rows["price"] / rows["asked"] - 1).abs()
    line = {
        "change": change,
        "rows": len(rows),
        "error": errors.median(),
        "estimated": estimated_error(width=float(rows["range_width"].mean()), metrics=metrics),  # type: ignore[arg-type]
        "validation": metrics["mdape"],
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
