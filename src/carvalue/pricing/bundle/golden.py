"""Listings whose quotes travel with the bundle: whoever loads it must get the same quotes."""

from collections.abc import Mapping
from typing import Any

from carvalue.listings import Listing
from carvalue.pricing.quote import Quote

Golden = tuple[tuple[Listing, Quote], ...]

# The known, the incomplete and the unheard-of; none is anybody's advertisement.
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


def golden_to_json(golden: Golden) -> dict[str, Any]:
    """Write listings and quotes."""
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
    """Read what `golden_to_json` wrote."""
    return tuple(
        (item["listing"], Quote(item["price"], item["low"], item["high"], tuple(item["warnings"])))
        for item in content["quotes"]
    )
