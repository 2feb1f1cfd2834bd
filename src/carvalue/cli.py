"""The commands; the only place that prints."""

import os
import sys
import time
from getpass import getuser
from pathlib import Path
from typing import Annotated, Self

import typer

from carvalue.errors import AppError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def carvalue() -> None:
    """What a used car is worth, and a platform that keeps the answer true as the market moves."""


@app.command()
def build(
    again: Annotated[bool, typer.Option("--again", help="Build even what is there.")] = False,
) -> None:
    """Bring everything up, run both DAGs unless their results are there, and price a car."""
    from carvalue.ops.build import build as build_platform
    from carvalue.ops.tables import example_request, what_runs_where
    from carvalue.settings import load_settings

    settings = load_settings()
    with _Console() as console:
        built = build_platform(settings, progress=console, again=again)
    if built.was_there:
        _say("an earlier build of the same settings is there; --again (make build AGAIN=1) makes a new one")
    _say("")
    _say(what_runs_where(settings, built))
    _say(f"\n{example_request(settings)}")


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="creates_datasets_dag or initial_model_dag.")],
    start: Annotated[str, typer.Option("--from", help="The step to resume at.")] = "",
) -> None:
    """Run a pipeline in this process, without Airflow."""
    from carvalue.logs import configure_logs
    from carvalue.pipelines.definitions import find
    from carvalue.pipelines.runner import PATIENT_THREADS
    from carvalue.pipelines.runner import run as run_pipeline
    from carvalue.settings import load_settings

    configure_logs()
    os.environ.update(PATIENT_THREADS)
    run_pipeline(find(pipeline), load_settings(), start=start or None, say=_say)


@app.command()
def score(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A .csv, .zip or .parquet of listings.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The .csv or .parquet to write.")],
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle's folder; without it, the model in production.")
    ] = None,
) -> None:
    """Price every row of a file: price, low, high, warnings, or the reason why a row has no price."""
    from carvalue.listings.tables import READ_SUFFIXES, WRITE_SUFFIXES, check_suffix
    from carvalue.pipelines.scoring import score_file
    from carvalue.pricing.model import PriceModel
    from carvalue.serving.borrowed import borrow_by
    from carvalue.settings import load_settings

    check_suffix(source, READ_SUFFIXES)
    check_suffix(target, WRITE_SUFFIXES)
    model = PriceModel.load(bundle) if bundle else borrow_by(load_settings(), warn=_warn).model
    with _Console() as console:
        scored = score_file(
            source, into=target, model=model, progress=lambda rows: console.doing(f"{rows:,} rows done")
        )
        if scored.absent:
            console.say(f"taken as missing, because INPUT has no such columns: {', '.join(scored.absent)}")
        console.say(f"{scored.priced:,} of {scored.rows:,} rows priced, in {target}")


@app.command()
def up() -> None:
    """Start what does not run yet or runs with other settings, and wait until all is healthy."""
    from carvalue.ops import platform
    from carvalue.settings import load_settings

    settings = load_settings()
    with _Console() as console:
        console.doing("starting the platform")
        platform.up(settings, say=console.say)


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
def models() -> None:
    """List the versions of the model: state, figures, and why each is where it is."""
    from carvalue.ops.tables import versions_table
    from carvalue.registry.by_hand import versions
    from carvalue.settings import load_settings

    _show(versions_table(versions(load_settings().mlflow_tracking_uri)))


@app.command()
def promote(number: Annotated[int, typer.Argument(min=1, help="The version's number.")]) -> None:
    """Put a version into production by hand; the price service follows within 10 s."""
    from carvalue.pipelines.steps import audit_file
    from carvalue.registry import by_hand
    from carvalue.registry.audit import Audit
    from carvalue.settings import load_settings

    settings = load_settings()
    audit = Audit(audit_file(settings))
    version = by_hand.promote(settings.mlflow_tracking_uri, number, audit=audit, by=getuser())
    _say(f"version {version.version} is in production")


@app.command()
def rollback() -> None:
    """Put the last good version before the present one back into production."""
    from carvalue.pipelines.steps import audit_file
    from carvalue.registry import by_hand
    from carvalue.registry.audit import Audit
    from carvalue.settings import load_settings

    settings = load_settings()
    audit = Audit(audit_file(settings))
    version = by_hand.roll_back(settings.mlflow_tracking_uri, audit=audit, by=getuser())
    _say(f"version {version.version} is in production again")


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Listings a second.")] = 50,
    requests: Annotated[int, typer.Option(min=1, help="How many listings.")] = 5_000,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            help="FIELD*2@FROM, FIELD+2@FROM-TO, FIELD=WORD~10%@FROM; FIELD= is missing. Repeatable."
        ),
    ] = None,
    sales: Annotated[float, typer.Option(min=0, max=1, help="Share of cars reported as sold.")] = 0,
) -> None:
    """Ask the price service for held-out cars, as people would, with drift where it is wanted."""
    import httpx

    from carvalue.listings.store import DatasetStore
    from carvalue.ops.drifts import read_drift
    from carvalue.ops.simulate import Traffic
    from carvalue.ops.simulate import simulate as send
    from carvalue.settings import load_settings

    settings, drifts = load_settings(), [read_drift(text) for text in drift or ()]
    dataset = DatasetStore(settings.storage_root / "datasets").current()
    with _Console() as console, httpx.Client(base_url=settings.service_url, timeout=30) as client:

        def tell(traffic: Traffic) -> None:
            console.doing(f"{traffic.sent:,} of {requests:,} listings, median ${traffic.usual_price:,.0f}")

        done = send(client, dataset, rate=rate, requests=requests, drifts=drifts, sales=sales, on_tick=tell)
        refused = f", {done.refused:,} refused" if done.refused else ""
        console.say(f"{done.sent:,} listings asked for{refused}, {done.sales:,} sales reported")


@app.command()
def demo_drift() -> None:
    """Tell the story of drift in one terminal: silence, an alert with its report, its end; takes a minute."""
    from carvalue.ops.demo import demo_drift as tell
    from carvalue.settings import load_settings

    with _Console() as console:
        tell(load_settings(), say=console.say)


@app.command()
def doctor() -> None:
    """Look for what keeps this installation from working, and say what to do; ends with 1 on any finding."""
    from carvalue.ops.doctor import examine
    from carvalue.ops.tables import findings_table
    from carvalue.settings import load_settings

    with _Console() as console:
        console.doing("looking")
        findings = tuple(examine(load_settings()))
    _show(findings_table(findings))
    sys.exit(0 if all(item.is_well for item in findings) else 1)


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


class _Console:
    """Lines for what has happened; on a terminal, a spinner for what is going on."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(soft_wrap=True, highlight=False)
        self._status = self._console.status("")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def say(self, line: str, *, style: str = "") -> None:
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {line}", markup=False, style=style)

    def doing(self, what: str) -> None:
        self._status.update(what)


def _say(line: str) -> None:
    print(line, flush=True)


def _warn(line: str) -> None:
    print(f"carvalue: {line}", file=sys.stderr, flush=True)


def _show(renderable: object) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print(renderable)
