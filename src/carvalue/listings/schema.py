"""What a listing consists of: the one definition that form, API, frames and documents derive from.

Field names are the source's column names, so that a raw row, a request and a training column call the same
thing by the same word.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | float | int | None
Listing = Mapping[str, Value]
"""One car for sale: field name -> value. An absent field and None mean the same: not known."""


@dataclass(frozen=True, kw_only=True)
class NumberField:
    """A whole number with its unit and the range in which the trade means it seriously."""

    name: str
    label: str
    unit: str
    minimum: int
    maximum: int
    help: str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class CategoryField:
    """A word out of a closed vocabulary, or any text where `choices` is empty."""

    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False

    @property
    def is_open(self) -> bool:
        """Whether any text is accepted."""
        return not self.choices


Field = NumberField | CategoryField

EARLIEST_YEAR = 1985  # older cars are priced as collectors' pieces, by other rules than this trade's
LATEST_YEAR = 2030  # a request may name a year newer than the data; the model says so in a warning

STATES = tuple(
    (
        "ak al ar az ca co ct dc de fl ga hi ia id il in ks ky la ma md me mi mn mo ms "
        "mt nc nd ne nh nj nm nv ny oh ok or pa ri sc sd tn tx ut va vt wa wi wv wy"
    ).split()
)

PRICE = NumberField(
    name="price",
    label="Asking price",
    unit="$",
    minimum=1_000,
    maximum=100_000,
    help="What the seller asks for, in US dollars.",
    required=True,
)

FIELDS: tuple[Field, ...] = (
    CategoryField(
        name="manufacturer",
        label="Make",
        help="Who built the car, for example toyota.",
        required=True,
    ),
    CategoryField(
        name="model",
        label="Model",
        help="Model and trim as an advertisement would put it, for example camry le.",
        required=True,
    ),
    NumberField(
        name="year",
        label="Model year",
        unit="year",
        minimum=EARLIEST_YEAR,
        maximum=LATEST_YEAR,
        help="The model year, as in the title.",
        required=True,
    ),
    NumberField(
        name="odometer",
        label="Mileage",
        unit="miles",
        minimum=0,
        maximum=400_000,
        help="What the odometer shows, in miles.",
    ),
    CategoryField(
        name="condition",
        label="Condition",
        help="The seller's word for the state of the car.",
        choices=("new", "like new", "excellent", "good", "fair", "salvage"),
    ),
    CategoryField(
        name="cylinders",
        label="Cylinders",
        help="How many cylinders the engine has.",
        choices=(
            "3 cylinders",
            "4 cylinders",
            "5 cylinders",
            "6 cylinders",
            "8 cylinders",
            "10 cylinders",
            "12 cylinders",
            "other",
        ),
    ),
    CategoryField(
        name="fuel",
        label="Fuel",
        help="What the car runs on.",
        choices=("gas", "diesel", "hybrid", "electric", "other"),
    ),
    CategoryField(
        name="title_status",
        label="Title",
        help="What the title of ownership says.",
        choices=("clean", "rebuilt", "salvage", "lien", "missing", "parts only"),
    ),
    CategoryField(
        name="transmission",
        label="Transmission",
        help="How the gears change.",
        choices=("automatic", "manual", "other"),
    ),
    CategoryField(
        name="drive",
        label="Drive",
        help="Which wheels are driven.",
        choices=("4wd", "fwd", "rwd"),
    ),
    CategoryField(
        name="type",
        label="Body type",
        help="The shape of the body.",
        choices=(
            "sedan",
            "SUV",
            "pickup",
            "truck",
            "coupe",
            "hatchback",
            "wagon",
            "van",
            "mini-van",
            "convertible",
            "offroad",
            "bus",
            "other",
        ),
    ),
    CategoryField(
        name="paint_color",
        label="Color",
        help="The main color of the paint.",
        choices=(
            "white",
            "black",
            "silver",
            "blue",
            "red",
            "grey",
            "green",
            "brown",
            "yellow",
            "orange",
            "purple",
            "custom",
        ),
    ),
    CategoryField(
        name="state",
        label="State",
        help="Where the car is, as a two-letter code.",
        choices=STATES,
    ),
    CategoryField(
        name="region",
        label="Region",
        help="The Craigslist region, for example austin.",
    ),
)
FIELD_BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
ALIASES: Mapping[str, str] = {"make": "manufacturer"}
"""The word people use -> the source's, which is ours."""
REQUIRED_FIELDS = tuple(field.name for field in FIELDS if field.required)

RAW_COLUMNS = (
    "id",
    "url",
    "region",
    "region_url",
    "price",
    "year",
    "manufacturer",
    "model",
    "condition",
    "cylinders",
    "fuel",
    "odometer",
    "title_status",
    "transmission",
    "VIN",
    "drive",
    "size",
    "type",
    "paint_color",
    "image_url",
    "description",
    "county",
    "state",
    "lat",
    "long",
    "posting_date",
)
"""The columns of `vehicles.csv` as Kaggle hands it out, in its order."""
