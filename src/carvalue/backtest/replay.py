"""Replay a past market with and without the loop; the loop's parts are those that run in production."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl

from carvalue.backtest.market import Market, MarketAssumptions, MarketTooShort, PriceShift, sales_told_by
from carvalue.backtest.trainer import ReplayTrainer, TrainedVersion
from carvalue.journal import Sale
from carvalue.monitoring.drift import reference_frame
from carvalue.monitoring.watcher import (
    NEWEST_SALES,
    AlarmChanges,
    PipelineRun,
    RetrainingTrigger,
    WatcherSnapshot,
    alarm_changes,
    current_alerts,
    measure_live_accuracy,
)
from carvalue.pricing.evaluation import price_scores, range_scores
from carvalue.pricing.training import Budget

Arm = Literal["without the loop", "with the loop"]
LEAST_DAYS = 5  # to look at, after the history

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ReplayPlan:
    """How to replay.

    Attributes:
        history: after how many days the first model is trained.
        every: retrain after so many days, alarm or not; None: on alarms only.
        cooldown: days after a retraining within which no alarm starts another.
        budget: of the one search for parameters.
        at_todays_prices: whether a retraining brings earlier prices to the level of the newest.
        habits: of people and of the source.
        move: of all prices; None: as they were.
    """

    history: int = 10
    every: int | None = None
    cooldown: int = 1
    budget: Budget = "quick"
    at_todays_prices: bool = True
    habits: MarketAssumptions = field(default_factory=MarketAssumptions)
    move: PriceShift | None = None


@dataclass(frozen=True, kw_only=True)
class ReplayDay:
    """One day of one arm: how good its quotes turned out to be, and what happened in the evening."""

    arm: Arm
    day: int
    quotes: int
    version: int
    mdape: float
    bias: float
    coverage: float
    event: str


def run_replay(listings: pl.DataFrame, *, plan: ReplayPlan, folder: Path, say: Say) -> list[ReplayDay]:
    """Go through the days; both arms begin with the same model and quote the same cars.

    Raises:
        MarketTooShort: there are too few days after the history.
    """
    market = Market(listings, habits=plan.habits, move=plan.move)
    if market.days < plan.history + LEAST_DAYS:
        raise MarketTooShort(
            f"The listings span {market.days} days: expected {plan.history + LEAST_DAYS} or more."
        )
    school = ReplayTrainer(folder / "school", budget=plan.budget, at_todays_prices=plan.at_todays_prices)
    evening = market.evening(plan.history - 1)
    no_sales = sales_told_by(market, plan.history - 1, sold=())
    first = school.learn(market.published(plan.history - 1), sales=no_sales, now=evening, champion=None)
    loop = _Loop(first, market=market, school=school, plan=plan, state=folder / "retraining.json")
    days = []
    for day in range(plan.history, market.days):
        cars = market.asked(day)
        days.append(_judged("without the loop", day, first, cars, event=""))
        version = loop.version
        days.append(_judged("with the loop", day, version, cars, event=loop.live_through(day, cars)))
        say(f"day {day}: {_told(days[-2])} without, {_told(days[-1])} with the loop {days[-1].event}".strip())
    return days


class _Airflow:
    """Takes a retraining as Airflow would; the evening carries it out."""

    def __init__(self) -> None:
        self.last: PipelineRun | None = None
        self.is_asked = False

    def newest(self, dag: str) -> PipelineRun | None:  # noqa: ARG002  # there is one
        return self.last

    def start(self, dag: str, *, run: str, note: str) -> None:  # noqa: ARG002
        self.is_asked = True
        self.last = PipelineRun(name=run, state="queued", began_at=None, ended_at=None)

    def done(self, at: datetime) -> None:
        """Note that a run has ended."""
        self.is_asked = False
        self.last = PipelineRun(name="replayed", state="success", began_at=at, ended_at=at)


class _Loop:
    """The arm that watches, retrains and lets new versions in."""

    def __init__(
        self, first: TrainedVersion, *, market: Market, school: ReplayTrainer, plan: ReplayPlan, state: Path
    ) -> None:
        self.version, self._market, self._school, self._plan = first, market, school, plan
        self._sold: list[pl.DataFrame] = []
        self._airflow, self._now = _Airflow(), market.evening(plan.history - 1)
        self._guard = RetrainingTrigger(
            runs=self._airflow,
            decisions=tuple,
            state=state,
            on_alarm=True,
            cooldown=timedelta(days=plan.cooldown) - timedelta(hours=1),  # evenings are a day apart
            clock=lambda: self._now.astimezone(UTC),
        )

    def live_through(self, day: int, cars: pl.DataFrame) -> str:
        """Watch what was quoted on a day; in the evening, retrain if something asks for it."""
        self._now = self._market.evening(day)
        quotes = self.version.model.quote_frame(cars).select("price", "low", "high")
        rows = reference_frame(cars, self.version.model)
        self.version.detector.add(rows.with_columns(quoted_at=cars["posted_at"]))
        quoted = quotes.rename({"price": "quoted"}).with_columns(version=pl.lit(self.version.number))
        self._sold.append(cars.hstack(quoted).drop_nulls("told_on"))
        alarms = self._alarms(day)
        self._guard.look(alarms)
        because = ", ".join(sorted(alarms.firing)) if self._airflow.is_asked else ""
        if not because and self._plan.every and (day - self._plan.history + 1) % self._plan.every == 0:
            because = "the clock"
        return self._retrain(day, because) if because else ""

    def _alarms(self, day: int) -> AlarmChanges:
        metrics = self.version.model.card.metrics
        findings = WatcherSnapshot(
            model_version=str(self.version.number),
            reference="",
            drift=self.version.detector.report(),
            live=measure_live_accuracy(self._told_sales(day)),
            estimated_error=None,
            report="",
        )
        return alarm_changes(findings, tuple(current_alerts(findings, metrics=metrics, now=self._now)))

    def _told_sales(self, day: int) -> list[Sale]:
        mine = (pl.col("told_on") <= day) & (pl.col("version") == self.version.number)
        told = pl.concat([part.filter(mine) for part in self._sold]).sort("told_on", descending=True)
        newest = told.head(NEWEST_SALES).select("quoted", "low", "high", "price").rows()
        return [Sale(*row) for row in newest]

    def _retrain(self, day: int, because: str) -> str:
        learned = self._school.learn(
            self._market.published(day),
            sales=sales_told_by(self._market, day, sold=self._sold),
            now=self._now,
            champion=self.version.model,
        )
        self._airflow.done(self._now)
        if not learned.decision.promote:
            return f"retrained ({because}), refused: {'; '.join(learned.decision.reasons)}"
        self.version = learned
        return f"retrained ({because}), version {learned.number} is in"


def _judged(arm: Arm, day: int, version: TrainedVersion, cars: pl.DataFrame, *, event: str) -> ReplayDay:
    quotes = version.model.quote_frame(cars)
    asked = cars["price"].cast(pl.Float64).to_numpy()
    price, low, high = (quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high"))
    measured = price_scores(asked=asked, quoted=price)
    ranges = range_scores(asked=asked, quoted=price, low=low, high=high)
    return ReplayDay(
        arm=arm,
        day=day,
        quotes=cars.height,
        version=version.number,
        mdape=measured["mdape"],
        bias=measured["bias"],
        coverage=ranges["coverage"],
        event=event,
    )


def _told(day: ReplayDay) -> str:
    return f"{day.mdape:.2%}"
