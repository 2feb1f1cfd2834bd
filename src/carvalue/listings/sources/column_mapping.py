"""Listings of another form: a description in TOML says which column is which, in what units and words."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from carvalue.listings.cleaning import NUMBERS, POSTING_DATE_FORMAT
from carvalue.listings.schema import FIELD_BY_NAME, RAW_COLUMNS, REQUIRED_FIELDS, CategoryField
from carvalue.listings.sources.raw import SourceFailed

NEEDED = ("price", "posting_date", *REQUIRED_FIELDS)


class MappingInvalid(SourceFailed):
    """The description cannot be read, or speaks of something that listings do not have."""

    hint = "Correct the file that DATASET names; docs/own-data.md explains every word of it."


def _known_columns(columns: Mapping[str, str]) -> Mapping[str, str]:
    if unknown := sorted(columns.keys() - set(RAW_COLUMNS)):
        raise ValueError(f"{', '.join(unknown)}: expected columns such as {', '.join(NEEDED)}")
    if lacking := [name for name in NEEDED if name not in columns]:
        raise ValueError(f"{', '.join(lacking)} missing: no price can be learned without")
    return columns


def _known_numbers(units: Mapping[str, object]) -> Mapping[str, object]:
    numbers = [field.name for field in NUMBERS]
    if unknown := sorted(units.keys() - set(numbers)):
        raise ValueError(f"{', '.join(unknown)}: expected {', '.join(numbers)}")
    return units


def _known_words(words: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    for name, ours in words.items():
        field = FIELD_BY_NAME.get(name)
        if not isinstance(field, CategoryField):
            raise ValueError(f"{name} is not told in words")  # noqa: TRY004  # pydantic expects this one
        if strange := sorted(set(ours.values()) - set(field.choices)) if field.choices else []:
            raise ValueError(f"{name} is never {', '.join(strange)}: expected {', '.join(field.choices)}")
    return words


class ColumnMapping(BaseModel):
    """How the columns of another file become ours.

    Attributes:
        name: what the data set is called, on model cards for one.
        separator: what stands between two cells.
        date_format: how a posting date is written, in the letters of `strftime`.
        columns: our column -> its column; what is not named is not known.
        units: number -> what to multiply with, or `km`.
        words: field -> its word -> ours; a word that is not named stays as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    separator: str = Field(default=",", min_length=1, max_length=1)
    date_format: str = POSTING_DATE_FORMAT
    columns: Annotated[Mapping[str, str], AfterValidator(_known_columns)]
    units: Annotated[Mapping[str, float | Literal["km"]], AfterValidator(_known_numbers)] = {}
    words: Annotated[Mapping[str, Mapping[str, str]], AfterValidator(_known_words)] = {}


def read_column_mapping(path: Path) -> ColumnMapping:
    """Read a description.

    Raises:
        MappingInvalid: says which word of it cannot be used, and why.
    """
    try:
        return ColumnMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise MappingInvalid(f"{path}: {said.replace('Value error, ', '')}.") from None
    except (OSError, ValueError) as error:  # TOML's own error is a ValueError
        raise MappingInvalid(f"{path} cannot be read: {error}.") from error
