"""Time each query of service, watcher and page: `python -m benchmarks.journal_queries POSTGRESQL`.

POSTGRESQL is the URL of an empty database on this machine, or of one that an earlier run filled. It is filled
with generated quotes, by default ten million in 100 daily partitions; one quote in 200 has a sale, and one in
1,000 a rating. CPU milliseconds are those of the client and of its backend in PostgreSQL; unlike times of the
clock they hardly depend on other work of the machine. Writes `results/journal_queries.json`.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import psutil
from benchmarks.results import save
from sqlalchemy import Engine, create_engine, text

from carvalue.journal import Journal, JournalCursor, JournalEntry, LeasedState, first_id_at
from carvalue.journal.retention import create_partitions, day_of, prune

REPEATS, LIMIT_MS = 40, 50
DAYS_OF_A_VERSION = 10
QUOTES = text("""
    INSERT INTO quotes (quote_id, quoted_at, model_version, price, low, high, warnings, listing,
                        client, route, arrival, schema_version)
    SELECT lpad(to_hex((:start + n * (86400000.0 / :rows))::bigint), 12, '0')
               || substr(md5((:first + n)::text), 1, 20),
           to_timestamp((:start + n * (86400000.0 / :rows)) / 1000), :version,
           20000 + n % 5000, 17000 + n % 5000, 23000 + n % 5000, '["odometer is missing"]',
           json_build_object('manufacturer', 'ford', 'model', 'f-150 xlt', 'year', 1995 + n % 25,
                             'odometer', 1000 * (n % 200), 'condition', 'good', 'cylinders', '8 cylinders',
                             'fuel', 'gas', 'title_status', 'clean', 'transmission', 'automatic',
                             'drive', '4wd', 'type', 'truck', 'state', 'tx', 'region', 'austin'),
           'client-' || n % 40, (ARRAY['page', 'upload', 'api'])[1 + n % 3], :first + n, '1.5'
    FROM generate_series(1, :rows) n
""")
SALES = text("""
    INSERT INTO feedback (quote_id, sale_price, told_at, client, arrival, model_version)
    SELECT quote_id, price - 200, quoted_at + interval '1 hour', 'client-' || (arrival / 200) % 40,
           arrival, model_version
    FROM quotes WHERE quote_id >= :start AND quote_id < :end AND arrival % 200 = 0
""")
RATINGS = text("""
    INSERT INTO ratings (quote_id, rating, rated_at, client, model_version)
    SELECT quote_id, (ARRAY['useful', 'too low', 'too high'])[1 + arrival % 3], quoted_at, client,
           model_version
    FROM quotes WHERE quote_id >= :start AND quote_id < :end AND arrival % 1000 = 1
