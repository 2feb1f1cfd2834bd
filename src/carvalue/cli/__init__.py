"""The commands; the only room that prints."""

import sys

import typer

from carvalue.cli import console, demo, keys, model, platform, upkeep
from carvalue.errors import AppError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for part in (platform, model, demo, upkeep):
    app.add_typer(part.app)
app.add_typer(keys.app, name="keys")


@app.callback()
def carvalue() -> None:
    """What a used car is worth, and a platform that keeps the answer true as the market moves."""


def main() -> None:
    """Run one command; an expected failure ends as one line on standard error, not as a stack trace."""
    try:
        app()
    except AppError as error:
        console.print_error(str(error))
        sys.exit(1)
