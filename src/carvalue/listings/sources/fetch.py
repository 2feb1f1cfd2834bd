"""Fetch raw listings from any source: Kaggle, a local file, or the bundled sample generator."""

import logging
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

from carvalue.extensions import find_extension
from carvalue.files import unpack
from carvalue.listings.schema import MARKET
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.kaggle import KaggleRequest, newest_cached, probe, read_kaggle
from carvalue.listings.sources.kagglehub_client import DownloadProgress
from carvalue.listings.sources.local_file import check_readable, read_file
from carvalue.listings.sources.partitions import is_partitioned, read_partitions
from carvalue.listings.sources.raw import RawListings, SourceFailed, check_raw_csv, file_digest
from carvalue.listings.sources.translation import apply_mapping
from carvalue.listings.synthetic import (
    DEFAULT_ROWS,
    DEFAULT_SEED,
    GENERATOR,
    write_described_sample,
    write_sample,
)
from carvalue.settings import NAMED_DATA_SOURCES

__all__ = [
    "KaggleRequest",
    "ListingSource",
    "RawListings",
    "SampleRequest",
    "SourceFailed",
    "fetch_listings",
]

logger = logging.getLogger(__name__)


class CannotStore(SourceFailed):
    """The raw listings cannot be written: the disk is full, or the folder is not writable."""

    hint = "Free disk space (the full data set takes 2 GB), or set STATE_DIR to another folder."


class GeneratedDataRefused(SourceFailed):
    """Only the generated sample is there, which this platform must not train on."""

    hint = (
        "Set DATA_SOURCE to your own listings, or to kaggle. To try the platform on invented prices, set "
        "GENERATED_DATA=accept."
    )


class ListingSource(Protocol):
    """A source of listings that another package adds as an entry point of the group `carvalue.sources`."""

    def __call__(self, location: str, *, into: Path) -> Path:
        """Fetch all listings.

        Args:
            location: The setting DATA_SOURCE after `://`.
            into: The folder to write to.

        Returns:
            A CSV file with the columns of the market, or those that the setting DATASET describes.

        Raises:
            SourceFailed: The listings could not be fetched.
        """


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """The size and the seed of a generated sample."""

    rows: int = DEFAULT_ROWS
    """The number of rows."""
    seed: int = DEFAULT_SEED
    """The seed of the random generator; equal seeds give equal rows."""


