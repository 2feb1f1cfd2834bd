"""Atomic writes, JSON artifacts, checksummed folders, zip archives and strict JSON."""

from carvalue.files.archives import MEMBER, ZipUnusable, unpack
from carvalue.files.artifacts import ArtifactUnreadable, read_artifact, write_artifact
from carvalue.files.atomic import PRIVATE_UMASK, TEMPORARY_MARK, atomic_write, fsync, fsync_tree, make_private
from carvalue.files.bundle import (
    MANIFEST,
    BundleCorrupt,
    BundleIncompatible,
    bundle_digest,
    json_bytes,
    read_bundle,
    read_json,
    write_bundle,
)
from carvalue.files.strict_json import NotStrictJson, parse_json

__all__ = [
    "MANIFEST",
    "MEMBER",
    "PRIVATE_UMASK",
    "TEMPORARY_MARK",
    "ArtifactUnreadable",
    "BundleCorrupt",
    "BundleIncompatible",
    "NotStrictJson",
    "ZipUnusable",
    "atomic_write",
    "bundle_digest",
    "fsync",
    "fsync_tree",
    "json_bytes",
    "make_private",
    "parse_json",
    "read_artifact",
    "read_bundle",
    "read_json",
    "unpack",
    "write_artifact",
    "write_bundle",
]
