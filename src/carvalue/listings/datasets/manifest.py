"""The manifest of a dataset: what it consists of, where it came from, what was left out."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from carvalue.listings.cleaning import CleaningReport
from carvalue.listings.datasets.splits import SplitName, SplitReport, SplitSummary


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a dataset consists of and where it came from."""

    source_kind: str
    source_description: str
    source_fingerprint: str
    created_at: datetime
    carvalue_version: str
    fingerprint: str
    rows_read: int
    rows_kept: int
    cars: int
    rejected: dict[str, int]
    repaired: dict[str, int]
    reposts_dropped: dict[SplitName, int]
    splits: dict[SplitName, SplitSummary]


def describe_dataset(
    *,
    source_kind: str,
    source_description: str,
    source_fingerprint: str,
    cleaning: CleaningReport,
    splits: SplitReport,
    created_at: datetime,
) -> Manifest:
    """Join what the steps reported."""
    return Manifest(
        source_kind=source_kind,
        source_description=source_description,
        source_fingerprint=source_fingerprint,
        created_at=created_at,
        carvalue_version=version("carvalue"),
        fingerprint=splits.fingerprint,
        rows_read=cleaning.read,
        rows_kept=cleaning.kept,
        cars=cleaning.cars,
        rejected=dict(cleaning.rejected),
        repaired=dict(cleaning.repaired),
        reposts_dropped=dict(splits.reposts_dropped),
        splits=dict(splits.periods),
    )
