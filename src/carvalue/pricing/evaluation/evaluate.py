"""How good a bundle is on rows that nobody trained or tuned on: overall, by slice, against its rivals."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.calibration import coverage_table
from carvalue.pricing.evaluation.plots import draw_all
from carvalue.pricing.evaluation.report import write_report
from carvalue.pricing.evaluation.scores import price_scores, range_scores
from carvalue.pricing.evaluation.slices import by_slice
from carvalue.pricing.model import PriceModel

logger = logging.getLogger(__name__)

RESULT, MODEL_CARD = "evaluation.json", "MODEL_CARD.md"
SLICES_TABLE, CALIBRATION, COMPARISON = TABLES = ("slices.csv", "calibration.csv", "comparison.csv")


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The model that a new one must stand beside: the one now in production."""

    name: str
    model: PriceModel


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores on the test rows; shares as fractions, `mae` in dollars."""

    rows: int
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    production: Mapping[str, float]
    """Of the model in production on the same rows; empty where there was none."""
    new_listings: Mapping[str, float] = field(default_factory=dict)
    """On the test rows and later advertisements of known cars; empty where those were not kept."""

    def save(self, folder: Path) -> None:
        """Write `evaluation.json`."""
        (folder / RESULT).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, folder: Path) -> "Evaluation":
        """Read what `save` wrote."""
        return cls(**json.loads((folder / RESULT).read_text()))


def evaluate_bundle(
    *,
    bundle: Path,
    train: Path,
    test: Path,
    into: Path,
    rival: Champion | None = None,
    reposts: Path | None = None,
) -> Evaluation:
    """Quote the test rows with a bundle and its rivals; write scores, tables, pictures and a model card."""
    model, rows = PriceModel.load(bundle), pl.read_parquet(test)
    quoted = quote_rows(model, rows, known=pl.read_parquet(train))
    by_rival = None if rival is None else _quoted(rival.model, rows)
    found = Evaluation(
        rows=rows.height,
        metrics=_metrics(quoted),
        baseline=_scores(quoted, "baseline"),
        production={} if by_rival is None else _metrics(by_rival),
        new_listings={} if reposts is None else _with_reposts(model, quoted, reposts=reposts),
    )
    beside = quoted if by_rival is None else quoted.with_columns(by_rival["quoted"].alias("production"))
    into.mkdir(parents=True, exist_ok=True)
    found.save(into)
    _write_tables(found, beside, rival=rival, into=into)
    draw_all(quoted, model=model, into=into)
    (into / MODEL_CARD).write_text(_card(model, quoted, into=into))
    logger.info("bundle evaluated", extra={"rows": rows.height, **found.metrics})
    return found


def score_bundle(*, bundle: Path, test: Path) -> dict[str, float]:
    """Score a bundle on rows with known prices: the same measures as `evaluate_bundle`, nothing written."""
    rows = pl.read_parquet(test)
    return _metrics(_quoted(PriceModel.load(bundle), rows))


def quote_rows(model: PriceModel, rows: pl.DataFrame, *, known: pl.DataFrame) -> pl.DataFrame:
    """Put the model's quotes and the baseline's beside the rows."""
    baseline = pl.Series("baseline", median_quotes(train=known, frame=rows))
    return _quoted(model, rows).with_columns(baseline)


def _quoted(model: PriceModel, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.hstack(model.quote_frame(rows).rename({"price": "quoted"}))


def _with_reposts(model: PriceModel, quoted: pl.DataFrame, *, reposts: Path) -> dict[str, float]:
    """Score the test rows together with later advertisements of cars that the model may know."""
    later = _quoted(model, pl.read_parquet(reposts))
    return _metrics(pl.concat([quoted.select(later.columns), later])) | {"rows": quoted.height + later.height}


def _write_tables(found: Evaluation, beside: pl.DataFrame, *, rival: Champion | None, into: Path) -> None:
    by_slice(beside).write_csv(into / SLICES_TABLE)
    coverage_table(beside).write_csv(into / CALIBRATION)
    rows = [
        {"model": "this one", **found.metrics},
        {"model": "median by make, family, year", **found.baseline},
    ]
    if rival is not None:
        rows.append({"model": f"in production: {rival.name}", **found.production})
    pl.DataFrame(rows, infer_schema_length=None).write_csv(into / COMPARISON)


def _card(model: PriceModel, quoted: pl.DataFrame, *, into: Path) -> str:
    return write_report(
        model.card,
        posted=quoted["posted_at"],
        comparison=pl.read_csv(into / COMPARISON),
        slices=pl.read_csv(into / SLICES_TABLE),
    )


def _metrics(quoted: pl.DataFrame) -> dict[str, float]:
    asked, price, low, high = (
        quoted[name].cast(pl.Float64).to_numpy() for name in ("price", "quoted", "low", "high")
    )
    return _scores(quoted, "quoted") | range_scores(asked=asked, quoted=price, low=low, high=high)


def _scores(quoted: pl.DataFrame, column: str) -> dict[str, float]:
    asked, price = (quoted[name].cast(pl.Float64).to_numpy() for name in ("price", column))
    return price_scores(asked=asked, quoted=price)
