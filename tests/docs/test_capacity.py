"""Machines and costs for large loads are computed from measurements of one program."""

import pytest
from benchmarks import capacity

WINDOW = {
    "quotes": 100,
    "CPU us per quote, services": 1_000,
    "CPU us per quote, PostgreSQL": 100,
    "CPU us per quote, watcher": 50,
}
MEASURED = {
    "scale": {"bytes per quote": 1_000},
    "sustained": {
        "windows": [WINDOW, WINDOW | {"quotes": 300, "CPU us per quote, services": 2_000}],
    },
    "scoring": {"rows per CPU second": 10_000},
    "cluster": {
        "steps": [
            {"listings": "1,000,000", "on": "two workers", "step": "train", "CPU s": 360},
            {"listings": "1,000,000", "on": "one process", "step": "train", "CPU s": 180},
        ]
    },
}


def dollars(rate: int) -> dict[str, float]:
    rows = capacity.machines(capacity.unit_costs(MEASURED), rate=rate)
    return {row["part"]: float(row["$ a month"].replace(",", "")) for row in rows}


def test_a_quote_costs_the_average_over_all_quotes() -> None:
    costs = capacity.unit_costs(MEASURED)

    assert costs["CPU us, price service"] == 1_750
    assert costs["bytes of the journal"] == 1_000


def test_the_part_that_is_full_first_comes_first() -> None:
    rates = [
        float(row["quotes/s"].replace(",", "")) for row in capacity.limits(capacity.unit_costs(MEASURED))
    ]

    assert rates == sorted(rates)
    assert 20_000 in rates  # the watcher's core


def test_costs_grow_with_the_rate() -> None:
    small, large = dollars(1_000), dollars(10_000)

    assert large["journal"] == pytest.approx(10 * small["journal"], rel=0.01)
    assert large["price service"] == pytest.approx(10 * small["price service"], rel=0.1)
    assert small["together"] == sum(value for part, value in small.items() if part != "together")


def test_work_is_in_proportion_to_the_listings() -> None:
    hours = {row["step"]: float(row["vCPU hours"]) for row in capacity.work(MEASURED, listings=100_000_000)}

    assert hours == {"train": 10, "score a file": pytest.approx(2.8)}


def test_measurements_of_two_programs_are_refused() -> None:
    assert capacity.common_commit({"scale": {"commit": "a"}, "cluster": {"commit": "a"}}) == "a"
    with pytest.raises(SystemExit, match=r"different programs.*cluster"):
        capacity.common_commit({"scale": {"commit": "a"}, "cluster": {"commit": "b"}})
