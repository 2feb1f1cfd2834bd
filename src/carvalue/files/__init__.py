"""Atomic writes, locks, shared folders, format versions, JSON reports, bundles, zip archives, strict JSON."""

from carvalue.files.archives import MEMBER, ZipUnusable, unpack
from carvalue.files.artifacts import ArtifactUnreadable, read_artifact, write_artifact
from carvalue.files.atomic import (
    PRIVATE_UMASK,
    TEMPORARY_MARK,
    atomic_create,
    atomic_folder,
    atomic_write,
    fsync,
    make_folder,
    make_private,
)
from carvalue.files.bundle import (
    MANIFEST,
    BundleCorrupt,
    BundleFormatUnknown,
    BundleIncompatible,
    bundle_digest,
    json_bytes,
    read_bundle,
    read_json,
    write_bundle,
)
from carvalue.files.formats import FormatUnknown, StoredFormat, check_format
from carvalue.files.locks import file_lock
from carvalue.files.storage import (
    Bucket,
    LocalFolder,
    Objects,
    S3Missing,
    StorageDamaged,
    StorageUnavailable,
    StoredFolder,
    checksum,
    connect_bucket,
    open_folder,
    open_objects,
)
from carvalue.files.strict_json import NotStrictJson, parse_json

__all__ = [
    "MANIFEST",
    "MEMBER",
    "PRIVATE_UMASK",
    "TEMPORARY_MARK",
    "ArtifactUnreadable",
    "Bucket",
    "BundleCorrupt",
    "BundleFormatUnknown",
    "BundleIncompatible",
    "FormatUnknown",
    "LocalFolder",
    "NotStrictJson",
    "Objects",
    "S3Missing",
    "StorageDamaged",
    "StorageUnavailable",
    "StoredFolder",
    "StoredFormat",
    "ZipUnusable",
    "atomic_create",
    "atomic_folder",
    "atomic_write",
    "bundle_digest",
    "check_format",
    "checksum",
    "connect_bucket",
    "file_lock",
    "fsync",
    "json_bytes",
    "make_folder",
    "make_private",
    "open_folder",
    "open_objects",
    "parse_json",
    "read_artifact",
    "read_bundle",
    "read_json",
    "unpack",
    "write_artifact",
    "write_bundle",
]
