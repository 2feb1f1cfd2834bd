"""Command for files of listings: check them before training."""

import os
from pathlib import Path
from typing import Annotated

import typer

from carvalue.cli.console import print_line

app = typer.Typer()


@app.command()
def check_data(
    source: Annotated[
        str,
        typer.Argument(
            help="Listings as DATA_SOURCE names them: a file, a folder, a pattern in quotes, s3://BUCKET/PREFIX"
            " or https:// addresses."
        ),
    ],
    market: Annotated[
        str, typer.Option(help="Name or .toml file of the market; default: the setting MARKET.")
    ] = "",
    mapping: Annotated[
        Path | None, typer.Option(help="Column mapping of the file; default: the setting DATASET.")
    ] = None,
) -> None:
    """Check listings in seconds: columns, rejected rows, suspicious values, gates, a draft description."""
    if market:
        os.environ["MARKET"] = market  # read when the schema of a listing is imported
    from tempfile import TemporaryDirectory

    from carvalue.cli.render import data_check_lines
    from carvalue.listings.datasets import gate_requirements
    from carvalue.listings.inspection import check_data as check
    from carvalue.listings.sources import read_column_mapping
    from carvalue.settings import DataSettings, load_settings

    described = mapping or load_settings(DataSettings).dataset
    with TemporaryDirectory() as scratch:
        found = check(
            source,
            scratch=Path(scratch),
            mapping=read_column_mapping(Path(described)) if described else None,
        )
        gates = () if found.listings is None else tuple(gate_requirements(found.listings))
    for line in data_check_lines(found, gates):
        print_line(line)
