"""Tests of live accuracy are rarely wrong, however long they run, and find worse errors soon."""

import json

import numpy as np

from carvalue.journal.entries import Sale
from carvalue.monitoring.watcher.accuracy_tests import AT_ONCE, AccuracyTests, error_factors, later_share

ERRORS = np.abs(np.random.default_rng(1).laplace(0, 0.17, 200_000))
METRICS = {
    "mdape": float(np.median(ERRORS)),
    "within_20": float((ERRORS <= 0.2).mean()),
    "coverage": 0.9,
    **{f"error_p{share}0": float(np.quantile(ERRORS, share / 10)) for share in range(1, 10)},
}


def capital(errors: np.ndarray) -> np.ndarray:
    borders, factors = error_factors(METRICS)
    bets = np.log(factors)[np.searchsorted(borders, errors)]
    current = np.full((len(errors), factors.shape[1]), np.log(AT_ONCE))
    capitals = []
    for sale in range(errors.shape[1]):
        current = np.logaddexp(current, later_share(sale + 1)) + bets[:, sale]
        capitals.append(np.logaddexp.reduce(current, axis=1) - np.log(factors.shape[1]))
    return np.column_stack(capitals)


def test_few_streams_of_usual_errors_ever_alarm() -> None:
    errors = np.random.default_rng(2).choice(ERRORS, (400, 4_000))

    assert (capital(errors).max(axis=1) > np.log(1 / 0.03)).mean() <= 0.04


def test_errors_a_quarter_larger_are_found_within_150_sales() -> None:
    errors = np.random.default_rng(3).choice(ERRORS, (200, 1_000)) * 1.25
    beyond = capital(errors) > np.log(1 / 0.03)

    assert np.median(np.where(beyond.any(axis=1), beyond.argmax(axis=1), 10_000)) <= 150


def a_sale(sale_price: int, client: str) -> Sale:
    return Sale(price=20_000, low=16_000, high=24_000, sale_price=sale_price, client=client)


def test_sales_of_one_client_raise_nothing() -> None:
    tests = AccuracyTests(metrics=METRICS)
    tests.add([a_sale(5_000, "flood")] * 2_000, verified=())

    assert (tests.sales, tests.is_inaccurate, tests.is_uncovered, tests.bias) == (3, False, False, 0)


def test_a_restart_changes_nothing() -> None:
    tests = AccuracyTests(metrics=METRICS)
    tests.add([a_sale(12_000, f"client-{number}") for number in range(20)], verified=())
    resumed = AccuracyTests.from_json(json.loads(json.dumps(tests.as_json())), metrics=METRICS)
    more = [a_sale(12_000, f"client-{number}") for number in range(20, 60)]
    tests.add(more, verified=())
    resumed.add(more, verified=())

    assert resumed.as_json() == tests.as_json()
    assert resumed.is_inaccurate
    assert resumed.bias == 1
