"""What moved a price, in dollars: exact Shapley values of the listing's parts against a usual car.

Each part of the listing (make and model, year, miles, ...) is either as told or as the usual car has it. The
model prices every such mixture, and a part's dollars are what it adds on average over all orders in which the
parts can be told. They are dollars of the served price itself, so nothing has to be turned from logarithms,
and every mixture keeps the model's promises: more miles never add to the dollars of the miles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial, floor

import numpy as np
import numpy.typing as npt

from carvalue.listings import FIELD_BY_NAME, Listing
from carvalue.pricing.explain.groups import GROUPS, FieldGroup, reference_label
from carvalue.pricing.features import FeatureEncoder, Matrix, normalize_word
from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one part of the listing adds to the price, in whole dollars."""

    group: str
    fields: tuple[str, ...]
    label: str
    dollars: int


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """From the usual car's price to this one's: `start` and all dollars add up to the price exactly."""

    start: int
    start_label: str
    items: tuple[Contribution, ...]
    """The largest first; a part that adds nothing is left out."""


def explain_price(model: PriceModel, listing: Listing) -> Explanation:
    """Say what moved this listing's price away from the usual car's."""
    priced = model.scored_listing(listing)
    told = [group for group in GROUPS if _differs(group, priced, model.reference_car)]
    prices = np.exp(
        model.log_prices(coalition_matrix(model.encoder, priced, usual=model.reference_car, groups=told))
    )
    start, price = (int(np.rint(prices[end])) for end in (0, -1))
    dollars = whole_dollars(shapley(prices), total=price - start)
    items = [
        Contribution(
            group=group.name, fields=_of_a_form(group), label=_label(group, listing, priced), dollars=part
        )
        for group, part in zip(told, dollars, strict=True)
        if part
    ]
    items.sort(key=lambda reason: -abs(reason.dollars))
    return Explanation(start=start, start_label=reference_label(model.reference_car), items=tuple(items))


def shapley(worth: Floats) -> list[float]:
    """Share out what all players are worth together beyond none of them.

    `worth` has shape (2 ** players,): player i takes part where bit i of the place is set.
    """
    subsets = np.arange(len(worth))
    players = len(worth).bit_length() - 1
    weights = [
        factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)
    ]
    shares = []
    for player in range(players):
        without = subsets[(subsets >> player) & 1 == 0]
        gained = worth[without | (1 << player)] - worth[without]
        shares.append(float(np.dot(np.take(weights, np.bitwise_count(without)), gained)))
    return shares


def whole_dollars(parts: Sequence[float], *, total: int) -> list[int]:
    """Round parts to whole dollars that add up to `total`, by the largest remainders.

    The parts' own sum is less than a dollar away from the total.
    """
    floors = [floor(part) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: floors[place] - parts[place])
    raised = set(by_remainder[: total - sum(floors)])
    return [low + (place in raised) for place, low in enumerate(floors)]


def coalition_matrix(
    encoder: FeatureEncoder, listing: Listing, *, usual: Listing, groups: Sequence[FieldGroup]
) -> Matrix:
    """Encode each mixture, shape (2 ** groups, features): a feature once for each that it tells apart."""
    subsets = np.arange(2 ** len(groups))
    matrix = np.empty((len(subsets), len(encoder.names)), dtype=np.float32)
    for position, feature in enumerate(encoder.features):
        read = [bit for bit, group in enumerate(groups) if not set(group.fields).isdisjoint(feature.inputs)]
        seen = subsets & sum(1 << bit for bit in read)
        for subset in np.unique(seen):
            told = {field for bit in read if subset >> bit & 1 for field in groups[bit].fields}
            cells = ((listing if field in told else usual).get(field) for field in feature.inputs)
            matrix[seen == subset, position] = feature.value(*cells)
    encoder.fill_additive(matrix)
    return matrix


def _of_a_form(group: FieldGroup) -> tuple[str, ...]:
    """Leave out what nobody fills in."""
    return tuple(field for field in group.fields if field in FIELD_BY_NAME)


def _label(group: FieldGroup, listing: Listing, priced: Listing) -> str:
    believed = not _differs(group, listing, priced)
    return group.label(listing) + ("" if believed else ", not believed")


def _differs(group: FieldGroup, listing: Listing, other: Listing) -> bool:
    return any(
        normalize_word(listing.get(field)) != normalize_word(other.get(field)) for field in group.fields
    )
