"""Sources of raw listings: Kaggle, a local file with or without a column mapping, or the bundled sample."""

from carvalue.listings.sources.column_mapping import ColumnMapping, read_column_mapping
from carvalue.listings.sources.fetch import (
    KaggleRequest,
    ListingSource,
    SampleRequest,
    fetch_listings,
)
from carvalue.listings.sources.raw import RawListings, SourceFailed
from carvalue.listings.sources.translation import apply_mapping

__all__ = [
    "ColumnMapping",
    "KaggleRequest",
    "ListingSource",
    "RawListings",
    "SampleRequest",
    "SourceFailed",
    "apply_mapping",
    "fetch_listings",
    "read_column_mapping",
]
