"""After a price shift the loop retrains and its quotes follow the market; without it they stay behind."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from carvalue.backtest.market import MarketAssumptions, MarketTooShort, PriceShift
from carvalue.backtest.plots import TABLE, draw, summary, write_table
from carvalue.backtest.replay import ReplayPlan, run_replay
from markets import FIRST_POSTED, a_market

ROWS, DAYS, MOVED_ON = 9_000, 20, 10


def spread(rows: int) -> pl.DataFrame:
    step = timedelta(days=DAYS) / rows
    moments = pl.Series([FIRST_POSTED + number * step for number in range(rows)])
    nowhere = pl.lit(None, pl.Float32)
    return a_market(rows=rows, seed=3).with_columns(posted_at=moments, lat=nowhere, long=nowhere)


def test_the_loop_follows_a_market_that_changes(tmp_path: Path) -> None:
    plan = ReplayPlan(
        history=9,
        assumptions=MarketAssumptions(request_share=0.3, report_share=0.6, max_report_days=3),
        price_shift=PriceShift(factor=1.25, day=MOVED_ON),
    )
    lines: list[str] = []

    days = run_replay(spread(ROWS), plan=plan, folder=tmp_path, on_progress=lines.append)

    table = write_table(days, tmp_path / TABLE)
    draw(table, plan=plan, into=tmp_path / "picture.png")
    late = summary(table, since=DAYS - 4).rows_by_key("arm", named=True, unique=True)
    assert late["without the loop"]["bias"] == pytest.approx(1 / 1.25 - 1, abs=0.03)
    assert abs(late["with the loop"]["bias"]) < 0.03
    assert late["with corrected ranges"]["bias"] == late["without the loop"]["bias"]
    assert late["with corrected ranges"]["coverage"] > 0.02 + late["without the loop"]["coverage"]
    assert late["with the loop"]["mdape"] < 0.7 * late["without the loop"]["mdape"]
    assert any("version 2 is in production" in line for line in lines), lines
    assert not any(day.event for day in days if day.day <= MOVED_ON)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_a_market_of_a_few_days_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarketTooShort, match="span 20 days: expected 25 or more"):
        run_replay(spread(200), plan=ReplayPlan(history=20), folder=tmp_path, on_progress=print)
