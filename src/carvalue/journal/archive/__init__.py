"""Copies of the journal in Parquet and other formats: the archive of old quotes, and exports."""

from carvalue.journal.archive.days import Archive, ArchiveDamaged, ArchivedDay, DayChanged, Forgotten, forget
from carvalue.journal.archive.export import WrongExportSuffix, export_quotes

__all__ = [
    "Archive",
    "ArchiveDamaged",
    "ArchivedDay",
    "DayChanged",
    "Forgotten",
    "WrongExportSuffix",
    "export_quotes",
    "forget",
]
