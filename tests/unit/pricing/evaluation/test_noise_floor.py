"""The noise floor is found again in listings whose noise is known."""

import numpy as np
import polars as pl
import pytest

from carvalue.pricing.evaluation.noise_floor import find_twins, noise_floor
from markets import a_market

NOISE = 0.2
CIVIC = {"manufacturer": "honda", "model": "civic", "year": 2012, "odometer": 100_000, "paint_color": None}


def _listings(rows: int, *, seed: int, **changes: object) -> pl.DataFrame:
    """Listings of equal cars, with prices of 10,000 dollars and normal noise."""
    random = np.random.default_rng(seed)
    price = pl.Series(np.exp(np.log(10_000) + random.normal(0, NOISE, rows)))
    told = {name: pl.lit(value) for name, value in {**CIVIC, **changes}.items()}
    same = a_market(rows=1).with_columns(**told)
    return pl.concat([same] * rows).with_columns(
        price=price, quoted=10_000.0, car=pl.int_range(pl.len(), dtype=pl.UInt64) + seed * rows
    )


def test_the_floor_of_normal_noise_is_found() -> None:
    train = _listings(1, seed=1, region="austin", odometer=102_000)
    train = pl.concat(
        [train.with_columns(model=pl.lit(f"civic {i}"), price=10_000.0 * p) for i, p in enumerate(_noise())]
    )
    quoted = _listings(len(train), seed=3, region="dallas")
    quoted = quoted.with_columns(model=pl.Series([f"Civic {i}" for i in range(len(train))]))

    found = noise_floor(train, quoted)

    true_floor = 0.6745 * NOISE
    assert found is not None
    assert found.twins == len(train)
    assert found.lower < true_floor < found.upper
    assert found.gap == pytest.approx(true_floor * 2**0.5, rel=0.06)
    assert found.error == pytest.approx(true_floor, rel=0.06)


def _noise() -> np.ndarray:
    return np.exp(np.random.default_rng(2).normal(0, NOISE, 3_000))


@pytest.mark.parametrize(
    ("twin", "is_one"),
    [
        ({"odometer": 103_000}, True),
        ({"odometer": 103_000, "model": " Civic "}, True),
        ({"odometer": 103_000, "paint_color": "red"}, True),
        ({"odometer": 103_000, "region": "dallas"}, False),  # perhaps the same dealer
        ({"odometer": 100_100}, False),  # perhaps the same car
        ({"odometer": 110_000}, False),
        ({"odometer": 103_000, "year": 2013}, False),
        ({"odometer": 103_000, "fuel": "hybrid"}, False),
        ({"odometer": None}, False),
    ],
)
def test_twins_are_other_cars_that_are_described_alike(twin: dict[str, object], *, is_one: bool) -> None:
    quoted = _listings(1, seed=1, region="dallas", fuel="gas")

    found = find_twins(_listings(1, seed=2, **{"region": "austin", "fuel": "gas", **twin}), quoted)

    assert (found.height == 1) == is_one


def test_few_twins_give_no_floor() -> None:
    assert (
        noise_floor(_listings(1, seed=1, region="austin", odometer=102_000), _listings(9, seed=2, region="x"))
        is None
    )
