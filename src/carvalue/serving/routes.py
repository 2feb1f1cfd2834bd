"""The routes of the API: each one only translates between HTTP and a function of the service."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from carvalue.listings import MAX_TEXT, normalize_text
from carvalue.serving import explain, predict
from carvalue.serving.feedback import store_feedback
from carvalue.serving.model import LoadedModel, model_age
from carvalue.serving.openapi import (
    batch_operation,
    curves_operation,
    delete_quote_operation,
    distribution_operation,
    explain_operation,
    feedback_operation,
    health_operation,
    metrics_operation,
    missing_operation,
    model_operation,
    options_operation,
    predict_operation,
    problem_response,
    rating_operation,
    ready_operation,
    stored_quote_operation,
)
from carvalue.serving.options import Options, options, vocabulary_sizes
from carvalue.serving.ratings import store_rating
from carvalue.serving.service import ServiceState
from carvalue.serving.stored_quotes import answer_stored_quote, delete_stored_quote

PREDICT = "/predict"
MAX_MODELS = 500  # a select with thousands of options is slow


class PlainRoute(APIRoute):
    """A documented route whose endpoint reads the request itself, without FastAPI's validation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Return the endpoint unchanged."""
        handler: Callable[[Request], Coroutine[object, object, Response]] = self.endpoint
        return handler


plain = APIRouter(route_class=PlainRoute)
documented = APIRouter()
operation = APIRouter()
"""Routes that need no key."""


def _service(request: Request) -> ServiceState:
    service: ServiceState = request.state.service
    return service


@plain.post(
    PREDICT,
    tags=["quotes"],
    summary="Quote one listing, or a list of them",
    openapi_extra=predict_operation(),
)
async def post_predict(request: Request) -> Response:
    """See the examples; `make` may be called `manufacturer` as well."""
    return await predict.answer_predict(request, _service(request).quotes)


@plain.post(
    "/predict/batch",
    tags=["quotes"],
    summary="Quote every row of a file",
    openapi_extra=batch_operation(),
    response_class=Response,
)
async def post_batch(request: Request) -> Response:
    """A row that cannot be priced stays in the answer, with a reason; unknown columns are ignored."""
    return await _service(request).batches.answer(request)


@plain.post(
    "/explain",
    tags=["quotes"],
    summary="Quote one listing, with reasons and similar cars",
    openapi_extra=explain_operation(),
)
async def post_explain(request: Request) -> Response:
    """`start` and the amounts of all reasons add up to the price."""
    service = _service(request)
    return await explain.answer_explain(request, live=service.live, quotes=service.quotes)


@plain.post(
    "/distribution",
    tags=["quotes"],
    summary="The distribution of the asking price of one listing",
    openapi_extra=distribution_operation(),
)
async def post_distribution(request: Request) -> Response:
    """Quantiles, and how an asking price ranks among those of such listings; nothing is stored."""
    return await explain.answer_distribution(request, live=_service(request).live)


@plain.post(
    "/curves",
    tags=["quotes"],
    summary="The price of one listing over its miles and its year",
    openapi_extra=curves_operation(),
)
async def post_curves(request: Request) -> Response:
    """What-if prices: they are not stored as quotes."""
    return await explain.answer_curves(request, live=_service(request).live)


@plain.post(
    "/missing",
    tags=["quotes"],
    summary="What each missing field of one listing would change",
    openapi_extra=missing_operation(),
)
async def post_missing(request: Request) -> Response:
    """For each field that the listing lacks, the price with each value; nothing is stored."""
    return await explain.answer_missing(request, live=_service(request).live)


@plain.post(
    "/feedback",
    tags=["quotes"],
    summary="Report the sale price of a quoted car",
    openapi_extra=feedback_operation(),
)
async def post_feedback(request: Request) -> Response:
    """The price is in the market's currency; a later price of the same quote replaces an earlier one."""
    service = _service(request)
    return await store_feedback(request, journal=service.journal, forwarder=service.forwarder)


