"""One training in a replay: split, fit, gate and drift reference as in the pipelines, in a folder."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.listings.datasets import SALES_FILE, SalesReport, screen_sales, split, write_sales
from carvalue.monitoring.drift import Detector, calibrate, publish_reference, reference_frame
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.evaluation import Champion
from carvalue.pricing.training import (
    Budget,
    SearchResult,
    TimeAdjustment,
    adjust_to_newest,
    sales_evidence,
    train_model,
    tune_model,
)
from carvalue.registry import PromotionDecision
from carvalue.registry.gates import gather_evidence, run_gates


@dataclass(frozen=True, kw_only=True)
class TrainedVersion:
    """A version that a replay has trained.

    Attributes:
        number: counted from 1, as a registry would.
        model: quotes.
        detector: of drift away from what it learned.
        decision: whether it may go into production.
    """

    number: int
    model: PriceModel
    detector: Detector
    decision: PromotionDecision


class ReplayTrainer:
    """Trains versions of one replay. Parameters are searched once: a search takes longer than a training."""

    def __init__(self, folder: Path, *, budget: Budget, at_todays_prices: bool) -> None:
        self._folder, self._budget, self._at_todays_prices = folder, budget, at_todays_prices
        self._tuned: SearchResult | None = None
        self._number = 0

    def learn(
        self, listings: pl.DataFrame, *, sales: pl.DataFrame, now: datetime, champion: PriceModel | None
    ) -> TrainedVersion:
        """Split the listings by time and by car, add sales to the training rows, train, and judge.

        Args:
            listings: the source listings to learn from.
            sales: reported sales with the columns of `carvalue.listings.datasets.COLUMNS`; empty for none.
            now: when that is, in the replay.
            champion: what is in production; None: nothing is.
        """
        self._number += 1
        listings = listings.with_columns(listed_price=pl.col("price"))
        adjustment = TimeAdjustment(moved=0, factor=1.0)
        if champion and self._at_todays_prices:
            listings, adjustment = adjust_to_newest(listings, ruler=champion)
        screened, report = screen_sales(
            sales_evidence(sales, listings=listings, reference=champion),
            source_rows=listings.height,
            level=adjustment.level,
        )
        parts = self._parts(listings, screened, report)
        model = self._train(parts, now=now)
        rival = Champion(name="in production", model=champion) if champion else None
        evidence = gather_evidence(
            bundle=self._folder / "bundle", train=parts("train"), test=parts("test"), rival=rival
        )
        return TrainedVersion(
            number=self._number,
            model=model,
            detector=self._detector(model, parts),
            decision=run_gates(evidence),
        )

    def _parts(
        self, listings: pl.DataFrame, sales: pl.DataFrame, report: SalesReport
    ) -> Callable[[str], Path]:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        source = self._folder / "listings.parquet"
        listings.write_parquet(source)
        write_sales(sales, report, listings=source, into=self._folder)
        split(source, into=self._folder, sales=self._folder / SALES_FILE)
        return lambda name: self._folder / f"{name}.parquet"

    def _train(self, parts: Callable[[str], Path], *, now: datetime) -> PriceModel:
        train, validation = parts("train"), parts("validation")
        if self._tuned is None:
            self._tuned = tune_model(
                train=train, validation=validation, budget=self._budget, on_trial=lambda _: None
            )
        return train_model(
            tuned=self._tuned,
            train=train,
            validation=validation,
            provenance=Provenance(
                data_source="file",
                source_description="a replay",
                dataset_fingerprint=f"replay{self._number}",
                git_commit="unknown",
            ),
            trained_at=now,
            into=self._folder / "bundle",
        )

    def _detector(self, model: PriceModel, parts: Callable[[str], Path]) -> Detector:
        reference = publish_reference(parts("train"), fingerprint="replay", root=self._folder / "reference")
        return Detector(*calibrate(reference_frame(pl.read_parquet(reference.path), model)))
