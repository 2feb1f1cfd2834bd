"""Commands for the platform on this machine: build, start, stop and inspect it."""

import os
import sys
from typing import Annotated

import typer

from carvalue.cli.console import ProgressConsole, print_error, print_line, print_table

app = typer.Typer()


@app.command()
def build(
    again: Annotated[
        bool, typer.Option("--again", help="Run the pipelines even if an earlier build succeeded.")
    ] = False,
) -> None:
    """Start the platform, run both DAGs unless an earlier build did, and price a car."""
    from carvalue.cli.render import build_summary, example_request
    from carvalue.platform import build_platform as build_platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with ProgressConsole() as console:
        built = build_platform(settings, progress=console, again=again)
    if built.reused:
        print_line(
            "an earlier build with the same settings was reused; --again (make build AGAIN=1) runs a new one"
        )
    print_line("")
    print_line(build_summary(settings, built))
    print_line(f"\n{example_request(settings)}")


@app.command()
def up() -> None:
    """Start the services that do not run or run with other settings, and wait until all are healthy."""
    from carvalue.platform import start_platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with ProgressConsole() as console:
        console.update("starting the platform")
        start_platform(settings, report=console.report)


@app.command()
def down() -> None:
    """Stop the platform and keep its data."""
    from carvalue.platform import stop_platform
    from carvalue.settings import StateSettings, load_settings

    stop_platform(load_settings(StateSettings))
    print_line("the platform is stopped")


@app.command()
def status() -> None:
    """Show the state of every service; exits with 1 if one is not healthy."""
    from carvalue.cli.render import log_excerpts, status_table
    from carvalue.platform import platform_status
    from carvalue.settings import load_usable_settings

    settings, problems = load_usable_settings()
    for problem in problems:
        print_error(problem)
    services = platform_status(settings)
    print_table(status_table(services))
    for line in log_excerpts(services):
        print_line(line)
    sys.exit(0 if all(item.is_ok for item in services) else 1)


@app.command()
def doctor() -> None:
    """Check this installation and suggest remedies; exits with 1 if there is a problem."""
    from carvalue.cli.render import diagnoses_table
    from carvalue.platform.admin import diagnose
    from carvalue.settings import load_usable_settings

    settings, problems = load_usable_settings()
    with ProgressConsole() as console:
        console.update("checking")
        diagnoses = tuple(diagnose(settings, problems=problems))
    print_table(diagnoses_table(diagnoses))
    sys.exit(0 if all(item.is_ok for item in diagnoses) else 1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="Name of a service; default: all services.")] = "",
) -> None:
    """Follow the logs of all services or of one."""
    from carvalue.platform.processes import log_files
    from carvalue.settings import StateSettings, load_settings

    files = log_files(load_settings(StateSettings).state_dir, service)
    os.execvp("tail", ("tail", "-n", "20", "-F", *map(str, files)))  # noqa: S606, S607  # tail -F follows rotated files
