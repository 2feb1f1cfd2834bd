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
from carvalue.files.storage.objects import FolderObjects, NameRefused, Objects, check_name, open_objects

__all__ = [
    "Bucket",
    "FolderObjects",
    "LocalFolder",
    "NameRefused",
    "ObjectVersion",
    "Objects",
    "S3Missing",
    "StorageDamaged",
    "StorageUnavailable",
    "StoredCopy",
    "StoredFolder",
    "check_name",
    "checksum",
    "connect_bucket",
    "open_folder",
    "open_objects",
]
