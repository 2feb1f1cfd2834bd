"""Measure `carvalue score`: `python -m benchmarks.scoring BUNDLE LISTINGS` (one thread, about a minute).

LISTINGS is a Parquet file, for example the test set of a dataset. Writes CPU microseconds per row, for the
whole command and each part, to `results/scoring.json`.
"""

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # before Polars is imported: CPU seconds of one core

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from benchmarks.results import describe_model, save

from carvalue.listings.schema import FIELD_BY_NAME
from carvalue.pricing import PriceModel, score_file

ROWS, REPETITIONS = 50_000, 3


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("listings", type=Path)
    options = parser.parse_args()
    model = PriceModel.load(options.bundle)
    listings = pl.read_parquet(options.listings)
    fields = [name for name in FIELD_BY_NAME if name in listings.columns]
    frame = listings.select(fields).head(ROWS)
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "listings.csv", Path(name) / "quotes.csv"
        frame.cast(pl.String).write_csv(source)
        total = cpu_us_per_row(
            lambda: score_file(source, into=target, model=model, progress=lambda _: None),
            rows=frame.height,
        )
    matrix = np.ascontiguousarray(model.encoder.matrix(frame))
    margin = np.ascontiguousarray(matrix[:, -1])
    parts = {
        "whole command": total,
        "price, range and warnings": cpu_us_per_row(lambda: model.quote_frame(frame), rows=frame.height),
        "encoding": cpu_us_per_row(lambda: model.encoder.matrix(frame), rows=frame.height),
        "trees": cpu_us_per_row(
            lambda: model.flat_trees.predict(matrix, base_margin=margin), rows=frame.height
        ),
    }
    values = {
        "rows": frame.height,
        "rows per CPU second": round(1e6 / total),
        "CPU us per row": {part: round(us, 1) for part, us in parts.items()},
    }
    command = "python -m benchmarks.scoring BUNDLE LISTINGS"
    save("scoring", values, command=command, model=describe_model(options.bundle))


def cpu_us_per_row(work: Callable[[], object], *, rows: int) -> float:
    """Return the median CPU microseconds of a row over several calls, after one call of warm-up."""
    work()
    durations = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        work()
        durations.append(time.process_time() - start)
    return 1e6 * median(durations) / rows


if __name__ == "__main__":
    main()
