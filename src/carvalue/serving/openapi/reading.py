"""OpenAPI descriptions of the GET routes: options, the model, health and metrics."""

from dataclasses import asdict

from carvalue.listings import CURRENCY, DISTANCE, FIELD_BY_NAME
from carvalue.pricing.market import Trim
from carvalue.serving.openapi.components import Json, problem_response, ref
from carvalue.serving.openapi.explain import UNITS
from carvalue.serving.options import ModelOption, Options, field_option

OPTIONS = Options(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    makes=("ford", "toyota"),
    regions=("austin",),
    models=(ModelOption(name="f-150", listings=8_683),),
    matching=1,
    fields=(field_option(FIELD_BY_NAME["year"]),),
    trims=(Trim(name="xlt", listings=2_211, share=0.2546),),
)
MODEL: Json = {
    **UNITS,
    "name": "vehicles-price-model",
    "version": "3",
    "run_id": "0f3c9d1e5b7a4c0f8d2e6b1a9c3f5e7d",
    "registry": "up",
    "age_days": 12.4,
    "data_age_days": 17.0,
    "card": {
        "data_source": "kaggle",
        "data_as_of": "2021-05-04",
        "trained_at": "2021-05-09T08:00:00+00:00",
        "metrics": {"mdape": 0.126},
    },
    "test": {"rows": 52_110, "mdape": 0.131},
    "vocabulary": {"makes": 42, "models": 1_593, "regions": 404},
}
READY: Json = {
    "status": "ready",
    "down": {},
    "degraded": {"registry": "down"},
    "model": {"version": "3", "age_days": 12.4, "data_age_days": 17.0},
}
NOT_READY: Json = {
    "status": "not ready",
    "down": {"model": "nothing in production yet"},
    "degraded": {},
    "model": None,
}
METRICS = 'carvalue_quotes_total{version="3"} 17.0\n'


def options_operation() -> dict[str, object]:
    """Describe `GET /options`: an example, and that it needs a model.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    return {"responses": {**_answered(asdict(OPTIONS), "Options"), **_needs_model()}}


def model_operation() -> dict[str, object]:
    """Describe `GET /model`: an example.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    return {"responses": {**_answered(MODEL, "Model"), **_needs_model()}}


def health_operation() -> dict[str, object]:
    """Describe `GET /healthz`: an example.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    return {"responses": _answered({"status": "alive"}, "Health")}


def ready_operation() -> dict[str, object]:
    """Describe `GET /readyz`: an example.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    not_ready = {
        "description": "The service cannot quote.",
        "content": {"application/json": {"schema": ref("Readiness"), "example": NOT_READY}},
    }
    return {"responses": {**_answered(READY, "Readiness"), "503": not_ready}}


def metrics_operation() -> dict[str, object]:
    """Describe `GET /metrics`: an example.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    content = {"text/plain": {"schema": {"type": "string"}, "example": METRICS}}
    return {"responses": {"200": {"description": "The metrics of all workers.", "content": content}}}


def _answered(example: object, schema: str) -> dict[str, object]:
    return {"200": {"content": {"application/json": {"schema": ref(schema), "example": example}}}}


def _needs_model() -> dict[str, object]:
    return {"503": problem_response("There is no model in production yet.")}
