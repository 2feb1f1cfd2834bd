"""Quantile trees make the intervals narrow where prices agree, and wide where they do not."""

from pathlib import Path

import numpy as np

from carvalue.pricing.evaluation import winkler_score
from carvalue.pricing.intervals import QuantileTrees, calibrate_intervals
from carvalue.pricing.intervals.conformal import SPREADS
from carvalue.pricing.intervals.quantile_trees import MIN_SPREAD
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.boosting import EncodedRows
from carvalue.pricing.training.libraries import fit_quantile_trees
from markets import a_listing

ROWS, QUOTED = 3_000, 9.0


def test_intervals_by_quantile_trees_have_a_better_winkler_score_and_the_same_coverage() -> None:
    trees = fitted_trees()
    calibrated, new = scattered_rows(seed=2), scattered_rows(seed=3)
    found = {}
    for quantile_trees in (None, trees):
        intervals = calibrate_intervals(
            calibrated.log_price - QUOTED, inputs=inputs_of(calibrated, quantile_trees)
        )
        below, above = intervals.offsets(inputs_of(new, quantile_trees))
        low, high = QUOTED - below, QUOTED + above
        covered = float(np.mean((new.log_price >= low) & (new.log_price <= high)))
        found[quantile_trees] = covered, winkler_score(asking=new.log_price, low=low, high=high)

    assert all(0.88 < covered < 0.92 for covered, _ in found.values())
    assert found[trees][1] < 0.8 * found[None][1]


def test_quantiles_of_the_distribution_agree_with_the_interval() -> None:
    trees, calibrated = fitted_trees(), scattered_rows(seed=2)
    inputs = inputs_of(calibrated, trees)
    intervals = calibrate_intervals(calibrated.log_price - QUOTED, inputs=inputs)

    below, above = intervals.offsets(inputs)
    low, middle, high = intervals.quantile_offsets(inputs, np.array([0.05, 0.5, 0.95])).T

    assert np.allclose(low, -below)
    assert np.allclose(high, above)
    assert not middle.any()


def test_spreads_have_a_least_size() -> None:
    below, above = fitted_trees().spreads(scattered_rows(seed=4).matrix, log_price=np.full(ROWS, 20.0))

    assert below.min() > 1  # far below such a quote
    assert np.unique(above).tolist() == [MIN_SPREAD]


def test_a_bundle_without_quantile_trees_is_read(model: PriceModel) -> None:
    files = {name: content for name, content in model.as_files().items() if "quantile" not in name}

    former = PriceModel.from_files(files, folder=Path("former"))

    assert len(model.as_files()) == len(files) + 2
    assert former.quantile_trees is None
    assert former.quote(a_listing()).price == model.quote(a_listing()).price
    assert former.quote(a_listing()).low != model.quote(a_listing()).low


def scattered_rows(*, seed: int) -> EncodedRows:
    """Make rows whose prices scatter five times as much where a feature without a factor is positive."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(ROWS, 3)).astype(np.float32)
    matrix[:, -1] = QUOTED
    sigma = np.where(matrix[:, 0] > 0, 0.5, 0.1)
    return EncodedRows(matrix=matrix, log_price=QUOTED + random.normal(size=ROWS) * sigma)


def fitted_trees() -> QuantileTrees:
    return fit_quantile_trees([100, 100], scattered_rows(seed=0), scattered_rows(seed=1))


def inputs_of(rows: EncodedRows, quantile_trees: QuantileTrees | None) -> dict[str, np.ndarray]:
    quoted = np.full(ROWS, QUOTED)
    if not quantile_trees:
        return {"price": quoted}
    spreads = quantile_trees.spreads(rows.matrix, log_price=quoted)
    return {"price": quoted} | dict(zip(SPREADS, spreads, strict=True))
