"""The price service keeps its contract: Schemathesis sends a real server what the OpenAPI document allows and
forbids; every answer is documented, and none has status 500.
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection

from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

EXAMPLES = 10  # of each operation, besides those that walk along the edges of every field


def the_document() -> dict[str, Any]:
    """Give the OpenAPI document without starting the service: pytest wants one test for each operation."""
    app = create_app(Settings(state_dir=Path("nowhere")), registry=FakeRegistry(), access_log=StringIO())

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client:
            return await client.get("/openapi.json")

    found: dict[str, Any] = asyncio.run(ask()).json()
    return found


# of other scripts, the contract's patterns do not list what is no letter
ONE_SCRIPT = schemathesis.Config.from_dict({"generation": {"codec": "latin-1"}})
# a file starts a process to read it, and tests/unit/serving/batch/test_batches.py sends those that matter
promised = schemathesis.openapi.from_dict(the_document(), config=ONE_SCRIPT).exclude(path="/v1/predict/batch")


@pytest.fixture(scope="module")
def asked_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Start a service that asks for keys; give its address and a key as `call_and_validate` takes them."""
    folder = tmp_path_factory.mktemp("platform")
    registry = FakeRegistry()
    registry.promote(a_bundle(folder / "market"), version=3)
    chosen = Settings(state_dir=folder / "state", service_keys_file=folder / "keys", rate_limit=100_000)
    key, _ = KeyFile(chosen.service_keys_file).add("schemathesis", today=date(2026, 11, 24))
    with serving(create_app(chosen, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield {"base_url": str(client.base_url), "headers": {"X-API-Key": key}}


@promised.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_its_contract(case: schemathesis.Case, asked_with_key: dict[str, Any]) -> None:
    # it takes 413 for an acceptance, and a service may take more than it promises
    case.call_and_validate(**asked_with_key, excluded_checks=[negative_data_rejection])
