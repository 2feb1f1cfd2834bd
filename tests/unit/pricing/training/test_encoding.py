"""The encoder of rows in parts is the encoder of all rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from carvalue.listings.datasets import read_sample, sampling
from carvalue.parallel import InProcess
from carvalue.pricing.additive.fitting import robust_ridge
from carvalue.pricing.bundle import encoder_to_json
from carvalue.pricing.features import FeatureEncoder
from carvalue.pricing.training.components import Components
from carvalue.pricing.training.encoding import (
    TrainingEncoder,
    TrainingRows,
    fit_training_encoder,
    in_files,
    in_memory,
)
from carvalue.pricing.training.encoding.training_rows import count_listings
from markets import a_market

TOLERANCE = 2e-6  # log dollars: features add several coefficients of six decimals


@pytest.fixture
def market() -> pl.DataFrame:
    """A market in which each of some cars has several listings, in different parts."""
    market = a_market(rows=600)
    return market.with_columns(pl.col("car") % 440)


@pytest.fixture
def folder(market: pl.DataFrame, tmp_path: Path) -> Path:
    folder = tmp_path / "train.parquet"
    folder.mkdir()
    for number, rows in enumerate((market[:160], market[160:520], market[520:])):
        rows.write_parquet(folder / f"{number:05}.parquet")
    return folder


Fit = Callable[..., TrainingEncoder]


@pytest.fixture
def fit_in_parts(folder: Path, tmp_path: Path) -> Fit:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rows = in_files([folder], workers=InProcess(partitions=3), scratch=scratch)
    return lambda **options: fit_training_encoder(rows, **options)


def test_the_encoder_of_parts_encodes_as_that_of_the_whole(
    fit_in_parts: Fit, market: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    # solved to the end: sums in another order may stop conjugate gradients an iteration earlier or later
    monkeypatch.setattr(robust_ridge, "TOLERANCE", 1e-10)
    monkeypatch.setattr(robust_ridge, "CG_ITERATIONS", 1_000)
    monkeypatch.setattr(robust_ridge, "REWEIGHTING_ROUNDS", 1)  # the second one is as the first

    parts, whole = fit_in_parts(), fit_training_encoder(in_memory(market))

    for encode in (TrainingEncoder.encode_out_of_fold, TrainingEncoder.encode_unseen):
        of_parts, of_whole = encode(parts, market), encode(whole, market)
        np.testing.assert_allclose(of_parts.matrix, of_whole.matrix, rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(of_parts.log_price, of_whole.log_price)


def test_price_levels_of_parts_are_equal_to_the_last_bit(fit_in_parts: Fit, market: pl.DataFrame) -> None:
    without = Components(additive_model=False)

    parts = fit_in_parts(components=without)
    whole = fit_training_encoder(in_memory(market), components=without)

    assert as_json(parts) == as_json(whole)


def test_the_files_of_a_fit_are_deleted(
    fit_in_parts: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robust_ridge, "CG_ITERATIONS", 2)  # each reads all files

    fit_in_parts()

    assert not list((tmp_path / "scratch").iterdir())


def test_a_part_without_rows_changes_nothing(folder: Path, market: pl.DataFrame, tmp_path: Path) -> None:
    market.clear().write_parquet(folder / "00009.parquet")
    (tmp_path / "scratch").mkdir()
    in_parts = in_files([folder], workers=InProcess(partitions=3), scratch=tmp_path / "scratch")
    empty = TrainingRows(tables=[market.lazy, market.clear().lazy])

    assert len(in_parts.tables) == 3
    assert as_json(fit_training_encoder(empty)) == as_json(fit_training_encoder(in_memory(market)))


def test_a_listing_of_an_unknown_car_can_be_fitted(market: pl.DataFrame) -> None:
    unknown = market.with_columns(car=pl.when(pl.int_range(pl.len()) > 5).then("car"))

    encoder = fit_training_encoder(in_memory(unknown))

    assert np.isfinite(encoder.encode_out_of_fold(unknown).base_margin).all()


def test_a_fold_without_rows_is_fitted_on_all(market: pl.DataFrame) -> None:
    one_fold = market.with_columns(car=pl.lit(7, dtype=pl.UInt64))

    encoder = fit_training_encoder(in_memory(one_fold))

    assert np.isfinite(encoder.encode_out_of_fold(one_fold).base_margin).all()


def test_of_many_rows_a_sample_of_the_cars_is_read(
    folder: Path, market: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_ROWS", 160)
    sample = read_sample(folder)

    assert read_sample(folder, one_in=1).equals(market)
    assert 80 < sample.height < 220
    assert sample.equals(market.filter(pl.col("car").is_in(sample["car"].implode())))


def as_json(encoder: TrainingEncoder) -> list[object]:
    return [encoder_to_json(each) for each in (encoder.encoder, *map(FeatureEncoder, encoder.folds))]


def test_a_sample_has_the_same_cars_however_the_rows_are_divided(
    folder: Path, market: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_ROWS", 700)  # of 1,500: one in three cars
    in_parts = in_files([folder], workers=InProcess(partitions=3), scratch=tmp_path)

    whole, parts = in_memory(market).sample().scan().collect(), in_parts.sample().scan().collect()

    assert parts.equals(whole)
    assert 0 < whole.height < 700
    assert set(whole["car"]).isdisjoint(market.join(whole, on="id", how="anti")["car"])


def test_the_rows_of_a_small_table_are_no_sample(market: pl.DataFrame) -> None:
    assert in_memory(market).sample().count() == market.height


def test_listings_of_a_car_in_several_parts_are_counted_together(
    folder: Path, market: pl.DataFrame, tmp_path: Path
) -> None:
    in_parts = in_files([folder], workers=InProcess(partitions=3), scratch=tmp_path)

    counts = count_listings(in_parts).sort("car")

    assert counts.equals(count_listings(in_memory(market)).sort("car"))
    assert not list(tmp_path.glob("cars-*"))
