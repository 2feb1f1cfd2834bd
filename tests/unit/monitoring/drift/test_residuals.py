"""A residual stays the same for other cars and moves with its own feature."""

import numpy as np
import polars as pl
import pytest

from carvalue.monitoring.drift.bins import Codes
from carvalue.monitoring.drift.residuals import fit_residual_model

MAKES = 4
YEARS = pl.Series([2000.0, 2005.0, 2010.0, 2015.0])


def some_cars(*, shares: list[float], seed: int) -> tuple[pl.DataFrame, Codes]:
    """Cars whose year follows their make, with the makes' codes."""
    random = np.random.default_rng(seed)
    makes = random.choice(MAKES, 4_000, p=shares)
    years = YEARS.to_numpy()[makes] + random.normal(0, 2, len(makes))
    rows = pl.DataFrame({"year": years, "price": 10_000 * np.exp(years / 100 - 20)})
    return rows, makes.astype(np.int64)[:, None]


@pytest.mark.parametrize("feature", ["year", "price"])
def test_other_cars_move_no_residual(feature: str) -> None:
    model = fit_residual_model(
        *some_cars(shares=[0.25] * MAKES, seed=1), feature=feature, numbers=(), categories=(0,)
    )

    newer, codes = some_cars(shares=[0.05, 0.05, 0.1, 0.8], seed=2)
    deviation = model.residuals(newer, codes).std()

    assert isinstance(deviation, float)
    assert model.residuals(newer, codes).mean() == pytest.approx(0, abs=0.1 * deviation)


def test_a_year_that_moves_by_itself_moves_its_residual() -> None:
    rows, codes = some_cars(shares=[0.25] * MAKES, seed=1)
    model = fit_residual_model(rows, codes, feature="year", numbers=(), categories=(0,))

    assert model.residuals(rows.with_columns(pl.col("year") + 1), codes).mean() == pytest.approx(1, abs=0.05)


def test_a_missing_value_has_no_residual() -> None:
    rows, codes = some_cars(shares=[0.25] * MAKES, seed=1)
    with_gaps = rows.with_columns(year=pl.when(pl.int_range(pl.len()) % 3 > 0).then("year"))

    model = fit_residual_model(with_gaps, codes, feature="year", numbers=(), categories=(0,))

    assert model.residuals(with_gaps, codes).null_count() == with_gaps["year"].null_count()
