"""Files at a location: a folder, a pattern, a prefix of a bucket, or web addresses."""

from carvalue.files.locations.files import (
    AddressRefused,
    FileChanged,
    FileUnreachable,
    PathUnreadable,
    SourceFile,
    shown,
)
from carvalue.files.locations.listing import FilesMissing, has_wildcard, is_remote, list_files

__all__ = [
    "AddressRefused",
    "FileChanged",
    "FileUnreachable",
    "FilesMissing",
    "PathUnreadable",
    "SourceFile",
    "has_wildcard",
    "is_remote",
    "list_files",
    "shown",
]
