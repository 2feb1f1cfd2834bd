"""Read and check market descriptions: one TOML file for each market."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    ValidationError,
    model_validator,
)

from carvalue.errors import AppError
from carvalue.listings.markets.fields import CategoryField, Listing, NumberField
from carvalue.listings.markets.parts import (
    Currency,
    Distance,
    Part,
    PriceOrder,
    Rewrite,
    SampleDescription,
    TileMap,
)

FOLDER = Path(__file__).parent / "resources"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
"""Names of the markets that come with the program."""
CORE_FIELDS = {"manufacturer": "category", "model": "category", "year": "number", "odometer": "number"}
"""Fields that the price model has features of their own for: every market has them."""
RESERVED = frozenset("id car price make family posted_at posting_date listed_price lat long vin VIN".split())
FLAG_CHOICES = ("yes", "no")
FLAG_ALIASES = {"true": "yes", "1": "yes", "y": "yes", "false": "no", "0": "no", "n": "no"}


class MarketInvalid(AppError):
    """A market description cannot be read, or contradicts itself; the message names the key."""

    status, hint = (
        500,
        "Correct the file that MARKET names; docs/how-to/describe-a-market.md explains every key of it.",
    )


def _flags_are_categories(item: object) -> object:
    if not isinstance(item, Mapping) or item.get("kind") != "flag":
        return item
    return {"choices": FLAG_CHOICES, "aliases": FLAG_ALIASES} | dict(item) | {"kind": "category"}


AnyField = Annotated[
    NumberField | CategoryField, Discriminator("kind"), BeforeValidator(_flags_are_categories)
]


class MarketDescription(Part):
    """Everything about a market that is not learned from its listings.

    Example:
        >>> market = read_market("us-cars")
        >>> market.currency.code, market.distance.unit, market.vehicle
        ('USD', 'miles', 'car')
    """

    name: str = Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")
    """Name of the market, written into every bundle."""
    title: str
    """What is for sale and where, such as `used cars in the United States`."""
    place: str
    """The country or region in texts, such as `the United States`."""
    vehicle: str
    """One vehicle in texts, such as `car`."""
    vehicles: str
    """Several vehicles in texts."""
    advertisements: str
    """Origin of the public listings, as the page names it."""
    currency: Currency
    """The currency of all prices."""
    distance: Distance
    """The unit of the odometer."""
    decimal: Literal[".", ","] = "."
    """Decimal separator of numbers in files and forms; with a comma, `80.000` is eighty thousand."""
    date_format: str = "%Y-%m-%dT%H:%M:%S%z"
    """Format of posting dates in files, in the notation of `strftime`."""
    price: NumberField
    """The asking price, with the range of plausible prices."""
    price_bands: tuple[int, ...]
    """Prices between which the intervals are calibrated separately, ascending."""
    fields: tuple[AnyField, ...]
    """All fields of a listing except the price, in the order of the web form."""
    aliases: Mapping[str, str] = {}
    """Alternative field names that requests and files may use, alias to field name."""
    columns: tuple[str, ...] = ()
    """Columns that raw files of the market have, in their order; unless given: `id`, `posting_date`, the
    price and every field. Files of other forms need a column mapping (`DATASET`)."""
    kaggle: bool = False
    """Whether the setting KAGGLE_DATASET names listings of this market."""
    recognition: bool = False
    """Whether the page reads VINs and texts of advertisements, which it knows for the United States only."""
    identity: tuple[str, ...] = ()
    """Fields that, with the name and a round mileage, tell whether two listings show the same vehicle."""
    compared: tuple[str, ...] = ()
    """Categorical fields that similar listings are shown with."""
    map: TileMap | None = None
    """Where the page draws similar listings by place; None draws no map."""
    prompted: tuple[str, ...] = ()
    """Categorical fields that move prices and that a seller knows: the page prompts for those that are empty,
    and says what their values change."""
    versions: tuple[str, ...] = ()
    """Categorical fields that, beside the trim, tell the versions of a model apart, such as the engine: the
    page offers their values with their share of the training listings and their price."""
    usual: Mapping[str, str] = {}
    """Categorical field to the category that a listing without one has; listings of another category are
    hardly comparable."""
    rewrites: tuple[Rewrite, ...] = ()
    """Rewrites of model texts, applied in order to lower-case words, before those that the program has."""
    orders: tuple[PriceOrder, ...] = ()
    """Invariants of the market; each is checked where the listings have both categories."""
    golden: tuple[Listing, ...]
    """Known, incomplete and unknown vehicles whose quotes are written into each bundle and checked."""
    examples: tuple[Listing, ...] = Field(min_length=1)
    """Vehicles that documents, commands and the page use as examples, the one with most fields first."""
    sample: SampleDescription | None = None
    """How listings are generated where no data are at hand; None for a market with a generator of its own."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        by_name = {field.name: field for field in self.fields}
        _require(len(by_name) == len(self.fields), "fields: a name occurs twice")
        for name, kind in CORE_FIELDS.items():
            _require(name in by_name and by_name[name].kind == kind, f"fields: expected the {kind} {name}")
        for name in ("manufacturer", "model", "year"):
            _require(by_name[name].required, f"fields: {name} must be required")
        for field in self.fields:
            _check_field(field)
        known = {
            "aliases": self.aliases.values(),
            "identity": self.identity,
            "compared": self.compared,
            "prompted": self.prompted,
            "versions": self.versions,
        }
        for key, names in known.items():
            _require(not (unknown := set(names) - by_name.keys()), f"{key}: no field {_listed(unknown)}")
        for order in self.orders:
            _require_choice(by_name.get(order.field), order.worse, order.better, key=f"orders: {order.name}")
        for name, category in self.usual.items():
            _require_choice(by_name.get(name), category, key="usual")
        for name, drawn in (self.sample.categories if self.sample else {}).items():
            _require_choice(by_name.get(name), *drawn.shares, *drawn.effects, key=f"sample.categories.{name}")
        if self.map is not None:
            _require_choice(by_name.get(self.map.field), *self.map.tiles, key="map.tiles")
        _require(
            list(self.price_bands) == sorted(set(self.price_bands)), "price_bands: expected ascending prices"
        )
        return self


