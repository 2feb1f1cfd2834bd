"""Commands that keep what was written: the journal's tables."""

import typer

from carvalue.cli.console import say

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the tables of the journal up to date, beside a running service too; again, it does nothing."""
    from carvalue.monitoring.journal import MIGRATION_S, Journal
    from carvalue.settings import load_settings

    journal = Journal(load_settings().journal_url.get_secret_value(), answer_s=MIGRATION_S)
    say(f"the journal's tables are at revision {journal.migrate()}")
    journal.close()
