"""The service and `score` load the published version while MLflow is down, also on an empty disk."""

from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.files import BundleUntrusted, SigningKey, open_objects
from carvalue.journal import DecisionLog, Journal
from carvalue.monitoring.watcher.__main__ import build_watcher
from carvalue.registry import Publication, Registry, open_reader
from carvalue.serving.app import create_app
from carvalue.serving.model import load_production_model
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from signing_keys import a_key_pair
from waiting import until

NOTHING_LISTENS = "http://127.0.0.1:9"


class Published:
    """Two versions of which one is published and signed, and settings of machines that have nothing else."""

    def __init__(self, folder: Path, bundles: tuple[Path, Path]) -> None:
        self.folder = folder
        self.private, self.public = a_key_pair(folder / "keys")
        store = FakeRegistry()
        for number, bundle in enumerate(bundles, start=1):
            store._add(bundle, number)
        publication = Publication(open_objects(f"file://{folder}/published"), key=SigningKey(self.private))
        log = DecisionLog(Journal(f"sqlite:///{folder}/decisions.db"))
        self.registry = Registry(store, log, verify=lambda folder: None, publication=publication)

    def machine(self, name: str) -> Settings:
        return Settings(
            state_dir=self.folder / name,
            bundle_url=f"file://{self.folder}/published",
            bundle_public_key=str(self.public),
            mlflow_tracking_uri=NOTHING_LISTENS,
        )

    def tamper(self, number: int) -> None:
        """Change one digit of a parameter, and the checksum in the manifest, which is not signed then."""
        folder = next((self.folder / "published").glob(f"{number}-*"))
        (folder / "card.json").write_bytes((folder / "card.json").read_bytes().replace(b"2021", b"2022"))


@pytest.fixture
def published(tmp_path: Path, bundle: Path, cheaper_bundle: Path) -> Published:
    published = Published(tmp_path, (bundle, cheaper_bundle))
    published.registry.promote(1, by="ann")
    return published


def version_of(client: httpx.Client) -> object:
    return client.post("/predict", json=EXAMPLE).json().get("model_version")


def test_an_empty_machine_quotes_without_mlflow_and_follows_rollbacks(published: Published) -> None:
    with serving(create_app(published.machine("new"))) as client:
        until(lambda: client.get("/readyz").is_success)
        first = client.post("/predict", json=EXAMPLE).json()
        published.registry.promote(2, by="ann")
        until(lambda: version_of(client) == "2")
        published.registry.rollback(by="ann")
        until(lambda: version_of(client) == "1")

        assert client.post("/predict", json=EXAMPLE).json()["price"] == first["price"]
        assert client.get("/readyz").json()["degraded"] == {}


def test_a_tampered_bundle_is_refused_and_the_reason_is_shown(published: Published) -> None:
    published.tamper(1)

    with serving(create_app(published.machine("new"))) as client:
        until(lambda: "signed" in client.get("/readyz").text)
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "version 1 cannot be used: its bundle is not signed with the expected key" in answer.text


def test_a_cached_bundle_is_used_while_the_publication_is_away(published: Published) -> None:
    machine = published.machine("old")
    with serving(create_app(machine)) as client:
        until(lambda: client.get("/readyz").is_success)
    (published.folder / "published").rename(published.folder / "away")
    (published.folder / "published").write_text("not a folder")

    with serving(create_app(machine)) as client:
        assert version_of(client) == "1"
        until(lambda: client.get("/readyz").json()["degraded"] == {"registry": "down"})


def test_score_and_watcher_load_the_published_version(published: Published) -> None:
    machine = published.machine("new")

    assert load_production_model(machine, warn=pytest.fail).version.version == 1
    with open_reader(machine) as registry:
        watcher = build_watcher(machine, registry=registry)
        watcher.step()
        trouble = watcher.trouble
        watcher.close()

    assert "reference" in trouble  # the version was found and loaded; this machine has no drift reference
    published.tamper(1)
    with pytest.raises(BundleUntrusted, match=r"card\.json is not the file that was signed"):
        load_production_model(machine, warn=pytest.fail)


def test_a_database_as_registry_does_not_matter_to_readers(published: Published) -> None:
    machine = published.machine("new")
    database = Settings(
        state_dir=machine.state_dir,
        bundle_url=machine.bundle_url,
        bundle_public_key=machine.bundle_public_key,
        mlflow_tracking_uri=f"sqlite:///{published.folder}/mlflow.db",
    )

    assert load_production_model(database, warn=pytest.fail).version.version == 1
