"""A step that is begun out of order says where to begin."""

from pathlib import Path

import pytest

from carvalue.pipelines import steps
from carvalue.settings import Settings


def test_training_that_was_not_begun_cannot_go_on(tmp_path: Path) -> None:
    with pytest.raises(steps.NothingTuned, match="no training has begun"):
        steps.train(settings=Settings(state_dir=tmp_path), work=tmp_path)
