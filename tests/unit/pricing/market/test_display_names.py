"""Display names are frequent spellings, and are read as the same model family again."""

import pytest

from carvalue.pricing.features.model_names import read_name
from carvalue.pricing.market.display_names import display_name, family_spelling
from carvalue.pricing.model import PriceModel
from markets import NEW_PRICE


@pytest.mark.parametrize(
    ("text", "family", "words"),
    [
        ("f-150 xlt", "f150", "f-150"),
        ("lifted f 150, 4x4", "f150", "f 150"),
        ("grand cherokee laredo", "grand cherokee", "grand cherokee"),
        ("town & country touring", "towncountry", "town & country"),
        ("cr-v, one owner", "crv", "cr-v"),
        ("sivlerado lt", "silverado", ""),
        ("", "f150", ""),
    ],
)
def test_the_words_of_a_family_are_found_in_a_text(text: str, family: str, words: str) -> None:
    assert family_spelling(text, family) == words


def test_the_display_name_is_the_most_frequent_spelling_of_its_family() -> None:
    assert display_name("ford", "f150", {"f150": 40, "f-150": 60, "": 90}) == "f-150"
    assert display_name("ford", "f150", {"f150": 60, "f-150": 60}) == "f-150"
    assert display_name("ford", "f150", {"f/1/5/0": 99}) == "f150"
    assert display_name("ford", "f150", {}) == "f150"


def test_every_model_is_offered_with_its_listings(model: PriceModel) -> None:
    offered = {make: model.models_of(make) for make in model.makes}

    assert {make: {family.display_name for family in families} for make, families in offered.items()} == {
        "ford": {"f-150", "focus"},
        "honda": {"civic"},
        "porsche": {"911"},
        "toyota": {"camry", "tacoma"},
    }
    assert sum(family.rows for families in offered.values() for family in families) == 2_400
    for make, families in offered.items():
        for family in families:
            assert read_name(make, family.display_name).family in model.known_categories.makes[make]
    assert len(offered) == len({make for make, _ in NEW_PRICE})
