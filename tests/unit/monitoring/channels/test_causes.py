"""A confirmed change of a channel gets a cause."""

import pytest

from carvalue.monitoring.channels import Cause, DriftCause, diagnose
from carvalue.monitoring.drift import INPUTS, DriftReport, FeatureDrift
from carvalue.monitoring.drift.effects import FieldEffect
from carvalue.monitoring.drift.statistics import Kind

FEATURES = (*INPUTS, "year_level", "range_width")
EFFECTS = {name: FieldEffect(missing=0.1, other=0.2) for name in INPUTS}
BEFORE, AFTER = (0.8, 0.2, 0.0, 0.0), (0.2, 0.8, 0.0, 0.0)  # two bins, missing, unseen


def a_feature(name: str, *, score: float, kind: Kind, widths: tuple[float, float]) -> FeatureDrift:
    return FeatureDrift(
        name=name,
        state="confirmed" if score >= 1 else "clean",
        score=score,
        description="",
        since=None,
        labels=("low", "high", "missing", "unseen"),
        reference=BEFORE,
        window=BEFORE,
        history=BEFORE,
        changed=AFTER if score >= 1 else BEFORE,
        kind=kind,
        medians=widths,
    )


def cause_of(
    scores: dict[str, float],
    *,
    channel: str = "page",
    kind: Kind = "values",
    widths: tuple[float, float] = (0.5, 0.5),
) -> DriftCause:
    features = [a_feature(name, score=scores.get(name, 0.1), kind=kind, widths=widths) for name in FEATURES]
    report = DriftReport(
        state="confirmed",
        since=None,
        provisional=False,
        rows=5_000,
        window=1_000,
        features=tuple(sorted(features, key=lambda item: -item.score)),
    )
    return diagnose(channel, report, effects=EFFECTS)


def test_several_changed_fields_are_other_cars_however_much_one_of_them_stands_out() -> None:
    assert cause_of({"year": 9.0, "odometer": 1.1, "year_level": 6.0}).cause == Cause.OTHER_CARS


@pytest.mark.parametrize(
    ("channel", "cause"), [("page", Cause.FIELD_BROKE), ("api/dealer", Cause.PROGRAM_BROKE)]
)
def test_a_field_that_changes_alone_broke(channel: str, cause: Cause) -> None:
    found = cause_of({"odometer": 3.0, "year": 0.9}, channel=channel)

    assert found.cause == cause
    assert found.affects_prices


def test_fields_that_say_the_same_count_as_one() -> None:
    assert cause_of({"manufacturer": 3.0, "model": 2.0}).cause == Cause.FIELD_BROKE


@pytest.mark.parametrize("kind", ["missing", "unseen"])
def test_a_field_without_known_values_broke_whatever_else_changes(kind: Kind) -> None:
    assert cause_of({"manufacturer": 3.0, "year": 2.0}, kind=kind).cause == Cause.FIELD_BROKE


def test_a_year_that_does_not_fit_the_rest_of_the_car_broke() -> None:
    assert cause_of({"year_level": 2.0}).cause == Cause.FIELD_BROKE


def test_other_cars_affect_prices_when_the_ranges_are_wider() -> None:
    assert not cause_of({"year": 2.0, "odometer": 2.0}).affects_prices
    assert cause_of({"year": 2.0, "odometer": 2.0}, widths=(0.4, 0.6)).affects_prices
