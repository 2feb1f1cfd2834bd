"""The endpoints of the API: each one only translates between HTTP and a function of the service."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from msgspec import convert
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from carvalue.api import (
    ROUTES,
    Health,
    Model,
    ModelAge,
    Options,
    OptionsQuery,
    PublicModelCard,
    Readiness,
)
from carvalue.listings import CURRENCY, DISTANCE, normalize_text
from carvalue.serving import explain, predict
from carvalue.serving.feedback import store_feedback
from carvalue.serving.http import json_response, read_query, render_accuracy
from carvalue.serving.model import LoadedModel, model_age
from carvalue.serving.options import options, vocabulary_sizes
from carvalue.serving.ratings import store_rating
from carvalue.serving.service import ServiceState
from carvalue.serving.stored_quotes import answer_stored_quote, delete_stored_quote

Endpoint = Callable[[Request, ServiceState], Awaitable[Response]]


async def post_predict(request: Request, service: ServiceState) -> Response:
    """Quote one listing, or a list of them."""
    return await predict.answer_predict(request, service.quotes)


async def post_batch(request: Request, service: ServiceState) -> Response:
    """Quote every row of a file."""
    return await service.batches.answer(request)


async def post_explain(request: Request, service: ServiceState) -> Response:
    """Quote one listing, with reasons and similar cars."""
    return await explain.answer_explain(request, canary=service.canary, quotes=service.quotes)


async def post_distribution(request: Request, service: ServiceState) -> Response:
    """Answer the distribution of the asking price of one listing."""
    return await explain.answer_distribution(request, canary=service.canary)


async def post_curves(request: Request, service: ServiceState) -> Response:
    """Answer the price of one listing over its miles and its year."""
    return await explain.answer_curves(request, canary=service.canary)


async def post_missing(request: Request, service: ServiceState) -> Response:
    """Answer what each missing field of one listing would change."""
    return await explain.answer_missing(request, canary=service.canary)


async def post_feedback(request: Request, service: ServiceState) -> Response:
    """Store the sale price of a quoted car."""
    return await store_feedback(request, journal=service.journal, forwarder=service.forwarder)


async def get_quote(request: Request, service: ServiceState) -> Response:
    """Answer a stored quote."""
    return await answer_stored_quote(
        request, journal=service.journal, forwarder=service.forwarder, live=service.live
    )


async def delete_quote(request: Request, service: ServiceState) -> Response:
    """Delete a stored quote."""
    return await delete_stored_quote(request, journal=service.journal, forwarder=service.forwarder)


async def put_rating(request: Request, service: ServiceState) -> Response:
    """Rate a stored quote."""
    return await store_rating(request, journal=service.journal, forwarder=service.forwarder)


async def get_options(request: Request, service: ServiceState) -> Response:
    """Answer the options of a form."""
    return json_response(_options(service, read_query(request, OptionsQuery)))


def _options(service: ServiceState, query: OptionsQuery) -> Options:
    return options(
        service.live.current().model,
        make=normalize_text(query.make),
        search=normalize_text(query.q),
        limit=query.limit,
        trims_for=normalize_text(query.model),
    )


async def get_model(_: Request, service: ServiceState) -> Response:
    """Answer version, age and card of the model in use."""
    loaded = service.live.current()
    return json_response(
        Model(
            currency=CURRENCY.code,
            distance_unit=DISTANCE.unit,
            name=loaded.version.name,
            version=str(loaded.version.version),
            run_id=loaded.version.run_id,
            registry=service.live.registry_state,
            **model_age(loaded, now=datetime.now(UTC)),
            card=convert(loaded.model.card, PublicModelCard, from_attributes=True),
            test=loaded.version.test,
            vocabulary=vocabulary_sizes(loaded.model),
        )
    )


async def get_accuracy(_: Request, service: ServiceState) -> Response:
    """Answer the page about the accuracy of the model in use."""
    loaded = service.live.current()
    return HTMLResponse(render_accuracy(loaded.model.card, version=str(loaded.version.version)))


async def get_healthz(_: Request, __: ServiceState) -> Response:
    """Answer that the process is alive."""
    return json_response(Health(status="alive"))


async def get_readyz(_: Request, service: ServiceState) -> Response:
    """Answer whether the service can quote, and what is down."""
    down = service.down()
    readiness = Readiness(
        status="not ready" if down else "ready",
        down=down,
        degraded=service.degraded(),
        model=None if down else _age(service.live.current()),
    )
    return json_response(readiness, HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK)


def _age(loaded: LoadedModel) -> ModelAge:
    return ModelAge(version=str(loaded.version.version), **model_age(loaded, now=datetime.now(UTC)))


async def get_metrics(_: Request, service: ServiceState) -> Response:
    """Answer the metrics in the text format of Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.__name__: endpoint
    for endpoint in (
        *(post_predict, post_batch, post_explain, post_distribution, post_curves, post_missing),
        *(post_feedback, get_quote, delete_quote, put_rating, get_options, get_model, get_accuracy),
        *(get_healthz, get_readyz, get_metrics),
    )
}
"""Name of a route -> its endpoint."""


def api_routes() -> list[Route]:
    """Build Starlette's routes from the table of the contract.

    Returns:
        A route for each path; the paths that are called most come first.
    """
    return [
        Route(path, partial(_answer, path=route.path, endpoint=ENDPOINTS[route.name]), methods=[route.method])
        for route in ROUTES
        for path in route.paths
    ]


async def _answer(request: Request, *, path: str, endpoint: Endpoint) -> Response:
    request.scope["api_path"] = path  # for metrics and log
    return await endpoint(request, request.state.service)
