"""`carvalue price` prices a car that is described in a line; a misspelled command gets a suggestion."""

import pytest
from typer.testing import CliRunner

from answers import a_quote, explained
from carvalue.cli import app
from carvalue.cli.render import priced_car_lines
from carvalue.client import PricedCar

EXPLAINED = explained(
    quote=a_quote(price=24_000, low=20_000, high=29_000, warnings=["odometer is missing"]),
    reasons={"start": 24_000, "start_label": "a car", "items": []},
    comparables=[],
)
CAR = {"manufacturer": "ford", "model": "f-150", "year": 2015}


def test_a_price_comes_with_its_range_date_and_warnings() -> None:
    priced = PricedCar(listing=CAR, explained=EXPLAINED, asking=28_900)

    lines = priced_car_lines(priced)

    assert lines[0] == "$24,000 (range $20,000 to $29,000), prices as of 2021-05-04"
    assert "asking price $28,900: overpriced" in lines[1]
    assert "understood as: manufacturer ford, model f-150, year 2015" in lines
    assert "warning: odometer is missing" in lines


@pytest.mark.parametrize(
    ("typed", "meant"), [("prcie", "price"), ("staus", "status"), ("retrian", "retrain")]
)
def test_a_misspelled_command_gets_a_suggestion(typed: str, meant: str) -> None:
    result = CliRunner().invoke(app, [typed])

    assert result.exit_code == 2
    assert f"Did you mean '{meant}'" in result.output
