"""Scores, slices, the baseline and the comparison with the champion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.evaluate import (
    Champion,
    Evaluation,
    evaluate_bundle,
    read_accuracy,
)
from carvalue.pricing.evaluation.scores import price_scores, range_scores
from carvalue.pricing.model import PriceModel
from markets import a_market


def test_scores_of_known_quotes() -> None:
    asking, quoted = np.array([10_000.0, 20_000.0, 40_000.0]), np.array([11_000.0, 20_000.0, 80_000.0])

    found = price_scores(asking=asking, quoted=quoted)

    assert found["mdape"] == pytest.approx(0.1)
    assert found["mae"] == pytest.approx(41_000 / 3)
    assert found["within_20"] == pytest.approx(2 / 3)
    assert range_scores(asking=asking, quoted=quoted, low=quoted - 1, high=quoted + 1)["coverage"] == 1 / 3


def test_the_baseline_is_the_median_of_the_narrowest_group_with_enough_rows() -> None:
    train = pl.DataFrame(
        {
            "manufacturer": ["toyota"] * 6 + ["ford"],
            "model": ["camry"] * 3 + ["tacoma"] * 3 + ["focus"],
            "year": [2010] * 7,
            "price": [1_000, 2_000, 3_000, 7_000, 8_000, 9_000, 50_000],
        }
    )
    priced = pl.DataFrame(
        {
            "manufacturer": ["toyota", "toyota", "ford", None],
            "model": ["camry le", "yaris", "focus", None],
            "year": [2010, 2010, 2010, 1999],
        }
    )

    assert median_quotes(train=train, frame=priced).tolist() == [2_000, 5_000, 7_000, 7_000]


def test_an_evaluation_writes_scores_slices_and_pictures(bundle: Path, tmp_path: Path) -> None:
    files = {name: bundle.parent / f"{name}.parquet" for name in ("train", "test")}

    found = evaluate_bundle(bundle=bundle, **files, into=tmp_path / "evaluation")

    assert found == Evaluation.load(tmp_path / "evaluation")
    assert found.metrics["mdape"] < found.baseline["mdape"]
    assert 0.8 < found.metrics["coverage"] <= 1
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {
        *("evaluation.json", "slices.csv", "calibration.csv", "comparison.csv", "pit.csv", "MODEL_CARD.md"),
        "accuracy.json",
        *("quote_by_asking_price.png", "errors.png", "residuals.png", "calibration.png", "features.png"),
    }


def test_the_accuracy_of_the_public_page_names_groups_and_the_versions_before(
    bundle: Path, tmp_path: Path
) -> None:
    files = {name: bundle.parent / f"{name}.parquet" for name in ("train", "test")}
    evaluate_bundle(bundle=bundle, **files, into=tmp_path / "first")
    first = read_accuracy(tmp_path / "first")
    model = PriceModel.load(bundle)
    champion = Champion(name="version 7", model=replace(model, card=replace(model.card, accuracy=first)))
    found = evaluate_bundle(bundle=bundle, **files, into=tmp_path / "second", champion=champion)
    second = read_accuracy(tmp_path / "second")

    assert first is not None
    assert second is not None
    assert second.unseen == {**found.metrics, "rows": found.rows}
    assert sum(group.rows for group in second.by_price) <= found.rows
    assert [group.name for group in second.by_price] == sorted(
        (group.name for group in second.by_price), key=int
    )
    assert [group.name for group in second.by_support] == [
        grade
        for grade in ("many", "some", "few", "none")
        if grade in {item.name for item in second.by_support}
    ]
    assert all(group.rows >= 30 and 0 < group.mdape < 1 for group in (*second.by_price, *second.by_support))
    assert first.earlier == ()
    (before,) = second.earlier
    assert (before.name, before.mdape) == ("version 7", first.unseen["mdape"])
    assert read_accuracy(tmp_path) is None


def test_slices_are_named_and_large_enough(bundle: Path, tmp_path: Path) -> None:
    a_market(rows=400, seed=3).write_parquet(tmp_path / "test.parquet")

    evaluate_bundle(
        bundle=bundle, train=bundle.parent / "train.parquet", test=tmp_path / "test.parquet", into=tmp_path
    )

    slices = pl.read_csv(tmp_path / "slices.csv")
    assert set(slices["slice"]) == {"make", "age", "age third", "price third", "state"}
    assert slices["rows"].min() >= 30  # type: ignore[operator]


def test_later_advertisements_of_known_cars_are_measured_together_with_the_test_rows(
    bundle: Path, tmp_path: Path
) -> None:
    files = {name: bundle.parent / f"{name}.parquet" for name in ("train", "test")}
    later = a_market(rows=50, seed=4).with_columns(price=pl.col("price") * 3)
    later.write_parquet(tmp_path / "reposts.parquet")

    found = evaluate_bundle(bundle=bundle, **files, into=tmp_path, reposts=tmp_path / "reposts.parquet")

    assert found == Evaluation.load(tmp_path)
    assert found.new_listings["rows"] == found.rows + 50
    assert found.new_listings["mae"] > found.metrics["mae"] + 1_000


def test_rows_that_production_was_fitted_on_are_quoted_by_the_model_before_that_fit(bundle: Path) -> None:
    evaluated, rows = PriceModel.load(bundle), pl.read_parquet(bundle.parent / "test.parquet")
    newest = evaluated.card.data_as_of
    later = pl.duration(days=pl.int_range(pl.len()) % 3)  # every third row is one that production knows
    rows = rows.with_columns(posted_at=pl.lit(newest).cast(pl.Datetime("us", "UTC")) + later)
    production = replace(
        evaluated,
        flat_trees=replace(evaluated.flat_trees, leaf=evaluated.flat_trees.leaf + np.float32(0.01)),
        booster_bytes=b"",
        card=replace(evaluated.card, data_as_of=newest),
    )

    quoted = Champion(name="version 7", model=production, evaluated=evaluated).quote(rows)

    assert quoted["id"].to_list() == rows["id"].to_list()
    is_known = rows["posted_at"].dt.date() <= newest
    for model, part in ((evaluated, is_known), (production, ~is_known)):
        assert part.any()
        assert (
            quoted.filter(part)["quoted"].to_list() == model.quote_frame(rows.filter(part))["price"].to_list()
        )


def test_the_model_in_production_is_measured_on_the_same_rows(bundle: Path, tmp_path: Path) -> None:
    files = {name: bundle.parent / f"{name}.parquet" for name in ("train", "test")}
    champion = Champion(name="version 7", model=PriceModel.load(bundle))

    found = evaluate_bundle(bundle=bundle, **files, into=tmp_path, champion=champion)

    slices, comparison = (pl.read_csv(tmp_path / name) for name in ("slices.csv", "comparison.csv"))
    assert found.champion == found.metrics
    assert slices["production_mdape"].to_list() == slices["mdape"].to_list()
    assert slices["baseline_mdape"].to_list() != slices["mdape"].to_list()
    assert comparison["model"].to_list() == [
        *("this one", "median by make, family, year", "in production: version 7")
    ]
    assert "in production: version 7" in (tmp_path / "MODEL_CARD.md").read_text()
