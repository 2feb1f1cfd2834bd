"""Commands that simulate traffic."""

from typing import Annotated

import typer

from carvalue.cli.console import ProgressConsole

app = typer.Typer()


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Listings per second.")] = 50,
    requests: Annotated[int, typer.Option(min=1, help="Number of listings.")] = 5_000,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            help="FIELD*2@FROM, FIELD+2@FROM-TO, FIELD=VALUE~10%@FROM; FIELD= means missing. Repeatable."
        ),
    ] = None,
    sales: Annotated[float, typer.Option(min=0, max=1, help="Share of the cars reported as sold.")] = 0,
) -> None:
    """Request quotes for held-out cars from the price service, with optional drift."""
    import httpx

    from carvalue.demo import Traffic, parse_drift
    from carvalue.demo import simulate as run_simulation
    from carvalue.files import open_folder
    from carvalue.listings import CURRENCY
    from carvalue.listings.datasets import DATASETS, DatasetStore
    from carvalue.settings import load_settings

    settings, drifts = load_settings(), [parse_drift(text) for text in drift or ()]
    dataset = DatasetStore(open_folder(settings, DATASETS).read()).current()
    service = httpx.Client(base_url=settings.service_url, headers=settings.service_headers, timeout=30)
    with ProgressConsole() as console, service as client:

        def show(traffic: Traffic) -> None:
            console.update(
                f"{traffic.sent:,} of {requests:,} listings, "
                f"median price {CURRENCY.format(traffic.median_price)}"
            )

        done = run_simulation(
            client, dataset, rate=rate, requests=requests, drifts=drifts, sales=sales, on_tick=show
        )
        refused = f", {done.refused:,} without a quote" if done.refused else ""
        console.report(f"{done.sent:,} listings sent{refused}, {done.sales:,} sales reported")


@app.command()
def demo_drift(
    hold: Annotated[float, typer.Option(min=0, help="Seconds for which the alert stays.")] = 60,
) -> None:
    """Demonstrate drift on the running platform (banner, alert, incident, report); then restore its state."""
    from carvalue.demo import demo_drift as run_demo
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        run_demo(load_settings(), report=console.report, hold_s=hold)


@app.command()
def demo_loop(
    here: Annotated[
        bool,
        typer.Option(
            "--here", help="Use the running platform; its version in production changes and is restored."
        ),
    ] = False,
) -> None:
    """Demonstrate drift, retraining, promotion and rollback on a separate platform; takes minutes."""
    from carvalue.demo import demo_loop, run_loop_demo
    from carvalue.settings import load_settings

    with ProgressConsole() as console:
        run_demo = run_loop_demo if here else demo_loop
        run_demo(load_settings(), progress=console)
