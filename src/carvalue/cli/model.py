"""Commands for data and models: pipelines, files to price, versions."""

import os
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from carvalue.cli.console import Console, say, show, warn

app = typer.Typer()


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="The id of its DAG; docs/architecture.md draws all.")],
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
    run_pipeline(find(pipeline), load_settings(), start=start or None, say=say)


@app.command()
def retrain() -> None:
    """Let Airflow learn from the newest listings and reported sales, and say what became of it."""
    from carvalue.platform.airflow.retrain import retrain as start
    from carvalue.settings import load_settings

    with Console() as console:
        console.say(start(load_settings(), progress=console))


@app.command()
def backtest(
    dataset: Annotated[Path, typer.Argument(help="A folder of STATE_DIR/storage/datasets.")],
    into: Annotated[Path, typer.Argument(help="The folder for the table and the picture.")],
    move: Annotated[str, typer.Option(help="All prices change: FACTOR@DAY, for example 1.1@18.")] = "",
    every: Annotated[int, typer.Option(min=0, help="Retrain after so many days too; 0: on alarms only.")] = 0,
    as_listed: Annotated[bool, typer.Option("--as-listed", help="Leave old prices as they were.")] = False,
    cars: Annotated[int, typer.Option(min=1_000, help="How many different cars at most.")] = 40_000,
) -> None:
    """Replay past listings day by day, with and without the loop, and draw how good the quotes were."""
    from carvalue.backtest import plots as drawing
    from carvalue.backtest.market import Habits, read_listings, read_move
    from carvalue.backtest.replay import Plan, replay
    from carvalue.listings.datasets.store import Dataset

    plan = Plan(
        every=every or None,
        at_todays_prices=not as_listed,
        habits=Habits(cars=cars),
        move=read_move(move),
    )
    into.mkdir(parents=True, exist_ok=True)
    with Console() as console:
        console.doing("training the first model")
        days = replay(read_listings(Dataset(dataset)), plan=plan, folder=into / "work", say=console.say)
    table = drawing.write_table(days, into / drawing.TABLE)
    drawing.draw(table, plan=plan, into=into / drawing.PICTURE)
    since = plan.move.day if plan.move else plan.history
    show(str(drawing.summary(table, since=since)))
    say(f"{into / drawing.TABLE}, {into / drawing.PICTURE}")


@app.command()
def score(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A .csv, .zip, .parquet, .ndjson or .arrow of listings.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The .csv or .parquet to write.")],
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle's folder; without it, the model in production.")
    ] = None,
) -> None:
    """Price every row of a file: price, low, high, warnings, or the reason why a row has no price."""
    from carvalue.files.tables import READ_SUFFIXES, WRITE_SUFFIXES, check_suffix
    from carvalue.pipelines.score_file import score_file
    from carvalue.pricing.model import PriceModel
    from carvalue.serving.model.load_production import borrow_by
    from carvalue.settings import load_settings

    check_suffix(source, READ_SUFFIXES)
    check_suffix(target, WRITE_SUFFIXES)
    model = PriceModel.load(bundle) if bundle else borrow_by(load_settings(), warn=warn).model
    with Console() as console:
        scored = score_file(
            source, into=target, model=model, progress=lambda rows: console.doing(f"{rows:,} rows done")
        )
        if scored.absent:
            console.say(f"taken as missing, because INPUT has no such columns: {', '.join(scored.absent)}")
        console.say(f"{scored.priced:,} of {scored.rows:,} rows priced, in {target}")


@app.command()
def models() -> None:
    """List the versions of the model: state, figures, and why each is where it is."""
    from carvalue.cli.render import versions_table
    from carvalue.registry.promotion.operations import versions
    from carvalue.settings import load_settings

    show(versions_table(versions(load_settings().mlflow_tracking_uri)))


@app.command()
def promote(number: Annotated[int, typer.Argument(min=1, help="The version's number.")]) -> None:
    """Put a version into production by hand; the price service follows within 10 s."""
    from carvalue.pipelines.steps import audit_file
    from carvalue.registry.audit import Audit
    from carvalue.registry.promotion import operations as by_hand
    from carvalue.settings import load_settings

    settings = load_settings()
    audit = Audit(audit_file(settings))
    version = by_hand.promote(settings.mlflow_tracking_uri, number, audit=audit, by=getuser())
    say(f"version {version.version} is in production")


@app.command()
def shadow(
    version: Annotated[str, typer.Argument(help="The number of the version that quotes beside, or off.")],
) -> None:
    """Let a version quote beside production, so that the board Prices compares them; no customer sees it."""
    from carvalue.registry.promotion import operations as by_hand
    from carvalue.settings import load_settings

    uri = load_settings().mlflow_tracking_uri
    if version == "off":
        by_hand.challenge_no_more(uri)
        say("no version quotes beside production")
        return
    if not version.isdigit():
        raise typer.BadParameter("expected the number of a version, or off")
    challenger = by_hand.challenge(uri, int(version))
    say(f"version {challenger.version} quotes beside production")


@app.command()
def rollback() -> None:
    """Put the last good version before the present one back into production."""
    from carvalue.pipelines.steps import audit_file
    from carvalue.registry.audit import Audit
    from carvalue.registry.promotion import operations as by_hand
    from carvalue.settings import load_settings

    settings = load_settings()
    audit = Audit(audit_file(settings))
    version = by_hand.roll_back(settings.mlflow_tracking_uri, audit=audit, by=getuser())
    say(f"version {version.version} is in production again")
