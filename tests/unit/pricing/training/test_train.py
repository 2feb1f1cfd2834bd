"""The fit on all listings: what the registered model has learned, and what its card says."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from carvalue.listings.datasets import sampling
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import evaluate_bundle, price_scores, read_accuracy
from carvalue.pricing.training import LocalBackend, refit_model
from carvalue.pricing.training.boosting import FittedBooster
from carvalue.pricing.training.encoding import TrainingRows
from markets import a_bundle, a_market


@dataclass(frozen=True)
class Refit:
    """An evaluated model and the one that was fitted again, with the rows that only the latter has seen."""

    evaluated: PriceModel
    model: PriceModel
    test: pl.DataFrame
    folder: Path


@pytest.fixture(scope="module")
def refit(tmp_path_factory: pytest.TempPathFactory) -> Refit:
    folder = tmp_path_factory.mktemp("market")
    evaluated = PriceModel.load(a_bundle(folder))
    test = pl.read_parquet(folder / "test.parquet")
    test = test.with_columns(posted_at=pl.col("posted_at") + pl.duration(days=30))
    test.write_parquet(folder / "test.parquet")
    a_market(rows=30, seed=4).with_columns(manufacturer=pl.lit("rivian"), model=pl.lit("r1t")).write_parquet(
        folder / "reposts.parquet"
    )
    files = {name: folder / f"{name}.parquet" for name in ("train", "validation", "test", "reposts")}
    measured = {name: files[name] for name in ("train", "test")}
    evaluate_bundle(bundle=folder / "bundle", **measured, into=folder / "evaluation")
    accuracy = read_accuracy(folder / "evaluation")
    refit_model(evaluated=evaluated, **files, into=folder / "refitted", accuracy=accuracy)
    return Refit(evaluated, PriceModel.load(folder / "refitted"), test, folder)


def test_the_refitted_model_has_learned_the_newest_listings(refit: Refit) -> None:
    asking = refit.test["price"].cast(pl.Float64).to_numpy()
    errors = [
        price_scores(asking=asking, quoted=model.quote_frame(refit.test)["price"].to_numpy())["mdape"]
        for model in (refit.model, refit.evaluated)
    ]

    assert errors[0] < errors[1]
    assert "rivian" in refit.model.makes
    assert "rivian" not in refit.evaluated.makes


def test_its_card_names_all_rows_and_has_the_metrics_of_the_evaluated_model(refit: Refit) -> None:
    asking = refit.test["price"].cast(pl.Float64).to_numpy()
    quoted = refit.evaluated.quote_frame(refit.test)["price"].to_numpy()
    card = refit.model.card

    assert card.rows == {"train": 2_000, "validation": 400, "test": 400, "reposts": 30}
    assert card.data_as_of == refit.test["posted_at"].dt.date().max()
    assert card.metrics["mdape"] == price_scores(asking=asking, quoted=quoted)["mdape"]
    assert card.accuracy is not None
    assert card.accuracy == read_accuracy(refit.folder / "evaluation")
    assert card.accuracy.unseen["mdape"] == card.metrics["mdape"]
    assert card.params["rounds"] == refit.model.booster.num_boosted_rounds()


def test_its_golden_quotes_are_its_own(refit: Refit) -> None:
    assert refit.model.golden
    for listing, expected in refit.model.golden:
        assert refit.model.quote(listing) == expected


def test_of_very_many_rows_a_sample_fits_the_quantile_trees(
    refit: Refit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_ROWS", 1_500)
    backend = RecordingBackend()
    files = {name: refit.folder / f"{name}.parquet" for name in ("train", "validation", "test", "reposts")}

    refit_model(evaluated=refit.evaluated, **files, into=tmp_path / "all", backend=backend)
    former = replace(refit.evaluated, quantile_trees=None)
    refit_model(evaluated=former, **files, into=tmp_path / "former", backend=backend)

    price, quantiles, price_of_former = backend.rows
    assert price == price_of_former == 2_830
    assert 1_000 < quantiles < 1_900
    assert PriceModel.load(tmp_path / "former").quantile_trees is None


class RecordingBackend(LocalBackend):
    """Records the number of rows of each fit."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def fit(self, *arguments: Any, rows: TrainingRows, **others: Any) -> list[FittedBooster]:
        self.rows.append(rows.count())
        return super().fit(*arguments, rows=rows, **others)
