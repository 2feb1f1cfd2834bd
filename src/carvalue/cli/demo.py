"""Commands that ask the price service as people would."""

from typing import Annotated

import typer

from carvalue.cli.console import ProgressConsole

app = typer.Typer()


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

    from carvalue.demo import Traffic, parse_drift
    from carvalue.demo import simulate as send
    from carvalue.listings.datasets import DatasetStore
    from carvalue.settings import load_settings

    settings, drifts = load_settings(), [parse_drift(text) for text in drift or ()]
    dataset = DatasetStore(settings.storage_root / "datasets").current()
    asking = httpx.Client(base_url=settings.service_url, headers=settings.service_headers, timeout=30)
    with ProgressConsole() as console, asking as client:

        def tell(traffic: Traffic) -> None:
            console.doing(f"{traffic.sent:,} of {requests:,} listings, median ${traffic.usual_price:,.0f}")

        done = send(client, dataset, rate=rate, requests=requests, drifts=drifts, sales=sales, on_tick=tell)
        refused = f", {done.refused:,} refused" if done.refused else ""
        console.say(f"{done.sent:,} listings asked for{refused}, {done.sales:,} sales reported")


@app.command()
def demo_drift() -> None:
    """Tell the story of drift in one terminal: silence, an alert with its report, its end; takes a minute."""
    from carvalue.demo import demo_drift as tell
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        tell(load_settings(), say=console.say)


@app.command()
def demo_loop(
    here: Annotated[
        bool,
        typer.Option("--here", help="On the running platform; its production changes, and back."),
    ] = False,
) -> None:
    """Tell the story of the whole loop, from drift to rollback, on a platform of its own; takes minutes."""
    from carvalue.demo import demo_loop, run_story
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        begin = run_story if here else demo_loop
        begin(load_settings(), progress=console)
