"""The routes of the price service, in one table.

The service, its OpenAPI document, the typed client, and the proxies of all deployments are built from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from carvalue.api import examples
from carvalue.api.batch import (
    ANSWER_COLUMNS,
    ANSWER_CSV,
    CSV,
    MEDIA_TYPES,
    NDJSON,
    REQUEST_CSV,
    REQUEST_NDJSON,
)
from carvalue.api.json_schema import Json, list_of, ref, schemas_of
from carvalue.api.messages import OptionsQuery
from carvalue.api.validation import MAX_LISTINGS
from carvalue.listings import CURRENCY, MARKET, NUMBER_FIELDS, NumberField

VERSION_PREFIX = "/v1"
JSON = "application/json"
MAX_BODY_BYTES = 1_048_576  # a thousand full listings need half of it
MAX_ASKING_PRICE = 1_000_000  # for US cars ten times the highest asking price that the model is trained on
MAX_VALUES = 100  # of a query parameter; the range of the years has fewer
ASKING_PRICE = "asking_price"
CURVE_FIELDS = ("odometer", "year")

Access = Literal["key", "open", "private"]
"""Who may call a route: clients with a key, where the service has keys; everyone; the operator's network."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a route.

    Attributes:
        name: Its name.
        place: Where it stands.
        schema: Its JSON schema.
        description: What it means; empty if the name says it.
    """

    name: str
    place: Literal["path", "query"]
    schema: Json
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiRoute:
    """One route.

    Attributes:
        name: Its name in generated clients.
        method: The HTTP method.
        path: The path, without the version.
        tag: The group in the documentation.
        summary: What it does, in a line.
        description: More about it.
        access: Who may call it.
        is_versioned: Whether it has a path under `/v1` as well.
        parameters: Parameters of path and query.
        body: Media type -> schema and examples of the body; empty if the route reads none.
        answers: Status -> description and content.
        problems: Status -> when the route answers an error with it.
        is_upload: Whether the body may be as large as BATCH_LIMIT_MB; any other body has `MAX_BODY_BYTES`.
        timeout_s: How many seconds a proxy waits for the answer.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    tag: Literal["quotes", "model", "operation"]
    summary: str
    description: str
    access: Access = "key"
    is_versioned: bool = True
    parameters: tuple[Parameter, ...] = ()
    body: Json = field(default_factory=dict)
    answers: Mapping[int, Json]
    problems: Mapping[int, str] = field(default_factory=dict)
    is_upload: bool = False
    timeout_s: int = 30

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths of the route, the documented one first."""
        return (VERSION_PREFIX + self.path, self.path) if self.is_versioned else (self.path,)


def _answer(example: msgspec.Struct, description: str = "") -> Json:
    content = {"schema": ref(type(example).__name__), "example": msgspec.to_builtins(example)}
    return {"description": description or type(example).__name__, "content": {JSON: content}}


def _number(field_: NumberField) -> Parameter:
    item = {"type": "integer", "minimum": field_.minimum, "maximum": field_.maximum}
    return Parameter(
        name=field_.name,
        place="query",
        schema={"type": "array", "items": item, "maxItems": MAX_VALUES},
        description="Values to quote exactly, instead of the usual ones.",
    )


def _query(kind: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """Describe the fields of a query as parameters."""
    properties: Any = schemas_of([kind])[kind.__name__]["properties"]
    return tuple(
        Parameter(name=name, place="query", schema=schema, description=schema.pop("description"))
        for name, schema in properties.items()
    )


def _text(example: str) -> Json:
    return {"schema": _FILE, "example": example}


_FILE: Json = {"type": "string", "format": "binary"}
_BODY_PROBLEMS: Mapping[int, str] = {
    400: "The body is not strict JSON.",
    408: "The body did not arrive in time.",
    413: "The body or the list is too large.",
    415: "The body is not declared as JSON.",
}
_ONE_LISTING: Json = {
    JSON: {"schema": ref("Listing"), "examples": {f"one {MARKET.vehicle}": {"value": examples.LISTING}}}
}
_ONE_LISTING_PROBLEMS: Mapping[int, str] = {
    **_BODY_PROBLEMS,
    422: "It is not one listing, or fields are missing, unknown or out of range.",
    503: "There is no model in production yet.",
}
_QUOTE_ID = Parameter(
    name="quote_id", place="path", schema={"type": "string", "example": examples.QUOTE.quote_id}
)
_STORED_PROBLEMS = {404: "There is no such quote.", 503: "The journal is unavailable."}

PREDICT = ApiRoute(
    name="post_predict",
    method="POST",
    path="/predict",
    tag="quotes",
    summary="Quote one listing, or a list of them",
    description="See the examples; `make` may be called `manufacturer` as well.",
    body={
        JSON: {
            "schema": {"oneOf": [ref("Listing"), list_of(ref("Listing")) | {"maxItems": MAX_LISTINGS}]},
            "examples": {
                f"one {MARKET.vehicle}": {"value": examples.LISTING},
                "little known": {"value": examples.BRIEF_LISTING},
                f"several {MARKET.vehicles}": {"value": [examples.LISTING, examples.BRIEF_LISTING]},
            },
        }
    },
    answers={
        200: {
            "description": "One quote for one listing, a list for a list.",
            "content": {
                JSON: {
                    "schema": {"oneOf": [ref("Quote"), list_of(ref("Quote"))]},
                    "example": msgspec.to_builtins(examples.QUOTE),
                }
            },
        }
    },
    problems={
        **_BODY_PROBLEMS,
        422: "Fields are missing, unknown or out of range; `errors` names each.",
        503: "There is no model in production yet, or the disk is full and `ON_FULL_DISK` is `refuse`.",
    },
)
BATCH = ApiRoute(
    name="post_batch",
    method="POST",
    path="/predict/batch",
    tag="quotes",
    summary="Quote every row of a file",
    description="A row that cannot be priced stays in the answer, with a reason. Other columns are ignored.",
    is_upload=True,
    timeout_s=3_600,
    body={
        media_type: {CSV: _text(REQUEST_CSV), NDJSON: _text(REQUEST_NDJSON)}.get(
            media_type, {"schema": _FILE}
        )
        for media_type in MEDIA_TYPES
    },
    answers={
        200: {
            "description": (
                f"{', '.join(ANSWER_COLUMNS)}: a row for each row, in order, in the format of "
                "the request or the one that `Accept` names. An answer that is cut off was not finished. "
                "A price without `quote_id` could not be recorded."
            ),
            "content": {
                media_type: _text(ANSWER_CSV) if media_type == CSV else {"schema": _FILE}
                for media_type in MEDIA_TYPES
            },
        }
    },
    problems={
        406: "`Accept` names other formats only.",
        408: "The body stopped coming.",
        413: "The body is larger than BATCH_LIMIT_MB, or has too many rows.",
        415: "The body is declared as an unknown format, or as compressed.",
        422: "The body is damaged, or has no column of a listing.",
        503: "No model yet, two files are being priced, or the journal is behind.",
        507: "The disk of the service is full.",
    },
)
EXPLAIN = ApiRoute(
    name="post_explain",
    method="POST",
    path="/explain",
    tag="quotes",
    summary="Quote one listing, with reasons and similar cars",
    description="`start` and the amounts of all reasons add up to the price.",
    body=_ONE_LISTING,
    answers={
        200: _answer(
            examples.EXPLAINED_QUOTE,
            "The quote, stored as any other; an explanation of its price; similar cars.",
        )
    },
    problems=_ONE_LISTING_PROBLEMS,
)
DISTRIBUTION = ApiRoute(
    name="post_distribution",
    method="POST",
    path="/distribution",
    tag="quotes",
    summary="The distribution of the asking price of one listing",
    description="Quantiles, and how an asking price ranks among those of such listings; nothing is stored.",
    parameters=(
        Parameter(
            name=ASKING_PRICE,
            place="query",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_ASKING_PRICE},
            description=f"A price to rank among those of such {MARKET.vehicles}, in {CURRENCY.name}.",
        ),
    ),
    body=_ONE_LISTING,
    answers={200: _answer(examples.DISTRIBUTION, "Quantiles of the asking price.")},
    problems=_ONE_LISTING_PROBLEMS,
)
CURVES = ApiRoute(
    name="post_curves",
    method="POST",
    path="/curves",
    tag="quotes",
    summary="The price of one listing over its miles and its year",
    description="What-if prices: they are not stored as quotes.",
    parameters=tuple(_number(item) for item in NUMBER_FIELDS if item.name in CURVE_FIELDS),
    body=_ONE_LISTING,
    answers={
        200: _answer(
            examples.CURVES,
            "The price with its interval at other mileages and in other years; nothing is stored.",
        )
    },
    problems=_ONE_LISTING_PROBLEMS,
)
MISSING = ApiRoute(
    name="post_missing",
    method="POST",
    path="/missing",
    tag="quotes",
    summary="What each missing field of one listing would change",
    description="For each field that the listing lacks, the price with each value; nothing is stored.",
    body=_ONE_LISTING,
    answers={
        200: _answer(
            examples.MISSING_ANSWERS,
            "The fields that the listing lacks, the one that narrows the interval most first.",
        )
    },
    problems=_ONE_LISTING_PROBLEMS,
)
FEEDBACK = ApiRoute(
    name="post_feedback",
    method="POST",
    path="/feedback",
    tag="quotes",
    summary="Report the sale price of a quoted car",
    description="A later price of the same quote replaces an earlier one.",
    body={JSON: {"schema": ref("Feedback"), "example": msgspec.to_builtins(examples.FEEDBACK)}},
    answers={200: _answer(examples.STORED_FEEDBACK, "Stored.")},
    problems={
        **_BODY_PROBLEMS,
        422: "A field is missing, unknown or out of range.",
        404: "There is no quote with this id.",
        503: "The journal is unavailable; nothing was stored.",
    },
)
GET_QUOTE = ApiRoute(
    name="get_quote",
    method="GET",
    path="/quotes/{quote_id}",
    tag="quotes",
    summary="Read a stored quote",
    description="Anyone who has the id can read it. The explanation is null for a former model.",
    parameters=(_QUOTE_ID,),
    answers={200: _answer(examples.STORED_QUOTE, "The quote as it was given, with its listing.")},
    problems=_STORED_PROBLEMS,
)
DELETE_QUOTE = ApiRoute(
    name="delete_quote",
    method="DELETE",
    path="/quotes/{quote_id}",
    tag="quotes",
    summary="Delete a stored quote",
    description="Deletes the quote with its listing, its reported sale and its rating.",
    parameters=(_QUOTE_ID,),
    answers={204: {"description": "The quote is deleted."}},
    problems=_STORED_PROBLEMS,
)
PUT_RATING = ApiRoute(
    name="put_rating",
    method="PUT",
    path="/quotes/{quote_id}/rating",
    tag="quotes",
    summary="Rate a stored quote",
    description="A visitor's opinion; a later rating replaces an earlier one. Ratings change no price.",
    parameters=(_QUOTE_ID,),
    body={JSON: {"schema": ref("Rating"), "example": msgspec.to_builtins(examples.RATING)}},
    answers={200: _answer(examples.STORED_RATING, "Stored.")},
    problems={**_BODY_PROBLEMS, 422: "The rating is missing or unknown.", **_STORED_PROBLEMS},
)
OPTIONS = ApiRoute(
    name="get_options",
    method="GET",
    path="/options",
    tag="quotes",
    summary="The options of a form",
    description=(
        "Makes, models of a make that match `q`, trims of a model, and every field; most frequent first."
    ),
    parameters=_query(OptionsQuery),
    answers={200: _answer(examples.OPTIONS)},
    problems={422: "The query cannot be used.", 503: "There is no model in production yet."},
)
MODEL = ApiRoute(
    name="get_model",
    method="GET",
    path="/model",
    tag="model",
    summary="The model in use",
    description=(
        "Version, age and card of the model: the source of its data, its accuracy and its limits. "
        "`test` has the metrics of the evaluated model on the test rows, before the fit on all listings; "
        "`card.metrics` has them with the ranges of the model that quotes."
    ),
    answers={200: _answer(examples.MODEL)},
    problems={503: "There is no model in production yet."},
)
ACCURACY = ApiRoute(
    name="get_accuracy",
    method="GET",
    path="/accuracy",
    tag="model",
    summary="A page about the accuracy of the model in use",
    description="For people, in plain English; it follows each promotion and rollback.",
    access="open",
    is_versioned=False,
    answers={
        200: {
            "description": "A page without scripts.",
            "content": {"text/html": {"schema": {"type": "string"}, "example": examples.ACCURACY}},
        }
    },
    problems={503: "There is no model in production yet."},
)
HEALTH = ApiRoute(
    name="get_healthz",
    method="GET",
    path="/healthz",
    tag="operation",
    summary="Whether the process is alive",
    description="Answers 200 as long as the process can answer at all.",
    access="private",
    is_versioned=False,
    answers={200: _answer(examples.HEALTH)},
)
READY = ApiRoute(
    name="get_readyz",
    method="GET",
    path="/readyz",
    tag="operation",
    summary="Whether the service can quote",
    description="Answers 200 if the service can quote; otherwise 503, with what is down.",
    access="open",
    is_versioned=False,
    answers={
        200: _answer(examples.READY, "The service can quote."),
        503: _answer(examples.NOT_READY, "The service cannot quote."),
    },
)
METRICS = ApiRoute(
    name="get_metrics",
    method="GET",
    path="/metrics",
    tag="operation",
    summary="Metrics for Prometheus",
    description="In the text format of Prometheus.",
    access="private",
    is_versioned=False,
    answers={
        200: {
            "description": "The metrics of all workers.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": examples.METRICS}},
        }
    },
)
ROUTES = (
    *(PREDICT, BATCH, EXPLAIN, DISTRIBUTION, CURVES, MISSING, FEEDBACK, GET_QUOTE, DELETE_QUOTE, PUT_RATING),
    *(OPTIONS, MODEL, ACCURACY, HEALTH, READY, METRICS),
)
"""All routes; the one that is called most is first."""
REFUSALS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "The service has keys, and the request has none of them.",
    HTTPStatus.FORBIDDEN: "A web page of another origin sent the request.",
    HTTPStatus.MISDIRECTED_REQUEST: "`Host` names another server; `ALLOWED_HOSTS` lists the accepted names.",
    HTTPStatus.TOO_MANY_REQUESTS: "The client is over its limit; `Retry-After` says when to ask again.",
}
"""Status -> when a route that asks for a key refuses a request."""
