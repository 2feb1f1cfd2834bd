"""Replay a past market with and without the retraining loop.

The loop uses the components that run in production: drift detector, live accuracy, alert conditions,
retraining trigger, training and gates. Only the clock, Airflow and the market are simulated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl

from carvalue.backtest.market import Market, MarketAssumptions, MarketTooShort, PriceShift, reported_sales
from carvalue.backtest.trainer import ReplayTrainer, TrainedVersion
from carvalue.journal import Sale
from carvalue.monitoring.drift import reference_frame
from carvalue.monitoring.watcher import (
    NEWEST_SALES,
    AccuracyTests,
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
MIN_DAYS = 5  # days after the history
REPORTER = "market"  # the client of all simulated sales; its sales are verified
PROMOTED = "is in production"
"""Part of an event's text: the retrained version passed the gates."""

OnProgress = Callable[[str], None]
"""Called once a day with a line of text."""


@dataclass(frozen=True, kw_only=True)
class ReplayPlan:
    """Settings of a replay.

    Attributes:
        history: Days before the first model is trained.
        every: Days between scheduled retrainings; None retrains on alarms only.
        cooldown: Days after a retraining in which no alarm starts another.
        budget: Budget of the hyperparameter search, which runs once.
        time_adjustment: Whether a retraining adjusts earlier prices to the level of the newest.
        assumptions: Assumptions about quote requests and reported sales.
        price_shift: Sudden change of all prices; None leaves them as they were.
    """

    history: int = 10
    every: int | None = None
    cooldown: int = 1
    budget: Budget = "quick"
    time_adjustment: bool = True
    assumptions: MarketAssumptions = field(default_factory=MarketAssumptions)
    price_shift: PriceShift | None = None


@dataclass(frozen=True, kw_only=True)
class ReplayDay:
    """Result of one day in one arm; the fields are the columns of `backtest.csv`.

    Attributes:
        arm: `without the loop` or `with the loop`.
        day: Number of the day, from 0.
        quotes: Number of quotes.
        version: Number of the version that quoted.
        mdape: Median absolute percentage error against the sale prices, as a share.
        bias: Median of quote over sale price, less 1.
        coverage: Share of the sale prices inside the price range.
        event: The retraining at the end of the day and its outcome; empty if there was none.
    """

    arm: Arm
    day: int
    quotes: int
    version: int
    mdape: float
    bias: float
    coverage: float
    event: str


def run_replay(
    listings: pl.DataFrame, *, plan: ReplayPlan, folder: Path, on_progress: OnProgress
) -> list[ReplayDay]:
    """Replay the days after the history; both arms start with the same version and quote the same cars.

    Args:
        listings: Past listings of `read_listings`.
        plan: Settings of the replay.
        folder: Working folder.
        on_progress: Called after each day.

    Returns:
        Two results for each day, one for each arm.

    Raises:
        MarketTooShort: The listings span fewer than `MIN_DAYS` days after the history.
    """
    market = Market(listings, assumptions=plan.assumptions, price_shift=plan.price_shift)
    if market.days < plan.history + MIN_DAYS:
        raise MarketTooShort(
            f"The listings span {market.days} days: expected {plan.history + MIN_DAYS} or more."
        )
    trainer = ReplayTrainer(folder / "training", budget=plan.budget, time_adjustment=plan.time_adjustment)
    now = market.end_of_day(plan.history - 1)
    no_sales = reported_sales(market, plan.history - 1, sold=())
    first = trainer.train(market.published(plan.history - 1), sales=no_sales, now=now, champion=None)
    loop = _Loop(first, market=market, trainer=trainer, plan=plan, state=folder / "retraining.json")
    days = []
    for day in range(plan.history, market.days):
        cars = market.requested(day)
        days.append(_score_day("without the loop", day, first, cars, event=""))
        version = loop.version
        days.append(_score_day("with the loop", day, version, cars, event=loop.run_day(day, cars)))
        on_progress(_progress_line(*days[-2:]))
    return days


class _SimulatedAirflow:
    """Accepts a request for a retraining; the loop runs it at the end of the day."""

    def __init__(self) -> None:
        self.last: PipelineRun | None = None
        self.is_requested = False

    def newest(self, dag: str) -> PipelineRun | None:  # noqa: ARG002  # there is only one
        return self.last

    def start(self, dag: str, *, run: str, note: str) -> None:  # noqa: ARG002
        self.is_requested = True
        self.last = PipelineRun(name=run, state="queued", began_at=None, ended_at=None)

    def finish(self, at: datetime) -> None:
        self.is_requested = False
        self.last = PipelineRun(name="replayed", state="success", began_at=at, ended_at=at)


