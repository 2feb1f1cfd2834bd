"""Replay past listings day by day to measure what the retraining loop brings."""

from carvalue.backtest.market import MarketAssumptions, parse_price_shift, read_listings
from carvalue.backtest.plots import PICTURE, TABLE, draw, summary, write_table
from carvalue.backtest.replay import ReplayPlan, run_replay

__all__ = [
    "PICTURE",
    "TABLE",
    "MarketAssumptions",
    "ReplayPlan",
    "draw",
    "parse_price_shift",
    "read_listings",
    "run_replay",
    "summary",
    "write_table",
]