""")


def main() -> None:
    """Fill the database, time the queries, prune a day, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("journal")
    parser.add_argument("--quotes", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=100)
    options = parser.parse_args()
    engine = create_engine(options.journal)
    with closing(Journal(options.journal, answer_s=600)) as owner:
        owner.migrate()
        if owner.end().arrival == 0:
            fill(owner, engine, days=options.days, rows=options.quotes // options.days)
        quotes = _scalar(engine, "SELECT count(*) FROM quotes")  # an earlier run has pruned a day
        start = _first_day(owner)
        now = datetime.combine(day_of(owner.end().quote_id) + timedelta(days=1), datetime.min.time(), UTC)
        with closing(Journal(options.journal)) as journal:
            queries = measure(journal, now=now, last=journal.end().arrival)
        begin = time.perf_counter()
        pruned = prune(owner, before=start + timedelta(days=1))
        prune_ms = 1e3 * (time.perf_counter() - begin)
    values = {
        "quotes": quotes,
        "daily partitions": options.days,
        "sales": _scalar(engine, "SELECT count(*) FROM feedback"),
        "ratings": _scalar(engine, "SELECT count(*) FROM ratings"),
        "size of the database, GB": round(
            _scalar(engine, "SELECT pg_database_size(current_database())") / 1e9, 1
        ),
        "load average of the machine": round(os.getloadavg()[0]),
        "cores of the machine": os.cpu_count(),
        "quotes of the pruned day": pruned.quotes,
        "ms to prune a day": round(prune_ms),
        "queries": queries,
    }
    engine.dispose()
    for column in ("CPU ms", "median ms"):
        print(
            column, "above the limit:", [row["query"] for row in queries if row[column] > LIMIT_MS] or "none"
        )
    command = f"python -m benchmarks.journal_queries postgresql://... --quotes {options.quotes}"
    save("journal_queries", values, command=command, model="none")


def fill(owner: Journal, engine: Engine, *, days: int, rows: int) -> None:
    """Generate the rows of every day, beginning with the first one that has a partition of its own."""
    first = create_partitions(owner, until=datetime.now(UTC).date() + timedelta(days=2))[0]
    start, begin = datetime.combine(first, datetime.min.time(), UTC), time.perf_counter()
    create_partitions(owner, until=first + timedelta(days=days))
    for number in range(days):
        day = start + timedelta(days=number)
        bounds = {"start": first_id_at(day), "end": first_id_at(day + timedelta(days=1))}
        values = {"start": day.timestamp() * 1000, "rows": rows, "first": number * rows}
        with engine.begin() as connection:
            connection.execute(QUOTES, {**values, "version": str(1 + number // DAYS_OF_A_VERSION)})
            connection.execute(SALES, bounds)
            connection.execute(RATINGS, bounds)
        print(f"day {number + 1} of {days}, {time.perf_counter() - begin:.0f} s", flush=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE arrivals SET last = :last"), {"last": days * rows})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def measure(journal: Journal, *, now: datetime, last: int) -> list[Mapping[str, Any]]:
    """Time every query that service, watcher and page make, each after a first call."""
    with journal.transaction() as connection:  # the one connection of the pool
        backend = psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    rows = []
    for name, query in queries(journal, now=now, last=last).items():
        for _ in range(10):  # from the tenth time on, the statements are prepared
            query()
        milliseconds, cpu = [], _cpu_seconds(backend)
        for _ in range(REPEATS):
            begin = time.perf_counter()
            query()
            milliseconds.append(1e3 * (time.perf_counter() - begin))
        rows.append(
            {
                "query": name,
                "CPU ms": round(1e3 * (_cpu_seconds(backend) - cpu) / REPEATS, 1),
                "fastest ms": round(min(milliseconds), 1),
                "median ms": round(statistics.median(milliseconds), 1),
            }
        )
        print(rows[-1], flush=True)
    return rows


def queries(journal: Journal, *, now: datetime, last: int) -> Mapping[str, Callable[[], object]]:
    """Return what is measured, by name; ids and numbers are of quotes in the middle and at the end."""
    middle = journal.arrived(JournalCursor(arrival=last // 2), until=now, limit=1).entries[0]
    newest = journal.between(now - timedelta(days=2), now, newest=True, limit=1)[0]
    cursor, version = JournalCursor(arrival=last), newest.model_version
    lease, numbers = LeasedState(journal, "watcher", "benchmark"), count()
    return {
        "service: read a quote": lambda: journal.quote(middle.quote_id),
        "service: read a rating": lambda: journal.rating(middle.quote_id),
        "watcher: quotes that arrived, none": lambda: journal.arrived(cursor, until=now, limit=5_000),
        "watcher: quotes that arrived, 500": lambda: journal.arrived(
            JournalCursor(arrival=last - 500), until=now, limit=5_000
        ),
        "watcher: 500 quotes of the middle": lambda: journal.arrived(
            JournalCursor(arrival=last // 2), until=now, limit=500
        ),
        "watcher: position of the end": journal.end,
        "watcher: 500 newest quotes of the version": lambda: journal.before(
            cursor, model_version=version, limit=500
        ),
        "watcher: 500 newest quotes of the first version": lambda: journal.before(
            cursor, model_version="1", limit=500
        ),
        "watcher: newest quotes of a version without any": lambda: journal.before(
            cursor, model_version="none", limit=5_000
        ),
        "watcher: sales that arrived, none": lambda: journal.sales_after(last, limit=5_000),
        "watcher: sales that arrived, 500": lambda: journal.sales_after(last - 100_000, limit=5_000),
        "watcher: time of the last sale": journal.last_sale_at,
        "watcher: sales for the live accuracy": lambda: journal.sales(
            model_version=version, limit=500, max_per_client=25
        ),
        "watcher: renew the lease and read the state": lambda: (
            lease.acquire(now + timedelta(minutes=next(numbers))),
            lease.read(),
        ),
        "page: quotes of each of 24 hours": lambda: journal.per_hour(now - timedelta(hours=1), hours=24),
        "page: ratings of the version": lambda: journal.rating_counts(model_version=version),
        "service: store a sale": lambda: journal.add_feedback(
            quote_id=middle.quote_id, sale_price=1, reported_at=now
        ),
        "service: store a rating": lambda: journal.rate(
            quote_id=middle.quote_id, rating="useful", rated_at=now
        ),
        "service: delete a quote": lambda: _delete_one(journal, newest, now, next(numbers)),
        "service: write one quote": lambda: journal.write([_entry(newest, now, next(numbers))]),
        "service: write 500 quotes": lambda: journal.write(
            [_entry(newest, now, next(numbers)) for _ in range(500)]
        ),
    }


def _entry(like: JournalEntry, now: datetime, number: int) -> JournalEntry:
    values = {name: getattr(like, name) for name in JournalEntry.__slots__}
    return JournalEntry(**values | {"quote_id": f"{first_id_at(now)}{number:020x}", "quoted_at": now})


def _delete_one(journal: Journal, like: JournalEntry, now: datetime, number: int) -> None:
    entry = _entry(like, now, number)
    journal.write([entry])
    journal.delete(entry.quote_id)


def _first_day(journal: Journal) -> date:
    oldest = journal.after("", until=datetime.max.replace(tzinfo=UTC), limit=1)
    return day_of(oldest[0].quote_id)


def _cpu_seconds(backend: psutil.Process) -> float:
    times = backend.cpu_times()
    return time.process_time() + times.user + times.system


def _scalar(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


if __name__ == "__main__":
    main()
