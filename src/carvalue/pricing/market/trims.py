"""Find the trims of a model family: the words that many sellers add to its name."""

from collections import Counter
from dataclasses import dataclass

from carvalue.pricing.features import car_name
from carvalue.pricing.market.comparables import Comparables

MAX_TRIMS = 12
MIN_TRIM_ROWS = 3  # listings of the family; a rarer word may be one seller's
MIN_TRIM_SHARE = 0.01
NO_TRIMS = frozenset(
    """2d 4d 2wd 4wd 4x2 4x4 awd fwd rwd 2dr 4dr crewcab extcab supercab regcab cab bed short long pickup
    truck sedan coupe hatchback wagon van suv convertible auto automatic manual diesel hybrid gas v6 v8 turbo
    low miles clean title one owner leather nav sunroof""".split()
)
"""Words that other fields of a listing have, or that describe one car."""


@dataclass(frozen=True)
class TrimCount:
    """A trim of a model family.

    Attributes:
        name: The word as sellers write it, in lower case.
        listings: Number of training listings of the family with this word.
        share: The same as a share of all listings of the family, from 0 to 1.
    """

    name: str
    listings: int
    share: float


def trims_of(comparables: Comparables, *, manufacturer: str, model: str) -> tuple[TrimCount, ...]:
    """List the trims of the family of a model.

    Args:
        comparables: The training listings.
        manufacturer: The make, in any spelling.
        model: The model, in any spelling; words beside the family are ignored.

    Returns:
        At most `MAX_TRIMS` trims, the most frequent first; empty if the family is unknown.
    """
    name = car_name(manufacturer, model)
    start, rows = comparables.families.get((name.make, name.family), (0, 0))
    texts = comparables.listings["model"].slice(start, rows)
    family = frozenset(name.family.split())
    counts: Counter[str] = Counter()
    for text, listings in texts.value_counts().iter_rows():
        counts.update(dict.fromkeys(set((text or "").split()) - family - NO_TRIMS, listings))
    minimum = max(MIN_TRIM_ROWS, MIN_TRIM_SHARE * rows)
    frequent = ((word, count) for word, count in counts.items() if count >= minimum and not word.isdigit())
    ranked = sorted(frequent, key=lambda item: (-item[1], item[0]))[:MAX_TRIMS]
    return tuple(TrimCount(word, count, round(count / rows, 4)) for word, count in ranked)
