"""Replay a past market with and without the retraining loop.

The loop uses the components that run in production: drift detector, live accuracy, correction of ranges,
alert conditions, retraining trigger, training and gates. Only the clock, Airflow and the market are
simulated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    range_correction,
)
from carvalue.pricing.evaluation import price_scores, range_scores
from carvalue.pricing.training import Budget

Arm = Literal["without the loop", "with corrected ranges", "with the loop"]
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
        arm: `without the loop`: always the first version; `with corrected ranges`: the same, and reported
            sales correct its price ranges; `with the loop`: retrained versions with corrected ranges.
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
    """Replay the days after the history; all arms start with the same version and quote the same cars.

    Args:
        listings: Past listings of `read_listings`.
        plan: Settings of the replay.
        folder: Working folder.
        on_progress: Called after each day.

    Returns:
        Three results for each day, one for each arm.

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
    unchanged, corrected = _Production(first), _Production(first)
    days = []
    for day in range(plan.history, market.days):
        cars = market.requested(day)
        days.append(_score_day("without the loop", day, unchanged, cars))
        days.append(_score_day("with corrected ranges", day, corrected, cars))
        corrected.record(cars)
        corrected.correct(day)
        result = _score_day("with the loop", day, loop.production, cars)
        days.append(replace(result, event=loop.run_day(day, cars)))
        on_progress(_progress_line(*days[-3:]))
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


class _Production:
    """The version that quotes, with the sales of its quotes and the correction of its ranges."""

    def __init__(self, version: TrainedVersion) -> None:
        self.version, self.sold = version, list[pl.DataFrame]()
        self._model = version.model

    def promote(self, version: TrainedVersion) -> None:
        """Quote with another version, whose ranges are not corrected yet."""
        self.version, self._model = version, version.model

    def quote(self, cars: pl.DataFrame) -> pl.DataFrame:
        """Quote cars, with `calibrated_low` and `calibrated_high` also while nothing is corrected."""
        quotes = self._model.quote_frame(cars)
        calibrated = ("calibrated_low", "calibrated_high")
        if calibrated[0] in quotes.columns:
            return quotes
        return quotes.with_columns(**dict(zip(calibrated, (quotes["low"], quotes["high"]), strict=True)))

    def record(self, cars: pl.DataFrame) -> None:
        """Quote cars, and keep those whose sale will be reported."""
        quotes = self.quote(cars).select("price", "low", "high", "calibrated_low", "calibrated_high")
        quoted = quotes.rename({"price": "quoted"}).with_columns(version=pl.lit(self.version.number))
        self.sold.append(cars.hstack(quoted).drop_nulls("reported_day"))

    def correct(self, day: int) -> None:
        """Correct the ranges by the sales that were reported by the end of a day."""
        correction = range_correction(self.sales(day), verified={REPORTER})
        self._model = replace(self.version.model, correction=correction)

    def sales(self, day: int) -> list[Sale]:
        """List the newest reported sales of cars that the current version quoted, the newest first."""
        is_reported = (pl.col("reported_day") <= day) & (pl.col("version") == self.version.number)
        sales = pl.concat([part.filter(is_reported) for part in self.sold])
        newest = sales.sort("reported_day", descending=True).head(NEWEST_SALES)
        columns = newest.select("quoted", "low", "high", "price", "calibrated_low", "calibrated_high").rows()
        return [
            Sale(quoted, low, high, price, REPORTER, calibrated_low, calibrated_high)
            for quoted, low, high, price, calibrated_low, calibrated_high in columns
        ]


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
        self.production, self._market, self._trainer, self._plan = _Production(first), market, trainer, plan
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
        rows = reference_frame(cars, self.production.version.model)
        self.production.version.detector.add(rows.with_columns(quoted_at=cars["posted_at"]))
        self.production.record(cars)
        self.production.correct(day)
        alarms = self._alarms(day)
        self._trigger.check(alarms)
        reason = ", ".join(sorted(alarms.firing)) if self._airflow.is_requested else ""
        if not reason and self._plan.every and (day - self._plan.history + 1) % self._plan.every == 0:
            reason = "schedule"
        return self._retrain(day, reason) if reason else ""

    def _alarms(self, day: int) -> AlarmChanges:
        version, sales = self.production.version, self.production.sales(day)
        metrics = version.model.card.metrics
        tests = AccuracyTests(metrics=metrics)
        tests.add(reversed(sales), verified={REPORTER})
        snapshot = WatcherSnapshot(
            model_version=str(version.number),
            reference="",
            drift=version.detector.report(),
            live=measure_live_accuracy(sales, verified={REPORTER}),
            tests=tests,
            estimated_error=None,
            report="",
        )
        return alarm_changes(snapshot, tuple(current_alerts(snapshot, metrics=metrics, now=self._now)))

    def _retrain(self, day: int, reason: str) -> str:
        challenger = self._trainer.train(
            self._market.published(day),
            sales=reported_sales(self._market, day, sold=self.production.sold),
            now=self._now,
            champion=self.production.version,
        )
        self._airflow.finish(self._now)
        if not challenger.decision.promote:
            return f"retrained ({reason}), refused: {'; '.join(challenger.decision.reasons)}"
        self.production.promote(challenger)
        return f"retrained ({reason}), version {challenger.number} {PROMOTED}"


def _score_day(arm: Arm, day: int, production: _Production, cars: pl.DataFrame) -> ReplayDay:
    quotes = production.quote(cars)
    sold = cars["price"].cast(pl.Float64).to_numpy()
    price, low, high = (quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high"))
    scores = price_scores(asking=sold, quoted=price)
    return ReplayDay(
        arm=arm,
        day=day,
        quotes=cars.height,
        version=production.version.number,
        mdape=scores["mdape"],
        bias=scores["bias"],
        coverage=range_scores(asking=sold, quoted=price, low=low, high=high)["coverage"],
        event="",
    )


def _progress_line(without: ReplayDay, corrected: ReplayDay, with_loop: ReplayDay) -> str:
    errors = f"median error {without.mdape:.2%} without, {with_loop.mdape:.2%} with the loop"
    coverage = f"coverage {without.coverage:.1%}, {corrected.coverage:.1%} with corrected ranges"
    return f"day {with_loop.day}: {errors}; {coverage} {with_loop.event}".strip()
