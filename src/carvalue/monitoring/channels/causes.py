"""Why a channel has changed, and whether its prices are affected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from carvalue.listings import NAME_FIELDS, OPEN_PLACES, PLACES
from carvalue.monitoring.channels.routes import API
from carvalue.monitoring.drift import INPUTS, DriftReport, FeatureDrift, FieldEffect

MIN_PRICE_CHANGE = 0.02  # of the price; a smaller mean change affects nobody's decision
MAX_WIDTH_RATIO = 1.25  # of the ranges now to those before: so much wider, so much larger is the error
TOGETHER = (frozenset(NAME_FIELDS), frozenset({*PLACES, *OPEN_PLACES}))
"""Fields that say the same in part, and move together when one of them breaks."""
RESIDUAL = "year_level"


class Cause(StrEnum):
    """Why quotes have changed."""

    OTHER_CARS = "other cars are asked for"
    FIELD_BROKE = "a field broke"
    PROGRAM_BROKE = "a client's program broke"
    MARKET_MOVED = "the market moved"


@dataclass(frozen=True, kw_only=True)
class DriftCause:
    """The cause of a confirmed drift.

    Attributes:
        channel: The channel that has changed.
        cause: Why.
        affects_prices: Whether prices are wrong because of it.
        price_change: The estimated mean absolute change of the price if a field broke; the share by which the
            error has grown if other cars are asked for.
        report: The drift of the channel.
    """

    channel: str
    cause: Cause
    affects_prices: bool
    price_change: float
    report: DriftReport


def diagnose(channel: str, report: DriftReport, *, effects: Mapping[str, FieldEffect]) -> DriftCause:
    """Tell a broken field from other cars, by whether other fields have changed with it.

    Other cars differ in several fields: older cars have more miles. A field that breaks is missing, has
    values that the training data lack, or changes alone. A year that is wrong by little changes no field
    enough, but is found as a residual: it does not fit the rest of the car.

    Args:
        channel: The channel.
        report: Its drift, with at least one confirmed feature.
        effects: What each field does to the price.

    Returns:
        The cause.
    """
    inputs = sorted(
        (item for item in report.features if item.name in INPUTS and item.state == "confirmed"),
        key=lambda item: -item.score,
    )
    broken = _broken(report, inputs)
    if broken is not None:
        change = _price_change(broken, effects[broken.name])
        cause = Cause.PROGRAM_BROKE if channel.startswith(f"{API}/") else Cause.FIELD_BROKE
        return DriftCause(
            channel=channel,
            cause=cause,
            affects_prices=change >= MIN_PRICE_CHANGE,
            price_change=change,
            report=report,
        )
    ratio = _width_ratio(report)
    return DriftCause(
        channel=channel,
        cause=Cause.OTHER_CARS,
        affects_prices=ratio >= MAX_WIDTH_RATIO,
        price_change=ratio - 1,
        report=report,
    )


def _broken(report: DriftReport, inputs: Sequence[FeatureDrift]) -> FeatureDrift | None:
    by_name = {item.name: item for item in report.features}
    if not inputs:
        return by_name["year"] if by_name[RESIDUAL].state == "confirmed" else None
    first = inputs[0]
    if first.kind in {"missing", "unseen"}:
        return first
    companions = next((group for group in TOGETHER if first.name in group), {first.name})
    return first if all(item.name in companions for item in inputs) else None


def _price_change(item: FeatureDrift, effect: FieldEffect) -> float:
    """Estimate how far prices move: the share of rows with another value, times the effect of that."""
    before, now = np.array(item.history), np.array(item.changed)
    missing = max(now[-2] - before[-2], 0)
    unseen = max(now[-1] - before[-1], 0)
    values, past = (part[:-2] / max(part[:-2].sum(), 1e-9) for part in (now, before))
    moved = np.abs(values - past).sum() / 2
    ranks = np.cumsum(past) - past / 2
    shifted = 3 * abs(float((values - past) @ ranks))  # two random cars are a third of all ranks apart
    present = now[:-2].sum()
    return float(missing * effect.missing + (unseen + max(moved, shifted) * present) * effect.other)


def _width_ratio(report: DriftReport) -> float:
    item = next(item for item in report.features if item.name == "range_width")
    before, now = item.medians
    return now / before if before else 1.0
