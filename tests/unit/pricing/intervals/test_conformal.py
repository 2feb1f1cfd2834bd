"""The intervals contain nine in ten asking prices, of all cars and of each group."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from carvalue.pricing.intervals.conformal import PriceIntervals, calibrate_intervals, interval_inputs
from carvalue.pricing.intervals.difficulty import cut_by_edges, fit_difficulty
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.assembly import hide_names
from markets import a_listing, a_market, an_encoder


def test_intervals_cover_new_rows_of_every_group() -> None:
    random = np.random.default_rng(3)
    year = random.integers(1990, 2021, 40_000).astype(float)
    errors = random.standard_t(3, 40_000) * np.where(year < 2005, 0.4, 0.1) - 0.05
    seen = {"price": random.normal(9, 1, 40_000), "year": year}
    half = 20_000

    found = calibrate_intervals(errors[:half], inputs={name: values[:half] for name, values in seen.items()})
    below, above = found.offsets({name: values[half:] for name, values in seen.items()})

    held = (errors[half:] >= -below) & (errors[half:] <= above)
    for group in (year[half:] < 2005, year[half:] >= 2005):
        assert 0.88 < np.mean(held[group]) < 0.92


def test_few_rows_give_wide_intervals() -> None:
    found = calibrate_intervals(np.array([0.1, -0.2]), inputs={"price": np.array([9.0, 9.0])})

    assert found.offsets({"price": np.array([9.0])})[0] == pytest.approx(0.2, rel=0.05)


def test_a_bin_too_small_for_the_coverage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    inputs = {"price": np.linspace(8.0, 11.0, 900)}

    calibrate_intervals(np.random.default_rng(5).normal(0, 0.2, 900), inputs=inputs, coverage=0.995)

    logged = [(record.bin, record.rows, record.required_rows) for record in caplog.records]  # type: ignore[attr-defined]
    assert logged == [("price 2 of 6", 208, 399), ("price 3 of 6", 208, 399)]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_few_rows_in_all_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    calibrate_intervals(np.full(18, 0.1), inputs={"price": np.full(18, 9.0)})

    (record,) = caplog.records
    assert (record.bin, record.rows, record.required_rows) == ("all rows", 18, 19)  # type: ignore[attr-defined]


def test_enough_rows_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    calibrate_intervals(np.full(19, 0.1), inputs={"price": np.full(19, 9.0)})

    assert not caplog.records


def test_intervals_are_saved_and_loaded(model: PriceModel) -> None:
    assert PriceIntervals.from_json(model.intervals.as_json()) == model.intervals


def test_unseen_values_have_a_larger_sigma() -> None:
    values = np.array([1.0] * 50 + [2.0] * 50)

    (fitted,) = fit_difficulty(
        [cut_by_edges("x", [1.5])], inputs={"x": values}, absolute_residuals=values / 10
    )

    assert fitted.log_sigmas[0] < fitted.log_sigmas[1] < fitted.log_sigmas[2]
    assert fitted.bin_indices(np.array([1.0, 2.0, np.nan])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("changes", [{"region": "nowhere"}, {"model": "zzz"}, {"manufacturer": "trabant"}])
def test_unknown_values_widen_the_interval(model: PriceModel, changes: dict[str, object]) -> None:
    known, unknown = model.quote(a_listing()), model.quote(a_listing(**changes))

    assert unknown.high / unknown.low > known.high / known.low


def test_categories_keep_their_sigma_when_codes_change(bundle: Path, model: PriceModel) -> None:
    other = an_encoder(a_market(rows=300, seed=12).filter(pl.col("manufacturer") != "porsche"))
    market = a_market(rows=50, seed=13).filter(pl.col("manufacturer") == "honda")

    again = model.intervals.recoded(old=model.encoder, new=other)

    ends = [
        ranges.offsets(
            interval_inputs(encoder, encoder.matrix(market), log_price=np.full(market.height, 9.0))
        )[0]
        for ranges, encoder in ((model.intervals, model.encoder), (again, other))
    ]
    assert ends[0] == pytest.approx(ends[1], rel=0.5)


@pytest.mark.parametrize("spread", [0.5, 0.02])
def test_intervals_of_hidden_names_are_scaled_to_cover_them(spread: float) -> None:
    random = np.random.default_rng(3)
    market = a_market(rows=2_000)
    encoder = an_encoder(market)
    seen, hidden = (
        interval_inputs(encoder, encoder.matrix(rows), log_price=np.full(rows.height, 9.0))
        for rows in (market, hide_names(market, "family"))
    )
    residuals, unseen = random.normal(0, 0.1, 2_000), random.normal(0, spread, 2_000)

    intervals = calibrate_intervals(
        residuals, inputs=seen, encoder=encoder, unseen={"family_rows": (unseen, hidden)}
    )

    below, above = intervals.offsets(hidden)
    assert np.mean((-below <= unseen) & (unseen <= above)) == pytest.approx(0.9, abs=0.01)
    below, above = intervals.offsets(seen)
    assert np.mean((-below <= residuals) & (residuals <= above)) == pytest.approx(0.9, abs=0.02)
