"""What any price must do, whatever its error: checked on every candidate, on a sample of test rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import polars as pl

from carvalue.listings import EARLIEST_YEAR, FIELDS, LATEST_YEAR, Listing
from carvalue.pricing.features import MIN_PLAUSIBLE_MILES
from carvalue.pricing.quote import Quote

SAMPLE_ROWS, SAMPLE_SEED = 300, 0
SINGLE_ROWS = 60  # quoted one by one
# Below the first of these an odometer may not be believed, and more miles may then raise the price.
MILES = (MIN_PLAUSIBLE_MILES, 10_000, 40_000, 80_000, 150_000, 250_000, 400_000)
YEARS_APART = (-8, -3, -1, 0, 1, 3)
MIN_SHARE_MOVED = 0.5  # of the rows: another row's make and model may be the same ones
NONSENSE: tuple[Listing, ...] = (
    {},
    {"manufacturer": "", "model": "", "region": ""},
    {"manufacturer": "no such make", "model": "?" * 500, "year": LATEST_YEAR, "odometer": 0},
    {"manufacturer": "\U0001f697", "model": "\x00\u202e", "condition": "no such condition", "state": "zz"},
    {"model": "'; drop table quotes; --", "year": 1, "odometer": -1},
    {"year": 10**9, "odometer": 10**12},
)


class Pricer(Protocol):
    """Whatever prices one listing and a frame of them."""

    def quote(self, listing: Listing) -> Quote:
        """Price one listing."""

    def quote_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Price a frame: price, low, high, warnings."""


@dataclass(frozen=True, kw_only=True)
class InvariantResult:
    """How one promise was kept."""

    name: str
    tried: int
    broken: int
    worst: str
    """The worst example; empty where the promise holds."""

    @property
    def passed(self) -> bool:
        """Whether it was tried at all, and never broken."""
        return self.tried > 0 and self.broken == 0


def check_invariants(model: Pricer, rows: pl.DataFrame) -> tuple[InvariantResult, ...]:
    """Run every check; one that raises is broken, because nobody knows what it would have found.

    `rows` are listings with known makes and models, of which a fixed sample is priced.
    """
    names = [field.name for field in FIELDS if field.name in rows.columns]
    sample = rows.select(names).sample(min(SAMPLE_ROWS, rows.height), seed=SAMPLE_SEED, shuffle=True)
    checks: dict[str, Callable[[Pricer, pl.DataFrame], InvariantResult]] = {
        "more miles never raise the price": _more_miles,
        "newer never lowers the price": _newer,
        "a salvage title lowers prices": partial(
            _lowers, field="title_status", worse="salvage", better="clean"
        ),
        "fair is below excellent": partial(_lowers, field="condition", worse="fair", better="excellent"),
        "make and model move the price": _names_matter,
        "nonsense has a price": _nonsense,
        "one row is priced as in a frame": _alike,
    }
    return tuple(_run(name, check, model, sample) for name, check in checks.items())


def violations(checks: Iterable[InvariantResult]) -> tuple[str, ...]:
    """Say of each check that did not pass how often and how it was broken."""
    return tuple(
        f"{check.name}: broken {check.broken} times of {check.tried} {check.worst}".rstrip()
        for check in checks
        if not check.passed
    )


def _run(
    name: str, check: Callable[[Pricer, pl.DataFrame], InvariantResult], model: Pricer, sample: pl.DataFrame
) -> InvariantResult:
    try:
        found = check(model, sample)
    except Exception as error:  # whatever a candidate raises is the finding
        return InvariantResult(name=name, tried=1, broken=1, worst=f"({type(error).__name__}: {error})")
    return InvariantResult(name=name, tried=found.tried, broken=found.broken, worst=found.worst)


def _more_miles(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    ways = [sample.with_columns(odometer=pl.lit(miles, pl.Float64)) for miles in MILES]
    return _never_rising(model, ways)


def _newer(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    dated = sample.drop_nulls("year")
    ways = [
        dated.with_columns((pl.col("year") + years).clip(EARLIEST_YEAR, LATEST_YEAR).alias("year"))
        for years in sorted(YEARS_APART, reverse=True)
    ]
    return _never_rising(model, ways)


def _never_rising(model: Pricer, ways: Sequence[pl.DataFrame]) -> InvariantResult:
    """Price the same cars in several ways; no car may cost more in one than in the way before."""
    prices = np.stack([_prices(model, way) for way in ways])
    rises = np.diff(prices, axis=0)
    worst = ""
    if (rises > 0).any():
        step, row = (int(place) for place in np.unravel_index(rises.argmax(), rises.shape))
        cars = [_car(way, row) for way in ways[step : step + 2]]
        worst = f"(${prices[step, row]} for {cars[0]}, ${prices[step + 1, row]} for {cars[1]})"
    return InvariantResult(name="", tried=rises.size, broken=int((rises > 0).sum()), worst=worst)


def _lowers(model: Pricer, sample: pl.DataFrame, *, field: str, worse: str, better: str) -> InvariantResult:
    low, high = (
        float(np.mean(_prices(model, sample.with_columns(pl.lit(word).alias(field)))))
        for word in (worse, better)
    )
    said = "" if low < high else f"(on average ${low:.0f} where {worse}, ${high:.0f} where {better})"
    return InvariantResult(name="", tried=1, broken=int(bool(said)), worst=said)


def _names_matter(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    names = ("manufacturer", "model")
    others = sample.with_columns(pl.concat([sample[name].tail(1), sample[name].head(-1)]) for name in names)
    moved = float(np.mean(_prices(model, sample) != _prices(model, others)))
    said = "" if moved >= MIN_SHARE_MOVED else f"(another car's names move {moved:.0%} of the prices)"
    return InvariantResult(name="", tried=1, broken=int(bool(said)), worst=said)


def _nonsense(model: Pricer, _: pl.DataFrame) -> InvariantResult:
    quotes = [(listing, model.quote(listing)) for listing in NONSENSE]
    wrong = [(listing, quote) for listing, quote in quotes if not 0 < quote.low <= quote.price <= quote.high]
    worst = f"({dict(wrong[0][0])} is {wrong[0][1]})" if wrong else ""
    return InvariantResult(name="", tried=len(quotes), broken=len(wrong), worst=worst)


def _alike(model: Pricer, sample: pl.DataFrame) -> InvariantResult:
    few = sample.head(SINGLE_ROWS)
    framed = model.quote_frame(few).select("price", "low", "high").rows()
    singles = [model.quote(listing) for listing in few.iter_rows(named=True)]
    pairs = [
        (one, row) for one, row in zip(singles, framed, strict=True) if (one.price, one.low, one.high) != row
    ]
    worst = f"({pairs[0][0]} alone, {pairs[0][1]} in a frame)" if pairs else ""
    return InvariantResult(name="", tried=len(singles), broken=len(pairs), worst=worst)


def _prices(model: Pricer, frame: pl.DataFrame) -> np.ndarray:
    return model.quote_frame(frame)["price"].to_numpy()


def _car(frame: pl.DataFrame, row: int) -> str:
    car = frame.row(row, named=True)
    return " ".join(str(car.get(name)) for name in ("year", "manufacturer", "model", "odometer"))
