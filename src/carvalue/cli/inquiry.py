"""Commands that price a car: in the terminal, and for language models."""

from typing import Annotated

import typer

from carvalue.cli.console import print_line

app = typer.Typer()


@app.command()
def price(
    words: Annotated[
        list[str], typer.Argument(metavar="CAR", help='Such as "2015 ford f-150 xlt 80000 miles", or a VIN.')
    ],
) -> None:
    """Price one car, described in a line."""
    from carvalue.cli.render import priced_car_lines
    from carvalue.client import PriceServiceClient, price_text
    from carvalue.settings import ClientSettings, load_settings

    settings = load_settings(ClientSettings)
    client = PriceServiceClient(settings.service_url, headers=settings.service_headers)
    for line in priced_car_lines(price_text(client, " ".join(words))):
        print_line(line)


@app.command()
def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, for language models."""
    from carvalue.client import PriceServiceClient
    from carvalue.mcp import create_server
    from carvalue.settings import ClientSettings, load_settings

    settings = load_settings(ClientSettings)
    create_server(PriceServiceClient(settings.service_url, headers=settings.service_headers)).run()
