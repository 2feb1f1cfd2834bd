"""Builders that tests share: a sound thing by default, the point of the test by keyword."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from carvalue.journal.entries import JournalEntry
from carvalue.listings.schema import RAW_COLUMNS

FIRST_POSTING = datetime(2021, 4, 4, 12, 0, tzinfo=UTC)


def a_raw_row(**columns: object) -> dict[str, str]:
    """One sound row of the raw file, as text."""
    row = {
        "id": "7301583321",
        "url": "https://austin.example.org/d/7301583321.html",
        "region": "austin",
        "region_url": "https://austin.example.org",
        "price": "15995",
        "year": "2014.0",
        "manufacturer": "toyota",
        "model": "camry le",
        "condition": "good",
        "cylinders": "4 cylinders",
        "fuel": "gas",
        "odometer": "81234.0",
        "title_status": "clean",
        "transmission": "automatic",
        "VIN": "",
        "drive": "fwd",
        "type": "sedan",
        "paint_color": "silver",
        "description": 'One owner, "no accidents".\nCall today!',
        "state": "tx",
        "lat": "30.26",
        "long": "-97.74",
        "posting_date": "2021-04-28T16:50:33-0500",
    }
    unknown = set(columns) - set(RAW_COLUMNS)
    assert not unknown, f"no raw column: {unknown}"
    row |= {name: str(value) for name, value in columns.items()}
    return {name: row.get(name, "") for name in RAW_COLUMNS}


def raw_rows(count: int, *, days: float = 30, **columns: object) -> list[dict[str, str]]:
    """Sound rows of different cars, posted at even distances over some days."""
    step = timedelta(days=days) / max(count - 1, 1)
    return [
        a_raw_row(
            **{
                "id": 7_300_000_000 + place,
                "odometer": 20_001 + 7 * place,
                "posting_date": (FIRST_POSTING + place * step).strftime("%Y-%m-%dT%H:%M:%S%z"),
            }
            | columns
        )
        for place in range(count)
    ]


def write_raw(path: Path, rows: Iterable[dict[str, str]], *, columns: Iterable[str] = RAW_COLUMNS) -> Path:
    """Write rows as the raw CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(columns), extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    return path


def an_entry(number: int = 0, **changes: Any) -> JournalEntry:
    """One entry of the journal; the number makes its id."""
    entry = {
        "quote_id": f"{number:032x}",
        "quoted_at": datetime(2021, 5, 4, 12, 0, tzinfo=UTC) + timedelta(seconds=number),
        "model_version": "3",
        "price": 22_450,
        "low": 18_900,
        "high": 26_100,
        "warnings": ("odometer is missing",),
        "listing": {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": None},
    }
    return JournalEntry(**(entry | changes))
