"""Commands for pipelines, batch scoring and model versions."""

import os
from contextlib import nullcontext
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carvalue.cli.console import ProgressConsole, print_error, print_line, print_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from carvalue.parallel import Workers
    from carvalue.pricing import PriceModel

app = typer.Typer()


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="Id of its DAG, such as initial_model_dag.")],
    start: Annotated[str, typer.Option("--from", help="Step to resume at.")] = "",
) -> None:
    """Run a pipeline in this process, without Airflow."""
    from carvalue.logs import configure_logs
    from carvalue.pipelines import THREAD_ENVIRONMENT, find
    from carvalue.pipelines import run_pipeline as run_pipeline
    from carvalue.settings import PipelineSettings, load_settings

    configure_logs()
    os.environ.update(THREAD_ENVIRONMENT)
    run_pipeline(find(pipeline), load_settings(PipelineSettings), start=start or None, report=print_line)


@app.command()
def retrain() -> None:
    """Retrain in Airflow on the newest listings and reported sales, and show the outcome."""
    from carvalue.platform.airflow import run_retraining
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        console.report(run_retraining(load_settings(), progress=console))


@app.command()
def backtest(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset, in STATE_DIR/storage/datasets.")],
    into: Annotated[Path, typer.Argument(help="Folder for the table and the figure.")],
    move: Annotated[
        str, typer.Option(help="Multiply all prices from a day on: FACTOR@DAY, for example 1.1@18.")
    ] = "",
    every: Annotated[
        int, typer.Option(min=0, help="Also retrain every so many days; 0: on alerts only.")
    ] = 0,
    as_listed: Annotated[
        bool, typer.Option("--as-listed", help="Do not adjust old prices to the present market level.")
    ] = False,
    cars: Annotated[int, typer.Option(min=1_000, help="Maximum number of distinct cars.")] = 40_000,
) -> None:
    """Replay past listings day by day with and without retraining and corrected ranges, and plot them."""
    from carvalue.backtest import (
        PICTURE,
        TABLE,
        MarketAssumptions,
        ReplayPlan,
        draw,
        parse_price_shift,
        read_listings,
        run_replay,
        summary,
        write_table,
    )
    from carvalue.listings.datasets import Dataset

    plan = ReplayPlan(
        every=every or None,
        time_adjustment=not as_listed,
        assumptions=MarketAssumptions(cars=cars),
        price_shift=parse_price_shift(move),
    )
    into.mkdir(parents=True, exist_ok=True)
    with ProgressConsole() as console:
        console.update("training the first model")
        days = run_replay(
            read_listings(Dataset(dataset)), plan=plan, folder=into / "work", on_progress=console.report
        )
    table = write_table(days, into / TABLE)
    draw(table, plan=plan, into=into / PICTURE)
    since = plan.price_shift.day if plan.price_shift else plan.history
    print_table(str(summary(table, since=since)))
    print_line(f"{into / TABLE}, {into / PICTURE}")


@app.command()
def score(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Listings: a .csv, .zip, .parquet, .ndjson or .arrow file, texts also with .gz; a folder of "
            "them, or a pattern in quotes; s3://BUCKET/PREFIX or https:// addresses.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            help="The .csv or .parquet file to write, or for several files a folder; s3:// for a bucket.",
        ),
    ],
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of a model bundle; default: the model in production.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:8786",
            help="Dask scheduler whose workers score the files of a folder or bucket; default: this machine.",
        ),
    ] = None,
) -> None:
    """Price every row of files: price, range and warnings, or the reason why a row has no price.

    The ranges of the model in production are corrected by reported sales, as the price service's are; one
    line says so where the journal is unavailable. A bundle has its calibrated ranges.
    """
    from carvalue.files import bundle_digest
    from carvalue.files.locations import has_wildcard, is_remote
    from carvalue.files.tabular import READ_SUFFIXES, WRITE_SUFFIXES, check_suffix
    from carvalue.pricing import PriceModel
    from carvalue.serving.model import corrected_model, load_production_model
    from carvalue.settings import RegistrySettings, load_settings

    is_folder = Path(source).is_dir() or (has_wildcard(source) and not Path(source).exists())
    is_single = not (is_remote(source) or is_remote(target) or is_folder)
    if is_single:
        if on:
            raise typer.BadParameter("--on scores several files: name a folder, a pattern or a bucket")
        check_suffix(Path(source), READ_SUFFIXES)
        check_suffix(Path(target), WRITE_SUFFIXES)
    if bundle:
        model, version, digest = PriceModel.load(bundle), "", bundle_digest(bundle)
    else:
        settings = load_settings(RegistrySettings)
        loaded = load_production_model(settings, warn=print_error)
        model = corrected_model(loaded, journal_url=settings.journal_url.get_secret_value(), warn=print_error)
        version, digest = str(loaded.version.version), loaded.version.bundle_digest
    if is_single:
        _score_file(Path(source), Path(target), model=model)
    else:
        _score_location(source, target, model=model, version=version, digest=digest, cluster=on)


