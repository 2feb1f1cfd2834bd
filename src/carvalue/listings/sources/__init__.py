"""Read raw listings from Kaggle, a local file, or the bundled sample generator."""

from carvalue.listings.sources.column_mapping import read_column_mapping
from carvalue.listings.sources.fetch import KaggleRequest, RawListings, SampleRequest, fetch_listings

__all__ = ["KaggleRequest", "RawListings", "SampleRequest", "fetch_listings", "read_column_mapping"]
