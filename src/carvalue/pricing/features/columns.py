"""The features of the model: each reads some fields of a listing and returns one number.

A feature is a pure function of its cells: a single listing calls it once, a frame calls it once for each
distinct combination of cells (`features/encoder.py`). Where nearly each listing has a combination of its own,
the feature computes a whole column (`ColumnFeature`).
"""

from dataclasses import dataclass
from math import nan
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from carvalue.listings import NAME_FIELDS, Value
from carvalue.pricing.features.car_names import NAME_PARTS, NameReader, car_name, name_keys
from carvalue.pricing.features.cells import Cells
from carvalue.pricing.features.ordinal import Vocabulary, normalize_word
from carvalue.pricing.features.target_encoding import TargetEncoding

Floats = npt.NDArray[np.float64]


class ModelFeature(Protocol):
    """One column of the feature matrix."""

    @property
    def name(self) -> str:
        """Name of the column."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of a listing that the feature reads."""

    def value(self, *cells: Value) -> float:
        """Compute the feature of one listing.

        Args:
            *cells: Values of `inputs`, in that order; None is a missing value.

        Returns:
            The value of the feature, NaN where it is missing.
        """


@runtime_checkable
class ColumnFeature(Protocol):
    """A feature whose inputs have few distinct values each, but many distinct combinations.

    A frame computes its column from the distinct values of each input; the numbers are those of `value`, bit
    for bit.
    """

    def column(self, cells: Cells) -> Floats:
        """Compute the feature of all listings of a frame.

        Args:
            cells: Cells of the listings.

        Returns:
            The values of the feature, shape (listings,).
        """


@dataclass(frozen=True)
class NumberFeature:
    """A numeric field, unchanged."""

    name: str
    """Name of the field and of the column."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Return the number as a float.

        Args:
            *cells: Value of the field.

        Returns:
            The number, NaN where it is missing.

        Examples:
            >>> NumberFeature("year").value(2014)
            2014.0
            >>> NumberFeature("year").value(None)
            nan
        """
        return nan if cells[0] is None else float(cells[0])


@dataclass(frozen=True)
class EngineLitres:
    """The engine's displacement in litres, where the model text contains it."""

    name: str = "litres"
    """Name of the column."""
    inputs: tuple[str, ...] = NAME_FIELDS
    """Fields that hold the name of the car."""

    def value(self, *cells: Value) -> float:
        """Read the displacement from the name.

        Args:
            *cells: Values of `manufacturer` and `model`.

        Returns:
            Displacement in litres, NaN where the text has none.

        Examples:
            >>> EngineLitres().value("ram", "2500 5.9 cummins")
            5.9
        """
        return car_name(*cells).litres


@dataclass(frozen=True)
class FlagFeature:
    """A flag: 1 where it is set, else 0."""

    name: str
    """Name of the cell and of the column."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Return the flag as a number.

        Args:
            *cells: Value of the flag; None counts as not set.

        Returns:
            1.0 or 0.0.
        """
        return 1.0 if cells[0] else 0.0


@dataclass(frozen=True)
class ConstantFeature:
    """The same number for every listing: the log price that trees start from without an additive model."""

    name: str
    """Name of the column."""
    constant: float
    """The number."""
    inputs: tuple[str, ...] = ("year",)
    """A field, because a feature reads at least one; its value does not matter."""

    def value(self, *_cells: Value) -> float:
        """Return the number.

        Args:
            *_cells: Not used.

        Returns:
            The number.
        """
        return self.constant


@dataclass(frozen=True)
class CategoryCode:
    """The ordinal code of a categorical field."""

    name: str
    """Name of the field and of the column."""
    vocabulary: Vocabulary
    """Codes of the categories."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Look up the code of the category.

        Args:
            *cells: Value of the field.

        Returns:
            The code, that of `(other)` for an unknown category, NaN for a missing one.

        Examples:
            >>> drive = CategoryCode("drive", Vocabulary.from_ordered(["fwd", "(other)", "4wd"]))
            >>> [drive.value("4WD"), drive.value("hover"), drive.value(None)]
            [2.0, 1.0, nan]
        """
        return self.vocabulary.code(normalize_word(cells[0]))


@dataclass(frozen=True)
class NameCode:
    """The ordinal code of a part of the car's name: its make or its model family."""

    name: Literal["make", "family"]
    """Part of the name that is coded, and name of the column."""
    vocabulary: Vocabulary
    """Codes of the makes or families, see `NAME_PARTS`."""
    inputs: tuple[str, ...] = NAME_FIELDS
    """Fields that hold the name of the car."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the code of this part of the name.

        Args:
            *cells: Values of `manufacturer` and `model`.

        Returns:
            The code, that of `(other)` for an unknown make or family, NaN for a missing one.
        """
        return self.vocabulary.code(NAME_PARTS[self.name](self.read(*cells)))


@dataclass(frozen=True)
class NamePriceLevel:
    """The target encoding of the car's name, independent of the model year."""

    name: str
    """Name of the column."""
    encoding: TargetEncoding
    """Price levels by make, family and full name."""
    inputs: tuple[str, ...] = NAME_FIELDS
    """Fields that hold the name of the car."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the price level of the name.

        Args:
            *cells: Values of `manufacturer` and `model`.

        Returns:
            Price level in log dollars, relative to the mean of the model year.
        """
        return self.encoding.level(name_keys(self.read(*cells)))
