"""State that the last two releases left is read by this one: nothing is lost, and prices stay the same.

`tests/releases/write_state.py` makes the files with the code of a release.
"""

import json
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carvalue.journal.store import Journal
from carvalue.listings.datasets import DatasetStore
from carvalue.monitoring.watcher import STATE_FORMAT
from carvalue.platform.admin.doctor import diagnose
from carvalue.pricing import PriceModel
from carvalue.serving.app import create_app
from carvalue.serving.auth import load_key_store
from carvalue.serving.model import BundleCache, bundles_folder
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

STATES = sorted((Path(__file__).parents[1] / "releases").glob("state-*.tar.xz"))
LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Stored:
    """The unpacked state of a release."""

    def __init__(self, file: Path, folder: Path) -> None:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")
        self.release = file.name.removeprefix("state-").removesuffix(".tar.xz")
        self.settings = Settings(state_dir=folder)
        self.expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())


@pytest.fixture(params=STATES, ids=lambda path: path.name)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    return Stored(request.param, tmp_path)


def test_its_model_quotes_the_same_prices(stored: Stored) -> None:
    (bundle,) = BundleCache(bundles_folder(stored.settings.state_dir)).bundles()

    model = PriceModel.load(bundle.folder)

    assert str(bundle.version.version) == stored.expected["model_version"]
    assert [[car, model.quote(car).price] for car, _ in stored.expected["prices"]] == stored.expected[
        "prices"
    ]


def test_the_other_objects_are_read(stored: Stored) -> None:
    settings = stored.settings
    manifest = DatasetStore(settings.storage_root / "datasets").manifest()

    assert (settings.storage_root / "reference" / f"{manifest.fingerprint}.parquet").is_file()
    assert load_key_store(settings).client_of(stored.expected["key"]) == "page"


def test_the_watcher_s_state_of_release_0_1_is_read() -> None:
    """Release 0.1 wrote no formats."""
    memory = {"rows": 40, "levels": {"year": 1}, "since": {"year": "2026-01-02T00:00:00+00:00"}, "own": []}
    written = json.dumps({"version": "sha", "cursor": "0123", "reported": None, "memory": memory})

    state = STATE_FORMAT.load(written, source="state.json")

    assert state["cursor"] == "0123"


def test_the_doctor_finds_nothing_unknown_and_lists_the_migrations(stored: Stored) -> None:
    found = {item.subject: item for item in diagnose(stored.settings)}

    assert found["formats"].is_ok
    assert "migrations" in found["journal"].finding


def test_the_service_goes_on_with_it_and_loses_nothing(stored: Stored) -> None:
    registry = FakeRegistry()
    registry.is_down = True
    key = {"X-API-Key": stored.expected["key"]}
    with serving(create_app(stored.settings, registry=registry)) as client:
        client.headers.update(key)
        until(lambda: client.get("/readyz").is_success)
        car, price = stored.expected["prices"][0]
        answer = client.post("/predict", json=car).raise_for_status().json()
        assert (answer["price"], answer["model_version"]) == (price, stored.expected["model_version"])
        quotes = {*stored.expected["quotes"], *stored.expected["waiting"], answer["quote_id"]}
        with closing(Journal(stored.settings.journal_url.get_secret_value())) as journal:
            until(lambda: {entry.quote_id for entry in journal.after("", until=LATER, limit=99)} == quotes)
            sales = journal.sales(model_version=answer["model_version"], limit=99)
    assert sorted(sale.sale_price for sale in sales) == sorted(stored.expected["sales"].values())
