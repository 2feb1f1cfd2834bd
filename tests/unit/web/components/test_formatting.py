"""Money, dates and names are formatted as people write them; typed words are completed."""

from datetime import date

import pytest

from carvalue.web.components.formatting import (
    car_name,
    choice_name,
    complete_word,
    escape_markdown,
    format_date,
    format_dollars,
    make_name,
    similar_words,
)

MAKES = ("ford", "mercedes-benz", "mercury", "bmw")


def test_dollar_signs_are_not_rendered_as_mathematics() -> None:
    assert format_dollars(16_400) == r"\$16,400"
    assert escape_markdown("$1 *and* $2 [x](y)") == r"\$1 \*and\* \$2 \[x\]\(y\)"


@pytest.mark.parametrize(
    ("make", "said"), [("bmw", "BMW"), ("land rover", "Land Rover"), ("mercedes-benz", "Mercedes-Benz")]
)
def test_makes_are_written_as_people_write_them(make: str, said: str) -> None:
    assert make_name(make) == said


def test_choices_and_days_are_written_as_people_write_them() -> None:
    assert [choice_name(choice) for choice in ("tx", "like new", "4wd", "SUV")] == [
        "TX",
        "Like new",
        "4wd",
        "SUV",
    ]
    assert format_date(date(2021, 5, 4)) == "May 4, 2021"


def test_a_car_is_named_with_what_is_known() -> None:
    car = {"manufacturer": "ford", "model": "f-150", "year": 2015}

    assert car_name(car) == "2015 Ford F-150"
    assert car_name(car | {"odometer": 80_000}) == "2015 Ford F-150, 80,000 miles"


@pytest.mark.parametrize(
    ("typed", "taken"),
    [("For", "ford"), ("merc", "merc"), ("tesla", "tesla"), ("ford", "ford"), (None, None)],
)
def test_an_unambiguous_incomplete_make_is_completed(typed: str | None, taken: str | None) -> None:
    assert complete_word(typed, MAKES) == taken


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("merc", ("mercedes-benz", "mercury")),
        ("frod", ("ford",)),
        ("ford", ()),
        ("FORD", ()),
        (None, ()),
        ("", ()),
    ],
)
def test_an_unknown_name_gets_similar_ones(typed: str | None, offered: tuple[str, ...]) -> None:
    assert similar_words(typed, MAKES) == offered
