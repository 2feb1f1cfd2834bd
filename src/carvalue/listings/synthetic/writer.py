"""Write the sample as a raw CSV in chunks, with memory use independent of the number of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from carvalue.files import atomic_write
from carvalue.listings.schema import SOURCE_COLUMNS
from carvalue.listings.synthetic.cars import Cars, Rng, WordColumn, draw_cars
from carvalue.listings.synthetic.catalogue import Catalogue, load_catalogue
from carvalue.listings.synthetic.noise import (
    corrupt_fuels,
    corrupt_odometers,
    corrupt_prices,
    corrupt_transmissions,
    corrupt_types,
    corrupt_years,
    drop_values,
    format_cylinders,
)
from carvalue.listings.synthetic.postings import Posts, cars_for, ids_in_time_order, post_cars
from carvalue.listings.synthetic.prices import ask_prices
from carvalue.listings.synthetic.spelling import write_names
from carvalue.listings.synthetic.texts import describe, image_urls, listing_urls, region_urls, vins

GENERATOR = 1  # version of the generator; increase it with every change of the rows that a seed gives
DEFAULT_ROWS = 30_000
DEFAULT_SEED = 2021
CHUNK_ROWS = 20_000  # about 60 MB with long descriptions
BARE_ROWS_SHARE = 0.0002  # rows with little more than an id, a price and a state


def write_sample(
    path: Path, *, rows: int = DEFAULT_ROWS, seed: int = DEFAULT_SEED, description_bytes: int = 0
) -> None:
    """Write synthetic raw listings as a CSV, atomically; equal arguments give equal bytes.

    Args:
        path: The CSV file to write, with the columns `SOURCE_COLUMNS`.
        rows: The number of rows.
        seed: The seed of the random generator.
        description_bytes: The mean length of descriptions; 0 leaves them empty. The Kaggle data set has about
            2,700 bytes.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> write_sample(Path("sample.csv"), rows=50, seed=7)
        >>> pl.read_csv("sample.csv").shape
        (50, 26)
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        for number, frame in enumerate(_chunks(rows, seed, description_bytes)):
            _append(file, frame, with_header=number == 0)


def _append(file: BinaryIO, frame: pl.DataFrame, *, with_header: bool) -> None:
    frame.write_csv(file, include_header=with_header)


def _chunks(rows: int, seed: int, description_bytes: int) -> Iterator[pl.DataFrame]:
    catalogue = load_catalogue()
    chunks = -(-rows // CHUNK_ROWS)
    for chunk in range(chunks):
        rng = np.random.default_rng([seed % 2**64, chunk])
        count = min(CHUNK_ROWS, rows - chunk * CHUNK_ROWS)
        yield _chunk(
            rng, catalogue, rows=count, chunk=chunk, chunks=chunks, description_bytes=description_bytes
        )


def _chunk(
    rng: Rng, catalogue: Catalogue, *, rows: int, chunk: int, chunks: int, description_bytes: int
) -> pl.DataFrame:
    cars = draw_cars(rng, catalogue, count=cars_for(rows))
    prices = corrupt_prices(rng, ask_prices(rng, cars, catalogue))
    entries = _seller_entries(rng, cars, description_bytes=description_bytes)
    posts = post_cars(rng, catalogue, prices=prices, home=cars.region, rows=rows)
    ids = ids_in_time_order(rng, posts.posted_s, chunk=chunk, chunks=chunks)
    frame = _rows(rng, catalogue, posts, ids, entries)
    return _with_bare_rows(rng, frame)


def _seller_entries(rng: Rng, cars: Cars, *, description_bytes: int) -> pl.DataFrame:
    """Build one row per car with the fields as its seller enters them, equal in all its postings."""
    makers, texts = write_names(rng, cars)
    columns: dict[str, WordColumn] = {
        "year": corrupt_years(rng, cars.year).astype(object),
        "manufacturer": np.asarray(makers, dtype=object),
        "model": np.asarray(texts, dtype=object),
        "condition": cars.condition,
        "cylinders": format_cylinders(rng, cars.cylinders),
        "fuel": corrupt_fuels(rng, cars.fuel),
        "odometer": corrupt_odometers(rng, cars.odometer).astype(np.int64).astype(object),
        "title_status": cars.title_status,
        "transmission": corrupt_transmissions(rng, cars.transmission),
        "VIN": vins(rng, len(cars.models)),
        "drive": cars.drive,
        "size": rng.choice(
            np.asarray(["full-size", "mid-size", "compact", "sub-compact"], object), len(makers)
        ),
        "type": corrupt_types(rng, cars),
        "paint_color": cars.paint_color,
        "description": describe(rng, len(makers), mean_bytes=description_bytes),
    }
    numbers = {"year": pl.Int64, "odometer": pl.Int64}
    entries = drop_values(rng, columns)
    series = [
        pl.Series(name, values.tolist(), numbers.get(name, pl.String)) for name, values in entries.items()
    ]
    return pl.DataFrame(series).with_columns(pl.format("{}.0", name).alias(name) for name in numbers)


def _rows(
    rng: Rng, catalogue: Catalogue, posts: Posts, ids: np.ndarray, entries: pl.DataFrame
) -> pl.DataFrame:
    regions = pl.DataFrame(
        {
            "region": [region.name for region in catalogue.regions],
            "state": [region.state for region in catalogue.regions],
            "utc_offset_h": [region.utc_offset_h for region in catalogue.regions],
        }
    )
    no_coordinates = rng.random(len(ids)) < 0.0162
    coordinates = {
        "lat": np.where(no_coordinates, np.nan, posts.lat),
        "long": np.where(no_coordinates, np.nan, posts.long),
    }
    frame = pl.DataFrame({"id": ids, "price": posts.price, "posted_s": posts.posted_s, **coordinates}).hstack(
        entries[posts.car]
    )
    frame = frame.hstack(regions[posts.region]).sort(
        "state", "region", "posted_s", descending=[False, False, True]
    )
    return _in_raw_form(frame)


def _in_raw_form(frame: pl.DataFrame) -> pl.DataFrame:
    clock = pl.from_epoch("posted_s", time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")
    offset = pl.format("-{}00", (-pl.col("utc_offset_h")).cast(pl.String).str.zfill(2))
    return frame.with_columns(
        pl.col("lat", "long").fill_nan(None),
        url=listing_urls(),
        region_url=region_urls(),
        image_url=image_urls(),
        county=pl.lit(None, pl.String),
        posting_date=clock + offset,
    ).select(SOURCE_COLUMNS)


def _with_bare_rows(rng: Rng, frame: pl.DataFrame) -> pl.DataFrame:
    """Empty most fields of a few rows and move them to the top, as in the first 27 rows of the original."""
    bare = pl.Series(rng.random(len(frame)) < BARE_ROWS_SHARE)
    kept = {"id", "url", "region", "region_url", "price", "state", "posting_date"}
    stripped = frame.filter(bare).with_columns(
        pl.lit(None, frame.schema[name]).alias(name) for name in SOURCE_COLUMNS if name not in kept
    )
    return pl.concat([stripped, frame.filter(~bare)])
