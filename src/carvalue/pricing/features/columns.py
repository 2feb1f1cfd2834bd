"""The model's inputs: each reads some fields of a listing and gives one number.

A feature is a plain function of its cells, and that function is the only implementation: a single listing
calls it once, a frame calls it once for each distinct combination of cells (`encoding.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Literal, Protocol, runtime_checkable

from carvalue.listings import Value
from carvalue.pricing.features.model_names import CarName, read_name
from carvalue.pricing.features.ordinal import Vocabulary, normalize_word
from carvalue.pricing.features.target_encoding import TargetEncoding

Json = Mapping[str, object]
NAME_FIELDS = ("manufacturer", "model")


class ModelFeature(Protocol):
    """One column of the model's matrix."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def inputs(self) -> tuple[str, ...]: ...  # noqa: D102

    def value(self, *cells: Value) -> float: ...  # noqa: D102


@runtime_checkable
class SumFeature(Protocol):
    """A feature that adds up others: of a frame column by column, for few rows are equal in all."""

    @property
    def terms(self) -> tuple[ModelFeature, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class NumberFeature:
    """A number as it stands; missing is NaN."""

    name: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Give the number."""
        return nan if cells[0] is None else float(cells[0])


@dataclass(frozen=True)
class EngineLitres:
    """Litres of the engine, where the model text names them."""

    name: str = "litres"
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Give the litres or NaN."""
        return car_name(*cells).litres


@dataclass(frozen=True)
class FlagFeature:
    """One where something is said of the listing, else zero."""

    name: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Give one or zero."""
        return 1.0 if cells[0] else 0.0


@dataclass(frozen=True)
class CategoryCode:
    """The code of a field's word."""

    name: str
    vocabulary: Vocabulary

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Give the code."""
        return self.vocabulary.code(normalize_word(cells[0]))


@dataclass(frozen=True)
class NameCode:
    """The code of a part of the car's name: its make or its family."""

    name: Literal["make", "family"]
    vocabulary: Vocabulary
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Give the code."""
        return self.vocabulary.code(NAME_PARTS[self.name](car_name(*cells)))


@dataclass(frozen=True)
class NamePriceLevel:
    """The price level of the car's name, whatever its year."""

    name: str
    levels: TargetEncoding
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Give the level, in log dollars."""
        return self.levels.level(name_keys(*cells))


def car_name(manufacturer: Value, model: Value) -> CarName:
    """Read the name out of its two cells."""
    return read_name(_text(manufacturer), _text(model))


def name_keys(manufacturer: Value, model: Value) -> tuple[str, ...]:
    """Make, family, full name: each key contains the wider one."""
    name = car_name(manufacturer, model)
    return name.make, f"{name.make}|{name.family}", f"{name.make}|{name.family}|{name.text}"


NAME_PARTS: Mapping[str, Callable[[CarName], str]] = {
    "make": lambda name: name.make,
    "family": lambda name: f"{name.make}|{name.family}" if name.family else "",
}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else normalize_word(value)
