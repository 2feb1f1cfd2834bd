"""A link is previewed with the price of its car; everything else passes unchanged."""

from functools import partial

import httpx
import pytest
from msgspec import to_builtins
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from answers import a_problem, a_quote_json
from carvalue.api.examples import STORED_QUOTE
from carvalue.client import PriceServiceClient
from carvalue.web.link_preview import LinkPreview, quote_preview

QUOTE_ID = "0" * 31 + "a"
HTML = "<!DOCTYPE html><html><head><title>Streamlit</title></head><body>" + "x" * 5_000 + "</body></html>"
STORED = to_builtins(STORED_QUOTE) | {
    "quote": a_quote_json(price=22_041, low=15_821, high=30_313, data_as_of="2021-04-29", quote_id=QUOTE_ID),
    "listing": {"manufacturer": "ford", "model": '"><script>x', "year": 2015},
}


async def document(_: Request) -> Response:
    return HTMLResponse(HTML, headers={"ETag": "old"})


async def file(_: Request) -> Response:
    return PlainTextResponse("<title>Streamlit</title>")


def page(status: int) -> TestClient:
    """The page, whose price service answers a stored quote with this status."""
    answer = httpx.Response(status, json=STORED if status == 200 else a_problem(detail="no"))
    service = PriceServiceClient("http://prices", transport=httpx.MockTransport(lambda _: answer))
    preview = Middleware(LinkPreview, describe=partial(quote_preview, service))
    routes = [Route("/static/x.js", file), Route("/{path:path}", document)]
    return TestClient(Starlette(routes=routes, middleware=[preview, Middleware(GZipMiddleware)]))


def test_the_link_of_a_quote_has_the_car_and_its_price() -> None:
    answer = page(200).get(f"/?quote={QUOTE_ID}")

    assert "&quot;&gt;&lt;script&gt;x: $22,041" in answer.text
    assert "<script>" not in answer.text
    assert 'property="og:description" content="Asking price from $15,821 to $30,313.' in answer.text
    assert answer.text.endswith("</body></html>")
    assert "etag" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/", 200), (f"/?quote={QUOTE_ID}", 404), ("/?quote=x", 200)])
def test_other_links_say_what_the_page_is_for(path: str, status: int) -> None:
    answer = page(status).get(path)

    assert "<title>What is your car worth? \N{EN DASH} carvalue</title>" in answer.text
    assert "Streamlit" not in answer.text


def test_files_pass_unchanged() -> None:
    assert page(200).get("/static/x.js").text == "<title>Streamlit</title>"
