"""The same preparation written in pandas, as one would: the whole file in one frame, vectorised, no loops.

Two ways to read: `whole` is `pd.read_csv(path)`, as people do; `chosen` names the columns (`usecols`), which
spares pandas the free text. The rules are the project's own, implemented a second time in another library;
the benchmark checks that both write the same rows.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from carvalue.listings.cleaning.identity import (
    ADVERTISED_FIELDS,
    DELIVERY_DISTANCE,
    MODEL_HEAD,
    ROUND_DISTANCE,
    TRAITS,
    VIN_PATTERN,
)
from carvalue.listings.cleaning.rules import (
    CATEGORIES,
    CLOCK_SLACK,
    DEGREES,
    EARLIEST_POSTING,
    NUMBERS,
    OPTIONAL_COLUMNS,
    POSTING_DATE_FORMAT,
    REQUIRED_COLUMNS,
)
from carvalue.listings.datasets.periods import HELD_OUT, SPLITS
from carvalue.listings.schema import PRICE
from carvalue.listings.values import parse_number

PLAIN_NUMBER = r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,2})?"


def prepare(raw: Path, into: Path, *, columns: list[str] | None) -> None:
    """Write rejects and splits of a raw CSV."""
    into.mkdir(parents=True, exist_ok=True)
    frame = pd.read_csv(raw, usecols=columns, low_memory=False)
    listings, rejects = clean(frame)
    del frame
    rejects.to_parquet(into / "rejects.parquet", compression="zstd", index=False)
    for name, part in split(listings).items():
        part.to_parquet(into / f"{name}.parquet", compression="zstd", index=False)


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Parse, validate and compare the rows: listings with their car, rejected rows with their reason."""
    table = parse(raw)
    reason = judge(raw, table)
    sound = table[reason == ""].sort_values(["posted_at", "id"], kind="stable")
    new_id = sound.drop_duplicates("id")
    new = new_id.drop_duplicates([*ADVERTISED_FIELDS])
    reason[sound.index.difference(new_id.index)] = "id came before"
    reason[new_id.index.difference(new.index)] = "same advertisement came before"
    listings = new.sort_index().assign(car=cars(new.sort_index()))
    integers = {"id": "int64", "price": "int32", "year": "int16", "odometer": "Int32"}
    listings = listings.round({"price": 0}).astype(integers).drop(columns="VIN")
    bad = reason != ""
    rejects = pd.DataFrame(
        {"id": table.loc[bad, "id"].astype("Int64"), "posted_at": table.loc[bad, "posted_at"]}
    )
    return listings, rejects.assign(reason=reason[bad])


def parse(raw: pd.DataFrame) -> pd.DataFrame:
    """Give every value in its own type, missing where it cannot be read."""
    table = pd.DataFrame({"id": pd.to_numeric(raw["id"], errors="coerce")})
    table["posted_at"] = pd.to_datetime(
        raw["posting_date"], format=POSTING_DATE_FORMAT, errors="coerce", utc=True
    )
    for number in NUMBERS:
        value = parse_numbers(raw[number.name])
        table[number.name] = value if number is PRICE else value.where(value == value.round())
    for category in CATEGORIES:
        word = raw[category.name].astype("string").str.strip().str.lower()
        if category.is_open:
            word = word.str.replace(r"\s+", " ", regex=True)
            table[category.name] = word.where(word != "")
        else:
            table[category.name] = word.map({choice.lower(): choice for choice in category.choices})
    for name, most in DEGREES.items():
        value = pd.to_numeric(raw[name], errors="coerce").astype("float32")
        table[name] = value.where(value.between(-most, most))
    return table.assign(VIN=raw["VIN"].astype("string"))


def parse_numbers(column: pd.Series) -> pd.Series:
    """Read numbers as people type them: plain ones by pandas, the others one by one."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    texts = column.astype("string").str.strip()
    is_plain = texts.str.fullmatch(PLAIN_NUMBER).fillna(value=False)
    value = pd.to_numeric(texts.where(is_plain), errors="coerce").astype("float64")
    others = texts[~is_plain].dropna()
    value[others.index] = others.map(parse_number).astype("float64")
    return value


def judge(raw: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Name the first rule that each row breaks."""
    posted = table["posted_at"]
    rules = {
        "id missing": table["id"].isna(),
        "posting date unreadable": posted.isna(),
        "posting date impossible": ~posted.between(EARLIEST_POSTING, datetime.now(UTC) + CLOCK_SLACK),
    }
    for number in NUMBERS:
        value, given = table[number.name], raw[number.name].notna()
        if number.required:
            rules[f"{number.name} missing"] = ~given
        rules[f"{number.name} unreadable"] = value.isna() & given
        rules[f"{number.name} out of range"] = value.notna() & ~value.between(number.minimum, number.maximum)
    rules["year newer than the posting"] = table["year"] > posted.dt.year + 1
    return pd.Series(np.select(list(rules.values()), list(rules), default=""), index=table.index)


def cars(listings: pd.DataFrame) -> pd.Series:
    """Number the cars, each by the first row that shows it."""
    miles = listings["odometer"]
    model = listings["model"].str.replace(r"[^a-z0-9]+", "", regex=True)
    is_used = miles.notna() & (miles > DELIVERY_DISTANCE)
    exact = is_used & (miles % ROUND_DISTANCE != 0) & model.notna()
    key = listings[["manufacturer", "year", "odometer"]].assign(
        model=model.where(~exact, model.str[:MODEL_HEAD]),
        price=listings["price"].where(~is_used),
        **{trait: listings[trait].where(~exact) for trait in TRAITS},
    )
    described = key.groupby(list(key), dropna=False, sort=False).ngroup()
    vin = listings["VIN"].str.strip().str.upper()
    vin = vin.where(vin.str.match(VIN_PATTERN, na=False) & vin.str.lstrip("1").ne("").fillna(value=False))
    by_vin = listings.assign(vin=vin).groupby(["vin", "manufacturer", "year"], dropna=False).ngroup()
    car = described
    while True:
        linked = car.where(vin.isna(), car.groupby(by_vin).transform("min"))
        linked = linked.groupby(described).transform("min")
        if linked.equals(car):
            return car
        car = linked


def split(listings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split the listings by time; a car's re-posts in a later period than its first are dropped."""
    moments = listings["posted_at"].sort_values(ignore_index=True)
    borders = [moments[int(len(moments) * share)] for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT)]
    period = np.searchsorted(np.array(borders), listings["posted_at"], side="right")
    first = listings.groupby("car")["posted_at"].transform("min")
    home = np.searchsorted(np.array(borders), first, side="right")
    return {
        name: listings[(period == place) & (home == place)].sort_values(["posted_at", "id"])
        for place, name in enumerate(SPLITS)
    }


if __name__ == "__main__":
    _, raw_path, folder, reading = sys.argv
    header = pd.read_csv(raw_path, nrows=0).columns
    used = [name for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if name in header]
    chosen = used if reading == "chosen" else None
    prepare(Path(raw_path), Path(folder), columns=chosen)
