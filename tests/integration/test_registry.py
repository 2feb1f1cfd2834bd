"""Training runs and versions in a real MLflow server, seen through its REST API as any client sees them."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from carvalue.files.bundle import MANIFEST, BundleCorrupt
from carvalue.pricing.evaluation.evaluate import evaluate_bundle
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.search import SearchResult, Trial
from carvalue.registry.gates.champion import load_champion
from carvalue.registry.http_reader import HttpRegistryReader
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.tracking import RunDescription, RunMissing, TrainingRun, resume_run, start_run
from carvalue.registry.model_version import DIGEST_TAG, EVALUATED_MODEL, EXPERIMENT, MODEL_NAME, ModelVersion
from carvalue.registry.opening import open_reader, open_registry, read_decisions
from carvalue.registry.port import VersionNotFound
from carvalue.serving.model.load_production import load_production_model
from carvalue.settings import Settings
from markets import a_bundle, a_listing
from mlflow_servers import mlflow_server, versions_in

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

FACTS = RunDescription(
    budget="quick",
    data_source="file",
    source_description="a small market",
    dataset_fingerprint="f00d",
    git_commit="abc",
    rows={"train": 2_000, "validation": 400, "test": 400},
)
TRIAL = Trial(
    number=0, params={"max_leaves": 15}, error=0.1, rounds=2, seconds=0.5, pruned=False, curve=(0.2, 0.1)
)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, its datasets and its evaluation."""
    folder = tmp_path_factory.mktemp("market")
    bundle = a_bundle(folder)
    evaluate_bundle(
        bundle=bundle,
        train=folder / "train.parquet",
        test=folder / "test.parquet",
        into=folder / "evaluation",
    )
    return folder


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture
def run(uri: str, tmp_path: Path) -> TrainingRun:
    return start_run(uri=uri, facts=FACTS, state=tmp_path / "run.json")


def _register(run: TrainingRun, market: Path) -> ModelVersion:
    return versions_in(run.uri).register(
        run_id=run.run_id, bundle=market / "bundle", evaluation=market / "evaluation"
    )


def _rest(uri: str, path: str, /, **query: str) -> dict[str, Any]:
    answer = httpx.get(f"{uri}/api/2.0/mlflow/{path}", params=query, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _standing(uri: str, version: ModelVersion) -> tuple[set[str], str, str]:
    """Alias, stage and status tag of a version, as REST tells them."""
    found = _rest(uri, "model-versions/get", name=MODEL_NAME, version=str(version.version))["model_version"]
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    aliases = _rest(uri, "registered-models/get", name=MODEL_NAME)["registered_model"].get("aliases", [])
    mine = {alias["alias"] for alias in aliases if alias["version"] == str(version.version)}
    return mine, found["current_stage"], tags["status"]


def test_an_interrupted_training_is_a_failed_run(run: TrainingRun) -> None:
    with pytest.raises(KeyboardInterrupt), run.failed_on_error():
        raise KeyboardInterrupt

    assert _rest(run.uri, "runs/get", run_id=run.run_id)["run"]["info"]["status"] == "FAILED"


def test_nothing_is_in_production_at_first(uri: str) -> None:
    with HttpRegistryReader(uri) as reader:
        assert reader.champion() is None


def test_a_training_is_one_run_with_a_nested_run_per_trial(
    uri: str, run: TrainingRun, tmp_path: Path
) -> None:
    again = resume_run(uri=uri, state=tmp_path / "run.json")
    again.log_trial(TRIAL)
    found = SearchResult(
        params={"max_leaves": 15},
        error=0.1,
        rounds=2,
        budget="quick",
        trials=1,
        seconds=0.5,
        planned_trials=8,
    )
    again.log_search_result(found)
    again.finish()

    parent = _rest(uri, "runs/get", run_id=run.run_id)["run"]
    experiment = _rest(uri, "experiments/get-by-name", experiment_name=EXPERIMENT)["experiment"]
    query = {
        "experiment_ids": [experiment["experiment_id"]],
        "filter": f"tags.mlflow.parentRunId = '{run.run_id}'",
    }
    trials = httpx.post(f"{uri}/api/2.0/mlflow/runs/search", json=query, timeout=30).json()["runs"]
    assert parent["info"]["status"] == "FINISHED"
    assert parent["inputs"]["dataset_inputs"][0]["dataset"]["digest"] == "f00d"
    assert {"key": "data.source", "value": "file"} in parent["data"]["tags"]
    assert {"key": "search.cut_short", "value": "true"} in parent["data"]["tags"]
    logged = {metric["key"]: metric["value"] for metric in parent["data"]["metrics"]}
    assert (logged["search_trials"], logged["search_trials_planned"]) == (1, 8)
    assert [trial["data"]["params"] for trial in trials] == [[{"key": "max_leaves", "value": "15"}]]


def test_an_unknown_run_is_named(uri: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"run_id": "nobody", "experiment_id": "1"}))

    with pytest.raises(RunMissing, match="tune"):
        resume_run(uri=uri, state=tmp_path / "run.json")


