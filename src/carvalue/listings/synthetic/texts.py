"""Generate free text: descriptions, VINs, and URLs below the reserved domain `.example`."""

import numpy as np
import polars as pl

from carvalue.listings.synthetic.cars import Rng, WordColumn

VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"  # I, O and Q are never used
POOL_BYTES = 2_000_000  # descriptions are slices of one pool of text, which is fast
_PHRASES = (
    "One owner, clean history, no accidents reported.",
    "Runs and drives great!",
    'Priced to sell, "as is", no low offers please.',
    "Features: leather seats, heated mirrors, backup camera, bluetooth, alloy wheels, power windows",
    "Call or text any time, ask for the sales desk.",
    "We finance everyone: good credit, bad credit, no credit, first-time buyers.",
    "New tires, fresh oil change, brakes done last spring.",
    "Cold A/C, premium sound, third-row seating; seats 7.",
    "Stock photos may be used. Tax, title & license not included.",
    "Come see it this weekend, or ask us to bring it to you.",
    "Trades welcome. Extended warranty available.",
    "☎ Se habla español — visítenos hoy mismo.",
    "Some rust on the rocker panels, small dent in the tailgate.",
    "VEHICLE OPTIONS\n* Air conditioning\n* Cruise control\n* Keyless entry\n* Traction control",
    "Mileage will go up a little as it is still driven daily.",
    "Carfax in hand, all records since new.",
)


def vins(rng: Rng, count: int) -> WordColumn:
    """Draw well-formed vehicle identification numbers (VINs).

    Args:
        rng: The random generator.
        count: The number of VINs.

    Returns:
        Texts of 17 characters, shape (count,).
    """
    letters = np.frombuffer(VIN_LETTERS.encode(), dtype=np.uint8)
    drawn = letters[rng.integers(0, len(letters), (count, 17))]
    return np.asarray([row.tobytes().decode() for row in drawn], dtype=object)


def describe(rng: Rng, count: int, *, mean_bytes: int) -> WordColumn:
    """Draw descriptions.

    Args:
        rng: The random generator.
        count: The number of descriptions.
        mean_bytes: The mean length, in characters; 0 for no descriptions.

    Returns:
        Texts, or None for a mean length of 0, shape (count,).
    """
    if mean_bytes == 0:
        return np.full(count, None, dtype=object)
    pool = _pool(rng)
    lengths = np.minimum(rng.gamma(2.0, mean_bytes / 2.0, count).astype(np.int64) + 1, 30_000)
    starts = rng.integers(0, len(pool) - 30_000, count)
    texts = [
        pool[start : start + length] for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]
    return np.asarray(texts, dtype=object)


def _pool(rng: Rng) -> str:
    phrases = rng.choice(np.asarray(_PHRASES, dtype=object), size=POOL_BYTES // 50)
    numbers = rng.integers(1_000, 200_000, len(phrases)).tolist()
    return "\n".join(f"{phrase} (#{number})" for phrase, number in zip(phrases, numbers, strict=True))


def region_urls() -> pl.Expr:
    """Build the URL of each region; the top-level domain `.example` is reserved (RFC 2606).

    Returns:
        An expression of type String on a frame with the column `region`.
    """
    return pl.format("https://{}.example", pl.col("region").str.to_lowercase().str.replace_all("[^a-z]+", ""))


def listing_urls() -> pl.Expr:
    """Build the URL of each listing.

    Returns:
        An expression of type String on a frame with the columns `region` and `id`.
    """
    return pl.format("{}/cto/{}.html", region_urls(), pl.col("id"))


def image_urls() -> pl.Expr:
    """Build the URL of each listing's picture.

    Returns:
        An expression of type String on a frame with the column `id`.
    """
    return pl.format("https://images.example/{}_600x450.jpg", pl.col("id"))
