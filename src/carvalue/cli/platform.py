"""Commands for the platform on this machine: up, down, and how it is."""

import os
import sys
from typing import Annotated

import typer

from carvalue.cli.console import ProgressConsole, print_line, print_table

app = typer.Typer()


@app.command()
def build(
    again: Annotated[bool, typer.Option("--again", help="Build even what is there.")] = False,
) -> None:
    """Bring everything up, run both DAGs unless their results are there, and price a car."""
    from carvalue.cli.render import build_summary, example_request
    from carvalue.platform import build_platform as build_platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with ProgressConsole() as console:
        built = build_platform(settings, progress=console, again=again)
    if built.was_there:
        print_line(
            "an earlier build of the same settings is there; --again (make build AGAIN=1) makes a new one"
        )
    print_line("")
    print_line(build_summary(settings, built))
    print_line(f"\n{example_request(settings)}")


@app.command()
def up() -> None:
    """Start what does not run yet or runs with other settings, and wait until all is healthy."""
    from carvalue.platform import start_platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with ProgressConsole() as console:
        console.doing("starting the platform")
        start_platform(settings, say=console.say)


@app.command()
def down() -> None:
    """Stop the platform; its data stays."""
    from carvalue.platform import stop_platform
    from carvalue.settings import load_settings

    stop_platform(load_settings())
    print_line("nothing of the platform runs any more")


@app.command()
def status() -> None:
    """Show how every part of the platform is; ends with 1 when one is not well."""
    from carvalue.cli.render import log_excerpts, status_table
    from carvalue.platform import platform_status
    from carvalue.settings import load_settings

    found = platform_status(load_settings())
    print_table(status_table(found))
    for line in log_excerpts(found):
        print_line(line)
    sys.exit(0 if all(item.is_well for item in found) else 1)


@app.command()
def doctor() -> None:
    """Look for what keeps this installation from working, and say what to do; ends with 1 on any finding."""
    from carvalue.cli.render import findings_table
    from carvalue.platform.admin import diagnose
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        console.doing("looking")
        findings = tuple(diagnose(load_settings()))
    print_table(findings_table(findings))
    sys.exit(0 if all(item.is_well for item in findings) else 1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One service, or all of them.")] = "",
) -> None:
    """Follow the logs of the platform, or of one service."""
    from carvalue.platform.processes import log_files
    from carvalue.settings import load_settings

    files = log_files(load_settings().state_dir, service)
    os.execvp("tail", ("tail", "-n", "20", "-F", *map(str, files)))  # noqa: S606, S607  # it knows rotation
