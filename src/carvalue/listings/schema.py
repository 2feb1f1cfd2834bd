"""The schema of a listing, from which the web form, the API, frames and documents are built.

The market description that the setting MARKET names is read once, when this module is imported: a process
serves one market. Field names are the column names of the market's raw files, so that a raw row, a request
and a training column have the same names.
"""

from collections.abc import Mapping

from carvalue.listings.markets import (
    EQUIPMENT,
    CategoryField,
    Field,
    Listing,
    NumberField,
    Value,
    read_market,
)
from carvalue.settings import MarketSettings, load_settings

__all__ = ["EQUIPMENT", "CategoryField", "Field", "Listing", "NumberField", "Value"]

MARKET = read_market(load_settings(MarketSettings).market)
"""The market of this process."""
CURRENCY = MARKET.currency
"""The currency of all prices."""
DISTANCE = MARKET.distance
"""The unit of the odometer."""
PRICE = MARKET.price
"""The asking price."""
FIELDS: tuple[Field, ...] = MARKET.fields
"""All fields of a listing except the price, in the order of the web form."""
FIELD_BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
"""Field name to field."""
ALIASES: Mapping[str, str] = MARKET.aliases
"""Alternative field names that requests and files may use, alias to field name."""
REQUIRED_FIELDS = tuple(field.name for field in FIELDS if field.required)
"""Names of the fields that every listing must have."""
NAME_FIELDS = ("manufacturer", "model")
"""The two fields that hold the name of a car; the model parses them together."""
NUMBER_FIELDS = tuple(field for field in FIELDS if isinstance(field, NumberField))
"""The number fields of a listing."""
CATEGORY_FIELDS = tuple(
    field for field in FIELDS if isinstance(field, CategoryField) and field.name not in NAME_FIELDS
)
"""The categorical fields of a listing, without the name of the car."""
_PLACES = tuple(field for field in CATEGORY_FIELDS if field.group == "place")
PLACES = tuple(field.name for field in _PLACES if not field.is_open)
"""Names of the closed fields that say where a car is, such as `state`."""
OPEN_PLACES = tuple(field.name for field in _PLACES if field.is_open)
"""Names of the open fields that say where a car is, such as `region`."""
EARLIEST_YEAR, LATEST_YEAR = next(
    (field.minimum, field.maximum) for field in NUMBER_FIELDS if field.name == "year"
)
"""The range of model years."""

SOURCE_COLUMNS = MARKET.columns or ("id", "posting_date", PRICE.name, *FIELD_BY_NAME)
"""The columns of the market's raw files, in their order; every raw file has them."""
RAW_COLUMNS = (*SOURCE_COLUMNS, *(field.name for field in FIELDS if field.name not in SOURCE_COLUMNS))
"""The columns that raw files may have: those of the market's files, and one for each other field."""
