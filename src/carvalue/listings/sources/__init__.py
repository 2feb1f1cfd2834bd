"""Sources of raw listings: Kaggle, files with or without a column mapping, or the bundled sample."""

from carvalue.listings.sources.column_mapping import ColumnMapping, read_column_mapping
from carvalue.listings.sources.fetch import (
    KaggleRequest,
    ListingSource,
    SampleRequest,
    fetch_listings,
)
from carvalue.listings.sources.partitions import (
    column_names,
    drop_unused_partitions,
    is_partitioned,
    read_partitions,
    scan_texts,
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
    "column_names",
    "drop_unused_partitions",
    "fetch_listings",
    "is_partitioned",
    "read_column_mapping",
    "read_partitions",
    "scan_texts",
]
