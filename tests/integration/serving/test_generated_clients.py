"""Clients that are generated from the OpenAPI document call every route, and get typed answers."""

import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import polars as pl
import pytest

from carvalue.api.batch import REQUEST_CSV
from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.serving.batch.formats import FORMATS
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "how-to" / "generate-clients.md"
TYPESCRIPT = Path(__file__).with_name("typescript")
LIMIT_S = 300


class Service(NamedTuple):
    """A running price service: its address, a key, and its OpenAPI document."""

    url: str
    key: str
    document: Path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("platform")
    registry = FakeRegistry()
    registry.promote(a_bundle(folder / "market"), version=3)
    chosen = Settings(state_dir=folder / "state", service_keys_file=folder / "keys")
    key, _ = KeyFile(chosen.service_keys_file).add("shop", today=date(2026, 11, 29))
    with serving(create_app(chosen, registry=registry, access_log=StringIO())) as client:
        until(lambda: client.get("/readyz").is_success)
        document = folder / "openapi.json"
        document.write_bytes(client.get("/openapi.json").content)
        yield Service(str(client.base_url), key, document)


def run(*command: str, cwd: Path) -> str:
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the generator calls ruff
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"PATH": scripts},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def block(language: str) -> str:
    """Return the first block of the guide in a language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def package(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate the Python client as the guide says; import it."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "client.yaml").write_text(block("yaml"), encoding="utf-8")
    command = ["generate", "--path", str(service.document), "--config", "client.yaml", "--meta", "none"]
    command += ["--output-path", "price_client"]
    shown = run(sys.executable, "-m", "openapi_python_client", *command, cwd=folder)
    assert shown.count("WARNING") == shown.count("Unsupported content type application/") == len(FORMATS) - 1
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("price_client")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "price_client"]:
            del sys.modules[name]


def test_a_python_client_calls_every_route(service: Service, package: ModuleType) -> None:
    models = importlib.import_module("price_client.models")
    types = importlib.import_module("price_client.types")
    api = importlib.import_module("price_client.api")
    routes = {
        found.name.rsplit(".", 1)[1]: importlib.import_module(found.name)
        for found in pkgutil.walk_packages(api.__path__, "price_client.api.")
        if not found.ispkg
    }
    authenticated = package.AuthenticatedClient(
        service.url,
        token=service.key,
        prefix="",
        auth_header_name="X-API-Key",
        raise_on_unexpected_status=True,
    )
    called = set()

    def call(route: str, *path: str, **sent: Any) -> Any:
        called.add(route)
        return routes[route].sync(*path, client=authenticated, **sent)

    with authenticated:
        listing = models.Listing.from_dict(EXAMPLE)
        quote = call("post_predict", body=listing)
        several = call("post_predict", body=[listing, listing])
        explained = call("post_explain", body=listing)
        curves = call("post_curves", body=listing, odometer=[50_000, 60_000])
        distribution = call("post_distribution", body=listing, asking_price=9_000)
        missing = call("post_missing", body=models.Listing(make="ford", model="f-150", year=2015))
        feedback = call("post_feedback", body=models.Feedback(quote_id=quote.quote_id, sale_price=9_000))
        rating = call("put_rating", quote.quote_id, body=models.Rating(rating=models.RatingChoice.USEFUL))
        stored = call("get_quote", quote.quote_id)
        options = call("get_options", make="ford")
        model = call("get_model")
        batch = call("post_batch", body=types.File(payload=BytesIO(REQUEST_CSV.encode())))
        ready = call("get_readyz")
        metrics = call("get_metrics")
        accuracy = call("get_accuracy")
        health = call("get_healthz")
        called.add("delete_quote")
        deleted = routes["delete_quote"].sync_detailed(quote.quote_id, client=authenticated)
        gone = call("get_quote", quote.quote_id)
        refused = call("post_predict", body=models.Listing(make="ford", model="f-150", year=1))

    answers = (
        quote,
        explained,
        curves,
        distribution,
        missing,
        feedback,
        rating,
        stored,
        options,
        model,
        batch,
        ready,
    )
    assert [type(answer).__name__ for answer in answers] == [
        "Quote",
        "ExplainedQuote",
        "Curves",
        "Distribution",
        "MissingAnswers",
        "StoredFeedback",
        "StoredRating",
        "StoredQuote",
        "Options",
        "Model",
        "File",
        "Readiness",
    ]
    assert [type(one).__name__ for one in several] == ["Quote", "Quote"]
    assert {answer.currency for answer in (quote, explained, curves, missing, feedback, stored, options)} == {
        "USD"
    }
    assert {answer.distance_unit for answer in (explained, curves, missing, stored, options, model)} == {
        "miles"
    }
    reasons = explained.reasons
    assert reasons.start + sum(reason.amount for reason in reasons.items) == explained.quote.price
    assert [point.value for point in curves.odometer] == [50_000, 60_000]
    assert distribution.asking.price == 9_000
    assert [quantile.price for quantile in distribution.quantiles][3] == quote.price
    assert stored.rating == "useful"
    assert stored.listing.model == EXAMPLE["model"]
    assert pl.read_csv(batch.payload)["price"].null_count() == 1  # one of its two rows cannot be read
    assert health.status == "alive"
    assert ready.model.version == model.version == "3"
    assert "carvalue_quotes_total" in metrics
    assert "How good are these prices?" in accuracy
    assert deleted.status_code == 204
    assert (type(gone).__name__, gone.status) == ("Problem", 404)
    assert [error.field for error in refused.errors] == ["year"]
    assert called == routes.keys() == operations(service)


def operations(service: Service) -> set[str]:
    document = json.loads(service.document.read_text(encoding="utf-8"))
    return {
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    }


def test_the_python_example_of_the_guide_runs(
    service: Service, package: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code = block("python").replace("http://localhost:9696", service.url).replace("YOUR KEY", service.key)

    exec(compile(code, str(GUIDE), "exec"), {})  # noqa: S102

    price, currency = capsys.readouterr().out.split()
    assert int(price) > 0
    assert currency == "USD"


def test_every_object_of_the_document_has_a_name(service: Service) -> None:
    document = json.loads(service.document.read_text(encoding="utf-8"))

    def unnamed(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if value.get("type") == "object" and "properties" in value:
                yield value
            for key, part in value.items():
                if key not in {"example", "examples"}:
                    yield from unnamed(part)
        elif isinstance(value, list):
            for part in value:
                yield from unnamed(part)

    assert list(unnamed(document["paths"])) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm and its registry")
def test_a_typescript_client_calls_every_route(service: Service, tmp_path: Path) -> None:
    shutil.copytree(TYPESCRIPT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "guide.ts").write_text(
        block("ts").replace("http://localhost:9696", service.url).replace("YOUR KEY", service.key)
        + "console.log(`guide ${(data as { price: number }).price} ${error}`);\n",
        encoding="utf-8",
    )

    run("npm", "ci", "--no-audit", "--no-fund", cwd=tmp_path)
    run("npx", "openapi-typescript", str(service.document), "--output", "price-service.d.ts", cwd=tmp_path)
    run("npx", "tsc", cwd=tmp_path)  # strict types of what is sent and answered
    shown = json.loads(run("node", "every-route.js", service.url, service.key, cwd=tmp_path))

    assert shown.pop("refused") == ["year"]
    assert shown.pop("gone") == 404
    assert set(shown) == operations(service)
    assert [name for name, answer in shown.items() if not answer] == []
    assert re.fullmatch(r"guide \d+ undefined\n", run("node", "guide.js", cwd=tmp_path))
