"""Check invariants: properties that the prices of any model must have, whatever its error.

The gates run them on every challenger, on a sample of the test rows. Reference: behavioural testing, Ribeiro
et al. (2020), "Beyond accuracy: behavioral testing of NLP models with CheckList".
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import polars as pl

from carvalue.listings import (
    CURRENCY,
    DISTANCE,
    EARLIEST_YEAR,
    FIELDS,
    LATEST_YEAR,
    MARKET,
    NUMBER_FIELDS,
    Listing,
    NumberField,
)
from carvalue.listings.datasets import missing_categories
from carvalue.listings.markets import PriceOrder
from carvalue.pricing.features import MIN_PLAUSIBLE_ODOMETER
from carvalue.pricing.market import PriceEstimate

SAMPLE_ROWS, SAMPLE_SEED = 300, 0
SINGLE_ROWS = 60  # rows that are also quoted one by one
# Below the first of these an odometer may be implausible; the price is then not monotone in it.
ODOMETERS = (
    MIN_PLAUSIBLE_ODOMETER,
    *map(DISTANCE.from_miles, (10_000, 40_000, 80_000, 150_000, 250_000, 400_000)),
)
YEAR_CHANGES = (-8, -3, -1, 0, 1, 3)
LEVELS = 7  # values of another number field with a monotone constraint
_OTHER_MONOTONE = tuple(
    field for field in NUMBER_FIELDS if field.monotone and field.name not in {"year", "odometer"}
)
MIN_SHARE_CHANGED = 0.5  # share of the rows; the swapped make and model may be the same
INVALID_LISTINGS: tuple[Listing, ...] = (
    {},
    {"manufacturer": "", "model": "", "region": ""},
    {"manufacturer": "no such make", "model": "?" * 500, "year": LATEST_YEAR, "odometer": 0},
    {"manufacturer": "\U0001f697", "model": "\x00\u202e", "condition": "no such condition", "state": "zz"},
    {"model": "'; drop table quotes; --", "year": 1, "odometer": -1},
    {"year": 10**9, "odometer": 10**12},
)


class Pricer(Protocol):
    """Quotes single listings and frames; `PriceModel` is one."""

    def quote(self, listing: Listing) -> PriceEstimate:
        """Quote one listing.

        Args:
            listing: Any listing.

        Returns:
            The quote.
        """

    def quote_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Quote a frame of listings.

        Args:
            frame: Listings, one a row.

        Returns:
            `price`, `low` and `high` in dollars, row for row.
        """


@dataclass(frozen=True, kw_only=True)
class InvariantResult:
    """Result of one check.

    Attributes:
        name: The invariant, as a sentence.
        checked: Number of comparisons.
        violated: Number of comparisons in which the invariant does not hold.
        example: The worst violation, in parentheses; empty if there is none.
        not_applicable: Why the listings cannot violate the invariant; empty where it was checked.
    """

    name: str
    checked: int
    violated: int
    example: str
    not_applicable: str = ""

    @property
    def passed(self) -> bool:
        """Whether the invariant was checked and never violated, or is not applicable."""
        return bool(self.not_applicable) or (self.checked > 0 and self.violated == 0)


def check_invariants(model: Pricer, rows: pl.DataFrame) -> tuple[InvariantResult, ...]:
    """Check every invariant on a fixed sample of listings.

    A check that raises an exception counts as violated. An invariant of a field that the listings lack is not
    applicable.

    Args:
        model: The model to check.
        rows: Listings with known makes and models.

    Returns:
        One result for each invariant, in a fixed order.
    """
    names = [field.name for field in FIELDS if field.name in rows.columns]
    sample = rows.select(names).sample(min(SAMPLE_ROWS, rows.height), seed=SAMPLE_SEED, shuffle=True)
    checks: dict[str, Callable[[Pricer, pl.DataFrame], InvariantResult]] = {
        f"more {DISTANCE.unit} never raise the price": _odometer_decreasing,
        "newer never lowers the price": _year_increasing,
        **{_monotone_name(field): partial(_monotone, field=field) for field in _OTHER_MONOTONE},
        **{order.name: partial(_category_lowers, order=order, rows=rows) for order in MARKET.orders},
        "make and model move the price": _names_matter,
        "invalid listings have a price": _invalid_is_priced,
        "one row is priced as in a frame": _single_equals_frame,
    }
    return tuple(_run(name, check, model, sample) for name, check in checks.items())


def violations(results: Iterable[InvariantResult]) -> tuple[str, ...]:
    """Describe the checks that did not pass.

    Args:
        results: Results of `check_invariants`.

    Returns:
        One sentence for each failed check; empty if all passed.

    Examples:
        >>> violations([
        ...     InvariantResult(name="newer never lowers the price", checked=300, violated=0, example=""),
        ...     InvariantResult(name="fair is below excellent", checked=1, violated=1, example="(by $120)"),
        ... ])
        ('fair is below excellent: violated in 1 of 1 comparisons (by $120)',)
    """
    return tuple(_violation(result) for result in results if not result.passed)


