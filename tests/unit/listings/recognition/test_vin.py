"""A VIN fills a listing; a typing error is noticed and its correction suggested."""

import pytest

from carvalue.listings.recognition import InvalidVin, corrected_vins, is_valid_vin, read_vin

ACCORD = "1HGCM82633A004352"


def test_a_vin_tells_make_model_trim_and_year() -> None:
    listing = read_vin("1hgcm826 33a-004352").listing

    assert listing == {
        "manufacturer": "honda",
        "model": "accord ex-v6",
        "year": 2003,
        "fuel": "gas",
        "cylinders": "6 cylinders",
        "transmission": "automatic",
        "type": "coupe",
    }


@pytest.mark.parametrize("place", range(17))
def test_a_wrong_character_is_noticed(place: int) -> None:
    other = "2" if ACCORD[place] != "2" else "3"

    assert not is_valid_vin(ACCORD[:place] + other + ACCORD[place + 1 :])


@pytest.mark.parametrize("typed", ["1HGCM82633AOO4352", "1HGCM82633A0O4352", "IHGCM82633A004352"])
def test_letters_that_no_vin_has_are_replaced(typed: str) -> None:
    assert corrected_vins(typed) == (ACCORD,)


@pytest.mark.parametrize("typed", ["1HGCM82633A004325", "1HGCMB2633A004352", "1HGCM82633A0043S2"])
def test_exchanged_and_similar_characters_are_corrected(typed: str) -> None:
    with pytest.raises(InvalidVin, match="check digit") as error:
        read_vin(typed)

    assert ACCORD in error.value.corrections


@pytest.mark.parametrize("typed", ["", "123", "\u0661" * 17, "1HGCM82633A004352X", "11111111111111111"])
def test_what_is_no_vin_of_a_car_is_refused_in_words(typed: str) -> None:
    with pytest.raises(InvalidVin):
        read_vin(typed)
