"""Each parser of untrusted or possibly damaged input answers, or refuses with its own error.

`python -m benchmarks.fuzzing --minutes 60` (`make bench-fuzzing`) goes on for an hour.
"""

import pytest
from hypothesis import given, settings

from faults.fuzzing import TARGETS

EXAMPLES = 40


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_with_an_error_of_its_own(name: str) -> None:
    target = TARGETS[name]

    settings(max_examples=EXAMPLES, database=None, derandomize=True)(given(target.inputs)(target.feed))()
