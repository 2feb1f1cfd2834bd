"""Commands for old quotes: prune, archive, forget and export them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carvalue.cli.console import print_line

if TYPE_CHECKING:
    from carvalue.journal import Journal
    from carvalue.settings import JournalSettings

app = typer.Typer(no_args_is_help=True)
KeepDays = Annotated[
    int | None,
    typer.Option(min=1, help="Days, counted back from today (UTC), that stay; default: JOURNAL_KEEP_DAYS."),
]
QuoteId = Annotated[str, typer.Argument(metavar="QUOTE_ID", help="The id of the quote: 32 of 0-9 and a-f.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
NOT_REACHED = (
    "backups of the journal and, where the bucket of the archive keeps versions, its earlier versions",
    "exports, and files that `carvalue score` or POST /predict/batch wrote",
    "datasets that a retraining joined the reported sale to, and models trained on them",
    "drift reports and shadow prices below STATE_DIR/watcher, and the newest rows in the watcher's state",
    "an outbox or quarantine of a service that had not yet delivered the quote: run the command again then",
)
"""What `forget` does not change."""


@app.callback()
def journal() -> None:
    """Prune, archive, forget or export the quotes in the journal; all programs may run meanwhile."""


@app.command()
def prune(keep_days: KeepDays = None) -> None:
    """Delete old quotes with their sales and ratings, without a copy; decisions on versions stay."""
    from carvalue.journal.retention import prune

    with _opened() as (settings, opened):
        before = _first_kept_day(settings, keep_days)
        _prepare_partitions(opened)
        pruned = prune(opened, before=before)
    whole = f", {pruned.partitions:,} of their partitions as a whole" if pruned.partitions else ""
    print_line(f"{pruned.quotes:,} quotes from before {before} deleted{whole}")


@app.command()
def archive(keep_days: KeepDays = None) -> None:
    """Move old quotes with their sales and ratings to Parquet files in JOURNAL_ARCHIVE_URL, day by day."""
    from carvalue.files import open_objects
    from carvalue.journal.archive import JournalArchive

    with _opened() as (settings, opened):
        before = _first_kept_day(settings, keep_days)
        _prepare_partitions(opened)
        target, quotes = JournalArchive(open_objects(settings.journal_archive_url)), 0
        for moved in target.move_days(opened, before=before):
            quotes += moved.rows["quotes"]
            print_line(f"{moved.day}  " + "  ".join(f"{name} {rows:,}" for name, rows in moved.rows.items()))
    print_line(f"{quotes:,} quotes from before {before} moved to {settings.journal_archive_url}")


@app.command()
def forget(quote_id: QuoteId) -> None:
    """Delete one quote with its listing, sale and rating from the journal and from the archive."""
    from carvalue.files import open_objects
    from carvalue.journal.archive import JournalArchive, forget

    if len(quote_id) != 32 or set(quote_id) - set("0123456789abcdef"):
        raise typer.BadParameter(f"expected 32 of the characters 0-9 and a-f, got {quote_id!r}")
    with _opened() as (settings, opened):
        archive = JournalArchive(open_objects(settings.journal_archive_url))
        forgotten = forget(quote_id, journal=opened, archive=archive)
    places = [
        name
        for name, was_there in (("journal", forgotten.journal), ("archive", forgotten.archive))
        if was_there
    ]
    print_line(f"deleted from the {' and the '.join(places)}; not reached:")
    for place in NOT_REACHED:
        print_line(f"- {place}")


@app.command()
def export(
    target: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The .csv, .ndjson or .parquet file to write.")
    ],
    start: Day = None,
    end: Day = None,
) -> None:
    """Write the quotes of the journal with their sales and ratings to a file; --end is not included."""
    from carvalue.journal.archive import export_quotes

    first = start.date() if start else date(1970, 1, 1)
    last = end.date() if end else datetime.now(UTC).date() + timedelta(days=1)
    with _opened() as (_, opened):
        quotes = export_quotes(opened, target, start=first, end=last)
    print_line(f"{quotes:,} quotes, in {target}")


@contextmanager
def _opened() -> Iterator[tuple["JournalSettings", "Journal"]]:
    from carvalue.journal import MIGRATION_S, Journal
    from carvalue.settings import JournalSettings, load_settings

    settings = load_settings(JournalSettings)
    opened = Journal(settings.journal_url.get_secret_value(), answer_s=MIGRATION_S)
    try:
        yield settings, opened
    finally:
        opened.close()


def _first_kept_day(settings: "JournalSettings", keep_days: int | None) -> date:
    days = keep_days or settings.journal_keep_days
    if not days:
        raise typer.BadParameter(
            "JOURNAL_KEEP_DAYS is 0: quotes are kept for ever. Give --keep-days, or set it."
        )
    return datetime.now(UTC).date() - timedelta(days=days)


def _prepare_partitions(opened: "Journal") -> None:
    from carvalue.journal.retention import DAYS_AHEAD, create_partitions

    create_partitions(opened, until=datetime.now(UTC).date() + DAYS_AHEAD)
