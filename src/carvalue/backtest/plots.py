"""Write the result of a replay as a table, and plot it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carvalue.backtest.replay import PROMOTED, Arm, ReplayDay, ReplayPlan

TABLE, PICTURE = "backtest.csv", "backtest.png"
COLORS = {
    "without the loop": "tab:gray",
    "with corrected ranges": "tab:orange",
    "with the loop": "tab:blue",
}
MEASURES = {
    "mdape": "median error, %",
    "bias": "quote above sale price, median, %",
    "coverage": "sale price in the range, %",
}


def write_table(days: Sequence[ReplayDay], into: Path) -> pl.DataFrame:
    """Write one row for each day and arm.

    Args:
        days: Result of a replay.
        into: CSV file to write.

    Returns:
        The table, with the fields of `ReplayDay` as columns.
    """
    table = pl.DataFrame([asdict(day) for day in days])
    table.write_csv(into)
    return table


def summary(table: pl.DataFrame, *, since: int) -> pl.DataFrame:
    """Average the measures of each arm, weighted by the number of quotes.

    Args:
        table: Table of `write_table`.
        since: First day to include.

    Returns:
        One row for each arm: `arm`, `quotes`, `mdape`, `bias`, `coverage` and the number of `promotions`.

    Examples:
        >>> day = {"arm": "with the loop", "mdape": 0.1, "bias": 0.0, "coverage": 0.9, "event": ""}
        >>> later = {**day, "day": 2, "quotes": 300, "mdape": 0.2}
        >>> table = pl.DataFrame([{**day, "day": 1, "quotes": 100}, later])
        >>> summary(table, since=1).select("quotes", pl.col("mdape").round(3), "promotions").rows()
        [(400, 0.175, 0)]
    """
    averages = [
        ((pl.col(name) * pl.col("quotes")).sum() / pl.col("quotes").sum()).alias(name) for name in MEASURES
    ]
    promotions = pl.col("event").str.contains(PROMOTED).sum().alias("promotions")
    days = table.filter(pl.col("day") >= since)
    return days.group_by("arm", maintain_order=True).agg(pl.col("quotes").sum(), *averages, promotions)


def draw(table: pl.DataFrame, *, plan: ReplayPlan, into: Path) -> None:
    """Plot each measure over the days for all arms, with the price shift and all retrainings.

    Args:
        table: Table of `write_table`.
        plan: Plan of the replay.
        into: Image file to write.
    """
    figure = Figure(figsize=(8, 9), layout="constrained")
    for position, (name, label) in enumerate(MEASURES.items(), start=1):
        axes = figure.add_subplot(len(MEASURES), 1, position)
        _draw_measure(axes, table, name=name, plan=plan)
        axes.set(ylabel=label, xlabel="day" if position == len(MEASURES) else "")
    figure.axes[0].legend(loc="upper left")
    figure.savefig(into, dpi=110)


def _draw_measure(axes: Axes, table: pl.DataFrame, *, name: str, plan: ReplayPlan) -> None:
    for arm in get_args(Arm):
        days = table.filter(pl.col("arm") == arm)
        axes.plot(days["day"], 100 * days[name], color=COLORS[arm], marker=".", label=arm)
    if shift := plan.price_shift:
        axes.axvline(shift.day, color="tab:red", linestyle=":", label=f"prices x {shift.factor}")
    for day, event in table.filter(pl.col("event") != "").select("day", "event").rows():
        style = "-" if PROMOTED in event else "--"
        axes.axvline(day + 0.5, color="tab:green", linewidth=1, linestyle=style)
