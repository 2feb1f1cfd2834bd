"""Write the counts of a data set to `results/data.json`: `python -m benchmarks.data WORK`.

WORK is the work folder of `creates_datasets_dag` (STATE_DIR/storage/work/creates_datasets_dag): it holds the
clean table and the reports of cleaning and splits.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks.results import save

from carvalue.listings.cleaning.identity import DELIVERY_DISTANCE, ROUND_DISTANCE

COMMAND = "python -m benchmarks.data STATE_DIR/storage/work/creates_datasets_dag"
DUPLICATE = "same advertisement came before"
LARGE_DIFFERENCE = 1.3
"""Advertisements of one car whose prices differ by this factor contradict each other."""
REQUESTS_PER_FALSE_ALARM = 100_000


def main() -> None:
    """Read the reports and the clean table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    cleaning = json.loads((work / "clean" / "cleaning.json").read_text())
    splits = json.loads((work / "splits" / "splits.json").read_text())
    listings = pl.scan_parquet(work / "clean" / "listings.parquet")
    valid = cleaning["kept"] + cleaning["rejected"].get(DUPLICATE, 0)
    values = {
        "rows": {name: cleaning[name] for name in ("read", "kept", "cars")},
        "valid rows that repeat a car": round(1 - cleaning["cars"] / valid, 4),
        "repaired values": sum(cleaning["repaired"].values()),
        "one car": count_contradictions(listings),
        "leaks": splits["leaks"],
        "detection bound": bound_detection(listings),
        "rejected": [{"reason": key, "rows": count} for key, count in cleaning["rejected"].items()],
        "odometers": count_odometers(listings),
        "splits": list_splits(splits),
    }
    save("data", values, command=COMMAND, model="none")


def count_contradictions(listings: pl.LazyFrame) -> dict[str, float]:
    """Count the regions of one car, and the cars whose advertisements contradict each other.

    Args:
        listings: The clean table.

    Returns:
        The largest number of regions, and shares of the cars with several advertisements.
    """
    cars = listings.group_by("car").agg(
        pl.len().alias("rows"),
        pl.col("region").n_unique().alias("regions"),
        (pl.col("paint_color").drop_nulls().n_unique() > 1).alias("colors"),
        (pl.col("price").max() > LARGE_DIFFERENCE * pl.col("price").min()).alias("prices"),
    )
    several = pl.col("rows") > 1
    row = cars.select(
        pl.col("regions").max(),
        pl.col("colors").filter(several).mean().round(4),
        pl.col("prices").filter(several).mean().round(4),
    ).collect()
    return dict(zip(("most regions", "colors differ", "prices differ by 30 %"), row.row(0), strict=True))


def count_odometers(listings: pl.LazyFrame) -> list[dict[str, str]]:
    """Count the listings by the precision of their odometer, as the identity of a car depends on it.

    Args:
        listings: The clean table.

    Returns:
        The rows of a table.
    """
    distance = pl.col("odometer")
    is_missing = distance.is_null() | (distance <= DELIVERY_DISTANCE)
    is_round = ~is_missing & (distance % ROUND_DISTANCE == 0)
    shares = {"exact": ~is_missing & ~is_round, "round": is_round, "missing or of a new car": is_missing}
    found = listings.select(share.mean().alias(name) for name, share in shares.items()).collect()
    return [{"odometer": name, "share of the listings": f"{found[name].item():.1%}"} for name in shares]


def bound_detection(listings: pl.LazyFrame) -> dict[str, float]:
    """Bound the number of requests until two changes are detected, at one false alarm in 100,000 requests.

    G. Lorden, Procedures for reacting to a change in distribution, Annals of Mathematical Statistics 42,
    1971: asymptotically, no procedure has a smaller mean delay than the logarithm of the requests between
    false alarms, divided by the Kullback-Leibler divergence of one request.

    Args:
        listings: The clean table; each car counts once, as it was first posted.

    Returns:
        The shares before the change, and the bounds.
    """
    cars = listings.sort("posted_at").unique("car", keep="first")
    odometers, electric, rows = (
        cars.select(pl.col("odometer").count(), (pl.col("fuel") == "electric").sum(), pl.len().alias("rows"))
        .collect()
        .row(0)
    )
    missing, electric = 1 - odometers / rows, electric / rows
    return {
        "missing odometers": round(missing, 4),
        "10 % missing odometers": _lorden(missing, missing + 0.1 * (1 - missing)),
        "electric cars": round(electric, 4),
        "electric +5 points": _lorden(electric, electric + 0.05 * (1 - electric)),
    }


def _lorden(before: float, after: float) -> int:
    divergence = after * math.log(after / before) + (1 - after) * math.log((1 - after) / (1 - before))
    return math.ceil(math.log(REQUESTS_PER_FALSE_ALARM) / divergence)


def list_splits(report: Mapping[str, Any]) -> list[dict[str, object]]:
    """List the splits with their rows, cars, period and dropped re-posts.

    Args:
        report: The content of `splits.json`.

    Returns:
        The rows of a table.
    """
    return [
        {
            "split": name,
            "rows": period["rows"],
            "cars": period["cars"],
            "posted from (UTC)": period["first_posted_at"],
            "to": period["last_posted_at"],
            "re-posts dropped": report["reposts_dropped"].get(name, 0),
        }
        for name, period in report["periods"].items()
    ]


if __name__ == "__main__":
    main()
