"""A drift in the notation of `--drift` changes only the requests that it names."""

from random import Random

import pytest

from carvalue.demo.scenarios import InvalidDrift, parse_drift
from carvalue.listings.schema import Value

CAR: dict[str, Value] = {"manufacturer": "ford", "year": 2014, "odometer": 100_000, "fuel": "gas"}


def applied(text: str, *, number: int = 5) -> dict[str, Value]:
    return parse_drift(text).apply(CAR, number=number, random=Random(1))  # noqa: S311


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("odometer*1.3@0", {"odometer": 130_000}),
        ("odometer*9@0", {"odometer": 400_000}),
        ("year+3@0", {"year": 2017}),
        ("year-1@5", {"year": 2013}),
        ("year=2020@0", {"year": 2020}),
        ("fuel=electric@0-6", {"fuel": "electric"}),
        ("odometer=@0", {"odometer": None}),
        ("fuel=electric@6", {}),
        ("fuel=electric@0-5", {}),
        ("fuel=electric~0%@0", {}),
    ],
)
def test_a_drift_changes_the_named_fields(text: str, changed: dict[str, Value]) -> None:
    assert applied(text) == CAR | changed


def test_a_share_changes_about_this_share_of_requests() -> None:
    drift, random = parse_drift("fuel=electric~10%@0"), Random(1)  # noqa: S311

    changed = [drift.apply(CAR, number=number, random=random)["fuel"] for number in range(2_000)]

    assert 150 < changed.count("electric") < 250


def test_a_missing_field_stays_missing() -> None:
    drift = parse_drift("odometer*2@0")

    assert drift.apply({"year": 2014}, number=0, random=Random(1)) == {"year": 2014, "odometer": None}  # noqa: S311


@pytest.mark.parametrize(
    "text", ["odometer*1.3", "wheels+1@0", "fuel*2@0", "year+x@0", "year+@0", "year==3@0", "", "year+1@-3"]
)
def test_an_invalid_drift_is_an_error(text: str) -> None:
    with pytest.raises(InvalidDrift, match="expected"):
        parse_drift(text)
