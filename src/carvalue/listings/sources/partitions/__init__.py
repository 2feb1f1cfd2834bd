"""Listings in several files, of which only new and changed ones are read."""

from carvalue.listings.sources.partitions.cache import (
    drop_unused_partitions,
    is_partitioned,
    read_partitions,
)
from carvalue.listings.sources.partitions.reading import column_names, scan_texts

__all__ = [
    "column_names",
    "drop_unused_partitions",
    "is_partitioned",
    "read_partitions",
    "scan_texts",
]
