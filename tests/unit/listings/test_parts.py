"""Listings in parts are cleaned and split as in one."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.listings.cleaning.comparison import CORRECTED, DELETED_BY_SOURCE, SAME_ADVERTISEMENT, SAME_ID
from carvalue.parallel import IN_PROCESS, InProcess, parts_of
from parted_market import CHAIN_IDS, Prepared, assert_equal, parted_market, prepare


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return parted_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def whole(raw: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(raw, into=tmp_path_factory.mktemp("whole"), workers=IN_PROCESS)


def test_the_market_has_every_kind_of_row(whole: Prepared) -> None:
    assert whole.cleaning.rejected.keys() >= {CORRECTED, DELETED_BY_SOURCE, SAME_ADVERTISEMENT, SAME_ID}
    assert whole.cleaning.kept + sum(whole.cleaning.rejected.values()) == whole.cleaning.read
    assert all(whole.splits.reposts_dropped.values())
    assert whole.tables["reposts"].height > 0


def test_vins_link_the_descriptions_of_a_car(whole: Prepared) -> None:
    chain = whole.tables["listings"].filter(pl.col("id").is_in(list(map(int, CHAIN_IDS))))

    assert chain.height == len(CHAIN_IDS)
    assert chain["odometer"].n_unique() == 3
    assert chain["car"].n_unique() == 1


@pytest.mark.parametrize("partitions", [2, 4, 7])
def test_parts_give_the_same_rows_and_reports_as_one(
    raw: tuple[Path, ...], whole: Prepared, tmp_path: Path, partitions: int
) -> None:
    assert_equal(prepare(raw, into=tmp_path, workers=InProcess(partitions)), whole)

    assert len(parts_of(tmp_path / "clean" / "listings.parquet")) == min(partitions, len(raw))
    assert len(parts_of(tmp_path / "splits" / "train.parquet")) > 1


def test_one_part_replaces_several(raw: tuple[Path, ...], whole: Prepared, tmp_path: Path) -> None:
    prepare(raw, into=tmp_path, workers=InProcess(3))

    assert_equal(prepare(raw, into=tmp_path, workers=IN_PROCESS), whole)

    assert (tmp_path / "splits" / "train.parquet").is_file()
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [
        "cleaning.json",
        "listings.parquet",
        "rejects.parquet",
    ]
