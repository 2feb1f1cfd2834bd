"""The parts of a market description: currency, distance, rewrites, invariants and the generated sample."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from carvalue.listings.markets.fields import Listing


class Part(BaseModel):
    """A table of a description; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


class Currency(Part):
    """The currency of all prices."""

    code: str = Field(pattern="^[A-Z]{3}$")
    """ISO 4217 code, such as `USD`."""
    symbol: str = Field(min_length=1)
    """Sign before an amount, such as `$`."""
    name: str = Field(min_length=1)
    """Plural in texts, such as `dollars`."""
    words: tuple[str, ...] = ()
    """Further words that people type beside an amount, lower case."""

    def format(self, amount: float) -> str:
        """Format an amount in whole units.

        Args:
            amount: The amount.

        Returns:
            Sign and digits.

        Example:
            >>> Currency(code="EUR", symbol="€", name="euros").format(-1234.4)
            '-€1,234'
        """
        return f"{'-' if round(amount) < 0 else ''}{self.symbol}{abs(round(amount)):,}"


class TileMap(Part):
    """A map of places as tiles of the same size, so that small states and countries can be seen."""

    field: str
    """The categorical field whose categories are places."""
    tiles: Mapping[str, tuple[int, int]]
    """Category to the column (from the west) and the row (from the north) of its tile."""


class Distance(Part):
    """The unit of the odometer."""

    unit: str = Field(min_length=1)
    """The unit after a number, such as `miles` or `km`."""
    words: tuple[str, ...] = ()
    """Further words that people type beside a distance, lower case."""
    per_mile: float = Field(default=1, gt=0)
    """Units that round miles become; 1.6 for kilometres keeps round numbers round."""

    def from_miles(self, miles: float) -> float:
        """Convert a round number of miles into a round number of the unit.

        Args:
            miles: The distance in miles.

        Returns:
            The distance in the market's unit.

        Example:
            >>> Distance(unit="km", per_mile=1.6).from_miles(10_000)
            16000.0
        """
        return miles * self.per_mile


class Rewrite(Part):
    """A rewrite of a model text, so that spellings of one model become equal."""

    pattern: Annotated[str, AfterValidator(_is_pattern)]
    """Regular expression over lower-case words of letters, digits and dots, separated by spaces."""
    text: str
    """Replacement; `\\1` stands for the first group of the pattern."""


class PriceOrder(Part):
    """An invariant: one category of a field lowers the average price against another one."""

    name: str = Field(min_length=1)
    """The invariant as a sentence, such as `a salvage title lowers prices`."""
    field: str
    """The categorical field."""
    worse: str
    """The category with the lower prices."""
    better: str
    """The category with the higher prices."""


class SampleCategory(Part):
    """How often the categories of a field are drawn, and what they change."""

    shares: Mapping[str, float]
    """Category to its relative frequency."""
    effects: Mapping[str, float] = {}
    """Category to its effect on the log price; none for the others."""


class SampleModel(Part):
    """A model of the generated sample."""

    values: Listing
    """Fields that all vehicles of the model share, the name among them."""
    new_price: float = Field(gt=0)
    """Price of a new vehicle."""
    weight: float = Field(default=1, gt=0)
    """Relative frequency."""


class SampleDescription(Part):
    """How listings are generated: each takes a model, an age, a distance and categories."""

    models: tuple[SampleModel, ...] = Field(min_length=1)
    """The models."""
    newest_posting: date
    """Date of the newest advertisement; they spread over the eight weeks before it."""
    years: int = Field(default=12, ge=1)
    """Largest age, in years."""
    distance_per_year: float = Field(gt=0)
    """Mean distance of a year, in the market's unit."""
    loss_per_year: float = Field(gt=0)
    """What each year takes off the log price."""
    loss_per_distance: float = Field(ge=0)
    """What each thousand of the distance unit takes off the log price."""
    noise: float = Field(default=0.1, ge=0)
    """Standard deviation of the log price."""
    categories: Mapping[str, SampleCategory] = {}
    """Categorical field to the frequencies and effects of its categories."""
    missing: Mapping[str, float] = {}
    """Field to the share of listings without it."""
