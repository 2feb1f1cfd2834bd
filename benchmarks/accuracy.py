"""Write the accuracy of a trained model to `results/accuracy.json`: `python -m benchmarks.accuracy WORK`.

WORK is the work folder of `initial_model_dag` (STATE_DIR/storage/work/initial_model_dag): it holds the
evaluation of the last run with the evaluated model.
"""

import argparse
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import describe_model, save
from scipy.stats import binomtest

from carvalue.listings import CURRENCY
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import read_accuracy
from carvalue.registry import EVALUATED_MODEL

SLICES = ("make", "price third", "age third", "age")
FIGURES = ("rows", "mdape", "mae", "within_20", "coverage", "width")
METRICS: Mapping[str, str] = {
    "mdape": "median absolute percentage error",
    "mae": "mean absolute error, $",
    "within_5": "within 5 %",
    "within_10": "within 10 %",
    "within_20": "within 20 %",
    "rmse_log": "RMSE of the log price",
    "coverage": "coverage of the 90 % range",
    "width": "mean width of the range, relative to the price",
    "median_width": "median width of the range, relative to the price",
}


class Group(NamedTuple):
    """Coverage of the range in one group of test rows."""

    by: str
    name: str
    rows: int
    coverage: float

    def row(self) -> dict[str, str]:
        """Render the group with the 95 % interval of Wilson's binomial score."""
        held = round(self.coverage * self.rows)
        interval = binomtest(held, self.rows).proportion_ci(method="wilson")
        return {
            "by": self.by,
            "group": self.name,
            "rows": f"{self.rows:,}",
            "coverage": f"{self.coverage:.1%}",
            "95 % interval": f"{interval.low:.1%} to {interval.high:.1%}",
        }


def main() -> None:
    """Read the evaluation and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    evaluation = json.loads((work / "evaluation" / "evaluation.json").read_text())
    bundle = work / "evaluation" / EVALUATED_MODEL
    card = PriceModel.load(bundle).card
    columns = {
        "validation": card.metrics,
        "test: unseen cars": evaluation["metrics"],
        "test: new listings": evaluation["new_listings"],
        "baseline, unseen cars": evaluation["baseline"],
    }
    metrics = [
        {"metric": title} | {name: _shown(metric, column) for name, column in columns.items()}
        for metric, title in METRICS.items()
    ]
    values = {
        "rows": dict(card.rows) | {"test": evaluation["rows"]},
        "unseen": _rounded(evaluation["metrics"]),
        "new": _rounded(evaluation["new_listings"]),
        "noise floor of unseen cars with a twin": _floor(evaluation["noise_floor"]),
        "search": json.loads((work / "tuned.json").read_text()),
        "metrics": metrics,
        "slices": read_slices(work / "evaluation" / "slices.csv"),
        "coverage of the 90 % range": [group.row() for group in read_groups(work / "evaluation")],
    }
    command = "python -m benchmarks.accuracy STATE_DIR/storage/work/initial_model_dag"
    save("accuracy", values, command=command, model=describe_model(bundle))


def read_slices(path: Path) -> list[dict[str, object]]:
    """Return the slices of the evaluation by make, price and age, with rounded figures."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["slice"] in SLICES]
    return [
        {"slice": row["slice"], "value": row["value"]} | {name: _shown(name, row) for name in FIGURES}
        for row in rows
    ]


def read_groups(evaluation: Path) -> list[Group]:
    """Read the coverage by band of the quote, support grade and decile of the relative width."""
    accuracy = read_accuracy(evaluation)
    if accuracy is None:
        raise FileNotFoundError(f"{evaluation} has no accuracy.json: evaluate the model with this release.")
    symbol = CURRENCY.symbol
    groups = [
        Group("quote", f"from {symbol}{int(item.name):,}", item.rows, item.coverage)
        for item in accuracy.by_price
    ]
    groups += [Group("support", item.name, item.rows, item.coverage) for item in accuracy.by_support]
    with (evaluation / "calibration.csv").open(newline="") as file:
        groups += [
            Group(
                "width of the range",
                f"{float(row['from']):.0%} to {float(row['to']):.0%}",
                int(row["rows"]),
                float(row["coverage"]),
            )
            for row in csv.DictReader(file)
            if row["by"] == "width of range"
        ]
    return groups


def _floor(floor: Mapping[str, float]) -> list[dict[str, str]]:
    """Render the noise floor as a table of one row."""
    shares = {name: f"{floor[name]:.1%}" for name in ("gap", "lower", "upper", "error") if name in floor}
    return [{"twins": f"{floor['twins']:,.0f}", **shares}] if floor else []


def _shown(metric: str, row: Mapping[str, Any]) -> str:
    if row.get(metric) in {None, ""}:
        return ""
    value = float(row[metric])
    if metric in {"mdape", "coverage", "width", "median_width"} or metric.startswith("within"):
        return f"{value:.1%}"
    return f"{value:.3f}" if metric == "rmse_log" else f"{value:,.0f}"


def _rounded(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(metrics[name]), 4) for name in METRICS if name in metrics}


if __name__ == "__main__":
    main()
