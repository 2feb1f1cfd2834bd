"""A difference is significant only if chance cannot explain it."""

import numpy as np

from carvalue.registry.gates.bootstrap import paired_change


def errors(*, rows: int = 2_000, seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.abs(np.random.default_rng(seed).normal(0, 0.2, rows))


def test_equal_errors_are_no_change() -> None:
    change = paired_change(mine=errors(), theirs=errors(), confidence=0.95)

    assert (change.measured, change.low, change.high) == (0, 0, 0)


def test_pairing_detects_a_small_difference() -> None:
    theirs = errors()

    paired = paired_change(mine=theirs * 0.99, theirs=theirs, confidence=0.95)
    apart = paired_change(mine=errors(seed=1) * 0.99, theirs=theirs, confidence=0.95)

    assert paired.high < 0
    assert apart.low < 0 < apart.high


def test_the_false_positive_rate_is_as_stated() -> None:
    """Of models that are equally good, about one in twenty is taken for better."""
    random = np.random.default_rng(3)
    surely_better = 0
    for _ in range(40):
        hard = np.abs(random.normal(0, 0.2, 200))
        mine, theirs = (np.abs(hard + random.normal(0, 0.05, 200)) for _ in range(2))
        surely_better += paired_change(mine=mine, theirs=theirs, confidence=0.95).high < 0

    assert surely_better <= 6  # of 40 at 5 %: more than that is a matter of one in three hundred
