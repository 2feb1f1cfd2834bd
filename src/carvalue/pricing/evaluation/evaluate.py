"""How good a bundle is on rows that nobody trained or tuned on: overall, by slice, against the baseline."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.pictures import draw_all
from carvalue.pricing.evaluation.scores import range_scores, scores
from carvalue.pricing.evaluation.slices import by_slice
from carvalue.pricing.model import PriceModel

logger = logging.getLogger(__name__)

RESULT, SLICES = "evaluation.json", "slices.csv"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores on the test rows; shares as fractions, `mae` in dollars."""

    rows: int
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]

    def save(self, folder: Path) -> None:
        """Write `evaluation.json`."""
        (folder / RESULT).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, folder: Path) -> "Evaluation":
        """Read what `save` wrote."""
        return cls(**json.loads((folder / RESULT).read_text()))


def evaluate(*, bundle: Path, train: Path, test: Path, into: Path) -> Evaluation:
    """Quote the test rows with a bundle; write scores, slices and pictures into a folder."""
    model, rows = PriceModel.load(bundle), pl.read_parquet(test)
    quoted = quoted_rows(model, rows, known=pl.read_parquet(train))
    found = Evaluation(rows=rows.height, metrics=_metrics(quoted), baseline=_scores(quoted, "baseline"))
    into.mkdir(parents=True, exist_ok=True)
    found.save(into)
    by_slice(quoted).write_csv(into / SLICES)
    draw_all(quoted, model=model, into=into)
    logger.info("bundle evaluated", extra={"rows": rows.height, **found.metrics})
    return found


def bundle_scores(*, bundle: Path, test: Path) -> dict[str, float]:
    """Score a bundle on rows with known prices: the same measures as `evaluate`, nothing written."""
    rows = pl.read_parquet(test)
    quotes = PriceModel.load(bundle).quote_frame(rows)
    return _metrics(rows.hstack(quotes.rename({"price": "quoted"})))


def quoted_rows(model: PriceModel, rows: pl.DataFrame, *, known: pl.DataFrame) -> pl.DataFrame:
    """Put the model's quotes and the baseline's beside the rows."""
    quotes = model.quote_frame(rows).rename({"price": "quoted"})
    baseline = pl.Series("baseline", median_quotes(train=known, frame=rows))
    return rows.hstack(quotes).with_columns(baseline)


def _metrics(quoted: pl.DataFrame) -> dict[str, float]:
    asked, price, low, high = (
        quoted[name].cast(pl.Float64).to_numpy() for name in ("price", "quoted", "low", "high")
    )
    return _scores(quoted, "quoted") | range_scores(asked=asked, quoted=price, low=low, high=high)


def _scores(quoted: pl.DataFrame, column: str) -> dict[str, float]:
    asked, price = (quoted[name].cast(pl.Float64).to_numpy() for name in ("price", column))
    return scores(asked=asked, quoted=price)
