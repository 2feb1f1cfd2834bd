"""A disk fails at any call of the work of any store: nothing acknowledged is lost, and the next start works.

`make bench-robustness` lets every call fail.
"""

from collections.abc import Mapping, Sequence

import pytest

from faults.stores import STORES


@pytest.mark.parametrize("name", STORES)
def test_a_failing_disk_loses_nothing_acknowledged(
    name: str, failed_calls: Sequence[Mapping[str, str]]
) -> None:
    cases = [case for case in failed_calls if case["case"].startswith(f"{name}:")]

    assert cases
    assert [case for case in cases if case["trouble"]] == []
