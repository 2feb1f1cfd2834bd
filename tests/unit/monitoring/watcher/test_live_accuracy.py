"""Live accuracy has confidence bounds, and is unknown with few sales."""

import pytest

from carvalue.journal.entries import Sale
from carvalue.monitoring.watcher.live_accuracy import MIN_SALES, estimated_error, measure_live_accuracy


def sales(count: int, *, sale_price: int = 10_000) -> list[Sale]:
    return [
        Sale(price=10_000 + 100 * number, low=8_000, high=12_000, sale_price=sale_price)
        for number in range(count)
    ]


def test_a_few_sales_say_nothing() -> None:
    live = measure_live_accuracy(sales(MIN_SALES - 1))

    assert live.sales == MIN_SALES - 1
    assert live.error is live.coverage is None


def test_the_median_error_lies_between_its_bounds() -> None:
    live = measure_live_accuracy(sales(101))

    assert live.error is not None
    assert live.error.value == pytest.approx(0.5)
    assert live.error.low == pytest.approx(0.4, abs=0.01)
    assert live.error.high == pytest.approx(0.6, abs=0.01)


def test_coverage_counts_sales_within_the_range() -> None:
    live = measure_live_accuracy([*sales(80), *sales(20, sale_price=20_000)])

    assert live.coverage is not None
    assert live.coverage.value == pytest.approx(0.8)
    assert live.coverage.low < 0.8 < live.coverage.high


def test_wider_ranges_promise_a_larger_error() -> None:
    assert estimated_error(width=1.2, metrics={"mdape": 0.1, "width": 0.8}) == pytest.approx(0.15)
