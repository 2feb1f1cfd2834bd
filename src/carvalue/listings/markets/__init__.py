"""Market descriptions: TOML files with a market's currency, units, fields, golden listings and invariants."""

from carvalue.listings.markets.description import (
    NAMES,
    MarketDescription,
    MarketInvalid,
    read_market,
)
from carvalue.listings.markets.fields import (
    EQUIPMENT,
    CategoryField,
    Field,
    Listing,
    NumberField,
    Value,
)
from carvalue.listings.markets.parts import Currency, Distance, PriceOrder, SampleDescription, TileMap

__all__ = [
    "EQUIPMENT",
    "NAMES",
    "CategoryField",
    "Currency",
    "Distance",
    "Field",
    "Listing",
    "MarketDescription",
    "MarketInvalid",
    "NumberField",
    "PriceOrder",
    "SampleDescription",
    "TileMap",
    "Value",
    "read_market",
]
