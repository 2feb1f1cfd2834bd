"""Column mappings: a TOML file that maps another CSV's columns, units and category values to the schema."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from carvalue.listings.cleaning import DELETED_VALUES, NUMBERS, POSTING_DATE_FORMAT
from carvalue.listings.schema import FIELD_BY_NAME, MARKET, RAW_COLUMNS, REQUIRED_FIELDS, CategoryField
from carvalue.listings.sources.raw import SourceFailed
from carvalue.listings.values import Decimals

_REQUIRED_COLUMNS = ("price", "posting_date", *REQUIRED_FIELDS)


class MappingInvalid(SourceFailed):
    """The mapping file cannot be read, or names a column, unit or value that the schema does not have."""

    hint = "Correct the file that DATASET names; docs/how-to/map-columns.md explains every key of it."


def _known_columns(columns: Mapping[str, str]) -> Mapping[str, str]:
    if unknown := sorted(columns.keys() - set(RAW_COLUMNS)):
        raise ValueError(f"{', '.join(unknown)}: expected columns such as {', '.join(_REQUIRED_COLUMNS)}")
    if missing := [name for name in _REQUIRED_COLUMNS if name not in columns]:
        raise ValueError(f"{', '.join(missing)} missing: training needs these columns")
    return columns


def _known_numbers(units: Mapping[str, object]) -> Mapping[str, object]:
    numbers = [field.name for field in NUMBERS]
    if unknown := sorted(units.keys() - set(numbers)):
        raise ValueError(f"{', '.join(unknown)}: expected {', '.join(numbers)}")
    return units


def _known_categories(words: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    for name, values in words.items():
        field = FIELD_BY_NAME.get(name)
        if not isinstance(field, CategoryField):
            raise ValueError(f"{name} is not a categorical field")  # noqa: TRY004  # pydantic expects this one
        if unknown := sorted(set(values.values()) - set(field.choices)) if field.choices else []:
            raise ValueError(f"{name} is never {', '.join(unknown)}: expected {', '.join(field.choices)}")
    return words


class DeletionMark(BaseModel):
    """How a file marks a listing that was withdrawn.

    Attributes:
        column: The file's column with the mark.
        values: The values of it that mean that the listing is deleted; case is ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1)
    values: tuple[str, ...] = Field(default=DELETED_VALUES, min_length=1)


class ColumnMapping(BaseModel):
    """The mapping of another file's columns to the raw columns of `vehicles.csv`.

    Attributes:
        name: The name of the data set, as shown on model cards.
        separator: The character between two cells.
        date_format: The format of posting dates, in the notation of `strftime`.
        decimal: Decimal separator of the file's numbers.
        columns: Raw column to the file's column; a raw column that is not listed is empty.
        units: Number field to the factor that converts its values to the schema's unit, or `km`.
        words: Categorical field to a mapping of the file's values to the schema's values; other values are
            kept unchanged.
        deleted: How deleted listings are marked; None if none are.

    Example:
        >>> columns = {"price": "Preis", "posting_date": "Datum", "year": "Baujahr"}
        >>> columns |= {"manufacturer": "Marke", "model": "Modell"}
        >>> columns |= {"odometer": "Kilometer", "fuel": "Kraftstoff"}
        >>> mapping = ColumnMapping(
        ...     name="dealer export",
        ...     separator=";",
        ...     columns=columns,
        ...     units={"odometer": "km"},
        ...     words={"fuel": {"Benzin": "gas"}},
        ... )
        >>> mapping.columns["odometer"], mapping.units["odometer"]
        ('Kilometer', 'km')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    separator: str = Field(default=",", min_length=1, max_length=1)
    date_format: str = POSTING_DATE_FORMAT
    decimal: Decimals = MARKET.decimal
    columns: Annotated[Mapping[str, str], AfterValidator(_known_columns)]
    units: Annotated[Mapping[str, float | Literal["km"]], AfterValidator(_known_numbers)] = {}
    words: Annotated[Mapping[str, Mapping[str, str]], AfterValidator(_known_categories)] = {}
    deleted: DeletionMark | None = None

    @property
    def used_columns(self) -> tuple[str, ...]:
        """The columns that every file must have."""
        mark = (self.deleted.column,) if self.deleted else ()
        return (*dict.fromkeys((*self.columns.values(), *mark)),)

    @field_validator("deleted")
    @classmethod
    def _deletions_need_ids(cls, mark: DeletionMark | None, others: ValidationInfo) -> DeletionMark | None:
        if mark and "id" not in others.data.get("columns", {"id": ""}):
            raise ValueError(
                "a deleted listing is found by its id: expected the column of the id in [columns]"
            )
        return mark


def read_column_mapping(path: Path) -> ColumnMapping:
    """Read a column mapping.

    Args:
        path: The TOML file.

    Returns:
        The validated mapping.

    Raises:
        MappingInvalid: The file cannot be read, or a key of it is invalid; the message names the key and the
            reason.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("mapping.toml").write_text('name = "dealer export"')
        >>> read_column_mapping(Path("mapping.toml"))
        Traceback (most recent call last):
        ...
        carvalue.listings.sources.column_mapping.MappingInvalid: mapping.toml: columns: Field required. ...
    """
    try:
        return ColumnMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise MappingInvalid(f"{path}: {problems.replace('Value error, ', '')}.") from None
    except (OSError, ValueError) as error:  # TOML's own error is a ValueError
        raise MappingInvalid(f"{path} cannot be read: {error}.") from error