class _Loop:
    """The arm that monitors, retrains and promotes."""

    def __init__(
        self,
        first: TrainedVersion,
        *,
        market: Market,
        trainer: ReplayTrainer,
        plan: ReplayPlan,
        state: Path,
    ) -> None:
        self.version, self._market, self._trainer, self._plan = first, market, trainer, plan
        self._sold: list[pl.DataFrame] = []
        self._airflow, self._now = _SimulatedAirflow(), market.end_of_day(plan.history - 1)
        self._trigger = RetrainingTrigger(
            runs=self._airflow,
            decisions=tuple,
            state=state,
            on_alarm=True,
            cooldown=timedelta(days=plan.cooldown) - timedelta(hours=1),  # checks are exactly a day apart
            clock=lambda: self._now.astimezone(UTC),
        )

    def run_day(self, day: int, cars: pl.DataFrame) -> str:
        """Quote the cars of a day, check for alarms, and retrain if one fires or the schedule is due."""
        self._now = self._market.end_of_day(day)
        self._record_quotes(cars)
        alarms = self._alarms(day)
        self._trigger.check(alarms)
        reason = ", ".join(sorted(alarms.firing)) if self._airflow.is_requested else ""
        if not reason and self._plan.every and (day - self._plan.history + 1) % self._plan.every == 0:
            reason = "schedule"
        return self._retrain(day, reason) if reason else ""

    def _record_quotes(self, cars: pl.DataFrame) -> None:
        """Add the quotes to the drift detector, and keep the cars whose sale will be reported."""
        quotes = self.version.model.quote_frame(cars).select("price", "low", "high")
        rows = reference_frame(cars, self.version.model)
        self.version.detector.add(rows.with_columns(quoted_at=cars["posted_at"]))
        quoted = quotes.rename({"price": "quoted"}).with_columns(version=pl.lit(self.version.number))
        self._sold.append(cars.hstack(quoted).drop_nulls("reported_day"))

    def _alarms(self, day: int) -> AlarmChanges:
        metrics, sales = self.version.model.card.metrics, self._reported_sales(day)
        tests = AccuracyTests(metrics=metrics)
        tests.add(reversed(sales), verified={REPORTER})
        snapshot = WatcherSnapshot(
            model_version=str(self.version.number),
            reference="",
            drift=self.version.detector.report(),
            live=measure_live_accuracy(sales, verified={REPORTER}),
            tests=tests,
            estimated_error=None,
            report="",
        )
        return alarm_changes(snapshot, tuple(current_alerts(snapshot, metrics=metrics, now=self._now)))

    def _reported_sales(self, day: int) -> list[Sale]:
        """List the newest reported sales of cars that the current version quoted, the newest first."""
        is_reported = (pl.col("reported_day") <= day) & (pl.col("version") == self.version.number)
        sales = pl.concat([part.filter(is_reported) for part in self._sold])
        newest = sales.sort("reported_day", descending=True).head(NEWEST_SALES)
        columns = newest.select("quoted", "low", "high", "price").rows()
        return [
            Sale(price=quoted, low=low, high=high, sale_price=price, client=REPORTER)
            for quoted, low, high, price in columns
        ]

    def _retrain(self, day: int, reason: str) -> str:
        challenger = self._trainer.train(
            self._market.published(day),
            sales=reported_sales(self._market, day, sold=self._sold),
            now=self._now,
            champion=self.version,
        )
        self._airflow.finish(self._now)
        if not challenger.decision.promote:
            return f"retrained ({reason}), refused: {'; '.join(challenger.decision.reasons)}"
        self.version = challenger
        return f"retrained ({reason}), version {challenger.number} {PROMOTED}"


def _score_day(arm: Arm, day: int, version: TrainedVersion, cars: pl.DataFrame, *, event: str) -> ReplayDay:
    quotes = version.model.quote_frame(cars)
    sold = cars["price"].cast(pl.Float64).to_numpy()
    price, low, high = (quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high"))
    scores = price_scores(asking=sold, quoted=price)
    return ReplayDay(
        arm=arm,
        day=day,
        quotes=cars.height,
        version=version.number,
        mdape=scores["mdape"],
        bias=scores["bias"],
        coverage=range_scores(asking=sold, quoted=price, low=low, high=high)["coverage"],
        event=event,
    )


def _progress_line(without: ReplayDay, with_loop: ReplayDay) -> str:
    errors = f"{without.mdape:.2%} without, {with_loop.mdape:.2%} with the loop"
    return f"day {with_loop.day}: median error {errors} {with_loop.event}".strip()
