"""Evaluate a bundle on test rows: overall, by slice, against a baseline and against the champion."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from carvalue.files import StoredFormat, json_bytes, read_json
from carvalue.listings.datasets import read_sample, sampled_cars
from carvalue.pricing.bundle import Accuracy
from carvalue.pricing.evaluation.accuracy import earlier_versions, measure_accuracy
from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.calibration import coverage_table, pit_table
from carvalue.pricing.evaluation.noise_floor import as_metrics, noise_floor
from carvalue.pricing.evaluation.plots import draw_all
from carvalue.pricing.evaluation.report import write_report
from carvalue.pricing.evaluation.scores import (
    distribution_scores,
    price_scores,
    range_scores,
    score_distributions,
)
from carvalue.pricing.evaluation.slices import by_slice
from carvalue.pricing.model import PriceModel

logger = logging.getLogger(__name__)

EVALUATION_FORMAT = StoredFormat(kind="evaluation")
RESULT, MODEL_CARD, ACCURACY = "evaluation.json", "MODEL_CARD.md", "accuracy.json"
TABLES = ("slices.csv", "calibration.csv", "comparison.csv", "pit.csv")
SLICES_TABLE, CALIBRATION, COMPARISON, PIT = TABLES
CHAMPION_KEY = "production"
"""Key of the champion's scores in `evaluation.json`, and column of its quotes."""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The model in production, which a challenger is compared with.

    Attributes:
        name: How tables name it, for example `version 7`.
        model: The model that quotes, which was fitted on all listings of its time.
        evaluated: The model before that last fit, which has not seen the newest listings of its time; None if
            it is unknown.
    """

    name: str
    model: PriceModel
    evaluated: PriceModel | None = None

    def quote(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Quote listings as if they were new: those that the model was fitted on by the one before that fit.

        Args:
            rows: Listings with `price` and `posted_at`.

        Returns:
            The rows with `quoted`, `low`, `high`, `warnings`, `kinds`, `crps` and `pit`, in the same order.
        """
        if self.evaluated is None:
            return _quoted(self.model, rows)
        is_new = pl.col("posted_at").dt.date() > self.model.card.data_as_of
        numbered = rows.with_row_index("_row")
        parts = ((self.model, numbered.filter(is_new)), (self.evaluated, numbered.filter(~is_new)))
        quoted = [_quoted(model, part) for model, part in parts if part.height]
        return pl.concat(quoted).sort("_row").drop("_row") if quoted else _quoted(self.model, rows)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores on the test rows.

    The measures are those of `price_scores`, `range_scores` and `distribution_scores`.

    Attributes:
        rows: Number of test rows.
        metrics: Scores of the evaluated model.
        baseline: Scores of the median baseline, without those of a price range and a distribution.
        champion: Scores of the champion on the same rows; empty if there was none.
        new_listings: Scores of the evaluated model on the test rows and later listings of known cars, and
            their number as `rows`; empty if the later listings were not kept.
        noise_floor: Attributes of `NoiseFloor`; empty if too few test rows have a twin.
    """

    rows: int
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    champion: Mapping[str, float]
    new_listings: Mapping[str, float] = field(default_factory=dict)
    noise_floor: Mapping[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write `evaluation.json`.

        Args:
            folder: An existing folder.
        """
        content = {CHAMPION_KEY if key == "champion" else key: value for key, value in asdict(self).items()}
        EVALUATION_FORMAT.write(folder / RESULT, content)

    @classmethod
    def load(cls, folder: Path) -> "Evaluation":
        """Read what `save` wrote.

        Args:
            folder: Folder with `evaluation.json`.

        Returns:
            The scores.

        Raises:
            FileNotFoundError: The folder has no evaluation.
            FormatUnknown: A newer release wrote it.
        """
        content = EVALUATION_FORMAT.read(folder / RESULT)
        return cls(champion=content.pop(CHAMPION_KEY), **content)