def fetch_listings(
    *,
    source: str,
    into: Path,
    kaggle: KaggleRequest,
    sample: SampleRequest | None,
    mapping: ColumnMapping | None = None,
    progress: DownloadProgress | None = None,
) -> RawListings:
    """Fetch raw listings, check them, and describe where they came from.

    Files are written under a temporary name and renamed when they are complete and checked.

    Args:
        source: `kaggle`, `sample`, `auto` (Kaggle if it answers, or else a cached version or the sample), the
            path of a CSV or zip, what `list_files` lists (a folder, a pattern, a prefix of a bucket, web
            addresses), or the address of a source that an installed package adds.
        into: The folder to write to.
        kaggle: The Kaggle data set to download.
        sample: The sample to generate; None if generated listings are refused.
        mapping: How to translate the columns of files; None if they have the columns of vehicles.csv.
        progress: Called with the progress of a download; None logs it.

    Returns:
        The checked listings and their origin.

    Raises:
        SourceFailed: The listings could not be fetched; files already in `into` are unchanged.
        CannotStore: The listings cannot be written to `into`.
        StorageUnavailable: The bucket does not answer, or does not exist.

    Example:
        >>> from pathlib import Path
        >>> raw = fetch_listings(
        ...     source="sample",
        ...     into=Path("raw"),
        ...     kaggle=KaggleRequest(dataset="owner/name"),
        ...     sample=SampleRequest(rows=20, seed=7),
        ... )
        >>> raw.path.name, raw.kind, raw.description
        ('sample.csv', 'sample', 'bundled sample 1: 20 rows of seed 7')
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        if source in NAMED_DATA_SOURCES:
            return _fetch_named(source, into=into, kaggle=kaggle, sample=sample, progress=progress)
        if extension := find_extension("carvalue.sources", source):
            return _from_extension(extension, source, mapping, into=into)
        if is_partitioned(source):
            return read_partitions(source, into=into, mapping=mapping)
        if mapping:
            return _from_mapped_file(Path(source), mapping, into=into)
        return read_file(Path(source), into=into)
    except OSError as error:
        raise CannotStore(f"Raw listings cannot be written to {into}: {error.strerror or error}.") from error


def _fetch_named(
    source: str,
    *,
    into: Path,
    kaggle: KaggleRequest,
    sample: SampleRequest | None,
    progress: DownloadProgress | None,
) -> RawListings:
    if source == "sample" or (source == "auto" and not MARKET.kaggle):
        return _from_sample(sample, into=into)
    if source == "kaggle" and not MARKET.kaggle:
        raise SourceFailed(f"DATA_SOURCE is 'kaggle': the market {MARKET.name} has no data set of Kaggle.")
    if source == "kaggle":
        return read_kaggle(kaggle, into=into, progress=progress)
    return _from_kaggle_or_sample(kaggle, sample, into=into, progress=progress)


def _from_kaggle_or_sample(
    kaggle: KaggleRequest, sample: SampleRequest | None, *, into: Path, progress: DownloadProgress | None
) -> RawListings:
    """Use Kaggle if it answers a probe; a download that fails afterwards does not fall back to the sample."""
    problem = probe(kaggle)
    if problem is None:
        return read_kaggle(kaggle, into=into, progress=progress)
    fields = {"reason": problem.message}
    if cached := newest_cached(kaggle, into=into):
        logger.warning("using Kaggle's data from an earlier run", extra=fields)
        raw = read_kaggle(cached, into=into, progress=progress)
    else:
        raw = _from_sample(sample, into=into, reason=problem.message)
        logger.warning("using the bundled sample instead of Kaggle's data", extra=fields)
    return replace(raw, description=f"{raw.description} ({problem.message.rstrip('.')})")


def _from_extension(
    extension: EntryPoint, source: str, mapping: ColumnMapping | None, *, into: Path
) -> RawListings:
    fetch: ListingSource = extension.load()
    fetched = fetch(source.partition("://")[2], into=into)
    raw = _from_mapped_file(fetched, mapping, into=into) if mapping else read_file(fetched, into=into)
    return replace(raw, description=f"{extension.name}: {raw.description}")


def _from_mapped_file(path: Path, mapping: ColumnMapping, *, into: Path) -> RawListings:
    check_readable(path)
    unpacked = unpack(path, into=into / "unpacked.csv") if path.suffix.lower() == ".zip" else path
    digest = file_digest(unpacked, name=str(path))
    translated = apply_mapping(unpacked, mapping=mapping, into=into / "translated.csv")
    check_raw_csv(translated, name=str(path))
    return RawListings(
        path=translated,
        kind="file",
        description=f"{mapping.name}: file {path.name}",
        fingerprint=f"sha256:{digest}",
    )


def _from_sample(request: SampleRequest | None, *, into: Path, reason: str = "") -> RawListings:
    if request is None:
        raise GeneratedDataRefused(f"{reason or 'There are no real listings.'} Generated ones are refused.")
    path = into / "sample.csv"
    if MARKET.sample:
        generator = f"of {MARKET.name}"
        write_described_sample(path, sample=MARKET.sample, rows=request.rows, seed=request.seed)
    else:
        generator = str(GENERATOR)
        write_sample(path, rows=request.rows, seed=request.seed)
    return RawListings(
        path=path,
        kind="sample",
        description=f"bundled sample {generator}: {request.rows:,} rows of seed {request.seed}",
        fingerprint=f"sha256:{check_raw_csv(path, name=str(path))}",
    )
