"""Golden quotes: listings with their quotes, which are computed again and checked when a bundle is loaded."""

from collections.abc import Mapping
from typing import Any

from carvalue.listings import Listing
from carvalue.pricing.quote import Quote

Golden = tuple[tuple[Listing, Quote], ...]
"""Listings with their expected quotes."""

# known, incomplete and unknown cars; all are made up
GOLDEN_LISTINGS: tuple[Listing, ...] = (
    {"manufacturer": "toyota", "model": "camry le", "year": 2012, "odometer": 98_000, "state": "tx"},
    {"manufacturer": "toyota", "model": "camry le", "year": 2012, "odometer": 198_000, "state": "tx"},
    {
        "manufacturer": "ford",
        "model": "f-150 xlt supercrew 4wd",
        "year": 2017,
        "odometer": 61_000,
        "drive": "4wd",
    },
    {"manufacturer": "porsche", "model": "911 carrera", "year": 2014, "odometer": 32_000, "type": "coupe"},
    {
        "manufacturer": "chevrolet",
        "model": "silverado 1500 lt",
        "year": 2015,
        "condition": "good",
        "fuel": "gas",
    },
    {"manufacturer": "honda", "model": "civic", "year": 2009, "odometer": 151_000, "title_status": "salvage"},
    {"manufacturer": "tesla", "model": "model 3", "year": 2019, "odometer": 20_000, "fuel": "electric"},
    {"manufacturer": "mercedes-benz", "model": "c-class c 300 4matic", "year": 2016, "region": "los angeles"},
    {"manufacturer": None, "model": "chevy tahoe ltz", "year": 2013, "odometer": 120_000, "type": "SUV"},
    {
        "manufacturer": "no such make",
        "model": "no such model",
        "year": 2030,
        "odometer": 0,
        "region": "nowhere",
    },
    {"manufacturer": "jeep", "model": "", "year": 1985, "odometer": 400_000, "condition": "fair"},
    {},
)
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
        >>> golden = (({"model": "civic", "year": 2012}, Quote(9_000, 7_500, 10_400)),)
        >>> golden_from_json(golden_to_json(golden)) == golden
        True
    """
    return tuple(
        (item["listing"], Quote(item["price"], item["low"], item["high"], tuple(item["warnings"])))
        for item in content["quotes"]
    )
