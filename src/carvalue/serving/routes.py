"""The routes: each one translates between HTTP and a use case, and nothing else."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from carvalue.serving import explain, predict
from carvalue.serving.feedback import store_feedback
from carvalue.serving.model import LoadedModel, model_age
from carvalue.serving.openapi import (
    batch_operation,
    curves_operation,
    explain_operation,
    feedback_operation,
    health_operation,
    metrics_operation,
    model_operation,
    options_operation,
    predict_operation,
    problem_response,
    ready_operation,
)
from carvalue.serving.options import Options, options, vocabulary_sizes
from carvalue.serving.requests import MAX_TEXT, normalize_text
from carvalue.serving.service import ServiceState

PREDICT = "/predict"
MAX_OFFERS = 500  # a select with thousands of options crawls


class PlainRoute(APIRoute):
    """A documented route without FastAPI's own reading of parameters and bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Give the endpoint as it is."""
        handler: Callable[[Request], Coroutine[object, object, Response]] = self.endpoint
        return handler


plain = APIRouter(route_class=PlainRoute)
documented = APIRouter()
operation = APIRouter()
"""What is asked without a key."""


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
    return await predict.answer_predict(request, _service(request).quoting)


@plain.post(
    "/predict/batch",
    tags=["quotes"],
    summary="Quote every row of a file",
    openapi_extra=batch_operation(),
    response_class=Response,
)
async def post_batch(request: Request) -> Response:
    """A row that cannot be priced keeps its place with a reason; unknown columns are ignored."""
    return await _service(request).batches.answer(request)


@plain.post(
    "/explain",
    tags=["quotes"],
    summary="Quote one listing, with reasons and similar cars",
    openapi_extra=explain_operation(),
)
async def post_explain(request: Request) -> Response:
    """The reasons' dollars and their start add up to the price."""
    service = _service(request)
    return await explain.post_reasons(request, live=service.live, quoting=service.quoting)


@plain.post(
    "/curves",
    tags=["quotes"],
    summary="The price of one listing over its miles and its year",
    openapi_extra=curves_operation(),
)
async def post_curves(request: Request) -> Response:
    """What-ifs: they are not recorded as quotes."""
    return await explain.post_curves(request, live=_service(request).live)


@plain.post(
    "/feedback",
    tags=["quotes"],
    summary="Say what a quoted car was sold for",
    openapi_extra=feedback_operation(),
)
async def post_feedback(request: Request) -> Response:
    """The price in whole dollars; told again, the last word counts."""
    service = _service(request)
    return await store_feedback(request, journal=service.journal, replay=service.replay)


@documented.get(
    "/options",
    tags=["quotes"],
    summary="What a form can offer",
    responses={422: dict(problem_response("The query cannot be used."))},
    openapi_extra=options_operation(),
)
async def get_options(
    request: Request,
    make: Annotated[str, Query(max_length=MAX_TEXT, examples=["ford"])] = "",
    q: Annotated[str, Query(max_length=MAX_TEXT, examples=["f-1"])] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_OFFERS)] = 50,
) -> Options:
    """Makes, the models of a make that match `q`, and every field with its range; most frequent first."""
    model = _service(request).live.in_use().model
    return options(model, make=normalize_text(make), search=normalize_text(q), limit=limit)


@documented.get("/model", tags=["model"], summary="The model in use", openapi_extra=model_operation())
async def get_model(request: Request) -> Mapping[str, object]:
    """Version, age and card of the model: where its data came from, how accurate it is, what its limits are.

    `card.metrics` are of the validation rows, `test` of the rows that nothing was tuned on.
    """
    live = _service(request).live
    in_use = live.in_use()
    return {
        "name": in_use.version.name,
        "version": str(in_use.version.version),
        "run_id": in_use.version.run_id,
        "registry": live.registry_state,
        **model_age(in_use, now=datetime.now(UTC)),
        "card": in_use.model.card.as_json(),
        "test": in_use.version.test,
        "vocabulary": vocabulary_sizes(in_use.model),
    }


@operation.head("/healthz", include_in_schema=False)
@operation.get(
    "/healthz",
    tags=["operation"],
    summary="Is the process alive",
    openapi_extra=health_operation(),
)
async def get_healthz() -> Mapping[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "alive"}


@operation.head("/readyz", include_in_schema=False)
@operation.get("/readyz", tags=["operation"], summary="Can it quote", openapi_extra=ready_operation())
async def get_readyz(request: Request) -> Response:
    """200 when quotes are answered, 503 naming what is down when not."""
    service = _service(request)
    down = service.down()
    status = HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK
    body = {
        "status": "not ready" if down else "ready",
        "down": down,
        "degraded": service.degraded(),
        "model": None if down else _model_in_short(service.live.in_use()),
    }
    return JSONResponse(body, status)


def _model_in_short(in_use: LoadedModel) -> Mapping[str, object]:
    return {"version": str(in_use.version.version), **model_age(in_use, now=datetime.now(UTC))}


@operation.get(
    "/metrics",
    tags=["operation"],
    summary="Counters for Prometheus",
    openapi_extra=metrics_operation(),
    response_class=PlainTextResponse,
)
async def get_metrics(request: Request) -> Response:
    """The text format of Prometheus."""
    return Response(_service(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
