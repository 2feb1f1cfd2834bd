"""A service that runs is not ready while the model in production cannot be used."""

import httpx
import pytest

from carvalue.platform.health import not_ready
from carvalue.platform.spec import HealthCheck

CHECK = HealthCheck(url="http://127.0.0.1/healthz", ready="http://127.0.0.1/readyz")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"down": {}}', ""),
        ('{"down": {"model": "nothing in production yet"}}', ""),
        (
            '{"down": {"model": "version 3 cannot be used: bundle format 7"}}',
            "version 3 cannot be used: bundle format 7",
        ),
        ("<html>", ""),
    ],
)
def test_what_a_service_lacks_is_shown(body: str, expected: str) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503, text=body))) as client:
        assert not_ready(client, CHECK) == expected


def test_a_service_without_such_a_url_is_ready() -> None:
    with httpx.Client() as client:
        assert not_ready(client, HealthCheck(url=CHECK.url)) == ""
