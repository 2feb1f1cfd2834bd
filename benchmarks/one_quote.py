"""Time one quote, its parts, its explanation and a frame: `python -m benchmarks.one_quote BUNDLE`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import polars as pl
import xgboost as xgb
from benchmarks.results import describe_model, save

from carvalue.pricing.explain.shapley import explain_price
from carvalue.pricing.explain.what_if import what_if_curves
from carvalue.pricing.model import PriceModel

LISTING = {"manufacturer": "toyota", "model": "camry le", "year": 2012, "odometer": 98_000, "state": "tx"}
FRAME_ROWS = 20_000
COMMAND = "make bench-quote"


def microseconds(work: Callable[[], object], *, times: int = 500) -> float:
    """Measure the median duration of one call."""
    work()
    durations = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return 1e6 * median(durations)


def main(folder: Path) -> None:
    """Measure each part, print the table and write `results/one_quote.json`."""
    began = time.perf_counter()
    model = PriceModel.load(folder)
    load_ms = 1e3 * (time.perf_counter() - began)
    print(f"load, golden listings checked  {load_ms:8.0f} ms")
    row = model.encoder.row(LISTING)
    frame = pl.DataFrame([LISTING] * FRAME_ROWS).with_columns(odometer=pl.int_range(FRAME_ROWS))
    us = dict[str, float]()
    for name, work in {
        "encode": lambda: model.encoder.row(LISTING),
        "trees": lambda: model.flat_trees.predict(row, base_margin=row[:, -1]),
        "inplace_predict": lambda: model.booster.inplace_predict(
            row, validate_features=False, base_margin=row[:, -1]
        ),
        "DMatrix": lambda: model.booster.predict(
            xgb.DMatrix(row, base_margin=row[:, -1]), output_margin=True
        ),
        "quote": lambda: model.quote(LISTING),
        "explanation": lambda: explain_price(model, LISTING),
        "comparables": lambda: model.comparables.nearest(LISTING),
        "what-if curves": lambda: what_if_curves(model, LISTING),
    }.items():
        us[name] = round(microseconds(work), 1)
        print(f"{name:30} {us[name]:8.0f} us")
    per_row = microseconds(lambda: model.quote_frame(frame), times=3) / FRAME_ROWS
    print(f"{'a row of quote_frame':30} {per_row:8.1f} us")
    us["a row of quote_frame"] = round(per_row, 1)
    values = {"load ms": round(load_ms, 1), "us": us}
    save("one_quote", values, command=COMMAND, model=describe_model(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