def _violation(result: InvariantResult) -> str:
    counts = f"violated in {result.violated} of {result.checked} comparisons"
    return f"{result.name}: {counts} {result.example}".rstrip()


def _run(
    name: str, check: Callable[[Pricer, pl.DataFrame], InvariantResult], model: Pricer, sample: pl.DataFrame
) -> InvariantResult:
    try:
        return replace(check(model, sample), name=name)
    except Exception as error:  # any exception of a challenger is a violation
        return InvariantResult(name=name, checked=1, violated=1, example=f"({type(error).__name__}: {error})")


def _odometer_decreasing(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    variants = [sample.with_columns(odometer=pl.lit(value, pl.Float64)) for value in ODOMETERS]
    return _never_rising(model, variants)


def _year_increasing(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    dated = sample.drop_nulls("year")
    variants = [
        dated.with_columns((pl.col("year") + change).clip(EARLIEST_YEAR, LATEST_YEAR).alias("year"))
        for change in sorted(YEAR_CHANGES, reverse=True)
    ]
    return _never_rising(model, variants)


def _monotone_name(field: NumberField) -> str:
    return f"a larger {field.name} never {'lowers' if field.monotone > 0 else 'raises'} the price"


def _monotone(model: Pricer, sample: pl.DataFrame, *, field: NumberField) -> InvariantResult:
    steps = np.linspace(field.minimum, field.maximum, LEVELS).round()
    values = steps[:: -field.monotone]  # from the most expensive value to the cheapest
    return _never_rising(model, [sample.with_columns(pl.lit(value).alias(field.name)) for value in values])


def _never_rising(model: Pricer, variants: Sequence[pl.DataFrame]) -> InvariantResult:
    """Price variants of the same cars; no car may cost more in one variant than in the one before."""
    prices = np.stack([_prices(model, variant) for variant in variants])
    rises = np.diff(prices, axis=0)
    example = ""
    if (rises > 0).any():
        step, row = (int(index) for index in np.unravel_index(rises.argmax(), rises.shape))
        cars = [_car(variant, row) for variant in variants[step : step + 2]]
        dear, cheap = (CURRENCY.format(prices[index, row]) for index in (step + 1, step))
        example = f"({cheap} for {cars[0]}, {dear} for {cars[1]})"
    return _result(checked=rises.size, violated=int((rises > 0).sum()), example=example)


def _category_lowers(
    model: Pricer, sample: pl.DataFrame, *, order: PriceOrder, rows: pl.DataFrame
) -> InvariantResult:
    worse, better = order.worse, order.better
    if reason := missing_categories(rows, order):
        return InvariantResult(name="", checked=0, violated=0, example="", not_applicable=reason)
    low, high = (
        float(np.mean(_prices(model, sample.with_columns(pl.lit(category).alias(order.field)))))
        for category in (worse, better)
    )
    example = (
        ""
        if low < high
        else f"(on average {CURRENCY.format(low)} if {worse}, {CURRENCY.format(high)} if {better})"
    )
    return _result(checked=1, violated=int(bool(example)), example=example)


def _names_matter(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    names = ("manufacturer", "model")
    swapped = sample.with_columns(pl.concat([sample[name].tail(1), sample[name].head(-1)]) for name in names)
    changed = float(np.mean(_prices(model, sample) != _prices(model, swapped)))
    is_violated = changed < MIN_SHARE_CHANGED
    example = f"(another car's make and model change {changed:.0%} of the prices)" if is_violated else ""
    return _result(checked=1, violated=int(is_violated), example=example)


def _invalid_is_priced(model: Pricer, _: pl.DataFrame) -> InvariantResult:
    quotes = [(listing, model.quote(listing)) for listing in INVALID_LISTINGS]
    wrong = [(listing, quote) for listing, quote in quotes if not 0 < quote.low <= quote.price <= quote.high]
    example = f"({dict(wrong[0][0])} is quoted as {wrong[0][1]})" if wrong else ""
    return _result(checked=len(quotes), violated=len(wrong), example=example)


def _single_equals_frame(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    rows = sample.head(SINGLE_ROWS)
    in_frame = model.quote_frame(rows).select("price", "low", "high").rows()
    singles = [model.quote(listing) for listing in rows.iter_rows(named=True)]
    different = [
        (one, row)
        for one, row in zip(singles, in_frame, strict=True)
        if (one.price, one.low, one.high) != row
    ]
    example = f"({different[0][0]} alone, {different[0][1]} in a frame)" if different else ""
    return _result(checked=len(singles), violated=len(different), example=example)


def _result(*, checked: int, violated: int, example: str) -> InvariantResult:
    return InvariantResult(name="", checked=checked, violated=violated, example=example)


def _prices(model: Pricer, frame: pl.DataFrame) -> np.ndarray:
    return model.quote_frame(frame)["price"].to_numpy()


def _car(frame: pl.DataFrame, row: int) -> str:
    car = frame.row(row, named=True)
    return " ".join(str(car.get(name)) for name in ("year", "manufacturer", "model", "odometer"))
