"""Nine in ten asked prices lie in the range, whatever the errors' distribution."""

import numpy as np

from carvalue.pricing.ranges import calibrate


def test_a_range_covers_new_rows_as_promised() -> None:
    random = np.random.default_rng(3)
    errors = random.standard_t(3, 20_000) * 0.2 - 0.05

    found = calibrate(errors[:10_000])

    assert 0.89 < np.mean((errors[10_000:] >= -found.below) & (errors[10_000:] <= found.above)) < 0.91


def test_few_rows_give_a_wide_range_rather_than_none() -> None:
    assert calibrate(np.array([0.1, -0.2])).below == 0.2
