"""The recipes of the page on extensions work: their package is installed, and carvalue uses it."""

import json
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.listings.sources import KaggleRequest, RawListings, SampleRequest, SourceFailed, fetch_listings
from carvalue.listings.synthetic import write_sample
from carvalue.monitoring.alerting import BadAlertUrl, DeliveryFailed, notifiers_from_urls
from carvalue.monitoring.alerting.store import Alert
from carvalue.registry.gates import gather_evidence, run_gates
from carvalue.registry.gates.judge import GATES
from carvalue.settings import Settings
from markets import a_bundle, a_market
from tutorials import blocks
from waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "extend.md"


def block(start: str) -> str:
    """Return the one Python block whose code has a text."""
    (found,) = (one.code for one in blocks("python", pages=[PAGE]) if start in one.code)
    return found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the package of the page as an installer does: modules, and entry points as metadata."""
    site = tmp_path / "site"
    for one in blocks("file", pages=[PAGE]):
        path = site / one.how.split()[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.code, encoding="utf-8")
    metadata = site / "carvalue_shop-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: carvalue-shop\nVersion: 1.0\n")
    declared = tomllib.loads((site / "pyproject.toml").read_text())["project"]["entry-points"]
    groups = (
        "\n".join((f"[{group}]", *(f"{name} = {target}" for name, target in points.items())))
        for group, points in declared.items()
    )
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(site)
    yield site
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]


def fetched(source: str, into: Path) -> RawListings:
    return fetch_listings(
        source=source, into=into, kaggle=KaggleRequest(dataset="nobody/nothing"), sample=SampleRequest()
    )


@pytest.mark.usefixtures("shop")
def test_a_source_reads_a_table_of_a_database(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample.csv", rows=1_000, seed=1)
    rows = pl.read_csv(tmp_path / "sample.csv", infer_schema=False)
    with closing(sqlite3.connect(tmp_path / "dealer.db")) as database, database:
        database.execute(f"CREATE TABLE stock ({', '.join(rows.columns)})")
        places = ", ".join("?" * rows.width)
        database.executemany(f"INSERT INTO stock VALUES ({places})", rows.rows())  # noqa: S608
    source = f"stock://{tmp_path}/dealer.db"

    raw = fetched(Settings(state_dir=tmp_path, data_source=source).data_source, tmp_path / "raw")

    assert pl.read_csv(raw.path, infer_schema=False).fill_null("").equals(rows.fill_null(""))
    assert (raw.kind, raw.description) == ("file", "stock: file stock.csv")


@pytest.mark.usefixtures("shop")
def test_a_source_that_cannot_be_read_is_an_expected_error(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"The stock in /nowhere.db cannot be read: unable to open"):
        fetched("stock:///nowhere.db", tmp_path / "raw")


@pytest.mark.usefixtures("shop")
def test_an_unknown_source_is_refused_with_those_that_are_installed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"reads 'hourly' addresses .*installed: stock"):
        Settings(state_dir=tmp_path, data_source="hourly:///data")


def test_a_gate_is_run_after_the_others_and_fails_closed(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "market"
    bundle = a_bundle(folder)
    evidence = gather_evidence(
        bundle=bundle, train=folder / "train.parquet", test=folder / "test.parquet", champion=None
    )

    decision = run_gates(evidence)
    wide = run_gates(replace(evidence, quoted=evidence.quoted.with_columns(high=pl.col("quoted") * 9)))
    del sys.modules["shop.narrow_ranges"]
    (shop / "shop" / "narrow_ranges.py").write_text("import no_such_module\n")
    broken = run_gates(evidence)

    assert decision.promote, decision.reasons
    assert [gate.name for gate in decision.gates][len(GATES) :] == ["narrow ranges"]
    assert "narrow ranges" in [gate.name for gate in wide.gates if not gate.passed]
    assert not broken.promote
    assert broken.reasons == ("could not be run: ModuleNotFoundError No module named 'no_such_module'",)


@pytest.mark.usefixtures("shop")
def test_a_notifier_is_chosen_by_the_scheme_of_its_url(tmp_path: Path) -> None:
    began = datetime(2026, 11, 29, 8, tzinfo=UTC)
    alert = Alert(key="k", kind="drift", severity="warning", title="Prices moved", text="", since=began)
    console, file = notifiers_from_urls(["console:", f"ndjson://{tmp_path}/alerts.ndjson"])

    file.notify(alert)
    file.notify(replace(alert, resolved_at=began))

    lines = [json.loads(line) for line in (tmp_path / "alerts.ndjson").read_text().splitlines()]
    assert (console.name, file.name) == ("console", "file alerts.ndjson")
    assert [line["status"] for line in lines] == ["firing", "resolved"]
    (unwritable,) = notifiers_from_urls([f"ndjson://{tmp_path}/nowhere/alerts.ndjson"])
    with pytest.raises(DeliveryFailed, match="No such file"):
        unwritable.notify(alert)
    with pytest.raises(BadAlertUrl, match="none of an installed extension: ndjson"):
        notifiers_from_urls(["ftp://example.com"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_trees_are_trained_with_lightgbm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_market(rows=400).write_parquet(tmp_path / "listings.parquet")
    monkeypatch.chdir(tmp_path)

    names: dict[str, object] = {}
    exec(compile(block('booster="lightgbm"'), str(PAGE), "exec"), names)  # noqa: S102

    assert "lightgbm" in sys.modules
    assert capsys.readouterr().out.count("[") >= 2


def test_another_orchestrator_runs_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DATA_SOURCE", "sample")
    monkeypatch.setenv("SAMPLE_ROWS", "2000")

    exec(compile(block("run_flow(CREATES_DATASETS)"), str(PAGE), "exec"), {})  # noqa: S102

    (manifest,) = (tmp_path / "storage" / "datasets").glob("*/manifest.json")
    assert json.loads(manifest.read_text())


def test_another_registry_names_the_version_that_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bundle(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))

    names: dict[str, object] = {}
    exec(compile(block("InMemoryVersions()"), str(PAGE), "exec"), names)  # noqa: S102

    with TestClient(names["service"], base_url="http://localhost") as client:  # type: ignore[arg-type]
        until(lambda: client.get("/readyz").is_success)
        assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"


def test_every_block_of_the_page_is_run() -> None:
    assert {one.how.split()[0] for one in blocks(pages=[PAGE])} == {"file", "python"}
    assert len(blocks(pages=[PAGE])) == 7
