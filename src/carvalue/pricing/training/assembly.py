"""Assemble a price model from its parts: encoder, trees, intervals, known categories, card."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from importlib.metadata import version
from typing import Literal

import numpy as np
import polars as pl

from carvalue.errors import AppError
from carvalue.listings import NAME_FIELDS, PRICE
from carvalue.parallel import Table
from carvalue.pricing.bundle import GOLDEN_LISTINGS, ModelCard, Provenance
from carvalue.pricing.evaluation import score_listings, summarize_scores
from carvalue.pricing.features import car_name, distinct_cells
from carvalue.pricing.intervals import (
    UNCALIBRATED,
    Floats,
    IntervalInputs,
    QuantileTrees,
    calibrate_intervals,
)
from carvalue.pricing.market import KnownCategories, fit_comparables, fit_known_categories, fit_reference_car
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.components import COMPLETE, Components
from carvalue.pricing.training.encoding import (
    TrainingEncoder,
    TrainingRows,
    encode_unseen,
    fit_training_encoder,
)
from carvalue.pricing.trees import FlatTrees

LIBRARIES = ("carvalue", "xgboost-cpu", "numpy", "polars")
HIDDEN: Mapping[Literal["family", "make"], str] = {"family": "family_rows", "make": "make"}
"""Part of the name that is hidden -> difficulty factor that is scaled to cover such cars."""

Residuals = tuple[Floats, IntervalInputs]
"""Log asking price minus quoted log price of each row, and what the intervals depend on."""


class NoTrainingRows(AppError):
    """The dataset has no rows to train on."""

    status, hint = 409, "Make the datasets with `carvalue run creates_datasets_dag`."


@dataclass(frozen=True, kw_only=True)
class FittedTrees:
    """Gradient-boosted trees of any library.

    Attributes:
        flat_trees: The trees as arrays.
        rounds: Number of boosting rounds.
        booster_bytes: The booster in UBJSON format; empty where it is none of XGBoost's.
        quantile_trees: Trees of the quantiles of the log price; None for a model without them.
    """

    flat_trees: FlatTrees
    rounds: int
    booster_bytes: bytes = b""
    quantile_trees: QuantileTrees | None = None

    @property
    def quantile_rounds(self) -> tuple[int, ...]:
        """Number of boosting rounds of each quantile; empty for a model without quantile trees."""
        return self.quantile_trees.rounds if self.quantile_trees else ()


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the first fit rests on.

    Attributes:
        encoder: Encoder of the training rows.
        known_categories: Categories of the training rows.
        train: Training rows.
        validation: Rows that early stopping and the calibration use.
    """

    encoder: TrainingEncoder
    known_categories: KnownCategories
    train: TrainingRows
    validation: TrainingRows


def prepare(train: TrainingRows, validation: TrainingRows, *, components: Components = COMPLETE) -> Prepared:
    """Fit the encoder on the training rows.

    Args:
        train: Training rows.
        validation: Rows that early stopping and the calibration use.
        components: Components of the model.

    Returns:
        The encoder with the rows.
    """
    known_categories = fit_known_categories(train.scan())
    encoder = fit_training_encoder(train, components=components)
    return Prepared(encoder=encoder, known_categories=known_categories, train=train, validation=validation)


def assemble(
    prepared: Prepared,
    *,
    trees: FittedTrees,
    params: Mapping[str, float],
    provenance: Provenance,
    trained_at: datetime,
) -> PriceModel:
    """Build the first model, calibrate its price range and measure it on the validation rows.

    Args:
        prepared: Encoder and rows.
        trees: Trees that were fitted on the training rows.
        params: Parameters of the boosting, for the card.
        provenance: Origin of the data, for the card.
        trained_at: Time of the training, for the card.

    Returns:
        The model.

    Raises:
        NoTrainingRows: The rows have no posting date.
    """
    train = prepared.train.scan()
    model = PriceModel(
        booster_bytes=trees.booster_bytes,
        flat_trees=trees.flat_trees,
        quantile_trees=trees.quantile_trees,
        encoder=prepared.encoder.encoder,
        intervals=UNCALIBRATED,
        known_categories=prepared.known_categories,
        card=_card(
            prepared, params={**params, "rounds": trees.rounds}, provenance=provenance, trained_at=trained_at
        ),
        reference_car=fit_reference_car(train),
        comparables=fit_comparables(train),
    )
    return calibrated(model, prepared.validation)


def calibrated(model: PriceModel, held_out: TrainingRows) -> PriceModel:
    """Calibrate the price range of a model on rows that it has not seen, and measure the model on them.

    Args:
        model: The model.
        held_out: Rows that the model was not fitted on, with `price`; of too many, a sample is used.

    Returns:
        The model with these intervals, and the metrics in its card.
    """
    held_out = held_out.sample()
    parts = held_out.map(_part_residuals, description="calibrate ranges", model=model)
    (residuals, inputs), *unseen = (_joined(part) for part in zip(*parts, strict=True))
    intervals = calibrate_intervals(
        residuals,
        inputs=inputs,
        encoder=model.encoder,
        unseen=dict(zip(HIDDEN.values(), unseen, strict=True)),
        limits=_price_limits(held_out),
    )
    measured = replace(model, intervals=intervals)
    scores = pl.concat(held_out.map(_part_scores, description="measure the model", model=measured))
    return replace(measured, card=replace(model.card, metrics=summarize_scores(scores)))


