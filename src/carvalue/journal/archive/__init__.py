"""Copies of the journal in Parquet and other formats: the archive of old quotes, and exports."""

from carvalue.journal.archive.days import (
    ArchivedDay,
    DayChanged,
    Forgotten,
    JournalArchive,
    JournalArchiveDamaged,
    forget,
)
from carvalue.journal.archive.export import WrongExportSuffix, export_quotes

__all__ = [
    "ArchivedDay",
    "DayChanged",
    "Forgotten",
    "JournalArchive",
    "JournalArchiveDamaged",
    "WrongExportSuffix",
    "export_quotes",
    "forget",
]