def test_manual_promotions_and_rollbacks_are_recorded_and_shown(
    uri: str, market: Path, tmp_path: Path
) -> None:
    settings = _settings(uri, tmp_path)
    first, second, third = (_register(_run(uri, tmp_path / f"{name}.json"), market) for name in "cde")
    with open_registry(settings) as registry:
        for version in (first, second, third):
            registry.promote(version.version, by="tests")
        assert _standing(uri, first) == (set(), "Archived", "archived")
        assert _standing(uri, second) == ({"previous"}, "Archived", "archived")
        assert _standing(uri, third) == ({"production"}, "Production", "production")

        _show_nonsense(uri, first, second, third)  # nothing of it is read
        assert registry.rollback(by="tests") == second
        assert _standing(uri, second) == ({"production"}, "Production", "production")
        assert _standing(uri, third)[1:] == ("Archived", "archived")
        # not back to the one that was left: that was bad
        assert registry.rollback(by="tests") == first
        assert registry.versions()[0].test["rows"] == 400

    with HttpRegistryReader(uri) as reader:
        assert reader.champion() == first
    decisions = [(entry.act, entry.version, entry.earlier) for entry in read_decisions(settings)]
    assert decisions[-2:] == [
        ("rolled back", second.version, third.version),
        ("rolled back", first.version, second.version),
    ]


def _show_nonsense(uri: str, first: ModelVersion, second: ModelVersion, third: ModelVersion) -> None:
    """Set aliases, stages and tags of the mirror as if no version had ever been in production."""
    with connect_mlflow(uri) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for version in (first, second, third):
            client.transition_model_version_stage(MODEL_NAME, str(version.version), "None")
            client.set_model_version_tag(MODEL_NAME, str(version.version), "status", "candidate")
        client.set_registered_model_alias(MODEL_NAME, "previous", str(third.version))


