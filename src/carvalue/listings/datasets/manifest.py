"""The manifest of a dataset: its source, its splits, and the number of rejected rows."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from carvalue.listings.cleaning import CleaningReport
from carvalue.listings.datasets.leaks import SplitSummary
from carvalue.listings.datasets.periods import SplitName
from carvalue.listings.datasets.splits import SplitReport


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents and the origin of a dataset.

    Attributes:
        source_kind: `kaggle`, `file` or `sample`.
        source_description: The source as one line of text.
        source_fingerprint: The SHA-256 of the raw file.
        created_at: When the dataset was made.
        carvalue_version: The version of this program.
        fingerprint: The hash of the listings in all splits.
        rows_read: The number of raw rows.
        rows_kept: The number of clean listings.
        cars: The number of different cars among the clean listings.
        rejected: Reason to number of rejected rows.
        repaired: Name of a repair to number of listings in which a value was set to null.
        reposts_dropped: Split to number of dropped listings, whose car was first posted in an earlier split.
        splits: Split to its summary.
    """

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
    """Combine the reports of the steps into a manifest.

    Args:
        source_kind: `kaggle`, `file` or `sample`.
        source_description: The source as one line of text.
        source_fingerprint: The SHA-256 of the raw file.
        cleaning: The report of the cleaning.
        splits: The report of the split.
        created_at: When the dataset was made.

    Returns:
        The manifest.
    """
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
