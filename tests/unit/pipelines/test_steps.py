"""A step that runs out of order reports where to start."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carvalue.pipelines import steps
from carvalue.pipelines.cluster import DaskMissing, open_training_backend, open_workers
from carvalue.settings import Settings


def test_a_step_without_its_predecessors_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(steps.TuningMissing, match="no training has begun"):
        steps.train(settings=Settings(state_dir=tmp_path), work=tmp_path)


@pytest.mark.parametrize(
    ("opened", "module"),
    [
        (open_training_backend, "carvalue.pricing.training.distributed"),
        (open_workers, "carvalue.parallel.cluster"),
    ],
)
def test_a_cluster_without_dask_is_refused_with_a_hint(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[[Settings], object],
    module: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(DaskMissing, match="TRAINING_CLUSTER") as caught:
        opened(Settings(state_dir=tmp_path, training_cluster="tcp://127.0.0.1:8786"))
    assert "--extra dask" in (caught.value.hint or "")
