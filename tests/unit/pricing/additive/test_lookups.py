"""The additive model recovers the effects of a simulated market, and is unchanged after saving."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from carvalue.listings import EARLIEST_YEAR
from carvalue.pricing.additive.fitting import (
    DesignParts,
    FitRows,
    build_design,
    choose_columns,
    count_cells,
    write_part,
)
from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix
from carvalue.pricing.additive.fitting.robust_ridge import robust_ridge
from carvalue.pricing.additive.isotonic import interpolate, locate
from carvalue.pricing.additive.lookups import (
    AGE_KNOTS,
    ODOMETER_KNOTS,
    SLOPE_BASIS,
    curve_keys,
    family_category_key,
    group_keys,
    level_keys,
)
from carvalue.pricing.bundle.encoder_json import encoder_from_json, encoder_to_json
from carvalue.pricing.features import IMPLAUSIBLE, car_name, drop_implausible, normalize_word
from carvalue.pricing.features.encoder import ADDITIVE
from carvalue.pricing.training.encoding import log_prices
from markets import a_market, an_encoder


def test_the_sum_alone_prices_a_market() -> None:
    encoder, later = an_encoder(a_market(rows=3_000)), a_market(rows=500, seed=4)

    quoted = encoder.matrix(later)[:, encoder.names.index(ADDITIVE)]

    assert np.median(np.abs(quoted - log_prices(later).to_numpy())) < 0.1


def test_a_saved_encoder_gives_the_same_bits() -> None:
    market = a_market(rows=500)
    encoder = an_encoder(market)

    again = encoder_from_json(json.loads(json.dumps(encoder_to_json(encoder))))

    assert again.names == encoder.names
    assert again.matrix(market).tobytes() == encoder.matrix(market).tobytes()


def test_a_bundle_keeps_the_names_that_release_0_1_gave_to_features() -> None:
    encoder = an_encoder(a_market(rows=500))

    content = encoder_to_json(encoder)

    assert {"odometer_doubted", "words", "family_words"} <= {item["name"] for item in content["features"]}
    assert content["summed"] == ["name_year", "name_miles", "words", "family_words"]
    assert {"odometer_implausible", "category_effects", "family_category_effects"} <= set(encoder.names)


def test_outliers_do_not_change_the_ridge() -> None:
    random = np.random.default_rng(1)
    matrix = sparse.csr_matrix(random.normal(size=(2_000, 3)))
    block = ColumnBlock(table=matrix, index=np.arange(2_000))
    target = matrix @ np.array([1.0, -2.0, 0.5]) + random.normal(0, 0.05, 2_000)
    target[:100] += np.tile([5.0, -5.0], 50)
    design = DesignMatrix.join([block], year=np.zeros(2_000, dtype=np.int64))

    weights = np.stack(
        [np.ones(2_000), np.arange(2_000) % 2 == 0], axis=1
    )  # of the second fit: half the rows
    rows = FitRows(design=design, target=target, row_weights=weights, weights=weights)

    together = robust_ridge(DesignParts(parts=[rows]), penalty=np.full(3, 1e-3))
    alone = robust_ridge(
        DesignParts(parts=[replace(rows, row_weights=weights[:, 1:], weights=weights[:, 1:])]),
        penalty=np.full(3, 1e-3),
    )

    final = together.parts.parts[0].weights
    assert together.coefficients[:, 0] == pytest.approx([1.0, -2.0, 0.5], abs=0.03)
    assert final[:100, 0].max() < 0.1 < final[100:, 0].min()
    assert together.coefficients[:, 1] == pytest.approx(alone.coefficients[:, 0], abs=1e-12)


def test_a_market_of_one_car_can_be_fitted() -> None:
    lonely = pl.concat([a_market(rows=1)] * 3)

    assert np.isfinite(an_encoder(lonely).matrix(lonely)[:, -1]).all()


def test_blocks_multiply_as_the_matrix_that_they_stand_for() -> None:
    random = np.random.default_rng(2)
    tables = [sparse.random(5, width, density=0.5, format="csr", random_state=width) for width in (4, 3)]
    index, factor = random.integers(0, 5, (2, 60)), random.normal(size=60)
    blocks = [
        ColumnBlock(table=tables[0], index=index[0], factor=factor),
        ColumnBlock(table=tables[1], index=index[1]),
    ]
    design = DesignMatrix.join(blocks, year=np.zeros(60, dtype=np.int64))
    whole = np.hstack([tables[0].toarray()[index[0]] * factor[:, None], tables[1].toarray()[index[1]]])

    columns, rows = random.normal(size=(7, 2)), random.normal(size=(60, 2))

    np.testing.assert_allclose(design.dot(columns), whole @ columns)
    np.testing.assert_allclose(design.transposed_dot(rows), whole.T @ rows)
    np.testing.assert_allclose(design.squared().transposed_dot(rows), (whole**2).T @ rows)


def test_a_part_in_a_file_is_the_part(tmp_path: Path) -> None:
    market = drop_implausible(a_market(rows=400), newest_year=2021)
    design, weights = build_design(market, choose_columns(count_cells(market.lazy()))), np.ones((400, 2))
    rows = FitRows(design=design, target=np.arange(400.0), row_weights=weights, weights=weights)

    read = write_part(rows, tmp_path / "part").read()

    for ours, others in zip(matrices(rows.design), matrices(read.design), strict=True):
        np.testing.assert_array_equal(ours, others)
    np.testing.assert_array_equal(read.target, rows.target)
    np.testing.assert_array_equal(read.weights, weights)


def matrices(design: DesignMatrix) -> list[np.ndarray]:
    return [design.finder.toarray(), design.table.toarray(), design.year]


def test_the_rows_of_the_design_are_those_of_their_listings() -> None:
    market = drop_implausible(a_market(rows=400), newest_year=2021)
    columns, year = choose_columns(count_cells(market.lazy())), market["year"]
    design = build_design(market, columns)

    matrix = (design.finder @ design.table).toarray()

    for name, keys in columns.keys.items():
        rows = matrix[:, columns.slices[name]]
        ages = [locate(AGE_KNOTS, float(year.max() - each)) for each in year]
        for found, listing, age in zip(rows, market.iter_rows(named=True), ages, strict=True):
            assert dict(nonzero(keys, found)) == pytest.approx(expected_row(name, listing, age, keys))


def nonzero(keys: Sequence[str], values: Iterable[float]) -> Iterator[tuple[str, float]]:
    return ((key, value) for key, value in zip(keys, values, strict=True) if value)


def expected_row(
    block: str, listing: Mapping[str, Any], age: tuple[int, float], keys: Sequence[str]
) -> dict[str, float]:
    """The row of one listing in a block, written down column by column."""
    name = car_name(listing["manufacturer"], listing["model"])
    miles = listing["odometer"]
    place = None if miles is None else locate(ODOMETER_KNOTS, float(miles))
    field = block.removeprefix("category ").removeprefix("family ")
    if block == "years":
        row = {str(listing["year"] - EARLIEST_YEAR): 1.0}
    elif block == "levels":
        row = dict.fromkeys(level_keys(name), 1.0)
    elif block == "ages":
        shares = {age[0]: 1 - age[1], age[0] + 1: age[1]}
        row = {f"{knot} {key}": share for knot, share in shares.items() for key in curve_keys(name)}
    elif block == "slopes":
        slope = interpolate(SLOPE_BASIS, *place) if place else 0.0
        row = dict.fromkeys(curve_keys(name), slope)
    elif block == "miles":
        row = {"missing": 1.0}
        if place:
            row = {
                str(ODOMETER_KNOTS[place[0]]): 1 - place[1],
                str(ODOMETER_KNOTS[place[0] + 1]): place[1],
            }
    elif block == "implausible":
        row = {IMPLAUSIBLE: float(listing[IMPLAUSIBLE])}
    elif block.startswith("category "):
        row = {normalize_word(listing[field]): 1.0}
    else:
        row = {family_category_key(group_keys(name)[1], normalize_word(listing[field])): 1.0}
    return {key: value for key, value in row.items() if value and key in keys}
