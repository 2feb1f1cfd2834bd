"""Validation of listings: every error names the field, the value that came and what is expected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.api.validation import (
    MAX_ERRORS,
    MAX_LISTINGS,
    MAX_TEXT,
    FieldError,
    InvalidListings,
    TooManyListings,
    read_listings,
)
from carvalue.listings.schema import FIELD_BY_NAME, FIELDS, CategoryField, Listing, NumberField

F150 = {"make": "ford", "model": "f-150", "year": 2015}


def errors_of(value: object) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidListings) as caught:
        read_listings(value)
    return caught.value.errors


def test_a_listing_is_normalized_like_training_rows() -> None:
    raw = F150 | {
        "make": " Ford ",
        "model": "F-150\t XLT",
        "type": "suv",
        "condition": "Like  New",
        "state": "TX",
    }

    (listing,) = read_listings(raw)

    assert listing["manufacturer"] == "ford"
    assert listing["model"] == "f-150 xlt"
    assert listing["type"] == "SUV"
    assert listing["condition"] == "like new"
    assert listing["state"] == "tx"


def test_a_list_keeps_its_order() -> None:
    listings = read_listings([F150 | {"year": year} for year in (2001, 2003, 2002)])

    assert [listing["year"] for listing in listings] == [2001, 2003, 2002]


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_text_means_missing(blank: str | None) -> None:
    (listing,) = read_listings(F150 | {"condition": blank, "region": blank})

    assert listing["condition"] is None
    assert listing["region"] is None


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n"])
def test_blank_numbers_mean_missing(blank: str | None) -> None:
    (listing,) = read_listings(F150 | {"odometer": blank})

    assert listing["odometer"] is None


@pytest.mark.parametrize("given_", [2015, 2015.0, "2015", " 2015.0 "])
def test_whole_numbers_are_taken(given_: object) -> None:
    (listing,) = read_listings(F150 | {"year": given_})

    assert listing["year"] == 2015
    assert type(listing["year"]) is int


@pytest.mark.parametrize("typed", ["80k", "80,000", "$ 80,000", "80 000 miles", "80,0k"])
def test_a_number_is_read_as_people_type_it(typed: str) -> None:
    (listing,) = read_listings(F150 | {"odometer": typed})

    assert listing["odometer"] == 80_000


@pytest.mark.parametrize("field", [field for field in FIELDS if isinstance(field, NumberField)])
@pytest.mark.parametrize(
    "bad",
    [
        "x2015",
        "2015.5",
        True,
        False,
        2015.5,
        float("inf"),
        float("-inf"),
        float("nan"),
        -1,
        10**400,
        [],
        {},
        [2015],
    ],
)
def test_a_number_out_of_range_is_refused(field: NumberField, bad: object) -> None:
    (error,) = errors_of(F150 | {field.name: bad})

    assert error.field == field.name
    assert f"{field.minimum} to {field.maximum}" in error.expected


@pytest.mark.parametrize("field", [field for field in FIELDS if isinstance(field, CategoryField)])
@pytest.mark.parametrize("bad", [7, 1.5, True, [], {}, "x" * (MAX_TEXT + 1), "a\x00b", "\ud800"])
def test_a_value_that_is_not_a_category_is_refused(field: CategoryField, bad: object) -> None:
    (error,) = errors_of({"manufacturer": "ford", "model": "f-150", "year": 2015} | {field.name: bad})

    assert error.field == field.name


@pytest.mark.parametrize("name", ["year", "model"])
@pytest.mark.parametrize("lost", ["absent", None, "", "  "])
def test_a_missing_required_field_is_reported_once(name: str, lost: str | None) -> None:
    raw = {key: value for key, value in F150.items() if key != name} | (
        {} if lost == "absent" else {name: lost}
    )

    (error,) = errors_of(raw)

    assert error.field == name
    assert "required" in error.expected


def test_a_misspelt_field_gets_a_suggestion() -> None:
    (error,) = errors_of(F150 | {"odometr": 1})

    assert error.expected == "did you mean odometer?"


def test_make_and_manufacturer_together_are_refused() -> None:
    (error,) = errors_of(F150 | {"manufacturer": "ford"})

    assert "not both" in error.expected


def test_an_error_in_a_list_has_its_position() -> None:
    (error,) = errors_of([F150, F150 | {"year": "old"}])

    assert error.position == 1
    assert error.received == '"old"'


@pytest.mark.parametrize("value", [None, 3, "ford", True, [[F150]], [None]])
def test_a_body_that_is_not_an_object_is_refused(value: object) -> None:
    (error,) = errors_of(value)

    assert "an object" in error.expected


def test_long_values_are_shortened() -> None:
    (error,) = errors_of(F150 | {"model": "x" * 100_000})

    assert len(error.received) < 100
    assert "100,000 characters" in error.received


def test_the_number_of_errors_is_limited() -> None:
    assert len(errors_of({f"field {at}": at for at in range(100_000)})) == MAX_ERRORS
    assert len(errors_of([{}] * MAX_LISTINGS)) == MAX_ERRORS


def test_a_longer_list_is_too_many() -> None:
    with pytest.raises(TooManyListings, match="1,001"):
        read_listings([F150] * (MAX_LISTINGS + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*FIELD_BY_NAME, "make", "odd"]) | st.text(max_size=5), inner, max_size=6
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_listings_or_explained(value: object) -> None:
    errors: tuple[FieldError, ...] = ()
    listings: tuple[Listing, ...] = ()
    try:
        listings = read_listings(value)
    except InvalidListings as error:
        errors = error.errors

    assert errors or all(isinstance(listing["year"], int) for listing in listings)
    json.dumps([(error.field, error.received, error.expected) for error in errors], allow_nan=False)
