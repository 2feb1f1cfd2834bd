"""A platform that cannot work is refused before anything starts."""

from pathlib import Path

import pytest

from carvalue.ops.platform import up
from carvalue.settings import BadSetting, Settings


def test_mlflow_must_be_a_server(tmp_path: Path) -> None:
    settings = Settings(mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", state_dir=tmp_path / "var")

    with pytest.raises(BadSetting, match="over HTTP"):
        up(settings, say=lambda _: None)

    assert not settings.state_dir.exists()
