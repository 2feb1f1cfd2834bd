"""The model uses its inputs, quotes alike one by one and in frames, and knows a damaged bundle."""

import gc
import json
import pickle
import weakref
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carvalue.files.bundle import (
    BundleCorrupt,
    BundleIncompatible,
    bundle_digest,
    json_bytes,
    read_bundle,
    write_bundle,
)
from carvalue.listings.schema import FIELDS, PRICE, CategoryField
from carvalue.pricing.features import FrameCells
from carvalue.pricing.intervals import NO_CORRECTION, RangeCorrection
from carvalue.pricing.model import PriceModel
from markets import a_listing, a_market


def test_a_frame_and_single_listings_are_quoted_alike(model: PriceModel) -> None:
    market = a_market(rows=700, seed=5)

    frame = model.quote_frame(market)

    for row, quoted in zip(market.to_dicts(), frame.iter_rows(), strict=True):
        quote = model.quote(row)
        assert quote.support is not None
        told = (quote.support.grade, list(quote.warnings), list(quote.kinds))
        assert (quote.price, quote.low, quote.high, *told) == quoted


def test_many_listings_are_quoted_as_each_alone(model: PriceModel) -> None:
    listings = a_market(rows=100, seed=6).to_dicts()

    assert model.quote_many(listings) == tuple(map(model.quote, listings))
    assert model.quote_many([]) == ()


def test_the_model_uses_its_inputs(model: PriceModel) -> None:
    camry = model.quote(a_listing()).price

    assert model.quote(a_listing(manufacturer="porsche", model="911 carrera")).price > 2 * camry
    assert model.quote(a_listing(odometer=20_000)).price > camry
    assert model.quote(a_listing(year=2004)).price < camry
    assert model.quote(a_listing(title_status="rebuilt")).price < camry


def test_a_correction_moves_the_range_and_never_the_price(model: PriceModel) -> None:
    corrected = replace(model, correction=RangeCorrection(level=0.05, log_scale=0.02))
    listings = a_market(rows=100, seed=6)

    for before, after in zip(
        model.quote_many(listings.to_dicts()), corrected.quote_many(listings.to_dicts()), strict=True
    ):
        assert (after.price, after.warnings, after.support) == (before.price, before.warnings, before.support)
        assert (before.calibrated, after.calibrated) == (None, (before.low, before.high))
        assert before.low < after.low <= after.price <= before.high
        assert before.high < after.high or before.high == PRICE.maximum
        assert after.low / before.low < 1.101
        assert after.high / before.high < 1.101
    frame = corrected.quote_frame(listings)
    ends = frame.select("low", "high", "calibrated_low", "calibrated_high").rows()
    quotes = corrected.quote_many(listings.to_dicts())
    assert ends == [(quote.low, quote.high, *(quote.calibrated or ())) for quote in quotes]


def test_the_distribution_follows_a_correction(model: PriceModel) -> None:
    corrected = replace(model, correction=RangeCorrection(level=-0.04, log_scale=-0.1))
    quote, distribution = corrected.quote(a_listing()), corrected.distribution(a_listing())

    assert distribution.quantiles((0.05, 0.5, 0.95)) == (quote.low, quote.price, quote.high)
    assert list(distribution.prices) == sorted(distribution.prices)
    assert corrected.as_files() == model.as_files()  # a bundle holds no correction


def test_ranges_and_quantiles_stay_within_the_limits_of_the_market(model: PriceModel) -> None:
    listings = a_market(rows=300, seed=7)
    free = replace(model, intervals=replace(model.intervals, limits=None)).quote_frame(listings)
    lowest, highest = int(free["price"].quantile(0.1) or 0), int(free["price"].quantile(0.9) or 0)
    limited = replace(model, intervals=replace(model.intervals, limits=(lowest, highest)))

    for correction in (NO_CORRECTION, RangeCorrection(level=-0.05, log_scale=0.02)):
        corrected = replace(limited, correction=correction)
        quotes = corrected.quote_frame(listings)
        levels = corrected.quantiles(FrameCells(listings), np.array([0.01, 0.05, 0.5, 0.95, 0.99]))

        assert quotes["price"].equals(free["price"])
        assert (quotes["low"] == quotes["price"].clip(upper_bound=lowest)).any()
        assert (quotes["high"] == quotes["price"].clip(lower_bound=highest)).any()
        assert (quotes["low"] >= quotes["price"].clip(upper_bound=lowest)).all()
        assert (quotes["high"] <= quotes["price"].clip(lower_bound=highest)).all()
        assert (quotes["low"] <= quotes["price"]).all()
        assert (quotes["price"] <= quotes["high"]).all()
        assert (np.diff(levels) >= 0).all()
        assert levels[:, 1:4].tolist() == quotes.select("low", "price", "high").to_numpy().tolist()


def test_a_model_stays_within_the_prices_that_cleaning_keeps(model: PriceModel) -> None:
    assert model.intervals.limits == (PRICE.minimum, PRICE.maximum)


def test_the_price_lies_in_its_range(model: PriceModel) -> None:
    quote = model.quote(a_listing())

    assert quote.low < quote.price < quote.high


