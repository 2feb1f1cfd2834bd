"""Commands for the platform on this machine: up, down, and how it is."""

import os
import sys
from typing import Annotated

import typer

from carvalue.cli.console import Console, say, show

app = typer.Typer()


@app.command()
def build(
    again: Annotated[bool, typer.Option("--again", help="Build even what is there.")] = False,
) -> None:
    """Bring everything up, run both DAGs unless their results are there, and price a car."""
    from carvalue.cli.render import example_request, what_runs_where
    from carvalue.platform.build import build as build_platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with Console() as console:
        built = build_platform(settings, progress=console, again=again)
    if built.was_there:
        say("an earlier build of the same settings is there; --again (make build AGAIN=1) makes a new one")
    say("")
    say(what_runs_where(settings, built))
    say(f"\n{example_request(settings)}")


@app.command()
def up() -> None:
    """Start what does not run yet or runs with other settings, and wait until all is healthy."""
    from carvalue.platform import lifecycle as platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with Console() as console:
        console.doing("starting the platform")
        platform.up(settings, say=console.say)


@app.command()
def down() -> None:
    """Stop the platform; its data stays."""
    from carvalue.platform import lifecycle as platform
    from carvalue.settings import load_settings

    platform.down(load_settings())
    say("nothing of the platform runs any more")


@app.command()
def status() -> None:
    """Show how every part of the platform is; ends with 1 when one is not well."""
    from carvalue.cli.render import last_words, status_table
    from carvalue.platform.status import platform_status
    from carvalue.settings import load_settings

    found = platform_status(load_settings())
    show(status_table(found))
    for line in last_words(found):
        say(line)
    sys.exit(0 if all(item.is_well for item in found) else 1)


@app.command()
def doctor() -> None:
    """Look for what keeps this installation from working, and say what to do; ends with 1 on any finding."""
    from carvalue.cli.render import findings_table
    from carvalue.platform.doctor import examine
    from carvalue.settings import load_settings

    with Console() as console:
        console.doing("looking")
        findings = tuple(examine(load_settings()))
    show(findings_table(findings))
    sys.exit(0 if all(item.is_well for item in findings) else 1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One service, or all of them.")] = "",
) -> None:
    """Follow the logs of the platform, or of one service."""
    from carvalue.platform.processes.logs import log_files
    from carvalue.settings import load_settings

    files = log_files(load_settings().state_dir, service)
    os.execvp("tail", ("tail", "-n", "20", "-F", *map(str, files)))  # noqa: S606, S607  # it knows rotation