def _score_file(source: Path, target: Path, *, model: "PriceModel") -> None:
    from carvalue.pricing import score_file

    with ProgressConsole() as console:
        scored = score_file(
            source, into=target, model=model, progress=lambda rows: console.update(f"{rows:,} rows done")
        )
        _report_missing(console, scored.missing_columns)
        console.report(f"{scored.priced:,} of {scored.rows:,} rows priced, in {target}")


def _score_location(
    source: str, target: str, *, model: "PriceModel", version: str, digest: str, cluster: str | None
) -> None:
    from carvalue.serving.batch import score_location

    with _opened_workers(cluster, target=target) as workers, ProgressConsole() as console:
        scored = score_location(
            source,
            target,
            model=model,
            version=version,
            digest=digest,
            progress=console.update,
            workers=workers,
        )
        _report_missing(console, scored.missing_columns)
        before = f"; {scored.finished} were finished before" if scored.finished else ""
        console.report(
            f"{scored.priced:,} of {scored.rows:,} rows of {scored.files} files priced, in {target}{before}"
        )


def _opened_workers(cluster: str | None, *, target: str) -> "AbstractContextManager[Workers]":
    from carvalue.files.locations import is_remote
    from carvalue.parallel import IN_PROCESS
    from carvalue.pipelines import DaskMissing

    if not cluster:
        return nullcontext(IN_PROCESS)
    try:
        from carvalue.parallel.cluster import connect_workers
    except ModuleNotFoundError as error:
        raise DaskMissing(f"--on names a cluster, but {error.name} is not installed.") from error
    return connect_workers(cluster, shared=None if is_remote(target) else Path(target).absolute())


def _report_missing(console: ProgressConsole, columns: tuple[str, ...]) -> None:
    if columns:
        console.report(f"INPUT lacks these columns; their values count as missing: {', '.join(columns)}")


@app.command()
def models(
    history: Annotated[
        bool, typer.Option("--history", help="List all decisions instead: when, by whom and why.")
    ] = False,
) -> None:
    """List the model versions with their state, test error, gate results and decisions."""
    from carvalue.cli.render import decisions_table, versions_table
    from carvalue.registry import open_registry, read_decisions, summarize
    from carvalue.settings import RegistrySettings, load_settings

    settings = load_settings(RegistrySettings)
    if history:
        print_table(decisions_table(read_decisions(settings)))
        return
    with open_registry(settings) as registry:
        versions = summarize(registry.versions(), champion=registry.champion(), decisions=registry.history())
    print_table(versions_table(versions))


@app.command()
def promote(number: Annotated[int, typer.Argument(min=1, help="Number of the version.")]) -> None:
    """Promote a version to production without the gates; the price service loads it within 10 s."""
    from carvalue.registry import open_registry
    from carvalue.settings import RegistrySettings, load_settings

    with open_registry(load_settings(RegistrySettings)) as registry:
        version = registry.promote(number, by=getuser())
    print_line(f"version {version.version} is in production")


@app.command()
def publish() -> None:
    """Publish the version in production at BUNDLE_URL again, as each promotion and rollback does."""
    from carvalue.registry import open_registry
    from carvalue.settings import RegistrySettings, load_settings

    settings = load_settings(RegistrySettings)
    with open_registry(settings) as registry:
        version = registry.publish()
    signed = "signed" if settings.bundle_signing_key.get_secret_value() else "without a signature"
    print_line(f"version {version.version} is published at {settings.bundle_url}, {signed}")


@app.command()
def shadow(
    version: Annotated[str, typer.Argument(help="Number of the version, or off.")],
) -> None:
    """Run a version in shadow mode: its quotes are compared with those of production and not shown."""
    from carvalue.registry import open_registry
    from carvalue.settings import RegistrySettings, load_settings

    if version != "off" and not version.isdigit():
        raise typer.BadParameter(f"expected the number of a version or off, got {version!r}")
    with open_registry(load_settings(RegistrySettings)) as registry:
        registry.challenge(None if version == "off" else int(version))
    print_line(f"{'no version' if version == 'off' else f'version {version}'} runs in shadow mode")


@app.command()
def canary(
    version: Annotated[str, typer.Argument(help="Number of the version, or off.")],
) -> None:
    """Serve a share of the requests (CANARY_SHARE) with a version; a breach stops it by itself."""
    from carvalue.registry import open_registry
    from carvalue.settings import RegistrySettings, load_settings

    if version != "off" and not version.isdigit():
        raise typer.BadParameter(f"expected the number of a version or off, got {version!r}")
    with open_registry(load_settings(RegistrySettings)) as registry:
        if version == "off":
            stopped = registry.stop_canary(by=getuser())
            print_line(f"version {stopped} is no longer a canary" if stopped else "no canary was running")
        else:
            registry.start_canary(int(version), by=getuser())
            print_line(f"version {version} is a canary; `carvalue models` shows whether it still runs")


@app.command()
def rollback() -> None:
    """Restore the previous version in production."""
    from carvalue.registry import open_registry
    from carvalue.settings import RegistrySettings, load_settings

    with open_registry(load_settings(RegistrySettings)) as registry:
        version = registry.rollback(by=getuser())
    print_line(f"version {version.version} is in production again")