@pytest.mark.parametrize(
    ("changes", "kind", "warning"),
    [
        (
            {"manufacturer": None, "model": "601"},
            "make_missing",
            "make is not known: the price rests on the rest of the listing",
        ),
        (
            {"manufacturer": "trabant", "model": "601"},
            "make_unknown",
            "make 'trabant' is not in the training data",
        ),
        ({"model": None}, "model_missing", "model is not known: a usual toyota is assumed"),
        ({"model": "zzz"}, "model_unknown", "model 'zzz' of toyota is not in the training data"),
        ({"region": "nowhere"}, "region_unknown", "region 'nowhere' is not in the training data"),
        ({"odometer": None}, "odometer_missing", "odometer is missing: a usual mileage is assumed"),
        (
            {"odometer": 12},
            "odometer_implausible",
            "odometer below 1,000 miles is implausible for a used car: taken as missing",
        ),
        ({"year": None}, "year_missing", "year is missing: the price rests on the rest of the listing"),
        (
            {"year": 2030},
            "year_newer",
            "year 2030 is newer than the training data, which ends with 2021",
        ),
    ],
)
def test_unknown_and_missing_values_give_warnings(
    model: PriceModel, changes: dict[str, object], kind: str, warning: str
) -> None:
    quote = model.quote(a_listing(**changes))

    assert (quote.warnings, quote.kinds) == ((warning,), (kind,))


def test_a_listing_of_known_categories_has_no_warnings(model: PriceModel) -> None:
    assert model.quote(a_listing()).warnings == ()


def _values(field: object) -> st.SearchStrategy[object]:
    if isinstance(field, CategoryField):
        return st.none() | (st.text(max_size=60) if field.is_open else st.sampled_from(field.choices))
    return st.none() | st.integers(field.minimum, field.maximum)  # type: ignore[attr-defined]


@given(st.fixed_dictionaries({}, optional={field.name: _values(field) for field in FIELDS}))
@settings(max_examples=100, deadline=None)
def test_any_listing_of_the_schema_has_a_price(model: PriceModel, listing: dict[str, object]) -> None:
    quote = model.quote(listing)

    assert 0 < quote.low <= quote.price <= quote.high


def test_a_loaded_model_is_the_saved_one(model: PriceModel, tmp_path: Path) -> None:
    model.save(tmp_path / "again")

    again = PriceModel.load(tmp_path / "again")

    assert again.quote(a_listing()) == model.quote(a_listing())
    assert again.card == model.card
    assert again.card.data_as_of.isoformat() == "2021-04-05"


def test_saving_over_a_bundle_replaces_all_of_it(model: PriceModel, tmp_path: Path) -> None:
    model.save(tmp_path / "bundle")
    (tmp_path / "bundle" / "leftover").write_text("")

    model.save(tmp_path / "bundle")

    assert not (tmp_path / "bundle" / "leftover").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["model.ubj", "features.json", "card.json", "MANIFEST.json"])
def test_a_damaged_bundle_names_the_file(bundle: Path, tmp_path: Path, name: str) -> None:
    damaged = Path(copytree(bundle, tmp_path / "damaged"))
    (damaged / name).write_bytes((damaged / name).read_bytes()[:-40])

    with pytest.raises(BundleCorrupt, match=name):
        PriceModel.load(damaged)


class _Marked:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._mark,)


def test_a_pickle_in_the_place_of_any_file_is_refused_and_not_run(bundle: Path, tmp_path: Path) -> None:
    """With a matching checksum, as an attacker who can write a bundle would set it."""
    mark, payload = tmp_path / "ran", pickle.dumps(_Marked(tmp_path / "ran"))
    files = read_bundle(bundle)

    for name in files:
        write_bundle(tmp_path / "bundle", files | {name: payload})
        with pytest.raises((BundleCorrupt, BundleIncompatible)):
            PriceModel.load(tmp_path / "bundle")
    assert not mark.exists()

    pickle.loads(payload)  # noqa: S301  # it would have left its mark
    assert mark.exists()


def test_a_missing_file_is_named(bundle: Path, tmp_path: Path) -> None:
    damaged = Path(copytree(bundle, tmp_path / "damaged"))
    (damaged / "ranges.json").unlink()

    with pytest.raises(BundleCorrupt, match=r"ranges\.json"):
        PriceModel.load(damaged)


def test_a_bundle_with_different_golden_quotes_is_refused(bundle: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in bundle.iterdir() if path.name != "MANIFEST.json"}
    golden = json.loads(files["golden.json"])
    golden["quotes"][0]["price"] += 1
    write_bundle(tmp_path / "other", files | {"golden.json": json_bytes(golden)})

    with pytest.raises(BundleIncompatible, match=r"golden\.json"):
        PriceModel.load(tmp_path / "other")


def test_a_newer_format_is_refused(bundle: Path, tmp_path: Path) -> None:
    newer = Path(copytree(bundle, tmp_path / "newer"))
    manifest = json.loads((newer / "MANIFEST.json").read_text())
    (newer / "MANIFEST.json").write_text(json.dumps(manifest | {"format": 99}))

    with pytest.raises(BundleIncompatible, match="format 99"):
        PriceModel.load(newer)


def test_the_digest_names_the_content(model: PriceModel, bundle: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "again")

    assert bundle_digest(tmp_path / "again") == bundle_digest(bundle)


def test_an_unreferenced_model_is_freed_immediately(bundle: Path) -> None:
    """The service freezes what it loads, so that a cycle would never be found again."""
    model = PriceModel.load(bundle)
    model.quote_many([a_listing(), a_listing(year=2018)])
    parts = [
        weakref.ref(part)
        for part in (model, model.encoder, model.flat_trees, model.known_categories, model.intervals)
    ]

    gc.disable()
    del model
    left = [part() for part in parts if part() is not None]
    gc.enable()

    assert not left
