"""Live accuracy has confidence bounds, and is unknown with few sales."""

import pytest

from carvalue.journal.entries import Sale
from carvalue.monitoring.watcher.live_accuracy import (
    MIN_SALES,
    bound_influence,
    estimated_error,
    measure_live_accuracy,
    range_correction,
)
from carvalue.pricing.intervals import MAX_CORRECTION, NO_CORRECTION


def sales(count: int, *, sale_price: int = 10_000) -> list[Sale]:
    return [
        Sale(
            price=10_000 + 100 * number,
            low=8_000,
            high=12_000,
            sale_price=sale_price,
            client=f"client-{number % 40}",
        )
        for number in range(count)
    ]


def test_few_sales_give_no_accuracy() -> None:
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


def of(client: str | None, count: int) -> list[Sale]:
    return [Sale(price=2, low=1, high=3, sale_price=1, client=client) for _ in range(count)]


def test_thirty_sales_of_one_client_give_no_accuracy() -> None:
    for client in ("flood", None):
        live = measure_live_accuracy(of(client, 30))
        assert (live.sales, live.error) == (3, None)


def test_one_client_has_at_most_a_twentieth_and_may_always_have_three() -> None:
    honest = [sale for number in range(50) for sale in of(f"client-{number}", 2)]

    kept = bound_influence([*of("flood", 10_000), *honest])

    assert [sale.client for sale in kept].count("flood") == 5
    assert len(kept) == 105
    assert len(bound_influence(of("a", 9) + of("b", 2))) == 5


def test_four_clients_are_too_few_and_verified_ones_are_enough() -> None:
    four = [sale for number in range(4) for sale in of(f"client-{number}", 300)]

    assert measure_live_accuracy(four).error is None
    assert measure_live_accuracy(of("shop", 30), verified={"shop"}).error is not None
    assert measure_live_accuracy(of("shop", 30), verified={"other"}).error is None


def test_wider_ranges_give_a_larger_estimated_error() -> None:
    assert estimated_error(width=1.2, metrics={"mdape": 0.1, "width": 0.8}) == pytest.approx(0.15)


def sold(count: int, *, ratio: float, clients: int = 100, level: float = 1.0) -> list[Sale]:
    """Sales around `ratio` times their quotes, whose ranges were answered `level` times as calibrated."""
    return [
        Sale(
            price=20_000,
            low=round(15_000 * level),
            high=round(26_000 * level),
            sale_price=round(20_000 * ratio * (0.8 + 0.4 * (number * 0.618 % 1))),
            client=f"{ratio}-{number % clients}",
            calibrated_low=None if level == 1.0 else 15_000,
            calibrated_high=None if level == 1.0 else 26_000,
        )
        for number in range(count)
    ]


def test_sales_of_corrected_ranges_count_as_those_of_calibrated_ones() -> None:
    before, after = sold(400, ratio=1.1), sold(400, ratio=1.1, level=1.08)

    assert range_correction(after).is_active
    assert range_correction(before) == range_correction(after)
    assert range_correction([*after[:200], *before[200:]]) == range_correction(before)


def test_few_sales_or_few_clients_correct_nothing() -> None:
    assert range_correction(sold(MIN_SALES - 1, ratio=1.1)) == NO_CORRECTION
    assert range_correction(sold(400, ratio=1.1, clients=4)) == NO_CORRECTION


def test_a_client_that_an_operator_vouches_for_needs_no_others() -> None:
    assert range_correction(sold(400, ratio=1.1, clients=1), verified={"1.1-0"}).is_active


def test_prices_that_no_car_has_are_left_out() -> None:
    honest = sold(200, ratio=1.0)
    absurd = [Sale(price=20_000, low=1, high=2, sale_price=1, client=f"client-{n}") for n in range(200)]

    assert range_correction([*absurd, *honest]) == range_correction(honest)


def test_invented_sales_move_the_ranges_by_the_bound_at_most() -> None:
    honest = sold(295, ratio=1.0)
    one_client, many = (sold(205, ratio=1 / 3, clients=clients) for clients in (1, 205))

    assert abs(range_correction([*one_client, *honest]).level - range_correction(honest).level) <= 0.03
    attacked = range_correction([*many, *honest])
    assert -MAX_CORRECTION <= attacked.level <= 0
