"""False sales, in whichever way and share, neither move prices nor get a model promoted."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.poisoning.attacks import ATTACKS, Outcome, honest_sales, retrain, with_attack

from carvalue.pricing.model import PriceModel
from markets import a_bundle, a_market, fit_small

LEVEL_MOVES_AT_MOST = 0.02


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> PriceModel:
    return PriceModel.load(a_bundle(tmp_path_factory.mktemp("champion")))


@pytest.fixture(scope="module")
def listings() -> pl.DataFrame:
    nowhere = pl.lit(None, pl.Float64)
    return a_market(rows=6_000).with_columns(lat=nowhere, long=nowhere)


@pytest.fixture(scope="module")
def honest(champion: PriceModel) -> pl.DataFrame:
    return honest_sales(a_market(rows=600, seed=5), model=champion, random=np.random.default_rng(1))


@pytest.fixture(scope="module")
def clean(
    listings: pl.DataFrame,
    honest: pl.DataFrame,
    champion: PriceModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Outcome:
    folder = tmp_path_factory.mktemp("clean")
    return retrain(listings, honest, champion=champion, train=fit_small, folder=folder)


def test_honest_sales_are_used_in_training(clean: Outcome) -> None:
    assert clean.report.joined > 0
    assert clean.report.to_quote == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("share", [0.3])
def test_false_sales_do_not_move_the_price_level(
    name: str,
    share: float,
    clean: Outcome,
    listings: pl.DataFrame,
    honest: pl.DataFrame,
    champion: PriceModel,
    tmp_path: Path,
) -> None:
    sales = with_attack(honest, ATTACKS[name], share=share)

    outcome = retrain(listings, sales, champion=champion, train=fit_small, folder=tmp_path)

    moves = outcome.prices.cast(pl.Float64) / clean.prices.cast(pl.Float64) - 1
    assert abs(float(np.median(moves))) <= LEVEL_MOVES_AT_MOST
    assert not outcome.decision.needs_approval
