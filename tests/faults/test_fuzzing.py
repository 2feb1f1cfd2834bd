"""Each parser of untrusted or possibly damaged input answers, or refuses with its own error.

`python -m benchmarks.fuzzing --minutes 60` (`make bench-fuzzing`) goes on for an hour.
"""

import pytest
from hypothesis import given, settings

from faults.fuzzing import TARGETS

EXAMPLES = 40
UNFINISHED = {"drift state": "DetectorState.from_json raises TypeError for fields of a wrong type"}
"""Parsers with a known bug, and the bug."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.xfail(name == "drift state", reason="a damaged state is not refused")
        )
        for name in TARGETS
    ],
)
def test_damaged_input_is_refused_with_an_error_of_its_own(name: str) -> None:
    target = TARGETS[name]

    settings(max_examples=EXAMPLES, database=None, derandomize=True)(given(target.inputs)(target.feed))()