def hide_names(rows: pl.DataFrame, part: Literal["family", "make"]) -> pl.DataFrame:
    """Replace the model family of each listing by an unknown one, to learn how unseen families are priced.

    Words of the trim stay. The model cannot use the name then, as it cannot use that of a new family.

    Args:
        rows: Listings.
        part: `family`, or `make` to hide both make and family.

    Returns:
        The listings with other names.

    Examples:
        >>> hide_names(pl.DataFrame({"manufacturer": ["ford"], "model": ["f-150 xlt"]}), "make").row(0)
        ('unseenmake', 'unseenfamily xlt')
    """
    index, cells = distinct_cells(rows, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    hidden = pl.DataFrame(
        {
            "manufacturer": [name.make if part == "family" else "unseenmake" for name in names],
            "model": [
                f"unseenfamily {name.text.removeprefix(name.family).strip()}".strip() for name in names
            ],
        },
        schema={"manufacturer": pl.String, "model": pl.String},
    )
    return rows.with_columns(hidden[index])


def _part_residuals(table: Table, *, model: PriceModel) -> list[Residuals]:
    """Compute the residuals of a part: with the names as they are, and with each of `HIDDEN` hidden."""
    rows = table().collect()
    return [_residuals(model, rows), *(_residuals(model, hide_names(rows, part)) for part in HIDDEN)]


def _price_limits(rows: TrainingRows) -> tuple[int, int] | None:
    """Return the limits of the cleaning; None if a frame from elsewhere has prices beyond them."""
    within = pl.col("price").is_between(PRICE.minimum, PRICE.maximum).all()
    are_within = rows.scan().select(within).collect().item()
    return (PRICE.minimum, PRICE.maximum) if are_within else None


def _part_scores(table: Table, *, model: PriceModel) -> pl.DataFrame:
    return score_listings(model, table().collect())


def _joined(parts: Sequence[Residuals]) -> Residuals:
    residuals = [part for part, _ in parts]
    inputs = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
    return np.concatenate(residuals), inputs


def _residuals(model: PriceModel, rows: pl.DataFrame) -> Residuals:
    encoded = encode_unseen(model.encoder, rows, newest_year=model.known_categories.newest_year)
    log_price = model.log_prices(encoded.matrix)
    return encoded.log_price - log_price, model.interval_inputs(encoded.matrix, log_price=log_price)


def refitted(
    measured: PriceModel,
    *,
    rows: TrainingRows,
    refit: Callable[[TrainingEncoder], FittedTrees],
    components: Components = COMPLETE,
) -> PriceModel:
    """Fit the same model on more rows, so that the newest listings are learned too.

    Args:
        measured: The first model.
        rows: All rows to fit on.
        refit: Function that fits the trees with an encoder of these rows.
        components: Components of the model.

    Returns:
        The model with the intervals of the first one, and golden quotes.
    """
    table = rows.scan()
    known_categories = fit_known_categories(table)
    training_encoder = fit_training_encoder(rows, components=components)
    trees, encoder = refit(training_encoder), training_encoder.encoder
    model = replace(
        measured,
        booster_bytes=trees.booster_bytes,
        flat_trees=trees.flat_trees,
        quantile_trees=trees.quantile_trees,
        encoder=encoder,
        intervals=measured.intervals.recoded(old=measured.encoder, new=encoder),
        known_categories=known_categories,
        reference_car=fit_reference_car(table),
        comparables=fit_comparables(table),
    )
    return with_golden(model)


def with_new_rows(model: PriceModel, *, all_rows: TrainingRows, rows: Mapping[str, int]) -> PriceModel:
    """Update the card of a model that was fitted on more rows; the metrics stay.

    Args:
        model: The refitted model.
        all_rows: All rows of the fit.
        rows: Name of a split that was added -> its number of rows.

    Returns:
        The model with the new card.

    Raises:
        NoTrainingRows: No row has a posting date.
    """
    card = replace(
        model.card,
        data_as_of=_newest_day(all_rows),
        newest_year=model.known_categories.newest_year,
        rows={**model.card.rows, **rows},
    )
    return replace(model, card=card)


def with_golden(model: PriceModel) -> PriceModel:
    """Add the quotes that are checked when the bundle is loaded.

    Args:
        model: The finished model.

    Returns:
        The model with its golden quotes.
    """
    return replace(model, golden=tuple(zip(GOLDEN_LISTINGS, model.quote_many(GOLDEN_LISTINGS), strict=True)))


def _card(
    prepared: Prepared, *, params: Mapping[str, float], provenance: Provenance, trained_at: datetime
) -> ModelCard:
    train, held_out = prepared.train, prepared.validation
    return ModelCard(
        **asdict(provenance),
        data_as_of=max(_newest_day(train), _newest_day(held_out)),
        trained_at=trained_at,
        newest_year=prepared.known_categories.newest_year,
        rows={"train": train.count(), "validation": held_out.count()},
        metrics={},
        params=params,
        versions={"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    )


def _newest_day(rows: TrainingRows) -> date:
    newest = rows.scan().select(pl.col("posted_at").max()).collect().item()
    if not isinstance(newest, datetime):
        raise NoTrainingRows("Training rows: expected at least one row with `posted_at`, found none.")
    return newest.date()
