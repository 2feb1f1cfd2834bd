"""Time one quote, its parts, its reasons and a frame of quotes: `python benchmarks/one_quote.py BUNDLE`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import polars as pl
import xgboost as xgb

from carvalue.pricing.explain.shapley import explain_price
from carvalue.pricing.explain.what_if import what_if_curves
from carvalue.pricing.model import PriceModel

LISTING = {"manufacturer": "toyota", "model": "camry le", "year": 2012, "odometer": 98_000, "state": "tx"}
FRAME_ROWS = 20_000


def microseconds(work: Callable[[], object], *, times: int = 500) -> float:
    """Give the median duration of one call."""
    work()
    durations = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return 1e6 * median(durations)


def main(folder: Path) -> None:
    """Print the table."""
    began = time.perf_counter()
    model = PriceModel.load(folder)
    print(f"load, golden listings checked  {1e3 * (time.perf_counter() - began):8.0f} ms")
    row = model.encoder.row(LISTING)
    frame = pl.DataFrame([LISTING] * FRAME_ROWS).with_columns(odometer=pl.int_range(FRAME_ROWS))
    for name, work in {
        "encode": lambda: model.encoder.row(LISTING),
        "forest": lambda: model.flat_trees.predict_row(row[0], base_margin=row[0, -1]),
        "inplace_predict": lambda: model.booster.inplace_predict(
            row, validate_features=False, base_margin=row[:, -1]
        ),
        "DMatrix": lambda: model.booster.predict(
            xgb.DMatrix(row, base_margin=row[:, -1]), output_margin=True
        ),
        "quote": lambda: model.quote(LISTING),
        "reasons": lambda: explain_price(model, LISTING),
        "comparables": lambda: model.comparables.nearest(LISTING),
        "curves": lambda: what_if_curves(model, LISTING),
    }.items():
        print(f"{name:30} {microseconds(work):8.0f} us")
    per_row = microseconds(lambda: model.quote_frame(frame), times=3) / FRAME_ROWS
    print(f"{'a row of quote_frame, 1 core':30} {per_row:8.1f} us")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
