"""Add the errors of real listings: zero and absurd values, typing errors, empty fields."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from carvalue.listings.synthetic.cars import Cars, Rng, WordColumn
from carvalue.listings.synthetic.catalogue import Floats, Ints

ZERO_PRICE_SHARE = 0.074
TOKEN_PRICE_SHARE = 0.03  # a down payment or a placeholder instead of the price
ABSURD_PRICE_SHARE = 0.0016
_TOKEN_PRICES = (1, 1, 1, 123, 99, 199, 250, 299, 399, 495, 500, 500, 799, 995)
_ABSURD_PRICES = (
    *(111_111, 123_456, 150_000, 169_999, 189_500, 225_000, 249_900, 325_000, 499_999, 655_000, 999_999),
    *(1_111_111, 1_234_567, 2_950_000, 9_999_999, 11_111_111, 12_345_678, 99_999_999, 123_456_789),
    *(987_654_321, 1_111_111_111, 1_234_567_890, 3_456_789_123),
)
CLASSIC_SHARE = 0.022
_ODOMETER_ERRORS = {"zero": 0.005, "one": 0.0053, "thousands": 0.01, "ten_times": 0.003, "nines": 0.0013}
_NINES = (999_999.0, 9_999_999.0, 1_234_567.0, 10_000_000.0, 1_111_111.0)

# share of listings in which a field is empty
MISSING: Mapping[str, float] = {
    "year": 0.003,
    "model": 0.012,
    "fuel": 0.008,
    "odometer": 0.012,
    "title_status": 0.02,
    "transmission": 0.007,
    "drive": 0.3,
    "type": 0.215,
    "paint_color": 0.304,
    "VIN": 0.38,
    "size": 0.72,
}
_CONDITION_MISSING, _BOTH_MISSING = 0.414, 0.29  # condition and cylinders are often missing together


def corrupt_prices(rng: Rng, prices: Ints) -> Ints:
    """Replace some prices by zero, token or absurd prices.

    Args:
        rng: The random generator.
        prices: Asking prices in dollars, shape (cars,).

    Returns:
        Prices in dollars, shape (cars,).
    """
    count, u = len(prices), rng.random(len(prices))
    tokens = rng.choice(np.asarray(_TOKEN_PRICES), size=count)
    absurd = rng.choice(np.asarray(_ABSURD_PRICES), size=count)
    noisy = np.where(u < ZERO_PRICE_SHARE, 0, prices)
    noisy = np.where((u > 0.5) & (u < 0.5 + TOKEN_PRICE_SHARE), tokens, noisy)
    return np.where(u > 1 - ABSURD_PRICE_SHARE, absurd, noisy).astype(np.int64)


def corrupt_odometers(rng: Rng, odometer: Floats) -> Floats:
    """Replace some mileages by 0, by 1, by thousands of miles, by ten times the value, or by nines.

    Args:
        rng: The random generator.
        odometer: Miles, shape (cars,).

    Returns:
        Miles, shape (cars,).
    """
    kind = rng.choice(
        len(_ODOMETER_ERRORS) + 1, size=len(odometer), p=[*_ODOMETER_ERRORS.values(), _correct_share()]
    )
    nines = rng.choice(np.asarray(_NINES), size=len(odometer))
    errors = [
        np.zeros_like(odometer),
        np.ones_like(odometer),
        np.round(odometer / 1_000),
        odometer * 10,
        nines,
    ]
    return np.select([kind == index for index in range(len(errors))], errors, odometer).clip(0, 10_000_000)


def _correct_share() -> float:
    return 1.0 - sum(_ODOMETER_ERRORS.values())


def corrupt_years(rng: Rng, year: Ints) -> Ints:
    """Replace some model years by those of collectors' cars, by 1900 and by next year's.

    Args:
        rng: The random generator.
        year: Model years, shape (cars,).

    Returns:
        Model years, shape (cars,).
    """
    u = rng.random(len(year))
    classic = rng.triangular(1923, 1972, 1985, len(year)).astype(np.int64)
    noisy = np.where(u < CLASSIC_SHARE, classic, year)
    return np.where(u > 0.9997, 2022, np.where(u > 0.9994, 1900, noisy)).astype(np.int64)


def corrupt_types(rng: Rng, cars: Cars) -> WordColumn:
    """Choose the body type that the seller enters: some pickups become trucks, some cars 'other'.

    Args:
        rng: The random generator.
        cars: The cars.

    Returns:
        Body types, shape (cars,).
    """
    types = np.asarray([model.type for model in cars.models], dtype=object)
    u = rng.random(len(types))
    types = np.where((types == "pickup") & (u < 0.4), "truck", types)
    types = np.where((types == "truck") & (u > 0.75), "pickup", types)
    return np.where((u > 0.4) & (u < 0.45), "other", types).astype(object)


def corrupt_fuels(rng: Rng, fuel: WordColumn) -> WordColumn:
    """Replace some fuels by 'other'.

    Args:
        rng: The random generator.
        fuel: Fuels, shape (cars,).

    Returns:
        Fuels, shape (cars,).
    """
    return np.where(rng.random(len(fuel)) < 0.06, "other", fuel).astype(object)


def corrupt_transmissions(rng: Rng, transmission: WordColumn) -> WordColumn:
    """Replace some automatic transmissions by 'other'.

    Args:
        rng: The random generator.
        transmission: Transmissions, shape (cars,).

    Returns:
        Transmissions, shape (cars,).
    """
    replaced = (transmission == "automatic") & (rng.random(len(transmission)) < 0.155)
    return np.where(replaced, "other", transmission).astype(object)


def format_cylinders(rng: Rng, cylinders: WordColumn) -> WordColumn:
    """Format the numbers of cylinders as '6 cylinders'; some become 'other', and electric cars have none.

    Args:
        rng: The random generator.
        cylinders: Numbers of cylinders as text, shape (cars,).

    Returns:
        Values of the field `cylinders`, shape (cars,).
    """
    other = rng.random(len(cylinders)) < 0.003
    values = [
        "other" if is_other or count == "other" else f"{count} cylinders" if count else None
        for count, is_other in zip(cylinders, other, strict=True)
    ]
    return np.asarray(values, dtype=object)


def drop_values(rng: Rng, columns: Mapping[str, WordColumn]) -> dict[str, WordColumn]:
    """Remove values, with the share of missing values that each field has in the Kaggle data set.

    Args:
        rng: The random generator.
        columns: Column name to values, shape (cars,) each.

    Returns:
        The columns with None for missing values.
    """
    noisy = {name: _emptied(rng, column, MISSING.get(name, 0.0)) for name, column in columns.items()}
    u = rng.random(len(noisy["condition"]))
    both, only = u < _BOTH_MISSING, (u >= _BOTH_MISSING) & (u < _CONDITION_MISSING)
    only_cylinders = (u >= _CONDITION_MISSING) & (u < 2 * _CONDITION_MISSING - _BOTH_MISSING)
    noisy["condition"] = _blank(noisy["condition"], both | only)
    noisy["cylinders"] = _blank(noisy["cylinders"], both | only_cylinders)
    return noisy


def _emptied(rng: Rng, column: WordColumn, share: float) -> WordColumn:
    return _blank(column, rng.random(len(column)) < share)


def _blank(column: WordColumn, empty: NDArray[np.bool_]) -> WordColumn:
    blanked = column.copy()
    blanked[empty] = None
    return blanked
