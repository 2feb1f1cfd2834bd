"""A step that runs out of order reports where to start."""

import sys
from pathlib import Path

import pytest

from carvalue.pipelines import steps
from carvalue.settings import Settings


def test_a_step_without_its_predecessors_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(steps.TuningMissing, match="no training has begun"):
        steps.train(settings=Settings(state_dir=tmp_path), work=tmp_path)


def test_a_cluster_without_dask_is_refused_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "carvalue.pricing.training.distributed", None)

    with pytest.raises(steps.DaskMissing, match="TRAINING_CLUSTER") as caught:
        steps._training_backend(Settings(state_dir=tmp_path, training_cluster="tcp://127.0.0.1:8786"))
    assert "--extra dask" in (caught.value.hint or "")
