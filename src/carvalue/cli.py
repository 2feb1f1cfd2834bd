"""The commands; the only place that prints."""

import os
import sys
from typing import Annotated

import typer

from carvalue.errors import AppError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def carvalue() -> None:
    """What a used car is worth, and a platform that keeps the answer true as the market moves."""


@app.command()
def up() -> None:
    """Start what does not run yet or runs with other settings, and wait until all is healthy."""
    from carvalue.ops import platform
    from carvalue.settings import load_settings

    platform.up(load_settings(), say=_say)


@app.command()
def down() -> None:
    """Stop the platform; its data stays."""
    from carvalue.ops import platform
    from carvalue.settings import load_settings

    platform.down(load_settings())
    _say("nothing of the platform runs any more")


@app.command()
def status() -> None:
    """Show how every part of the platform is; ends with 1 when one is not well."""
    from carvalue.ops.status import platform_status
    from carvalue.ops.tables import last_words, status_table
    from carvalue.settings import load_settings

    found = platform_status(load_settings())
    _show(status_table(found))
    for line in last_words(found):
        _say(line)
    sys.exit(0 if all(item.is_well for item in found) else 1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One service, or all of them.")] = "",
) -> None:
    """Follow the logs of the platform, or of one service."""
    from carvalue.ops.logs import log_files
    from carvalue.settings import load_settings

    files = log_files(load_settings().state_dir, service)
    os.execvp("tail", ("tail", "-n", "20", "-F", *map(str, files)))  # noqa: S606, S607  # it knows rotation


def main() -> None:
    """Run one command; an expected failure ends as one line on standard error, not as a stack trace."""
    try:
        app()
    except AppError as error:
        print(f"carvalue: {error}", file=sys.stderr)
        sys.exit(1)


def _say(line: str) -> None:
    print(line, flush=True)


def _show(renderable: object) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print(renderable)
