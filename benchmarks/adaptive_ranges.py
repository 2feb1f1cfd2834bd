"""Measure corrected price ranges: `python -m benchmarks.adaptive_ranges BUNDLE ROWS...`.

BUNDLE is a model that has not seen the ROWS (Parquet files of listings), for example the evaluated bundle of
a build and its test rows. After 500 sales all prices move at once; then sales of the moved market are
reported. After each number of them the coverage is measured on all rows at moved prices, without a
retraining. Each measurement is repeated with other sales. Each client reports five sales.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from benchmarks.results import describe_model, save

from carvalue.journal import Sale
from carvalue.monitoring.watcher import NEWEST_SALES, range_correction
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import range_scores
from carvalue.pricing.intervals import Floats, RangeCorrection

MOVES = (1.0, 1.1, 0.9, 1.05, 1.2)
COUNTS = (0, 50, 100, 200, 300, 500)
REPETITIONS = 100
PER_CLIENT = 5
INVENTED, INVENTED_RATIO = 205, 1 / 3
MIN_END = 500


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """Rows with their quotes in dollars, each of shape (rows,)."""

    asking: Floats
    price: Floats
    low: Floats
    high: Floats

    def sales(self, rows: Sequence[int], *, factor: float, clients: str = "client") -> list[Sale]:
        """Sell these rows at `factor` times their prices; the last one is first."""
        return [
            Sale(
                price=int(self.price[row]),
                low=int(self.low[row]),
                high=int(self.high[row]),
                sale_price=round(self.asking[row] * factor),
                client=f"{clients}-{number // PER_CLIENT}",
            )
            for number, row in enumerate(rows)
        ][::-1]

    def corrected(self, correction: RangeCorrection) -> "Quoted":
        """Apply a correction to all ranges."""
        below, above = np.log(self.price / self.low), np.log(self.high / self.price)
        below, above = correction.corrected(below, above)
        return replace(self, low=self.price * np.exp(-below), high=self.price * np.exp(above))

    def coverage(self, factor: float) -> float:
        """Compute the share of prices, times `factor`, within the range."""
        scores = range_scores(asking=self.asking * factor, quoted=self.price, low=self.low, high=self.high)
        return scores["coverage"]


def main(bundle: Path, files: Sequence[Path]) -> None:
    """Measure, print each row and write `results/adaptive_ranges.json`."""
    model, rows = PriceModel.load(bundle), pl.concat(map(pl.read_parquet, files), how="diagonal")
    quoted = quote(model, rows)
    random = np.random.default_rng(1)
    table = [row for factor in MOVES for row in after_sales(quoted, factor, random)]
    values = {"coverage": table, "attack": [attack(model, rows, random)], "rows": len(quoted.asking)}
    command = "python -m benchmarks.adaptive_ranges BUNDLE ROWS"
    save("adaptive_ranges", values, command=command, model=describe_model(bundle))


def quote(model: PriceModel, rows: pl.DataFrame) -> Quoted:
    """Quote rows with the ranges as they were calibrated."""
    quotes = model.quote_frame(rows)
    price, low, high = (quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high"))
    return Quoted(asking=rows["price"].cast(pl.Float64).to_numpy(), price=price, low=low, high=high)


def after_sales(quoted: Quoted, factor: float, random: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield the coverage after each number of sales of a market that has moved by a factor."""
    for count in COUNTS:
        corrections = [_after_move(quoted, factor, count, random) for _ in range(REPETITIONS)]
        shares = [quoted.corrected(item).coverage(factor) for item in corrections]
        tenth, ninth = np.quantile(shares, [0.1, 0.9])
        row = {
            "market": f"{factor - 1:+.0%}",
            "sales": count,
            "without correction": f"{quoted.coverage(factor):.1%}",
            "coverage": f"{np.mean(shares):.1%}",
            "in 8 of 10 repetitions": f"{tenth:.1%} to {ninth:.1%}",
            "lowest": f"{min(shares):.1%}",
            "level": f"{np.exp(np.mean([item.level for item in corrections])) - 1:+.1%}",
            "scale": f"{np.exp(np.mean([item.log_scale for item in corrections])):.3f}",
        }
        print(row, flush=True)
        yield row


def _after_move(quoted: Quoted, factor: float, count: int, random: np.random.Generator) -> RangeCorrection:
    before, after = (_draw(quoted, number, random) for number in (NEWEST_SALES - count, count))
    return range_correction([*quoted.sales(after, factor=factor), *quoted.sales(before, factor=1.0)])


def _draw(quoted: Quoted, count: int, random: np.random.Generator) -> list[int]:
    rows: list[int] = random.integers(0, len(quoted.asking), count).tolist()
    return rows


def attack(model: PriceModel, frame: pl.DataFrame, random: np.random.Generator) -> dict[str, object]:
    """Report invented sales at a third of the quotes, of as many clients as needed, after honest ones."""
    quoted = quote(model, frame)
    rows = _draw(quoted, NEWEST_SALES, random)
    at_quote = replace(quoted, asking=quoted.price)
    invented = at_quote.sales(rows[:INVENTED], factor=INVENTED_RATIO, clients="invented")
    honest = quoted.sales(rows[INVENTED:], factor=1.0)
    correction = range_correction([*invented, *honest])
    corrected = quote(replace(model, correction=correction), frame)
    row = {
        "invented sales": INVENTED,
        "honest sales": len(honest),
        "largest move of an end": f"{_largest_move(quoted, corrected):.1%}",
        "median move of the ends": f"{np.median(corrected.low / quoted.low) - 1:+.1%}, "
        f"{np.median(corrected.high / quoted.high) - 1:+.1%}",
        "coverage": f"{corrected.coverage(1.0):.1%}",
        "largest change of a price": f"{np.abs(corrected.price / quoted.price - 1).max():.0%}",
    }
    print(row, flush=True)
    return row


def _largest_move(before: Quoted, after: Quoted) -> float:
    """Compare ends of at least `MIN_END`: ranges are in whole dollars, which is much of a lower end of $9."""
    old, new = (np.concatenate([part.low, part.high]) for part in (before, after))
    return float(np.abs(new / old - 1)[old >= MIN_END].max())


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
