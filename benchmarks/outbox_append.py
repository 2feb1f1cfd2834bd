"""How long one durable append takes: an outbox segment against SQLite. `python -m benchmarks.outbox_append`.

Both store the same entry on the same disk, one at a time, as for one client that waits for each answer. They
take turns, so that what else the machine does meets both.
"""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from benchmarks.results import save

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.journal import JournalEntry
from carvalue.journal.segment import Segment

REPETITIONS, WARM_UP = 400, 20
TABLE = """CREATE TABLE outbox (
    quote_id TEXT PRIMARY KEY, quoted_at TEXT, model_version TEXT, price INTEGER, low INTEGER, high INTEGER,
    warnings TEXT, listing TEXT, client TEXT
) WITHOUT ROWID"""
INSERT = "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def entry(number: int) -> JournalEntry:
    """Build one entry.

    Args:
        number: Makes the id.

    Returns:
        A quote of a real listing.
    """
    return JournalEntry(
        quote_id=f"{number:032x}",
        quoted_at=datetime.now(UTC),
        model_version="3",
        price=22_450,
        low=18_900,
        high=26_100,
        warnings=(),
        listing=EXAMPLE,
        client="local",
    )


def row(item: JournalEntry) -> tuple[object, ...]:
    """Convert an entry to the parameters of `INSERT`.

    Args:
        item: An entry.

    Returns:
        One value for each column.
    """
    return (
        *(item.quote_id, item.quoted_at.isoformat(), item.model_version, item.price, item.low, item.high),
        *(json.dumps(item.warnings), json.dumps(item.listing), item.client),
    )


def measure(appends: dict[str, Callable[[JournalEntry], None]]) -> dict[str, list[float]]:
    """Time durable appends in turns.

    Args:
        appends: By name, what appends one entry.

    Returns:
        By name, milliseconds of each append.
    """
    times: dict[str, list[float]] = {name: [] for name in appends}
    for number in range(REPETITIONS + WARM_UP):
        for name, append in appends.items():
            item, start = entry(number), time.perf_counter()
            append(item)
            times[name].append(1_000 * (time.perf_counter() - start))
    return {name: measured[WARM_UP:] for name, measured in times.items()}


def main(folder: Path) -> None:
    """Measure both on one disk, and write `results/outbox_append.json`.

    Args:
        folder: A folder on that disk.
    """
    segment = Segment.create(folder)
    database = sqlite3.connect(folder / "outbox.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(TABLE)
    times = measure(
        {
            "segment": lambda item: segment.append(item.as_line()),
            "SQLite": lambda item: database.execute(INSERT, row(item)) and None,
        }
    )
    database.close()
    segment.close()
    rows = []
    for name, measured in times.items():
        cuts = quantiles(measured, n=100)
        rows.append(
            {
                "store": name,
                "median ms": round(median(measured), 2),
                "p90 ms": round(cuts[89], 2),
                "p99 ms": round(cuts[98], 2),
            }
        )
        print(rows[-1])
    command = "python -m benchmarks.outbox_append"
    save("outbox_append", {"appends": REPETITIONS, "stores": rows}, command=command, model="none")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        main(Path(scratch))
