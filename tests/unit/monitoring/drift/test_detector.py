"""Clean traffic raises no alarm, drift is detected and named; portions and restarts change nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from carvalue.monitoring.drift.bins import fit_bins
from carvalue.monitoring.drift.detector import MIN_ROWS, Detector, DetectorState, StateIncompatible
from carvalue.monitoring.drift.profile import ReferenceProfile
from carvalue.monitoring.drift.statistics import rate_scores
from carvalue.monitoring.drift.thresholds import NullDistribution, ReferenceTooSmall, calibrate
from markets import a_market

START = datetime(2026, 11, 1, tzinfo=UTC)
DRIFTS = {
    "year": pl.col("year") + 3,
    "odometer": (pl.col("odometer") * 3).cast(pl.Int32),
    "state": pl.lit("tx").alias("state"),
    "manufacturer": pl.when(pl.int_range(pl.len()) % 5 == 0)
    .then(pl.lit("tesla"))
    .otherwise("manufacturer")
    .alias("manufacturer"),
    "title_status": pl.when(pl.int_range(pl.len()) % 4 > 0).then("title_status").alias("title_status"),
    "price_level": (pl.col("price") * 1.3).alias("price"),
}


def some_rows(rows: int, seed: int) -> pl.DataFrame:
    width = np.random.default_rng(seed).uniform(0.5, 0.9, rows)
    return a_market(rows=rows, seed=seed).with_columns(
        quoted_at=pl.lit(START) + pl.duration(seconds=pl.int_range(rows)),
        range_width=pl.Series(width),
    )


@pytest.fixture(scope="module")
def calibrated() -> tuple[ReferenceProfile, NullDistribution]:
    return calibrate(some_rows(12_000, seed=1))


@pytest.fixture
def detector(calibrated: tuple[ReferenceProfile, NullDistribution]) -> Detector:
    return Detector(*calibrated)


def test_clean_traffic_is_clean(detector: Detector) -> None:
    detector.add(some_rows(8_000, seed=2))

    report = detector.report()
    assert report.state == "clean"
    assert report.since is None
    assert report.rows == 8_000


def test_few_rows_are_insufficient_data(detector: Detector) -> None:
    detector.add(some_rows(MIN_ROWS - 10, seed=2).with_columns(DRIFTS["year"]))

    assert detector.report().state == "insufficient data"
    assert {item.state for item in detector.report().features} == {"insufficient data"}


@pytest.mark.parametrize("feature", DRIFTS)
def test_drift_is_found_and_named(detector: Detector, feature: str) -> None:
    detector.add(some_rows(1_000, seed=3))
    detector.add(some_rows(1_000, seed=4).with_columns(DRIFTS[feature]))

    report = detector.report()
    assert report.state == "confirmed"
    assert feature in {item.name for item in report.drifted}
    assert all(item.since and item.since >= START for item in report.drifted)


def test_drift_is_described_with_its_size(detector: Detector) -> None:
    detector.add(some_rows(1_000, seed=4))
    detector.add(some_rows(2_000, seed=5).with_columns(DRIFTS["title_status"]))

    (found,) = (item for item in detector.report().features if item.name == "title_status")
    assert found.description.startswith("missing 0.0% -> 2")
    assert found.labels[-2:] == ("(missing)", "(unseen)")
    assert sum(found.window) == pytest.approx(1)
    assert sum(found.reference) == pytest.approx(1, abs=0.01)


def test_drift_ends_when_traffic_is_as_before(detector: Detector) -> None:
    detector.add(some_rows(1_000, seed=5))
    detector.add(some_rows(1_000, seed=6).with_columns(DRIFTS["state"]))
    assert detector.report().state == "confirmed"

    detector.add(some_rows(4_000, seed=7))

    assert detector.report().state == "clean"
    assert detector.report().since is None


def test_batch_sizes_change_nothing(calibrated: tuple[ReferenceProfile, NullDistribution]) -> None:
    rows = pl.concat([some_rows(900, seed=8), some_rows(600, seed=9).with_columns(DRIFTS["odometer"])])
    at_once, bit_by_bit = Detector(*calibrated), Detector(*calibrated)

    at_once.add(rows)
    for start in range(0, len(rows), 37):
        bit_by_bit.add(rows[start : start + 37])

    assert bit_by_bit.report() == at_once.report()


def test_a_restart_changes_nothing(calibrated: tuple[ReferenceProfile, NullDistribution]) -> None:
    before = pl.concat([some_rows(900, seed=8), some_rows(600, seed=9).with_columns(DRIFTS["odometer"])])
    after = some_rows(50, seed=10)
    steady, earlier = Detector(*calibrated), Detector(*calibrated)
    steady.add(before)
    earlier.add(before)

    restarted = Detector(
        *calibrated, DetectorState.from_json(json.loads(json.dumps(earlier.state.as_json())))
    )
    steady.add(after)
    restarted.add(after)

    assert restarted.report() == steady.report()


@pytest.mark.parametrize(
    "damage",
    [
        {"levels": ["year"]},
        {"levels": {"year": 7}},
        {"since": {"year": "never"}},
        {"history": 5},
        {"history": {}},
        {"history": {"strides": 3}},
        {"history": {"newest": "not compressed"}},
        {"history": {"recent": [[1], [2]]}},
    ],
)
def test_a_damaged_state_is_refused(
    detector: Detector, calibrated: tuple[ReferenceProfile, NullDistribution], damage: dict[str, Any]
) -> None:
    saved = detector.state.as_json()
    if isinstance(damage.get("history"), dict) and damage["history"]:
        damage = {"history": saved["history"] | damage["history"]}

    with pytest.raises(StateIncompatible):
        Detector(*calibrated, DetectorState.from_json(saved | damage))


def test_a_change_that_is_accepted_is_usual_from_then_on(detector: Detector) -> None:
    detector.add(some_rows(1_000, seed=5))
    detector.add(some_rows(3_000, seed=6).with_columns(DRIFTS["state"]))
    assert detector.drifted_rows > 2_800

    detector.accept()
    detector.add(some_rows(1_000, seed=7).with_columns(DRIFTS["state"]))

    assert detector.report().state == "clean"


def test_a_short_history_is_provisional(detector: Detector) -> None:
    detector.add(some_rows(1_000, seed=20))
    assert detector.report().provisional

    detector.add(some_rows(4_500, seed=21))
    assert not detector.report().provisional


def test_people_who_leave_fields_empty_are_no_drift(detector: Detector) -> None:
    detector.add(some_rows(3_000, seed=2).with_columns(title_status=pl.lit(None, dtype=pl.String)))

    assert detector.report().state == "clean"


def test_people_who_fill_in_less_in_all_fields_are_no_drift(detector: Detector) -> None:
    def with_fewer_fields(frame: pl.DataFrame, share: float) -> pl.DataFrame:
        is_short = pl.int_range(pl.len()).shuffle(seed=1) < share * pl.len()
        optional = ("odometer", "title_status", "condition", "state", "region")
        return frame.with_columns(pl.when(~is_short).then(name).alias(name) for name in optional)

    detector.add(with_fewer_fields(some_rows(2_000, seed=2), 0.3))
    detector.add(with_fewer_fields(some_rows(500, seed=3), 0.9))

    assert detector.report().state != "confirmed"


def test_rows_that_come_in_clusters_are_no_drift_when_the_reference_had_them_too() -> None:
    def in_order_of_state(frame: pl.DataFrame) -> pl.DataFrame:
        block = pl.int_range(pl.len()) // 400
        return frame.with_columns(block=block).sort("block", "state", maintain_order=True).drop("block")

    detector = Detector(*calibrate(in_order_of_state(some_rows(12_000, seed=1))))
    shuffled = Detector(*calibrate(some_rows(12_000, seed=1)))
    traffic = in_order_of_state(some_rows(4_000, seed=2)).with_columns(
        quoted_at=pl.lit(START) + pl.duration(seconds=pl.int_range(4_000))
    )

    detector.add(traffic)
    shuffled.add(traffic)

    assert detector.report().state != "confirmed"
    assert shuffled.report().state == "confirmed"


def test_a_reference_of_few_rows_is_refused() -> None:
    with pytest.raises(ReferenceTooSmall, match="1,999 rows"):
        calibrate(some_rows(1_999, seed=1))


def test_a_year_newer_than_all_has_a_bin_of_its_own() -> None:
    bins = fit_bins(pl.Series("year", [2019, 2020, 2021] * 100))

    codes = bins.codes(pl.Series("year", [2021.0, 2022.0, None]))
    assert bins.labels[codes[1]] == "2022 and more"
    assert codes.tolist() == [len(bins.labels) - 2, len(bins.labels) - 1, len(bins.labels)]


def test_moments_are_those_of_the_rows(detector: Detector) -> None:
    detector.add(some_rows(1_000, seed=3))
    later = pl.col("quoted_at") + timedelta(days=1)
    detector.add(some_rows(1_000, seed=3).with_columns(DRIFTS["state"], later))

    since = detector.report().since
    assert since is not None
    assert timedelta(days=1) <= since - START < timedelta(days=1, seconds=200)


def test_an_unchanged_rate_scores_zero() -> None:
    for rows in (200, 500, 1_000, 2_000):
        usual = np.linspace(0.0, 0.5, 400)[None]
        scores = rate_scores(rows * usual, np.array([[rows]]), 9_000 * usual, np.array([[9_000.0]]))

        assert scores.min() >= 0  # a square root is taken of it
        assert scores.max() < 1e-9
