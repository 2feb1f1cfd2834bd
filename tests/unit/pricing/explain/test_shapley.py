"""Contributions add up to the price, are exact averages over all orders, and obey monotone constraints."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carvalue.listings.schema import FIELDS, CategoryField
from carvalue.pricing.explain.groups import GROUPS
from carvalue.pricing.explain.shapley import (
    CoalitionCells,
    Floats,
    PriceExplanation,
    explain_price,
    shapley,
    whole_dollars,
)
from carvalue.pricing.features.odometer import IMPLAUSIBLE, MIN_PLAUSIBLE_ODOMETER, WITHOUT_ODOMETER
from carvalue.pricing.model import PriceModel
from markets import a_listing, a_market


def _values(field: object) -> st.SearchStrategy[object]:
    if isinstance(field, CategoryField):
        return st.none() | (st.text(max_size=30) if field.is_open else st.sampled_from(field.choices))
    return st.none() | st.integers(field.minimum, field.maximum)  # type: ignore[attr-defined]


LISTINGS = st.fixed_dictionaries({}, optional={field.name: _values(field) for field in FIELDS})


def dollars_of(reasons: PriceExplanation, group: str) -> int:
    return sum(item.amount for item in reasons.items if item.group == group)


@given(LISTINGS)
@settings(max_examples=80)
def test_reference_price_and_contributions_add_up_to_the_price(
    model: PriceModel, listing: dict[str, object]
) -> None:
    reasons = explain_price(model, listing)

    assert reasons.start + sum(item.amount for item in reasons.items) == model.quote(listing).price
    assert reasons.start == model.quote(model.reference_car).price
    sizes = [abs(item.amount) for item in reasons.items]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 not in sizes


def test_a_contribution_is_the_average_gain_over_all_orders(model: PriceModel) -> None:
    listing = a_listing(manufacturer="porsche", model="911 carrera", year=2009, odometer=150_000, state="ca")
    told = [group for group in GROUPS if dollars_of(explain_price(model, listing), group.name)]
    gains = {group.name: 0.0 for group in told}

    orders = list(permutations(told))
    for order in orders:
        mixed, price = dict(model.reference_car), _price(model, model.reference_car)
        for group in order:
            mixed |= {field: listing.get(field) for field in group.fields}
            after = _price(model, mixed)
            gains[group.name] += (after - price) / len(orders)
            price = after

    assert len(told) >= 4
    for name, gain in gains.items():
        assert dollars_of(explain_price(model, listing), name) == pytest.approx(gain, abs=1)


def _price(model: PriceModel, listing: dict[str, object]) -> float:
    return float(np.exp(model.log_prices(model.encoder.row(listing))[0]))  # type: ignore[arg-type]


def test_contributions_in_log_dollars_agree_with_those_of_xgboost(model: PriceModel) -> None:
    """XGBoost explains columns against the mean; those less the usual car's come near to ours."""
    usual, market = dict(model.reference_car), a_market(rows=60, seed=9).to_dicts()
    contributions = _contributions(model, [usual, *market])

    ours = np.array([_log_reasons(model, listing) for listing in market])
    theirs = np.array(
        [
            _by_group(model, listing, contributions[place] - contributions[0])
            for place, listing in enumerate(market, start=1)
        ]
    )

    assert np.abs(ours.sum(axis=1) - theirs.sum(axis=1)).max() < 1e-4
    assert np.median(np.abs(ours - theirs)) < 0.02
    assert np.abs(ours - theirs).max() < 0.15
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98


def _contributions(model: PriceModel, listings: list[dict[str, object]]) -> Floats:
    matrix = np.concatenate([model.encoder.row(listing) for listing in listings])  # type: ignore[arg-type]
    rows = xgb.DMatrix(matrix, base_margin=matrix[:, -1])
    return model.booster.predict(rows, pred_contribs=True).astype(np.float64)


def _log_reasons(model: PriceModel, listing: dict[str, object]) -> list[float]:
    cells = CoalitionCells(listing, reference=model.reference_car, groups=GROUPS)  # type: ignore[arg-type]
    matrix = model.encoder.encode(cells)
    return shapley(model.log_prices(matrix))


