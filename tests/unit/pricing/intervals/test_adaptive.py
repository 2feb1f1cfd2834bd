"""The correction by sales brings the coverage back after a market move, and its influence is bounded."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.pricing.intervals import (
    MAX_CORRECTION,
    NO_CORRECTION,
    Floats,
    RangeCorrection,
    correct_by_sales,
)

CARS = 40_000


def cars(seed: int) -> tuple[Floats, Floats, Floats]:
    """Draw residuals of cars that scatter differently, with intervals that contain nine in ten."""
    random = np.random.default_rng(seed)
    sigmas = np.exp(random.normal(log(0.17), 0.4, CARS))
    scaled = random.standard_t(5, CARS) * random.choice([0.9, 1.2], CARS)
    residuals = sigmas * scaled
    return residuals, sigmas * -np.quantile(scaled, 0.05), sigmas * np.quantile(scaled, 0.95)


def coverage(residuals: Floats, below: Floats, above: Floats, correction: RangeCorrection) -> float:
    below, above = correction.corrected(below, above)
    return float(((-below <= residuals) & (residuals <= above)).mean())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [1.1, 0.9])
def test_coverage_is_back_within_300_sales_after_a_move(factor: float, seed: int) -> None:
    residuals, below, above = cars(seed)
    moved = residuals + log(factor)
    sales = np.concatenate([residuals[:200], moved[200:500]])

    correction = correct_by_sales(sales, below=below[:500], above=above[:500])

    assert coverage(moved, below, above, NO_CORRECTION) < 0.88
    assert coverage(moved, below, above, correction) > 0.88


@pytest.mark.parametrize("seed", range(5))
def test_a_market_that_does_not_move_keeps_its_coverage(seed: int) -> None:
    residuals, below, above = cars(seed)

    correction = correct_by_sales(residuals[:500], below=below[:500], above=above[:500])

    assert 0.88 < coverage(residuals, below, above, correction) < 0.92


def test_the_same_sales_have_the_same_correction() -> None:
    residuals, below, above = (part[:300] for part in cars(1))

    first, second = (correct_by_sales(residuals, below=below, above=above) for _ in range(2))

    assert first == second
    assert first.sales == second.sales == 300


def test_it_counts_on_which_side_a_sale_lies_not_how_far() -> None:
    ends = np.full(100, 0.3)
    far, further = (np.full(100, residual) for residual in (0.5, 5.0))

    assert correct_by_sales(far, below=ends, above=ends) == correct_by_sales(further, below=ends, above=ends)


@given(
    residuals=st.lists(st.floats(-20, 20), max_size=200),
    below=st.floats(0, 2),
    above=st.floats(0, 2),
)
def test_no_sales_move_an_end_beyond_the_bound(residuals: list[float], below: float, above: float) -> None:
    ends = (np.full(len(residuals), below), np.full(len(residuals), above))

    correction = correct_by_sales(np.array(residuals), below=ends[0], above=ends[1])
    lower, upper = correction.corrected(np.array([below]), np.array([above]))

    assert abs(lower[0] - below) <= MAX_CORRECTION + 1e-12
    assert abs(upper[0] - above) <= MAX_CORRECTION + 1e-12
    assert lower[0] >= 0
    assert upper[0] >= 0


@pytest.mark.parametrize("values", [(0.2, 0), (0, -1), (float("nan"), 0), (0, float("inf")), (0, 1_000)])
def test_a_correction_beyond_its_bounds_is_refused(values: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected at most"):
        RangeCorrection(level=values[0], log_scale=values[1])


@given(level=st.floats(-0.095, 0.095), log_scale=st.floats(-0.4, 0.4), offset=st.floats(-1, 1))
def test_quantiles_keep_their_order_and_end_at_the_interval(
    level: float, log_scale: float, offset: float
) -> None:
    correction = RangeCorrection(level=level, log_scale=log_scale)
    below, above = np.array([0.3]), np.array([0.2])
    offsets = np.array([sorted((-0.3, 0.0, 0.2, offset))])

    corrected = correction.corrected_quantiles(offsets, below=below, above=above)
    lower, upper = correction.corrected(below, above)

    assert (np.diff(corrected) >= 0).all()
    by_offset = dict(zip(offsets[0].tolist(), corrected[0].tolist(), strict=True))
    assert by_offset[-0.3] == pytest.approx(-lower[0])
    assert by_offset[0.0] == 0
    assert by_offset[0.2] == pytest.approx(upper[0])
