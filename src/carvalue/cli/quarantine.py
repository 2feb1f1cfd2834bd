"""Commands for the quotes that the price service could not store in the journal."""

from typing import TYPE_CHECKING, Annotated

import typer

from carvalue.cli.console import print_line

if TYPE_CHECKING:
    from carvalue.journal import Quarantine

app = typer.Typer(no_args_is_help=True)
Ids = Annotated[list[str] | None, typer.Argument(help="Ids that `carvalue quarantine list` prints.")]


@app.callback()
def quarantine() -> None:
    """Show, replay or discard quotes that the price service could not store in the journal."""


@app.command("list")
def list_records() -> None:
    """List the records with their reasons, oldest first."""
    records = _quarantine().records()
    for item in records:
        at = item.quarantined_at.isoformat(timespec="seconds")
        print_line(f"{item.id}  {at}  {len(item.record):>9,} bytes  {item.reason}")
    print_line(f"{len(records):,} records")


@app.command()
def show(
    record: Annotated[str, typer.Argument(help="An id that `carvalue quarantine list` prints.")],
) -> None:
    """Print one record. It contains what a client sent; bytes that are not text are escaped."""
    records = [item for item in _quarantine().records() if item.id == record]
    if not records:
        raise typer.BadParameter(f"the quarantine has no record {record}")
    print_line(ascii(records[0].record.decode("utf-8", "backslashreplace"))[1:-1])


@app.command()
def replay() -> None:
    """Store in the journal what has become readable, for example after an upgrade; the service may run."""
    from carvalue.journal import Journal, replay_quarantine
    from carvalue.settings import JournalSettings, load_settings

    journal = Journal(load_settings(JournalSettings).journal_url.get_secret_value())
    try:
        result = replay_quarantine(_quarantine(), journal)
    finally:
        journal.close()
    print_line(f"{result.stored:,} records stored in the journal, {result.remaining:,} remain")


@app.command()
def discard(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete every record.")] = False,
) -> None:
    """Delete records for good; their quotes will never be in the journal."""
    if everything == bool(ids):
        raise typer.BadParameter("name the ids of the records, or give --all")
    records = _quarantine()
    chosen = {item.id for item in records.records()} if everything else set(ids or ())
    print_line(f"{records.remove(chosen):,} records deleted, {len(records):,} remain")


def _quarantine() -> "Quarantine":
    from carvalue.journal import Quarantine
    from carvalue.settings import JournalSettings, load_settings

    return Quarantine(load_settings(JournalSettings).quarantine_folder)