def _by_group(model: PriceModel, listing: dict[str, object], differences: Floats) -> Floats:
    """Deal each column's contribution out to the fields that it reads, by how they moved its value."""
    cells = CoalitionCells(listing, reference=model.reference_car, groups=GROUPS)  # type: ignore[arg-type]
    matrix = model.encoder.encode(cells)
    moved = np.nan_to_num([shapley(column.astype(np.float64)) for column in matrix.T])
    total = moved[-1].copy()  # the last column is what the trees start from
    for column, parts in enumerate(moved):
        reads = model.encoder.features[column].inputs if column < len(moved) - 1 else GROUPS[0].fields
        even = [not set(group.fields).isdisjoint(reads) for group in GROUPS]
        weights = np.abs(parts) if parts.any() else np.array(even, dtype=np.float64)
        total += differences[column] * weights / weights.sum()
    return total


@given(LISTINGS, st.integers(MIN_PLAUSIBLE_ODOMETER, 400_000), st.integers(MIN_PLAUSIBLE_ODOMETER, 400_000))
@settings(max_examples=60)
def test_more_miles_never_raise_the_contribution_of_the_miles(
    model: PriceModel, listing: dict[str, object], miles: int, others: int
) -> None:
    fewer, more = (
        dollars_of(explain_price(model, listing | {"odometer": value}), "odometer")
        for value in sorted((miles, others))
    )

    assert more <= fewer + 1  # a dollar of rounding


@given(LISTINGS, st.integers(1985, 2030), st.integers(1985, 2030))
@settings(max_examples=60)
def test_a_newer_year_never_lowers_the_contribution_of_the_year(
    model: PriceModel, listing: dict[str, object], year: int, other: int
) -> None:
    assume(not isinstance(miles := listing.get("odometer"), int) or miles >= MIN_PLAUSIBLE_ODOMETER)

    older, newer = (
        dollars_of(explain_price(model, listing | {"year": value}), "year") for value in sorted((year, other))
    )

    assert newer >= older - 1


def test_the_reference_car_has_no_contributions(model: PriceModel) -> None:
    assert explain_price(model, model.reference_car).items == ()


def test_the_reference_car_is_a_known_car(model: PriceModel) -> None:
    name = f"{model.reference_car['manufacturer']} {model.reference_car['model']}"

    assert model.quote(model.reference_car).warnings == ()
    assert model.quote(a_listing(model="camry")).price != model.quote(model.reference_car).price
    assert name in explain_price(model, a_listing()).start_label


def test_an_implausible_odometer_is_explained_as_missing(model: PriceModel) -> None:
    typed = a_listing(year=2005, odometer=12)

    reasons = explain_price(model, typed)

    assert model.scored_listing(typed)["odometer"] is None
    assert "12 miles, implausible" in {item.label for item in reasons.items}
    assert dollars_of(reasons, "odometer") == dollars_of(
        explain_price(model, {**typed, **WITHOUT_ODOMETER}), "odometer"
    )


def test_labels_describe_the_values_of_the_listing(model: PriceModel) -> None:
    usual = {field.name: None for field in FIELDS}
    listing = a_listing(odometer=142_000, cylinders="other", type="SUV", paint_color="white", drive="4wd")

    told = {group.name: group.label(listing) for group in GROUPS}
    nothing = {group.name: group.label(usual) for group in GROUPS}

    assert told == {
        "make_model": "make and model: toyota camry le",
        "year": "model year 2014",
        "odometer": "142,000 miles",
        "condition": "good condition",
        "title": "clean title",
        "equipment": "other cylinders, 4wd, SUV, white paint",
        "place": "in austin, TX",
    }
    assert all(label.endswith("not given") for label in nothing.values())


def test_every_field_belongs_to_one_group() -> None:
    grouped = [field for group in GROUPS for field in group.fields]

    assert sorted(grouped) == sorted([*(field.name for field in FIELDS), IMPLAUSIBLE])


def test_shapley_values_of_two_players_are_exact() -> None:
    assert shapley(np.array([10.0, 13.0, 30.0, 33.0])) == pytest.approx([3, 20])
    assert shapley(np.array([0.0, 0.0, 0.0, 9.0])) == pytest.approx([4.5, 4.5])


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=8), st.floats(-0.99, 0.99))
def test_whole_dollars_add_up_and_are_less_than_two_dollars_off(parts: list[float], slip: float) -> None:
    total = round(sum(parts) + slip / 2)

    dollars = whole_dollars(parts, total=total)

    assert sum(dollars) == total
    assert all(abs(whole - part) < 2 for whole, part in zip(dollars, parts, strict=True))


def test_missing_fields_have_contributions(model: PriceModel) -> None:
    bare = replace(model, reference_car=a_listing())

    labels = {
        item.label for item in explain_price(bare, a_listing(odometer=None, title_status="rebuilt")).items
    }

    assert labels == {"mileage not given", "rebuilt title"}