@plain.get(
    "/quotes/{quote_id}",
    tags=["quotes"],
    summary="Read a stored quote",
    openapi_extra=stored_quote_operation(),
)
async def get_quote(request: Request) -> Response:
    """Whoever knows the id can read it. The explanation is null once another model is in production."""
    service = _service(request)
    return await answer_stored_quote(
        request, journal=service.journal, forwarder=service.forwarder, live=service.live
    )


@plain.delete(
    "/quotes/{quote_id}",
    tags=["quotes"],
    summary="Delete a stored quote",
    openapi_extra=delete_quote_operation(),
    status_code=HTTPStatus.NO_CONTENT,
)
async def delete_quote(request: Request) -> Response:
    """Deletes the quote with its listing, its reported sale and its rating."""
    service = _service(request)
    return await delete_stored_quote(request, journal=service.journal, forwarder=service.forwarder)


@plain.put(
    "/quotes/{quote_id}/rating",
    tags=["quotes"],
    summary="Rate a stored quote",
    openapi_extra=rating_operation(),
)
async def put_rating(request: Request) -> Response:
    """A visitor's opinion of the price; a later rating replaces an earlier one. Ratings change no price."""
    service = _service(request)
    return await store_rating(request, journal=service.journal, forwarder=service.forwarder)


@documented.get(
    "/options",
    tags=["quotes"],
    summary="The options of a form",
    responses={422: dict(problem_response("The query cannot be used."))},
    openapi_extra=options_operation(),
)
async def get_options(
    request: Request,
    make: Annotated[str, Query(max_length=MAX_TEXT, examples=["ford"])] = "",
    q: Annotated[str, Query(max_length=MAX_TEXT, examples=["f-1"])] = "",
    model: Annotated[str, Query(max_length=MAX_TEXT, examples=["f-150"])] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_MODELS)] = 50,
) -> Options:
    """Makes, models of a make that match `q`, trims of a model, and every field; most frequent first."""
    return options(
        _service(request).live.current().model,
        make=normalize_text(make),
        search=normalize_text(q),
        limit=limit,
        trims_for=normalize_text(model),
    )


@documented.get("/model", tags=["model"], summary="The model in use", openapi_extra=model_operation())
async def get_model(request: Request) -> Mapping[str, object]:
    """Version, age and card of the model: the source of its data, its accuracy and its limits.

    `card.metrics` are measured on the validation rows, `test` on rows that were used for no other purpose.
    """
    live = _service(request).live
    loaded = live.current()
    return {
        **explain.UNITS,
        "name": loaded.version.name,
        "version": str(loaded.version.version),
        "run_id": loaded.version.run_id,
        "registry": live.registry_state,
        **model_age(loaded, now=datetime.now(UTC)),
        "card": loaded.model.card.as_json(),
        "test": loaded.version.test,
        "vocabulary": vocabulary_sizes(loaded.model),
    }


@operation.head("/healthz", include_in_schema=False)
@operation.get(
    "/healthz",
    tags=["operation"],
    summary="Whether the process is alive",
    openapi_extra=health_operation(),
)
async def get_healthz() -> Mapping[str, str]:
    """Answers 200 as long as the process can answer at all."""
    return {"status": "alive"}


@operation.head("/readyz", include_in_schema=False)
@operation.get(
    "/readyz", tags=["operation"], summary="Whether the service can quote", openapi_extra=ready_operation()
)
async def get_readyz(request: Request) -> Response:
    """Answers 200 if the service can quote; otherwise 503, with what is down."""
    service = _service(request)
    down = service.down()
    status = HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK
    body = {
        "status": "not ready" if down else "ready",
        "down": down,
        "degraded": service.degraded(),
        "model": None if down else _model_summary(service.live.current()),
    }
    return JSONResponse(body, status)


def _model_summary(loaded: LoadedModel) -> Mapping[str, object]:
    return {"version": str(loaded.version.version), **model_age(loaded, now=datetime.now(UTC))}


@operation.get(
    "/metrics",
    tags=["operation"],
    summary="Metrics for Prometheus",
    openapi_extra=metrics_operation(),
    response_class=PlainTextResponse,
)
async def get_metrics(request: Request) -> Response:
    """In the text format of Prometheus."""
    return Response(_service(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
