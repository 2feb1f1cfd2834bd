"""The watcher's state stays small, however many quotes it has checked."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from carvalue.monitoring.channels import ChannelDetectors
from carvalue.monitoring.channels.detectors import MAX_CHANNELS
from carvalue.monitoring.drift import calibrate
from markets import a_market

START = datetime(2026, 11, 1, tzinfo=UTC)
MAX_STATE = 2 * 2**20  # bytes


def quotes(rows: int, *, day: int, channels: int) -> pl.DataFrame:
    moment = pl.lit(START) + pl.duration(days=day, milliseconds=pl.int_range(rows))
    clients = [f"program-{number % channels}" for number in range(rows)]
    return a_market(rows=rows, seed=100 + day).with_columns(
        quoted_at=moment,
        route=pl.lit("api"),
        client=pl.Series(clients),
        range_width=pl.lit(0.6),
        price=pl.col("price").cast(pl.Float64),
    )


def run(days: int, rows: int) -> list[int]:
    """Check the quotes of some days, with a restart each day; return the size of the state after each."""
    reference = a_market(rows=2_000, seed=1).with_columns(
        range_width=pl.lit(0.6), price=pl.col("price").cast(pl.Float64)
    )
    profile, null = calibrate(reference)
    saved, sizes = "{}", []
    for day in range(days):
        detectors = ChannelDetectors(profile, null, json.loads(saved))
        detectors.add(quotes(rows, day=day, channels=MAX_CHANNELS + 4))
        saved = json.dumps(detectors.as_json())
        sizes.append(len(saved))
    assert len(json.loads(saved)) <= MAX_CHANNELS + 1
    return sizes


def test_the_state_of_many_channels_is_bounded() -> None:
    sizes = run(days=3, rows=4_000)

    assert max(sizes) < MAX_STATE


@pytest.mark.slow
def test_thirty_days_of_traffic_leave_the_state_as_it_was() -> None:
    sizes = run(days=30, rows=60_000)

    assert max(sizes) < MAX_STATE
    assert max(sizes[5:]) < 1.1 * sizes[4]
