"""A market description is checked before anything uses it, and each of its keys is documented."""

from pathlib import Path

import pytest

from carvalue.listings.markets import (
    NAMES,
    CategoryField,
    MarketDescription,
    MarketInvalid,
    NumberField,
    read_market,
)
from carvalue.listings.markets.description import FOLDER

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "describe-a-market.md"


def changed(folder: Path, old: str, new: str) -> str:
    text = (FOLDER / "us-cars.toml").read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path = folder / "market.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return str(path)


def test_the_markets_of_the_program_are_valid() -> None:
    assert NAMES == ("eu-motorcycles", "us-cars")
    assert [read_market(name).name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('code = "USD"', 'code = "dollars"', "currency.code"),
        ("[distance]", "[distances]", "distances: Extra inputs are not permitted"),
        ("maximum = 400_000", "maximum = 400_000\nsize = 3", "fields.3.number.size"),
        ('name = "odometer"', 'name = "mileage"', "expected the number odometer"),
        ('name = "region"', 'name = "price"', "price cannot be the name of a field"),
        ('worse = "salvage"', 'worse = "wreck"', "wreck is no choice of the field"),
        ('identity = ["paint_color"', 'identity = ["colour"', "identity: no field colour"),
        ('kind = "number"', 'kind = "integer"', "'number', 'category'"),
        ('phrase = "{value:,} miles"', 'phrase = "{miles}"', "odometer: phrase may hold {value} only"),
        ("monotone = 1", 'monotone = "up"', "fields.2.number.monotone"),
        ("tx = [3, 7]", "zz = [3, 7]", "map.tiles: zz is no choice of the field"),
        ('name = "us-cars"', "name =", "cannot be read"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = changed(tmp_path, old, new)

    with pytest.raises(MarketInvalid) as error:
        read_market(path)

    assert message in str(error.value)
    assert path in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_place_has_a_tile_of_its_own(name: str) -> None:
    market = read_market(name)
    assert market.map is not None
    field = next(field for field in market.fields if field.name == market.map.field)

    assert isinstance(field, CategoryField)
    assert set(market.map.tiles) == set(field.choices)
    assert len(set(market.map.tiles.values())) == len(field.choices)


def test_a_flag_is_a_category_of_yes_and_no(tmp_path: Path) -> None:
    flag = '[[fields]]\nname = "warranty"\nkind = "flag"\nlabel = "Warranty"\nhelp = "Whether it has one."\n'
    path = changed(tmp_path, "[[fields]]", f"{flag}\n[[fields]]")

    field = read_market(path).fields[0]

    assert isinstance(field, CategoryField)
    assert field.choices == ("yes", "no")
    assert field.aliases["true"] == "yes"


def test_an_unknown_market_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MarketInvalid, match="expected eu-motorcycles, us-cars or the path"):
        read_market("mars-cars")


def test_every_key_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    keys = {*MarketDescription.model_fields, *NumberField.__annotations__, *CategoryField.__annotations__}

    assert {key for key in keys if not key.startswith("__") and f"`{key}`" not in text} == set()
