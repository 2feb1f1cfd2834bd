"""Fill what a seller left out from the car's VIN: trim, drive, cylinders, fuel, transmission and body.

Only the part of a VIN that describes the car is decoded: its positions 1 to 8, and 10 and 11 for the model
year and the plant (ISO 3779; 49 CFR 565). Cars that share it have the same details, so each part is decoded
once. A VIN with a wrong check digit is not used, nor one whose make, model or model year differs from the
listing's, because one of the two has a typing error.
"""

import logging
from collections.abc import Iterator

import numpy as np
import polars as pl

from carvalue.listings.cleaning.identity import VIN_PATTERN
from carvalue.listings.recognition import (
    CHECK_POSITION,
    VALUES,
    WEIGHTS,
    VinDecoderMissing,
    decode_descriptors,
)
from carvalue.listings.schema import FIELD_BY_NAME, FIELDS, MARKET, CategoryField, Listing

logger = logging.getLogger(__name__)

KNOWS_VINS = MARKET.recognition  # the register knows cars of the United States
COMPARED = ("manufacturer", "model", "year")
MAX_TRIM_WORDS = 6
VALUE_OF_LETTER = np.zeros(256, dtype=np.int64)
VALUE_OF_LETTER[[ord(letter) for letter in VALUES]] = list(VALUES.values())
WEIGHTS_OF_PLACES = np.array(WEIGHTS)
CHECK_DIGITS = np.frombuffer(b"0123456789X", dtype=np.uint8)
FILLED = tuple(
    field.name for field in FIELDS if field.name in {"fuel", "cylinders", "transmission", "drive", "type"}
)
"""The fields that are filled, of those that the market has."""
TRIM = "trim"
DETAILS = (TRIM, *FILLED)
"""What a VIN can add: words of the trim, and the fields of `FILLED`."""


def vehicle_descriptor(vin: pl.Expr) -> pl.Expr:
    """Take the part of a VIN that describes the car rather than identifies it.

    Args:
        vin: The raw VIN, as text.

    Returns:
        An expression of type String: positions 1 to 8, 10 and 11; null where the VIN is missing, malformed or
        has a wrong check digit.

    Example:
        >>> vins = pl.DataFrame({"VIN": [" 1hgcr2f3xfa027534", "1HGCR2F3XFA027543", "ask"]})
        >>> vins.select(vehicle_descriptor(pl.col("VIN"))).to_series().to_list()
        ['1HGCR2F3FA', None, None]
    """
    vin = vin.str.strip_chars().str.to_uppercase()
    whole = pl.when(vin.str.contains(VIN_PATTERN)).then(vin)
    usable = whole.map_batches(_has_check_digit, return_dtype=pl.Boolean, is_elementwise=True)
    return pl.when(usable).then(vin.str.slice(0, 8) + vin.str.slice(9, 2))


def read_vin_details(descriptors: pl.Series) -> pl.DataFrame:
    """Decode descriptors.

    Args:
        descriptors: Vehicle descriptors, null where not known, shape (listings,).

    Returns:
        A row for each descriptor that can be decoded: `descriptor`, the columns `vin.manufacturer`,
        `vin.model` and `vin.year`, and one column `vin.NAME` for each of `DETAILS`. Without rows if the
        package that decodes them is not installed, or the market is another one.
    """
    distinct = descriptors.drop_nulls().unique().sort().to_list() if KNOWS_VINS else []
    try:
        decoded = decode_descriptors(distinct)
    except VinDecoderMissing as error:
        if distinct:
            logger.info("VINs are not used", extra={"because": error.message, "hint": error.hint})
        decoded = {}
    columns = (*COMPARED, *DETAILS)
    schema = {"descriptor": pl.String} | {
        f"vin.{name}": pl.Int64 if name == "year" else pl.String for name in columns
    }
    rows = [(key, *(_value(listing, name) for name in columns)) for key, listing in decoded.items()]
    return pl.DataFrame(rows, schema=schema, orient="row")


