"""Train one version in a replay: split, fit, gates and drift reference as in the pipelines, in one folder."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.listings.datasets import SALES_FILE, screen_sales, split, write_sales
from carvalue.monitoring.drift import Detector, calibrate, publish_reference, reference_frame
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.evaluation import Champion
from carvalue.pricing.training import (
    Budget,
    SearchResult,
    adjust_to_newest,
    refit_model,
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
        number: Version number, from 1, as a registry would assign it.
        model: The model that quotes, fitted on all listings.
        evaluated: The model before that fit.
        detector: Drift detector, calibrated on the version's training rows.
        decision: Whether the gates allow the version to go into production.
    """

    number: int
    model: PriceModel
    evaluated: PriceModel
    detector: Detector
    decision: PromotionDecision


class ReplayTrainer:
    """Trains the versions of one replay; the hyperparameter search runs only for the first.

    Args:
        folder: Working folder; its content is deleted before each training.
        budget: Budget of the search.
        time_adjustment: Whether earlier prices are adjusted to the level of the newest before a retraining.
    """

    def __init__(self, folder: Path, *, budget: Budget, time_adjustment: bool) -> None:
        self._folder, self._budget, self._time_adjustment = folder, budget, time_adjustment
        self._tuned: SearchResult | None = None
        self._number = 0

    def train(
        self, listings: pl.DataFrame, *, sales: pl.DataFrame, now: datetime, champion: TrainedVersion | None
    ) -> TrainedVersion:
        """Split the listings by time and car, add sales to the training rows, train, and run the gates.

        Args:
            listings: Source listings that are available for training.
            sales: Reported sales with the columns of `carvalue.listings.datasets.COLUMNS`; empty for none.
            now: Time of the training in the replay.
            champion: Version in production, whose model is also the reference model of the time adjustment;
                None if there is none.

        Returns:
            The version with the decision of the gates.
        """
        self._number += 1
        split_path = self._split(listings, sales, champion.model if champion else None)
        evaluated = self._fit(split_path, now=now)
        model = refit_model(
            evaluated=evaluated,
            train=split_path("train"),
            validation=split_path("validation"),
            test=split_path("test"),
            reposts=split_path("reposts"),
            into=self._folder / "bundle",
        )
        evidence = gather_evidence(
            bundle=self._folder / "bundle",
            evaluated=self._folder / "evaluated",
            train=split_path("train"),
            test=split_path("test"),
            champion=_as_champion(champion) if champion else None,
        )
        return TrainedVersion(
            number=self._number,
            model=model,
            evaluated=evaluated,
            detector=self._detector(model, split_path),
            decision=run_gates(evidence),
        )

    def _split(
        self, listings: pl.DataFrame, sales: pl.DataFrame, reference: PriceModel | None
    ) -> Callable[[str], Path]:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        source, adjusted = self._folder / "listings.parquet", self._folder / "adjusted.parquet"
        listings.write_parquet(source)
        adjustment = adjust_to_newest(
            source, into=adjusted, reference_model=reference if self._time_adjustment else None
        )
        screened, report = screen_sales(
            sales_evidence(sales, listings=pl.scan_parquet(adjusted), reference=reference),
            source_rows=listings.height,
            level=adjustment.level,
        )
        write_sales(screened, report, listings=adjusted, into=self._folder)
        split(adjusted, into=self._folder, sales=self._folder / SALES_FILE)
        return lambda name: self._folder / f"{name}.parquet"

    def _fit(self, split_path: Callable[[str], Path], *, now: datetime) -> PriceModel:
        train, validation = split_path("train"), split_path("validation")
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
            into=self._folder / "evaluated",
        )

    def _detector(self, model: PriceModel, split_path: Callable[[str], Path]) -> Detector:
        root = self._folder / "reference"
        reference = publish_reference(split_path("train"), fingerprint="replay", root=root)
        return Detector(*calibrate(reference_frame(pl.read_parquet(reference.path), model)))


def _as_champion(version: TrainedVersion) -> Champion:
    return Champion(name="in production", model=version.model, evaluated=version.evaluated)
