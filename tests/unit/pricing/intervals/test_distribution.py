"""The distribution agrees with the quote, has ordered quantiles, and is scored properly."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carvalue.files.bundle import json_bytes, read_bundle, write_bundle
from carvalue.listings import FIELDS, NumberField
from carvalue.pricing.evaluation import score_listings, summarize_scores
from carvalue.pricing.features import ListingCells
from carvalue.pricing.intervals import LEVELS, PriceDistribution, QuantilesUnknown, crps, shares_below
from carvalue.pricing.model import PriceModel
from markets import a_listing, a_market

PROMISED = (0.05, 0.5, 0.95)
LISTINGS = st.fixed_dictionaries(
    {
        "manufacturer": st.sampled_from(["toyota", "porsche", "trabant", None]),
        "model": st.sampled_from(["camry le", "911", "601", None]),
    },
    optional={
        field.name: st.none() | st.integers(field.minimum, field.maximum)
        for field in FIELDS
        if isinstance(field, NumberField)
    },
)


def of(prices: list[float]) -> np.ndarray:
    return np.array([prices], dtype=np.int64)


@given(
    listing=LISTINGS,
    shift=st.floats(-0.3, 0.3),
    ties=st.integers(0, 3),
    asking=st.lists(st.integers(1, 1_000_000), min_size=2, max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_the_distribution_of_any_listing_agrees_with_its_quote(
    model: PriceModel, listing: dict[str, object], shift: float, ties: int, asking: list[int]
) -> None:
    """Also where the residuals of a bin are biased, or many of them are equal."""
    quantiles = np.round(np.array(model.intervals.quantiles) + shift, ties or 6)
    biased = replace(model.intervals, quantiles=tuple(map(tuple, quantiles.tolist())))
    model = replace(model, intervals=biased)

    found, quote = model.distribution(listing), model.quote(listing)

    assert found.quantiles(PROMISED) == (quote.low, quote.price, quote.high)
    assert list(found.prices) == sorted(found.prices)
    shares = [found.share_below(price) for price in sorted(asking)]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] < 1


def test_ranks_of_the_quote_are_those_it_promises(model: PriceModel) -> None:
    found = model.distribution(a_listing())

    for level, price in zip(PROMISED, found.quantiles(PROMISED), strict=True):
        equal = [other for other, quantile in zip(LEVELS, found.prices, strict=True) if quantile == price]
        assert level in equal
        assert found.share_below(price) == pytest.approx((equal[0] + equal[-1]) / 2)
    assert (found.share_below(1), found.share_below(10**6)) == (1 / 400, 399 / 400)


def test_equal_quantiles_share_their_levels() -> None:
    assert PriceDistribution((9_000,) * 199).share_below(9_000) == 0.5


def test_crps_is_that_of_the_formula() -> None:
    """Of a normal distribution it is known: Gneiting and Raftery (2007), equation 21."""
    random = np.random.default_rng(1)
    prices = np.quantile(random.normal(20_000, 4_000, 400_000), LEVELS).round().astype(np.int64)
    asking = np.array([20_000.0, 24_000.0, 30_000.0])

    found = crps(np.tile(prices, (3, 1)), asking)

    assert found == pytest.approx([0.2337 * 4_000, 0.6024 * 4_000, 1.9397 * 4_000], rel=0.02)


def test_the_pit_of_calibrated_distributions_is_uniform() -> None:
    random = np.random.default_rng(2)
    prices = np.quantile(random.normal(20_000, 4_000, 400_000), LEVELS).round().astype(np.int64)
    pit = shares_below(np.tile(prices, (20_000, 1)), random.normal(20_000, 4_000, 20_000))

    assert np.histogram(pit, bins=10, range=(0, 1))[0] / 20_000 == pytest.approx(0.1, abs=0.01)


def test_a_model_without_quantiles_quotes_and_names_what_it_lacks(bundle: Path, tmp_path: Path) -> None:
    files = read_bundle(bundle)
    ranges = json.loads(files["ranges.json"])
    del ranges["quantiles"]
    write_bundle(tmp_path / "former", files | {"ranges.json": json_bytes(ranges)})
    former = PriceModel.load(tmp_path / "former")

    with pytest.raises(QuantilesUnknown, match="Train a new version"):
        former.distribution(a_listing())
    assert former.quote(a_listing()) == PriceModel.load(bundle).quote(a_listing())
    assert "crps" not in summarize_scores(score_listings(former, a_market(rows=50)))


def test_quantiles_of_an_implausible_odometer_are_those_of_its_quote(model: PriceModel) -> None:
    implausible = a_listing(odometer=12)

    (prices,) = model.quantiles(ListingCells((implausible,)), np.array(PROMISED)).tolist()

    quote = model.quote(implausible)
    assert prices == [quote.low, quote.price, quote.high]