def add_vin_details(listings: pl.LazyFrame, details: pl.DataFrame) -> pl.LazyFrame:
    """Fill missing fields, and add the words of the trim that the name of the model lacks.

    Args:
        listings: Clean listings with a column `descriptor`.
        details: What `read_vin_details` returned.

    Returns:
        The listings in the same order, without the column `descriptor`.

    Example:
        >>> listings = pl.LazyFrame({"descriptor": ["1HGCR2F3FA", None], **{
        ...     "manufacturer": ["honda", "honda"], "model": ["accord", "accord"], "year": [2015, 2015],
        ...     "fuel": [None, None], "cylinders": ["4 cylinders", None], "transmission": [None, None],
        ...     "drive": [None, None], "type": [None, None],
        ... }}, schema_overrides=dict.fromkeys(("fuel", "transmission", "drive", "type"), pl.String))
        >>> details = pl.DataFrame({"descriptor": ["1HGCR2F3FA"], **{
        ...     "vin.manufacturer": ["honda"], "vin.model": ["accord"], "vin.year": [2015],
        ...     "vin.trim": ["sport"], "vin.fuel": ["gas"], "vin.cylinders": ["6 cylinders"],
        ...     "vin.transmission": [None], "vin.drive": ["fwd"], "vin.type": ["sedan"],
        ... }})
        >>> add_vin_details(listings, details).select("model", "fuel", "cylinders", "drive").collect().rows()
        [('accord sport', 'gas', '4 cylinders', 'fwd'), ('accord', None, None, None)]
    """
    joined = listings.join(details.lazy(), on="descriptor", how="left", maintain_order="left")
    model, decoded = _letters_and_digits("model"), _letters_and_digits("vin.model")
    agrees = pl.all_horizontal(
        pl.col("manufacturer") == pl.col("vin.manufacturer"),
        pl.col("year") == pl.col("vin.year"),
        model.str.starts_with(decoded) | decoded.str.starts_with(model),
        model != "",
    )
    filled = (pl.coalesce(name, pl.when(agrees).then(f"vin.{name}")).alias(name) for name in FILLED)
    with_trim = pl.concat_str("model", *_missing_words(), separator=" ", ignore_nulls=True)
    named = pl.when(agrees).then(with_trim).otherwise("model").alias("model")
    return joined.with_columns(*filled, named).drop("descriptor", *details.columns[1:])


def count_filled(before: pl.LazyFrame, after: pl.LazyFrame) -> dict[str, int]:
    """Count the values that VINs added.

    Args:
        before: The listings without details of the VIN.
        after: The same listings, in the same order, with them.

    Returns:
        Number of listings by field; fields without any are left out.
    """
    names = ("model", *FILLED)
    changed = [pl.col(name).ne_missing(pl.col(f"{name}_before")).sum() for name in names]
    pairs = pl.concat(
        [after.select(names), before.select(pl.col(names).name.suffix("_before"))], how="horizontal"
    )
    counts = pairs.select(changed).collect().row(0, named=True)
    return {name: count for name, count in counts.items() if count}


def _letters_and_digits(name: str) -> pl.Expr:
    """Return a model's name such that "f-150" and "f150" are equal."""
    return pl.col(name).str.replace_all("[^a-z0-9]", "")


def _missing_words() -> Iterator[pl.Expr]:
    """Yield the words of the trim in their order; null for those that the name of the model has."""
    trim, written = pl.col("vin.trim").str.split(" "), pl.col("model").str.split(" ")
    for place in range(MAX_TRIM_WORDS):
        word = trim.list.get(place, null_on_oob=True)
        yield pl.when(~written.list.contains(word)).then(word)


def _has_check_digit(vins: pl.Series) -> pl.Series:
    """Find the VINs with a right check digit, among texts of 17 letters and digits; null has none."""
    texts = vins.to_list()
    letters = np.array([text or "" for text in texts], dtype=f"S{len(WEIGHTS)}")
    letters = letters.view(np.uint8).reshape(-1, len(WEIGHTS))
    remainder = VALUE_OF_LETTER[letters] @ WEIGHTS_OF_PLACES % 11
    return pl.Series(CHECK_DIGITS[remainder] == letters[:, CHECK_POSITION])


def _value(listing: Listing, name: str) -> object:
    """Return a value of a VIN if the market knows it."""
    value, field = listing.get(name), FIELD_BY_NAME.get(name)
    is_known = not isinstance(field, CategoryField) or field.is_open or value in field.choices
    return value if is_known else None
