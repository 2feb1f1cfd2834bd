"""An unreachable MLflow is reported at once, with the setting and a hint."""

import pytest

from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.model_version import RegistryUnavailable


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_mlflow_that_does_not_answer_is_named_at_once() -> None:
    with (
        pytest.raises(RegistryUnavailable, match=r"MLFLOW_TRACKING_URI=http://127.0.0.1:1 .*make up"),
        connect_mlflow("http://127.0.0.1:1"),
    ):
        pass
