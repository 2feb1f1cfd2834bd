"""The intervals and quantiles are those of crepes' Mondrian conformal predictive systems (Boström 2022)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from crepes import ConformalPredictiveSystem

from carvalue.pricing.intervals.conformal import IntervalInputs, PriceIntervals, calibrate_intervals
from carvalue.pricing.intervals.difficulty import total_log_sigma
from carvalue.pricing.intervals.distribution import LEVELS

Floats = npt.NDArray[np.float64]
ROWS, CALIBRATION_ROWS = 24_000, 20_011  # of each bin some number that is not a multiple of 20


@dataclass(frozen=True)
class Calibration:
    """Our intervals, and crepes fitted on the same residuals with the same difficulties and bins."""

    intervals: PriceIntervals
    reference: ConformalPredictiveSystem
    new: IntervalInputs
    sigmas: Floats
    bins: npt.NDArray[np.int64]

    def percentiles(self, *, lower: list[float], higher: list[float]) -> Floats:
        """Percentiles of the residual of each new row, as crepes computes them."""
        found: Floats = self.reference.predict_percentiles(
            np.zeros(len(self.sigmas)),
            sigmas=self.sigmas,
            bins=self.bins,
            lower_percentiles=lower,
            higher_percentiles=higher,
        )
        return found


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    random = np.random.default_rng(5)
    year = random.integers(1995, 2021, ROWS).astype(float)
    price = np.log(random.choice([3_000.0, 7_000.0, 15_000.0, 25_000.0, 35_000.0, 60_000.0], ROWS))
    residuals = random.standard_t(4, ROWS) * np.where(year < 2006, 0.3, 0.12) - 0.03
    calibrated, new = (
        {"price": price[rows], "year": year[rows]}
        for rows in (slice(CALIBRATION_ROWS), slice(CALIBRATION_ROWS, None))
    )
    intervals = calibrate_intervals(residuals[:CALIBRATION_ROWS], inputs=calibrated)
    reference = ConformalPredictiveSystem()
    reference.fit(
        residuals[:CALIBRATION_ROWS], sigmas=_sigmas(intervals, calibrated), bins=_bins(intervals, calibrated)
    )
    return Calibration(intervals, reference, new, _sigmas(intervals, new), _bins(intervals, new))


def _sigmas(intervals: PriceIntervals, inputs: IntervalInputs) -> Floats:
    sigmas: Floats = np.exp(total_log_sigma(intervals.factors, inputs, rows=len(inputs["price"])))
    return sigmas


def _bins(intervals: PriceIntervals, inputs: IntervalInputs) -> npt.NDArray[np.int64]:
    first, second = (item.bin_indices(inputs[item.name]) for item in intervals.bins)
    return first * 100 + second


def test_the_interval_is_that_of_crepes(calibration: Calibration) -> None:
    below, above = calibration.intervals.offsets(calibration.new)

    expected = calibration.percentiles(lower=[5], higher=[95])

    np.testing.assert_allclose(-below, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(above, expected[:, 1], rtol=1e-9)


def test_the_quantiles_are_those_of_crepes(calibration: Calibration) -> None:
    levels = [0.02, 0.25, 0.4, 0.75, 0.98]
    table = np.array(calibration.intervals.quantiles)[:, [LEVELS.index(level) for level in levels]]
    rows = calibration.intervals.bins[0].bin_indices(calibration.new["price"]) * len(
        calibration.intervals.bins[1].log_sigmas
    ) + calibration.intervals.bins[1].bin_indices(calibration.new["year"])

    expected = calibration.percentiles(lower=[2, 25, 40], higher=[75, 98])

    np.testing.assert_allclose(calibration.sigmas[:, None] * table[rows], expected, atol=2e-6)
