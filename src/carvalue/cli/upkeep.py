"""Commands for maintenance: migrate the journal, back up, restore."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from carvalue.cli.console import print_error, print_line

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Migrate the journal's tables to the newest revision; the price service may run."""
    from carvalue.journal import MIGRATION_S, Journal
    from carvalue.journal.retention import DAYS_AHEAD, create_partitions
    from carvalue.settings import JournalSettings, load_settings

    journal = Journal(load_settings(JournalSettings).journal_url.get_secret_value(), answer_s=MIGRATION_S)
    print_line(f"the journal's tables are at revision {journal.migrate()}")
    create_partitions(journal, until=datetime.now(UTC).date() + DAYS_AHEAD)
    journal.close()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; only its owner can read it.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Back up journal, models, data, watcher and Airflow of this machine into one file; all may run."""
    from carvalue.platform.admin import create_backup
    from carvalue.settings import RegistrySettings, load_settings

    summary = create_backup(
        load_settings(RegistrySettings), into=file, now=datetime.now(UTC), overwrite=overwrite
    )
    print_line(f"{summary.files:,} files, {summary.bytes / 2**20:,.0f} MB, in {file}")
    for line in summary.left_out:
        print_error(line)


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="File that `carvalue backup` wrote.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing state.")] = False,
) -> None:
    """Restore a backup after verifying its checksums; the platform must be stopped."""
    from carvalue.platform.admin import restore_backup
    from carvalue.settings import RegistrySettings, load_settings

    contents = restore_backup(load_settings(RegistrySettings), source=file, overwrite=overwrite)
    print_line(f"restored the state of {contents.facts['made_at']}; run `make up` to start the platform")
