"""Commands that keep what was written: the journal's tables, backup, restore."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from carvalue.cli.console import print_error, print_line

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the tables of the journal up to date, beside a running service too; again, it does nothing."""
    from carvalue.journal import MIGRATION_S, Journal
    from carvalue.settings import load_settings

    journal = Journal(load_settings().journal_url.get_secret_value(), answer_s=MIGRATION_S)
    print_line(f"the journal's tables are at revision {journal.migrate()}")
    journal.close()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write; only its owner can read it.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write the journal, models, data, watcher and Airflow of this machine into one file; all may run."""
    from carvalue.platform.admin import create_backup as keep
    from carvalue.settings import load_settings

    kept = keep(load_settings(), into=file, now=datetime.now(UTC), overwrite=overwrite)
    print_line(f"{kept.files:,} files, {kept.bytes / 2**20:,.0f} MB, in {file}")
    for line in kept.left_out:
        print_error(line)


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A file that `create_backup` wrote.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the state that is there.")] = False,
) -> None:
    """Put back what `create_backup` wrote, once every checksum is found right; the platform must be down."""
    from carvalue.platform.admin import restore_backup as put_back
    from carvalue.settings import load_settings

    contents = put_back(load_settings(), source=file, overwrite=overwrite)
    print_line(f"the state of {contents.facts['made_at']} is back; `make up` starts it")
