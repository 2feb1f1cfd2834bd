"""One training in a replay: split, fit, gate and drift reference as in the pipelines, in a folder."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.listings.datasets.splits import split
from carvalue.monitoring.drift.detector import Detector
from carvalue.monitoring.drift.frames import rows_of_reference
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.drift.thresholds import calibrate
from carvalue.pricing.bundle.model_card import Provenance
from carvalue.pricing.evaluation.evaluate import Rival
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training import search
from carvalue.pricing.training import train as training
from carvalue.pricing.training.time_adjustment import restate
from carvalue.registry.gates.evidence import gather
from carvalue.registry.gates.gate import Decision
from carvalue.registry.gates.judge import judge


@dataclass(frozen=True, kw_only=True)
class Learned:
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
    decision: Decision


class School:
    """Trains versions of one replay. Parameters are searched once: a search takes longer than a training."""

    def __init__(self, folder: Path, *, budget: search.Budget, at_todays_prices: bool) -> None:
        self._folder, self._budget, self._at_todays_prices = folder, budget, at_todays_prices
        self._tuned: search.Tuned | None = None
        self._number = 0

    def learn(self, known: pl.DataFrame, *, now: datetime, champion: PriceModel | None) -> Learned:
        """Split what is known by time and by car, train, and decide on the newest part.

        Args:
            known: the listings and sales to learn from.
            now: when that is, in the replay.
            champion: what is in production; None: nothing is.
        """
        self._number += 1
        if champion and self._at_todays_prices:
            known, _ = restate(known, ruler=champion)
        parts = self._parts(known)
        model = self._train(parts, now=now)
        rival = Rival(name="in production", model=champion) if champion else None
        evidence = gather(
            bundle=self._folder / "bundle", train=parts("train"), test=parts("test"), rival=rival
        )
        return Learned(
            number=self._number, model=model, detector=self._detector(model, parts), decision=judge(evidence)
        )

    def _parts(self, known: pl.DataFrame) -> Callable[[str], Path]:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        known.write_parquet(self._folder / "known.parquet")
        split(self._folder / "known.parquet", into=self._folder)
        return lambda name: self._folder / f"{name}.parquet"

    def _train(self, parts: Callable[[str], Path], *, now: datetime) -> PriceModel:
        train, validation = parts("train"), parts("validation")
        if self._tuned is None:
            self._tuned = training.tune(
                train=train, validation=validation, budget=self._budget, on_trial=lambda _: None
            )
        return training.train(
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
        return Detector(*calibrate(rows_of_reference(pl.read_parquet(reference.path), model)))
