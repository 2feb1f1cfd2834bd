"""The training rows become the drift reference, completely or not at all."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.datasets import sampling
from carvalue.listings.datasets.splits import split
from carvalue.listings.schema import FIELD_BY_NAME
from carvalue.monitoring.drift.reference import ReferenceMissing, find_reference, publish_reference
from factories import raw_rows, write_raw


@pytest.fixture
def train(tmp_path: Path) -> Path:
    report = clean(write_raw(tmp_path / "vehicles.csv", raw_rows(100)), into=tmp_path / "work")
    return split(report.listings, into=tmp_path / "work").folder / "train.parquet"


def test_the_reference_holds_the_features_and_the_price_of_the_training_rows(
    train: Path, tmp_path: Path
) -> None:
    reference = publish_reference(train, fingerprint="abc", root=tmp_path / "reference")

    rows = pl.read_parquet(reference.path)
    assert rows.columns == ["posted_at", *FIELD_BY_NAME, "price"]
    assert rows.height == reference.rows == 70
    assert rows["posted_at"].is_sorted()


def test_it_is_found_by_the_fingerprint_of_its_dataset(train: Path, tmp_path: Path) -> None:
    published = publish_reference(train, fingerprint="abc", root=tmp_path)

    assert find_reference(fingerprint="abc", root=tmp_path) == published
    with pytest.raises(ReferenceMissing, match="dataset xyz"):
        find_reference(fingerprint="xyz", root=tmp_path)


def test_a_failure_leaves_the_earlier_reference(train: Path, tmp_path: Path) -> None:
    root = tmp_path / "reference"
    published = publish_reference(train, fingerprint="abc", root=root)
    train.write_bytes(b"damaged")

    with pytest.raises(pl.exceptions.PolarsError):
        publish_reference(train, fingerprint="abc", root=root)

    assert pl.read_parquet(published.path).height == published.rows
    assert sorted(path.name for path in root.iterdir()) == ["abc.json", "abc.parquet"]


def test_of_too_many_rows_the_reference_has_some_cars(
    train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_ROWS", 40)  # of 70 rows: one in two cars

    reference = publish_reference(train, fingerprint="abc", root=tmp_path / "reference")

    rows = pl.read_parquet(reference.path)
    assert 0 < rows.height == reference.rows < 70
    assert rows["posted_at"].is_sorted()
