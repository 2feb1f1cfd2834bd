"""The schema of a listing, from which the web form, the API, frames and documents are built.

Field names are the column names of Kaggle's vehicles.csv, so that a raw row, a request and a training column
have the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

EQUIPMENT = "equipment"
"""The explanation group of a field that names no other: adding a field does not add a group."""

Value = str | float | int | None
Listing = Mapping[str, Value]
"""One car for sale, field name to value; an absent field and None both mean that the value is not known."""


@dataclass(frozen=True, kw_only=True)
class NumberField:
    """A whole-number field with its unit and the range of plausible values.

    Attributes:
        name: The column name.
        label: The text of the label in the web form.
        unit: The unit of the value, for example `miles`.
        minimum: The smallest accepted value.
        maximum: The largest accepted value.
        help: One sentence that explains the field to users.
        required: Whether every listing must have a value.
        monotone: 1 if a larger value never lowers the price, -1 if it never raises it, 0 if it may do both.
        step: Typical values are rounded to a multiple of it.
        group: The explanation group, whose fields move the price together.
        phrase: Format of a value in sentences, with `{value}`; without one, the value and its unit.

    Example:
        >>> from carvalue.listings import FIELD_BY_NAME
        >>> odometer = FIELD_BY_NAME["odometer"]
        >>> odometer.unit, odometer.minimum, odometer.maximum, odometer.required
        ('miles', 0, 400000, False)
    """

    name: str
    label: str
    unit: str
    minimum: int
    maximum: int
    help: str
    required: bool = False
    monotone: Literal[-1, 0, 1] = 0
    step: int = 1
    group: str = EQUIPMENT
    phrase: str = ""


@dataclass(frozen=True, kw_only=True)
class CategoryField:
    """A categorical field: one value of a closed vocabulary, or any text where `choices` is empty.

    Attributes:
        name: The column name.
        label: The text of the label in the web form.
        help: One sentence that explains the field to users.
        choices: The accepted values; empty for an open vocabulary.
        required: Whether every listing must have a value.
        group: The explanation group, whose fields move the price together.
        phrase: Format of a value in sentences, with `{value}`.

    Example:
        >>> from carvalue.listings import FIELD_BY_NAME
        >>> FIELD_BY_NAME["fuel"].choices
        ('gas', 'diesel', 'hybrid', 'electric', 'other')
        >>> FIELD_BY_NAME["fuel"].is_open, FIELD_BY_NAME["model"].is_open
        (False, True)
    """

    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False
    group: str = EQUIPMENT
    phrase: str = "{value}"

    @property
    def is_open(self) -> bool:
        """Whether any text is accepted."""
        return not self.choices


Field = NumberField | CategoryField

EARLIEST_YEAR = 1985  # older cars are collectors' items, whose prices follow other rules
LATEST_YEAR = 2030  # a request may have a year newer than the training data; the quote then has a warning

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
    help="The asking price, in US dollars.",
    required=True,
)

FIELDS: tuple[Field, ...] = (
    CategoryField(
        name="manufacturer",
        label="Make",
        help="The maker of the car, for example toyota.",
        required=True,
        group="make_model",
    ),
    CategoryField(
        name="model",
        label="Model",
        help="Model and trim as written in an advertisement, for example camry le.",
        required=True,
        group="make_model",
    ),
    NumberField(
        name="year",
        label="Model year",
        unit="year",
        minimum=EARLIEST_YEAR,
        maximum=LATEST_YEAR,
        help="The model year, as in the title.",
        required=True,
        monotone=1,
        group="year",
        phrase="model year {value}",
    ),
    NumberField(
        name="odometer",
        label="Mileage",
        unit="miles",
        minimum=0,
        maximum=400_000,
        help="The odometer reading, in miles.",
        monotone=-1,
        step=1_000,
        group="odometer",
        phrase="{value:,} miles",
    ),
    CategoryField(
        name="condition",
        label="Condition",
        help="How the seller describes the state of the car.",
        choices=("new", "like new", "excellent", "good", "fair", "salvage"),
        group="condition",
        phrase="{value} condition",
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
        help="The status of the title of ownership.",
        choices=("clean", "rebuilt", "salvage", "lien", "missing", "parts only"),
        group="title",
        phrase="{value} title",
    ),
    CategoryField(
        name="transmission",
        label="Transmission",
        help="The type of the transmission.",
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
        phrase="{value} paint",
    ),
    CategoryField(
        name="state",
        label="State",
        help="Where the car is, as a two-letter code.",
        choices=STATES,
        group="place",
    ),
    CategoryField(
        name="region",
        label="Region",
        help="The Craigslist region, for example austin.",
        group="place",
    ),
)
"""All fields of a listing except the price, in the order of the web form."""
FIELD_BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
"""Field name to field."""
ALIASES: Mapping[str, str] = {"make": "manufacturer"}
"""Alternative field names that requests and files may use, alias to field name."""
REQUIRED_FIELDS = tuple(field.name for field in FIELDS if field.required)
"""Names of the fields that every listing must have."""
NAME_FIELDS = ("manufacturer", "model")
"""The two fields that hold the name of a car; the model parses them together."""
NUMBER_FIELDS = tuple(field for field in FIELDS if isinstance(field, NumberField))
"""The number fields of a listing."""
CATEGORY_FIELDS = tuple(
    field for field in FIELDS if isinstance(field, CategoryField) and field.name not in NAME_FIELDS
)
"""The categorical fields of a listing, without the name of the car."""

KAGGLE_COLUMNS = (
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
"""The columns of Kaggle's `vehicles.csv`, in the file's order; every raw file has them."""
RAW_COLUMNS = (*KAGGLE_COLUMNS, *(field.name for field in FIELDS if field.name not in KAGGLE_COLUMNS))
"""The columns that raw files may have: Kaggle's, and one for each other field of the schema."""