def read_market(market: str) -> MarketDescription:
    """Read a market description.

    Args:
        market: One of `NAMES`, or the path of a .toml file.

    Returns:
        The checked description.

    Raises:
        MarketInvalid: The file cannot be read, or a key of it is invalid; the message names each key.

    Example:
        >>> read_market("mars-cars")
        Traceback (most recent call last):
        ...
        carvalue.listings.markets.description.MarketInvalid: MARKET is 'mars-cars': ...
    """
    path = Path(market).expanduser() if market.endswith(".toml") else FOLDER / f"{market}.toml"
    if path.parent == FOLDER and market not in NAMES:
        raise MarketInvalid(f"MARKET is {market!r}: expected {', '.join(NAMES)} or the path of a .toml file.")
    try:
        return MarketDescription.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise MarketInvalid(f"{path}: {'; '.join(map(_describe, error.errors()))}.") from None
    except (OSError, ValueError) as error:  # TOML's own error is a ValueError
        raise MarketInvalid(f"{path} cannot be read: {error}.") from error


def _describe(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_choice(field: NumberField | CategoryField | None, *categories: str, key: str) -> None:
    choices: Sequence[str] = field.choices if isinstance(field, CategoryField) else ()
    unknown = [category for category in categories if category not in choices]
    _require(not unknown, f"{key}: {_listed(unknown)} is no choice of the field")


def _check_field(field: NumberField | CategoryField) -> None:
    is_name = field.name.isidentifier() and field.name == field.name.lower() and field.name not in RESERVED
    _require(is_name, f"fields: {field.name} cannot be the name of a field")
    if isinstance(field, NumberField):
        _require(field.minimum < field.maximum, f"{field.name}: minimum must be below maximum")
    else:
        values = set(field.aliases.values())
        _require(
            all(alias == alias.lower() for alias in field.aliases),
            f"{field.name}: aliases must be lower case",
        )
        _require(values <= set(field.choices) or field.is_open, f"{field.name}: an alias of no choice")
    try:
        field.phrase.format(value=1)
    except (LookupError, ValueError):
        raise ValueError(f"{field.name}: phrase may hold {{value}} only, found {field.phrase!r}") from None


def _listed(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names))