def test_without_stages_in_mlflow_versions_are_promoted_and_restored(
    uri: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.delattr(mlflow.MlflowClient, "transition_model_version_stage")
    one, two = (_register(_run(uri, tmp_path / f"{name}.json"), market) for name in "ab")

    with open_registry(_settings(uri, tmp_path)) as registry:
        for version in (one, two):
            registry.promote(version.version, by="tests")
        assert registry.rollback(by="tests") == one

    assert _standing(uri, one)[2] == "production"


def test_an_unusable_version_is_not_promoted(uri: str, market: Path, tmp_path: Path) -> None:
    good, bad = (_register(_run(uri, tmp_path / f"{name}.json"), market) for name in "fg")
    with connect_mlflow(uri) as client:
        client.set_model_version_tag(MODEL_NAME, str(bad.version), DIGEST_TAG, "0" * 64)

    with open_registry(_settings(uri, tmp_path)) as registry:
        registry.promote(good.version, by="tests")
        with pytest.raises(BundleCorrupt):
            registry.promote(bad.version, by="tests")
        with pytest.raises(BundleCorrupt):
            registry.challenge(bad.version)

        assert registry.champion() == good
    with pytest.raises(VersionNotFound, match="no version 999"):
        versions_in(uri).set_champion(999)


def test_a_challenger_keeps_its_alias_until_it_is_removed(
    run: TrainingRun, market: Path, tmp_path: Path
) -> None:
    version = _register(run, market)

    with open_registry(_settings(run.uri, tmp_path)) as registry, HttpRegistryReader(run.uri) as reader:
        registry.challenge(version.version)
        assert reader.challenger() == version
        for _ in range(2):  # twice is the same as once
            registry.challenge(None)
        assert reader.challenger() is None


def test_registering_twice_makes_one_version(run: TrainingRun, market: Path) -> None:
    assert _register(run, market) == _register(run, market)


def test_the_reader_fetches_the_bundle_that_was_registered(
    run: TrainingRun, market: Path, tmp_path: Path
) -> None:
    version = _register(run, market)

    with HttpRegistryReader(run.uri) as reader:
        folder = reader.download(version, into=tmp_path / "live")

    quote = PriceModel.load(market / "bundle").quote(a_listing())
    assert PriceModel.load(folder).quote(a_listing()) == quote
    assert [path.name for path in tmp_path.iterdir() if path.name != "run.json"] == ["live"]


def test_mlflow_can_serve_a_version(run: TrainingRun, market: Path) -> None:
    import mlflow
    import pandas as pd

    version = _register(run, market)

    with connect_mlflow(run.uri):
        loaded = mlflow.pyfunc.load_model(f"models:/{version.name}/{version.version}")
        quoted = loaded.predict(pd.DataFrame([a_listing(year=2014.0, odometer=90_000.0)]))
        whole = loaded.predict(pd.DataFrame([a_listing(year=2014, odometer=90_000)]))
        car = a_listing()
        aliased = loaded.predict(pd.DataFrame([{"make": car.pop("manufacturer"), **car}]))

    assert quoted["price"].to_list() == [PriceModel.load(market / "bundle").quote(a_listing()).price]
    assert whole.equals(quoted)
    assert aliased.equals(quoted)


def test_missing_values_stay_missing_in_mlflow_whatever_their_type(run: TrainingRun, market: Path) -> None:
    import mlflow
    import polars as pl

    version = _register(run, market)
    cars = pl.DataFrame([a_listing(fuel="gas"), a_listing(odometer=None, state=None)])
    expected = PriceModel.load(market / "bundle").quote_frame(cars)["price"].to_list()
    empty = cars.with_columns(fuel=pl.lit(None, pl.Int32))

    with connect_mlflow(run.uri):
        loaded = mlflow.pyfunc.load_model(f"models:/{version.name}/{version.version}")
        quoted = loaded.predict(cars.to_pandas())
        arrow = loaded.predict(cars.to_pandas(use_pyarrow_extension_array=True))
        without = loaded.predict(empty.to_pandas(use_pyarrow_extension_array=True))

    assert quoted["price"].to_list() == arrow["price"].to_list() == expected
    assert (
        without["price"].to_list()
        == PriceModel.load(market / "bundle").quote_frame(cars.drop("fuel"))["price"].to_list()
    )


def test_a_database_is_read_like_a_server(market: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    settings = Settings(state_dir=tmp_path / "state", mlflow_tracking_uri=uri)
    run = start_run(uri=uri, facts=FACTS, state=tmp_path / "run.json")
    with open_reader(settings) as reader:
        nothing = reader.champion()
    version = _register(run, market)
    with connect_mlflow(uri):
        versions_in(uri).set_champion(version.version)

    loaded = load_production_model(settings, warn=pytest.fail)

    assert nothing is None
    assert loaded.version.version == version.version
    assert loaded.model.quote(a_listing()).price > 0


def test_a_changed_bundle_is_refused(run: TrainingRun, market: Path, tmp_path: Path) -> None:
    from carvalue.files.bundle import BundleCorrupt

    version = replace(_register(run, market), bundle_digest="0" * 64)

    with HttpRegistryReader(run.uri) as reader, pytest.raises(BundleCorrupt, match="not the one registered"):
        reader.download(version, into=tmp_path / "live")
    assert not (tmp_path / "live").exists()


def test_an_evaluation_is_kept_as_metrics_tables_pictures_and_a_card(run: TrainingRun, market: Path) -> None:
    _register(run, market)

    files = _rest(run.uri, "artifacts/list", run_id=run.run_id, path="evaluation")["files"]
    logged = {
        metric["key"] for metric in _rest(run.uri, "runs/get", run_id=run.run_id)["run"]["data"]["metrics"]
    }
    tables = {"slices.json", "calibration.json", "comparison.json"}
    assert {"MODEL_CARD.md", "residuals.png", "calibration.png", *tables} <= {
        Path(file["path"]).name for file in files
    }
    assert {"test_mdape", "test_coverage", "baseline_mdape"} <= logged


def test_a_new_bundle_is_compared_with_the_champion(
    uri: str, run: TrainingRun, market: Path, tmp_path: Path
) -> None:
    version = _register(run, market)
    versions_in(uri).set_champion(version.version)
    model = PriceModel.load(market / "bundle")

    champion = load_champion(versions_in(uri), into=tmp_path / "production")

    assert champion is not None
    assert champion.name == f"version {version.version}"
    assert champion.model.quote(a_listing()) == model.quote(a_listing())
    assert champion.evaluated is None


def test_the_evaluated_model_is_registered_with_its_evaluation(
    uri: str, run: TrainingRun, market: Path, tmp_path: Path
) -> None:
    evaluation = Path(copytree(market / "evaluation", tmp_path / "evaluation"))
    copytree(market / "bundle", evaluation / EVALUATED_MODEL)
    model = PriceModel.load(market / "bundle")
    replace(model, card=replace(model.card, git_commit="refitted")).save(tmp_path / "bundle")
    store = versions_in(uri)
    version = store.register(run_id=run.run_id, bundle=tmp_path / "bundle", evaluation=evaluation)
    store.set_champion(version.version)

    champion = load_champion(store, into=tmp_path / "production")

    assert champion is not None
    assert champion.model.card.git_commit == "refitted"
    assert champion.evaluated is not None
    assert champion.evaluated.card == model.card


def test_an_unreadable_champion_is_not_compared(
    uri: str, run: TrainingRun, market: Path, tmp_path: Path
) -> None:
    old = Path(copytree(market / "bundle", tmp_path / "old" / "bundle"))
    manifest = json.loads((old / MANIFEST).read_text())
    (old / MANIFEST).write_text(json.dumps(manifest | {"format": 1}))
    store = versions_in(uri)
    version = store.register(run_id=run.run_id, bundle=old, evaluation=market / "evaluation")
    store.set_champion(version.version)

    assert load_champion(store, into=tmp_path / "production") is None


def _run(uri: str, state: Path) -> TrainingRun:
    return start_run(uri=uri, facts=FACTS, state=state)


def _settings(uri: str, folder: Path) -> Settings:
    return Settings(mlflow_tracking_uri=uri, state_dir=folder)