def evaluate_bundle(
    *,
    bundle: Path,
    train: Path,
    test: Path,
    into: Path,
    champion: Champion | None = None,
    reposts: Path | None = None,
) -> Evaluation:
    """Quote the test rows, or a sample of more than a million; write scores, tables, plots and a model card.

    Args:
        bundle: Folder of the bundle to evaluate.
        train: Training rows, a Parquet file or a folder of Parquet files, for the baseline.
        test: Test rows, likewise; no step of the training may have read them.
        into: Folder for the results; it is created if needed.
        champion: Model in production, which quotes the same rows.
        reposts: Later listings of cars in the training rows, likewise.

    Returns:
        The scores.

    Raises:
        BundleCorrupt: A file of the bundle is missing or does not match its checksum.
        BundleIncompatible: This version of the program cannot use the bundle.
    """
    model, rows, known = PriceModel.load(bundle), read_sample(test), read_sample(train)
    quoted = quote_rows(model, rows, train=known)
    champion_quoted = None if champion is None else champion.quote(rows)
    evaluation = Evaluation(
        rows=rows.height,
        metrics=_metrics(quoted),
        baseline=_price_scores(quoted, "baseline"),
        champion={} if champion_quoted is None else _metrics(champion_quoted),
        new_listings={}
        if reposts is None
        else _score_with_reposts(model, quoted, reposts=read_sample(reposts, one_in=sampled_cars(test))),
        noise_floor=as_metrics(noise_floor(known, quoted)),
    )
    into.mkdir(parents=True, exist_ok=True)
    evaluation.save(into)
    compared = quoted
    if champion_quoted is not None:
        compared = quoted.with_columns(champion_quoted["quoted"].alias(CHAMPION_KEY))
    _write_tables(evaluation, compared, champion=champion, into=into)
    draw_all(quoted, model=model, into=into)
    card = _model_card(model, quoted, floor=evaluation.noise_floor, into=into)
    (into / MODEL_CARD).write_text(card)
    accuracy = measure_accuracy(
        quoted,
        metrics=evaluation.metrics,
        new_listings=evaluation.new_listings,
        noise_floor=evaluation.noise_floor,
        earlier=earlier_versions(champion.name, champion.model.card) if champion else (),
    )
    (into / ACCURACY).write_bytes(json_bytes(accuracy.as_json()))
    logger.info("bundle evaluated", extra={"rows": rows.height, **evaluation.metrics})
    return evaluation


def read_accuracy(folder: Path) -> Accuracy | None:
    """Read the accuracy that `evaluate_bundle` wrote.

    Args:
        folder: Folder of the evaluation.

    Returns:
        The accuracy; None where an earlier release evaluated.
    """
    path = folder / ACCURACY
    if not path.exists():
        return None
    return Accuracy.from_json(read_json(path.read_bytes(), name=ACCURACY, folder=folder))


def quote_rows(model: PriceModel, rows: pl.DataFrame, *, train: pl.DataFrame) -> pl.DataFrame:
    """Add the quotes of a model and of the median baseline to listings.

    Args:
        model: The model.
        rows: Listings with `price`.
        train: Training rows, for the baseline.

    Returns:
        The rows with `quoted`, `low`, `high`, `warnings`, `kinds`, `crps`, `pit` and `baseline`.
    """
    baseline = pl.Series("baseline", median_quotes(train=train, frame=rows))
    return _quoted(model, rows).with_columns(baseline)


def _quoted(model: PriceModel, rows: pl.DataFrame) -> pl.DataFrame:
    quotes = model.quote_frame(rows).rename({"price": "quoted"})
    return rows.hstack(quotes).hstack(score_distributions(model, rows))


def _score_with_reposts(
    model: PriceModel, quoted: pl.DataFrame, *, reposts: pl.DataFrame
) -> dict[str, float]:
    later = _quoted(model, reposts)
    return _metrics(pl.concat([quoted.select(later.columns), later])) | {"rows": quoted.height + later.height}


def _write_tables(
    evaluation: Evaluation, compared: pl.DataFrame, *, champion: Champion | None, into: Path
) -> None:
    by_slice(compared).write_csv(into / SLICES_TABLE)
    coverage_table(compared).write_csv(into / CALIBRATION)
    pit_table(compared["pit"]).write_csv(into / PIT)
    rows = [
        {"model": "this one", **evaluation.metrics},
        {"model": "median by make, family, year", **evaluation.baseline},
    ]
    if champion is not None:
        rows.append({"model": f"in production: {champion.name}", **evaluation.champion})
    pl.DataFrame(rows, infer_schema_length=None).write_csv(into / COMPARISON)


def _model_card(model: PriceModel, quoted: pl.DataFrame, *, floor: Mapping[str, float], into: Path) -> str:
    return write_report(
        model.card,
        posted=quoted["posted_at"],
        grades=quoted["support_grade"],
        comparison=pl.read_csv(into / COMPARISON),
        slices=pl.read_csv(into / SLICES_TABLE),
        pit=pl.read_csv(into / PIT),
        floor=floor,
    )


def _metrics(quoted: pl.DataFrame) -> dict[str, float]:
    asking, price, low, high = (
        quoted[name].cast(pl.Float64).to_numpy() for name in ("price", "quoted", "low", "high")
    )
    return {
        **_price_scores(quoted, "quoted"),
        **range_scores(asking=asking, quoted=price, low=low, high=high),
        **distribution_scores(quoted),
    }


def _price_scores(quoted: pl.DataFrame, column: str) -> dict[str, float]:
    asking, price = (quoted[name].cast(pl.Float64).to_numpy() for name in ("price", column))
    return price_scores(asking=asking, quoted=price)
