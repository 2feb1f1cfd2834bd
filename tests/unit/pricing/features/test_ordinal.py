"""Every word has a code: its own, that of `(other)`, or NaN where it is missing."""

import math

from carvalue.pricing.features.ordinal import OTHER, normalize_word, order_by_level


def test_categories_are_ordered_by_price_level() -> None:
    vocabulary = order_by_level([("dear", 0.5, 90), ("cheap", -0.5, 90), ("rare", 0.1, 1)], min_rows=20)

    assert vocabulary.categories == ("cheap", OTHER, "dear")


def test_unknown_rare_and_missing_categories_have_their_own_codes() -> None:
    vocabulary = order_by_level([("dear", 0.5, 90), ("rare", 0.1, 1)], min_rows=20)

    assert vocabulary.code("rare") == vocabulary.code("never seen") == vocabulary.other
    assert vocabulary.code("dear") != vocabulary.other
    assert math.isnan(vocabulary.code(""))


def test_category_spelling_is_normalized() -> None:
    assert normalize_word(" SUV ") == "suv"
    assert normalize_word(2012.0) == normalize_word(2012) == "2012"
    assert normalize_word(float("nan")) == normalize_word(None) == ""
