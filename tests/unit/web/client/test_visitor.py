"""The page names its visitor to the price service by the address that nobody but its proxy can write."""

import httpx
import pytest
from msgspec import to_builtins

from carvalue.api.examples import STORED_FEEDBACK
from carvalue.client.price_service import PriceServiceClient
from carvalue.web.client.visitor import current_visitor, visitor_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("8.8.8.8", [], "8.8.8.8"),
        ("8.8.8.8", ["9.9.9.9"], "8.8.8.8"),  # no proxy: the visitor wrote the header
        ("2a00:1450::1", ["9.9.9.9"], "2a00:1450::1"),
        (None, ["9.9.9.9"], "9.9.9.9"),  # a proxy on this machine
        ("172.18.0.5", ["9.9.9.9"], "9.9.9.9"),
        ("172.18.0.5", ["1.1.1.1, 9.9.9.9"], "9.9.9.9"),  # the proxy appended the last entry
        ("172.18.0.5", ["1.1.1.1", "9.9.9.9"], "9.9.9.9"),
        ("172.18.0.5", ["10.0.0.9"], "10.0.0.9"),  # a visitor of the same network, behind the proxy
        ("172.18.0.5", ["9.9.9.9, unknown"], "172.18.0.5"),
        ("172.18.0.5", [], "172.18.0.5"),
        (None, [], None),
        (None, [""], None),
    ],
)
def test_the_address_of_the_connection_or_the_last_entry_of_the_proxy(
    peer: str | None, forwarded: list[str], visitor: str | None
) -> None:
    assert visitor_address(peer, forwarded) == visitor


def test_outside_of_a_script_there_is_no_visitor() -> None:
    assert current_visitor() is None


def test_each_request_names_its_own_visitor() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=to_builtins(STORED_FEEDBACK))

    visitors = iter(["192.0.2.1", None, "192.0.2.2"])
    client = PriceServiceClient(
        "http://prices", visitor=lambda: next(visitors), transport=httpx.MockTransport(answer)
    )
    for _ in range(3):
        client.report_sale("a" * 32, 9_000)

    assert [request.headers.get("x-visitor") for request in requests] == ["192.0.2.1", None, "192.0.2.2"]
