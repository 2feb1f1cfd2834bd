"""The command-line interface: the only package that prints."""

import sys
from typing import Annotated

import typer

from carvalue.cli import console, data, demo, inquiry, journal, keys, model, platform, quarantine, upkeep
from carvalue.errors import AppError

# without Rich, whose import takes longer than all other work of `--help`
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
for part in (platform, inquiry, model, data, demo, upkeep):
    app.add_typer(part.app)
app.add_typer(keys.app, name="keys")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(journal.app, name="journal")


def _print_version(requested: bool) -> None:
    if requested:
        import carvalue

        console.print_line(f"carvalue {carvalue.__version__}")
        raise typer.Exit


@app.callback()
def carvalue(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Estimate used-car prices, and run the platform that trains, serves and monitors the price model."""


def main() -> None:
    """Run one command; print an expected failure as one line on standard error and exit with 1."""
    try:
        app()
    except AppError as error:
        console.print_error(str(error))
        sys.exit(1)
