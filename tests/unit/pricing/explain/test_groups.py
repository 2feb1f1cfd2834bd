"""The groups of an explanation cover every field of a listing once."""

from collections import Counter

from carvalue.listings import FIELDS
from carvalue.pricing.explain.groups import GROUPS
from carvalue.pricing.features import IMPLAUSIBLE


def test_every_field_belongs_to_one_group() -> None:
    grouped = Counter(field for group in GROUPS for field in group.fields)

    assert grouped == Counter([*(field.name for field in FIELDS), IMPLAUSIBLE])
