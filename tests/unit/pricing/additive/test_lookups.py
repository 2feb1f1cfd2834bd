"""The additive model recovers the effects of a simulated market, and is unchanged after saving."""

import json

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix
from carvalue.pricing.additive.fitting.robust_ridge import robust_ridge
from carvalue.pricing.bundle.encoder_json import encoder_from_json, encoder_to_json
from carvalue.pricing.features.encoder import ADDITIVE
from carvalue.pricing.training.cross_fitting import fit_encoder, log_prices
from markets import a_market


def test_the_sum_alone_prices_a_market() -> None:
    encoder, later = fit_encoder(a_market(rows=3_000)), a_market(rows=500, seed=4)

    quoted = encoder.matrix(later)[:, encoder.names.index(ADDITIVE)]

    assert np.median(np.abs(quoted - log_prices(later).to_numpy())) < 0.1


def test_a_saved_encoder_gives_the_same_bits() -> None:
    market = a_market(rows=500)
    encoder = fit_encoder(market)

    again = encoder_from_json(json.loads(json.dumps(encoder_to_json(encoder))))

    assert again.names == encoder.names
    assert again.matrix(market).tobytes() == encoder.matrix(market).tobytes()


def test_outliers_do_not_change_the_ridge() -> None:
    random = np.random.default_rng(1)
    matrix = sparse.csr_matrix(random.normal(size=(2_000, 3)))
    block = ColumnBlock(table=matrix, index=np.arange(2_000), keys=("a", "b", "c"), penalty=1e-3)
    target = matrix @ np.array([1.0, -2.0, 0.5]) + random.normal(0, 0.05, 2_000)
    target[:100] += 5.0
    design = DesignMatrix(blocks={"levels": block}, year=np.zeros(2_000, dtype=np.int64))

    found, weights = robust_ridge(design, target, weights=np.ones(2_000))

    assert found == pytest.approx([1.0, -2.0, 0.5], abs=0.03)
    assert weights[:100].max() < 0.1 < weights[100:].min()


def test_a_market_of_one_car_can_be_fitted() -> None:
    lonely = pl.concat([a_market(rows=1)] * 3)

    assert np.isfinite(fit_encoder(lonely).matrix(lonely)[:, -1]).all()


def test_a_block_multiplies_as_the_matrix_that_it_stands_for() -> None:
    random = np.random.default_rng(2)
    table, index = sparse.random(5, 4, density=0.5, format="csr", random_state=3), random.integers(0, 5, 60)
    factor, keys = random.normal(size=60), ("a", "b", "c", "d")
    block = ColumnBlock(table=table, index=index, factor=factor, keys=keys, penalty=1.0)
    whole = table.toarray()[index] * factor[:, None]
    some = np.array([3, 3, 59])

    columns, rows = random.normal(size=4), random.normal(size=60)

    np.testing.assert_allclose(block.dot(columns), whole @ columns)
    np.testing.assert_allclose(block.transposed_dot(rows), whole.T @ rows)
    np.testing.assert_allclose(block.squared().transposed_dot(rows), (whole**2).T @ rows)
    np.testing.assert_allclose(block.select(some).dot(columns), whole[some] @ columns)
