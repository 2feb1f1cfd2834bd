"""Explain a price by exact Shapley values, in dollars, against a reference car.

The players are groups of fields (make and model, year, odometer, ...). A coalition is the set of groups
that have the listing's values; the other groups have the reference car's. The model prices every coalition,
and a group's contribution is its average gain over all orders in which groups can join. Prices are taken in
dollars, not log dollars, so the contributions add up to the quoted price, and the model's monotone
constraints hold for them too: more miles never increase the contribution of the odometer.

Reference: Shapley (1953), "A value for n-person games"; with one reference car instead of a background sample
this is "baseline Shapley", Sundararajan and Najmi (2020), "The many Shapley values for model explanation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial, floor

import numpy as np
import numpy.typing as npt

from carvalue.listings import FIELD_BY_NAME, Listing
from carvalue.pricing.explain.groups import GROUPS, FieldGroup, reference_label
from carvalue.pricing.features import Cells, Distinct, normalize_word
from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one group of fields adds to the price. The field names are those of the HTTP API.

    Attributes:
        group: Name of the `FieldGroup`.
        fields: The group's fields that a listing can have.
        label: The group's values, described in English.
        amount: Shapley value, rounded to whole units of the currency; never 0.
    """

    group: str
    fields: tuple[str, ...]
    label: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class PriceExplanation:
    """The path from the reference price to the listing's price. The field names are those of the HTTP API.

    `start` plus the sum of all amounts is exactly the quoted price.

    Attributes:
        start: Price of the reference car, in whole units of the currency.
        start_label: The reference car, described in English.
        items: Contributions in order of decreasing size; groups that contribute 0 are left out.
    """

    start: int
    start_label: str
    items: tuple[Contribution, ...]


def explain_price(model: PriceModel, listing: Listing) -> PriceExplanation:
    """Explain the difference between this listing's price and the reference car's.

    Groups that equal the reference car's contribute nothing and are not scored: the cost is
    2 ** (groups that differ) rows in one call of the model.

    Args:
        model: The model that quotes the listing.
        listing: Any listing that the model can quote.

    Returns:
        The reference price and one contribution for each group that moves the price.
    """
    scored = model.scored_listing(listing)
    groups = [group for group in GROUPS if _differs(group, scored, model.reference_car)]
    cells = CoalitionCells(scored, reference=model.reference_car, groups=groups)
    prices = np.exp(model.log_prices(model.encoder.encode(cells)))
    start, price = (int(np.rint(prices[position])) for position in (0, -1))
    values = whole_dollars(shapley(prices), total=price - start)
    contributions = [
        Contribution(
            group=group.name,
            fields=_listing_fields(group),
            label=_label(group, listing, scored),
            amount=amount,
        )
        for group, amount in zip(groups, values, strict=True)
        if amount
    ]
    contributions.sort(key=lambda item: -abs(item.amount))
    return PriceExplanation(
        start=start, start_label=reference_label(model.reference_car), items=tuple(contributions)
    )


def shapley(values: Floats) -> list[float]:
    """Compute exact Shapley values from the value of every coalition.

    Args:
        values: Value of each coalition, shape (2 ** players,). Player i belongs to the coalition at an index
            if bit i of the index is set; index 0 is the empty coalition.

    Returns:
        One value for each player; they add up to the full coalition's value less the empty coalition's.

    Examples:
        The first player adds 3 to any coalition, the second one 20:

        >>> import numpy as np
        >>> shapley(np.array([10.0, 13.0, 30.0, 33.0]))
        [3.0, 20.0]

        Two players that gain only together share the gain:

        >>> shapley(np.array([0.0, 0.0, 0.0, 9.0]))
        [4.5, 4.5]
    """
    coalitions = np.arange(len(values))
    players = len(values).bit_length() - 1
    weights = [
        factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)
    ]
    result = []
    for player in range(players):
        without = coalitions[(coalitions >> player) & 1 == 0]
        gains = values[without | (1 << player)] - values[without]
        result.append(float(np.dot(np.take(weights, np.bitwise_count(without)), gains)))
    return result


def whole_dollars(amounts: Sequence[float], *, total: int) -> list[int]:
    """Round amounts to whole dollars that add up to a total, by the largest remainder method.

    Args:
        amounts: Dollars; their sum differs from `total` by less than one dollar.
        total: Sum of the result, in dollars.

    Returns:
        Whole dollars in the order of the amounts.

    Examples:
        >>> whole_dollars([3.4, 3.3, 3.3], total=10)
        [4, 3, 3]
        >>> whole_dollars([1_500.6, -250.5], total=1_250)
        [1501, -251]
    """
    floors = [floor(amount) for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda index: floors[index] - amounts[index])
    rounded_up = set(by_remainder[: total - sum(floors)])
    return [low + (index in rounded_up) for index, low in enumerate(floors)]


class CoalitionCells(Cells):
    """The listing of every coalition: bit i of its index is set where group i has the listing's values.

    Args:
        listing: Source of the values of groups in the coalition.
        reference: Source of the values of all other groups.
        groups: The players.
    """

    def __init__(self, listing: Listing, *, reference: Listing, groups: Sequence[FieldGroup]) -> None:
        self.height = 2 ** len(groups)
        self._sources, self._groups = (reference, listing), groups

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Find the distinct combinations of some fields: those of the few groups that have one of the fields.

        Args:
            fields: Fields to combine.

        Returns:
            Index of each coalition's combination, shape (height,), and the combinations.
        """
        bit_of = {name: bit for bit, group in enumerate(self._groups) for name in group.fields}
        bits = sorted({bit_of[field] for field in fields if field in bit_of})
        coalitions, index = np.arange(self.height), np.zeros(self.height, dtype=np.int64)
        for position, bit in enumerate(bits):
            index |= (coalitions >> bit & 1) << position
        place = {bit: position for position, bit in enumerate(bits)}
        shifts = [
            place.get(bit_of.get(field, -1), len(bits)) for field in fields
        ]  # beyond all bits: reference
        return index, [
            tuple(
                self._sources[number >> shift & 1].get(field)
                for field, shift in zip(fields, shifts, strict=True)
            )
            for number in range(2 ** len(bits))
        ]


def _listing_fields(group: FieldGroup) -> tuple[str, ...]:
    """List the group's fields without the derived ones."""
    return tuple(field for field in group.fields if field in FIELD_BY_NAME)


def _label(group: FieldGroup, listing: Listing, scored: Listing) -> str:
    is_dropped = _differs(group, listing, scored)
    return group.label(listing) + (", implausible" if is_dropped else "")


def _differs(group: FieldGroup, listing: Listing, other: Listing) -> bool:
    return any(
        normalize_word(listing.get(field)) != normalize_word(other.get(field)) for field in group.fields
    )
