"""Where raw listings come from: Kaggle, a local file, the bundled sample; one door to all of them."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from carvalue.files import unpack
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.kaggle import KaggleRequest, newest_cached, probe, read_kaggle
from carvalue.listings.sources.kagglehub_client import DownloadProgress
from carvalue.listings.sources.local_file import check_readable, read_file
from carvalue.listings.sources.raw import RawListings, SourceFailed, check_raw_csv, file_digest
from carvalue.listings.sources.translation import apply_mapping
from carvalue.listings.synthetic import DEFAULT_ROWS, DEFAULT_SEED, GENERATOR, write_sample

__all__ = ["KaggleRequest", "RawListings", "SampleRequest", "SourceFailed", "fetch_listings"]

logger = logging.getLogger(__name__)


class CannotStore(SourceFailed):
    """There is no room for the rows, or no permission to write them."""

    hint = "Free some space (the full data set takes 2 GB), or point STATE_DIR at another folder."


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """How large a sample, and out of which seed."""

    rows: int = DEFAULT_ROWS
    seed: int = DEFAULT_SEED


def fetch_listings(
    *,
    source: str,
    into: Path,
    kaggle: KaggleRequest,
    sample: SampleRequest,
    form: ColumnMapping | None = None,
    progress: DownloadProgress | None = None,
) -> RawListings:
    """Bring raw listings from `source`: auto, kaggle, sample, or the path of a CSV or zip, of any `form`.

    Whatever has to be written goes to the folder `into`, under its name only when it is complete and checked.

    Raises:
        SourceFailed: what happened, and what to do; what lay in `into` before is whole.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        if form:
            return _from_another_form(Path(source), form, into=into)
        return _fetch(source, into=into, kaggle=kaggle, sample=sample, progress=progress)
    except OSError as error:
        raise CannotStore(f"Raw listings cannot be written to {into}: {error.strerror or error}.") from error


def _fetch(
    source: str,
    *,
    into: Path,
    kaggle: KaggleRequest,
    sample: SampleRequest,
    progress: DownloadProgress | None,
) -> RawListings:
    if source == "sample":
        return _from_sample(sample, into=into)
    if source == "kaggle":
        return read_kaggle(kaggle, into=into, progress=progress)
    if source == "auto":
        return _from_kaggle_or_sample(kaggle, sample, into=into, progress=progress)
    return read_file(Path(source), into=into)


def _from_kaggle_or_sample(
    kaggle: KaggleRequest, sample: SampleRequest, *, into: Path, progress: DownloadProgress | None
) -> RawListings:
    """Take Kaggle where it answers; once it has, its failure is no reason for made-up rows."""
    silence = probe(kaggle)
    if silence is None:
        return read_kaggle(kaggle, into=into, progress=progress)
    told = {"reason": silence.message}
    if earlier := newest_cached(kaggle, into=into):
        logger.warning("working with Kaggle's data from an earlier run", extra=told)
        found = read_kaggle(earlier, into=into, progress=progress)
    else:
        logger.warning("working with the bundled sample, not with Kaggle's data", extra=told)
        found = _from_sample(sample, into=into)
    return replace(found, description=f"{found.description} ({silence.message.rstrip('.')})")


def _from_another_form(path: Path, form: ColumnMapping, *, into: Path) -> RawListings:
    check_readable(path)
    unpacked = unpack(path, into=into / "unpacked.csv") if path.suffix.lower() == ".zip" else path
    digest = file_digest(unpacked, name=str(path))
    translated = apply_mapping(unpacked, form=form, into=into / "translated.csv")
    check_raw_csv(translated, name=str(path))
    return RawListings(
        path=translated,
        kind="file",
        description=f"{form.name}: file {path.name}",
        fingerprint=f"sha256:{digest}",
    )


def _from_sample(request: SampleRequest, *, into: Path) -> RawListings:
    path = into / "sample.csv"
    write_sample(path, rows=request.rows, seed=request.seed)
    return RawListings(
        path=path,
        kind="sample",
        description=f"bundled sample {GENERATOR}: {request.rows:,} rows of seed {request.seed}",
        fingerprint=f"sha256:{check_raw_csv(path, name=str(path))}",
    )
