"""Folders that several machines share: in a file system, or in a bucket of S3 with a copy on each machine."""

from carvalue.files.storage.connection import (
    Bucket,
    ObjectVersion,
    S3Missing,
    StorageUnavailable,
    connect_bucket,
)
from carvalue.files.storage.copies import StoredCopy
from carvalue.files.storage.folders import LocalFolder, StoredFolder, open_folder
from carvalue.files.storage.index import StorageDamaged, checksum
from carvalue.files.storage.objects import Objects, open_objects

__all__ = [
    "Bucket",
    "LocalFolder",
    "ObjectVersion",
    "Objects",
    "S3Missing",
    "StorageDamaged",
    "StorageUnavailable",
    "StoredCopy",
    "StoredFolder",
    "checksum",
    "connect_bucket",
    "open_folder",
    "open_objects",
]
