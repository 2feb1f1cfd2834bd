"""What a replay found, as a table and as a picture."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carvalue.backtest.replay import Arm, ReplayDay, ReplayPlan

TABLE, PICTURE = "backtest.csv", "backtest.png"
COLORS = {"without the loop": "tab:gray", "with the loop": "tab:blue"}
MEASURES = {"mdape": "median error, %", "bias": "quoted above sold, median, %", "coverage": "range holds, %"}


def write_table(days: Sequence[ReplayDay], into: Path) -> pl.DataFrame:
    """Write one row for each day and arm."""
    table = pl.DataFrame([asdict(day) for day in days])
    table.write_csv(into)
    return table


def summary(table: pl.DataFrame, *, since: int) -> pl.DataFrame:
    """Average each arm over the days from one on, each quote counting once."""
    weighed = [(pl.col(name) * pl.col("quotes")).sum() / pl.col("quotes").sum() for name in MEASURES]
    named = [expression.alias(name) for expression, name in zip(weighed, MEASURES, strict=True)]
    events = pl.col("event").str.contains("is in").sum().alias("versions let in")
    late = table.filter(pl.col("day") >= since)
    return late.group_by("arm", maintain_order=True).agg(pl.col("quotes").sum(), *named, events)


def draw(table: pl.DataFrame, *, plan: ReplayPlan, into: Path) -> None:
    """Draw each measure over the days, both arms, with what happened."""
    figure = Figure(figsize=(8, 9), layout="constrained")
    for place, (name, label) in enumerate(MEASURES.items(), start=1):
        axes = figure.add_subplot(len(MEASURES), 1, place)
        _draw_measure(axes, table, name=name, plan=plan)
        axes.set(ylabel=label, xlabel="day" if place == len(MEASURES) else "")
    figure.axes[0].legend(loc="upper left")
    figure.savefig(into, dpi=110)


def _draw_measure(axes: Axes, table: pl.DataFrame, *, name: str, plan: ReplayPlan) -> None:
    for arm in get_args(Arm):
        days = table.filter(pl.col("arm") == arm)
        axes.plot(days["day"], 100 * days[name], color=COLORS[arm], marker=".", label=arm)
    if plan.move:
        axes.axvline(plan.move.day, color="tab:red", linestyle=":", label=f"prices x {plan.move.factor}")
    for day, event in table.filter(pl.col("event") != "").select("day", "event").rows():
        style = "-" if event.endswith("is in") else "--"
        axes.axvline(day + 0.5, color="tab:green", linewidth=1, linestyle=style)
