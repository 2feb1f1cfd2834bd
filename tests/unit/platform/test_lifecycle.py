"""Invalid settings are rejected before any service starts."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from carvalue.platform.lifecycle import OwnKeyMissing, start_platform
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.serving.auth.key_store import NoKeys
from carvalue.settings import InvalidSetting, Settings


def test_mlflow_must_be_a_server(tmp_path: Path) -> None:
    settings = Settings(mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", state_dir=tmp_path / "var")

    with pytest.raises(InvalidSetting, match="over HTTP"):
        start_platform(settings, report=lambda _: None)

    assert not settings.state_dir.exists()


def test_off_loopback_the_price_service_must_have_keys(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, bind_host="0.0.0.0", airflow_password=SecretStr("of my own"))

    with pytest.raises(NoKeys, match="carvalue keys new CLIENT"):
        start_platform(settings, report=lambda _: None)


@pytest.mark.parametrize("ours", ["", "carvalue.page.lost"])
def test_the_page_must_have_an_accepted_key(tmp_path: Path, ours: str) -> None:
    settings = Settings(state_dir=tmp_path, service_api_key=SecretStr(ours))
    KeyFile(settings.service_keys_file).add("page", today=date(2026, 11, 24))

    with pytest.raises(OwnKeyMissing, match="SERVICE_API_KEY"):
        start_platform(settings, report=lambda _: None)
