"""Nine in ten asked prices lie in the range: of all cars, and of the clear and the unclear ones."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from carvalue.pricing.intervals.conformal import PriceRange, calibrate_range, interval_inputs
from carvalue.pricing.intervals.difficulty import cut_by_edges, fit_difficulty
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.cross_fitting import fit_encoder
from markets import a_listing, a_market


def test_a_range_covers_new_rows_of_every_group_as_promised() -> None:
    random = np.random.default_rng(3)
    year = random.integers(1990, 2021, 40_000).astype(float)
    errors = random.standard_t(3, 40_000) * np.where(year < 2005, 0.4, 0.1) - 0.05
    seen = {"price": random.normal(9, 1, 40_000), "year": year}
    half = 20_000

    found = calibrate_range(errors[:half], seen={name: values[:half] for name, values in seen.items()})
    below, above = found.ends({name: values[half:] for name, values in seen.items()})

    held = (errors[half:] >= -below) & (errors[half:] <= above)
    for group in (year[half:] < 2005, year[half:] >= 2005):
        assert 0.88 < np.mean(held[group]) < 0.92


def test_few_rows_give_a_wide_range_rather_than_none() -> None:
    found = calibrate_range(np.array([0.1, -0.2]), seen={"price": np.array([9.0, 9.0])})

    assert found.ends({"price": np.array([9.0])})[0] == pytest.approx(0.2, rel=0.05)


def test_a_range_passes_through_its_file(model: PriceModel) -> None:
    assert PriceRange.from_json(model.ranges.as_json()) == model.ranges


def test_what_nobody_has_seen_scatters_more() -> None:
    values = np.array([1.0] * 50 + [2.0] * 50)

    (fitted,) = fit_difficulty([cut_by_edges("x", [1.5])], seen={"x": values}, errors=values / 10)

    assert fitted.worth[0] < fitted.worth[1] < fitted.worth[2]
    assert fitted.bands(np.array([1.0, 2.0, np.nan])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("changes", [{"region": "nowhere"}, {"model": "zzz"}, {"manufacturer": "trabant"}])
def test_the_unknown_widens_the_range(model: PriceModel, changes: dict[str, object]) -> None:
    known, unknown = model.quote(a_listing()), model.quote(a_listing(**changes))

    assert unknown.high / unknown.low > known.high / known.low


def test_words_keep_their_worth_when_codes_change(bundle: Path, model: PriceModel) -> None:
    other = fit_encoder(a_market(rows=300, seed=12).filter(pl.col("manufacturer") != "porsche"))
    market = a_market(rows=50, seed=13).filter(pl.col("manufacturer") == "honda")

    again = model.ranges.recoded(old=model.encoder, new=other)

    ends = [
        ranges.ends(interval_inputs(encoder, encoder.matrix(market), log_price=np.full(market.height, 9.0)))[
            0
        ]
        for ranges, encoder in ((model.ranges, model.encoder), (again, other))
    ]
    assert ends[0] == pytest.approx(ends[1], rel=0.5)
