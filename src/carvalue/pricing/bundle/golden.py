"""Golden quotes: listings with their quotes, which are computed again and checked when a bundle is loaded."""

from collections.abc import Mapping
from typing import Any

from carvalue.listings import MARKET, Listing
from carvalue.pricing.market import PriceEstimate

Golden = tuple[tuple[Listing, PriceEstimate], ...]
"""Listings with their expected quotes."""

GOLDEN_LISTINGS: tuple[Listing, ...] = MARKET.golden
"""Listings whose quotes are written into each bundle."""


def golden_to_json(golden: Golden) -> dict[str, Any]:
    """Serialize golden quotes to JSON types.

    Args:
        golden: Listings with their quotes.

    Returns:
        Content of `golden.json`.
    """
    return {
        "quotes": [
            {
                "listing": dict(listing),
                "price": quote.price,
                "low": quote.low,
                "high": quote.high,
                "warnings": list(quote.warnings),
            }
            for listing, quote in golden
        ]
    }


def golden_from_json(content: Mapping[str, Any]) -> Golden:
    """Read what `golden_to_json` wrote.

    Args:
        content: Content of `golden.json`.

    Returns:
        Listings with their expected quotes.

    Examples:
        >>> golden = (({"model": "civic", "year": 2012}, PriceEstimate(9_000, 7_500, 10_400)),)
        >>> golden_from_json(golden_to_json(golden)) == golden
        True
    """
    return tuple(
        (item["listing"], PriceEstimate(item["price"], item["low"], item["high"], tuple(item["warnings"])))
        for item in content["quotes"]
    )
