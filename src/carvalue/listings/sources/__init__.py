"""Read raw listings from Kaggle, a file, or the bundled sample."""

from carvalue.listings.sources.column_mapping import read_column_mapping
from carvalue.listings.sources.fetch import KaggleRequest, RawListings, SampleRequest, fetch_listings

__all__ = ["KaggleRequest", "RawListings", "SampleRequest", "fetch_listings", "read_column_mapping"]
